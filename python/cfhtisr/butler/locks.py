"""One process at a time; the system frees the lock of a dead one."""

__all__ = ["locked"]

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from cfhtisr.butler.errors import RepositoryError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made with its folder and stays when the block is left.

    Raises
    ------
    RepositoryError
        If it may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")
    except PermissionError as error:
        raise RepositoryError(
            f"{error.filename or path}: may not be written ({error.strerror})"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
