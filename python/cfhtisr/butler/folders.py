"""Files that are named, and those in folders that are named."""

__all__ = ["files_in"]

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def files_in(paths: Iterable[str | os.PathLike[str]], suffixes: tuple[str, ...]) -> Iterator[Path]:
    """Yield files as absolute paths.

    Parameters
    ----------
    paths : iterable of path-like
        Files, whatever their names, and folders.
    suffixes : tuple of str
        How files in folders end that are wanted; hidden ones are not.
    """
    for given in paths:
        path = Path(given).absolute()
        if path.is_dir():
            yield from sorted(
                file
                for file in path.iterdir()
                if file.name.lower().endswith(suffixes) and not file.name.startswith(".")
            )
        else:
            yield path
