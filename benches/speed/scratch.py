"""Folders for products, gone when they were measured."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def folder(files) -> Iterator[Path]:
    """Make a folder beside the inputs, on the same disk."""
    with tempfile.TemporaryDirectory(prefix="products-", dir=files.folder) as path:
        yield Path(path)
    # What is still waiting for the disk is the business of who wrote it, not of the next.
    os.sync()
