"""One process at a time; the system frees the lock of a dead one."""

__all__ = ["locked"]

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cfhtisr.butler.errors import RepositoryError


@contextlib.contextmanager
def locked(path: Path, *, kept: bool = True) -> Iterator[None]:
    """Hold the lock of a file, which is made with its folder.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kept : bool, optional
        Whether the file stays when the block is left.

    Raises
    ------
    RepositoryError
        If it may not be written.
    """
    try:
        file = _holding(path)
    except PermissionError as error:
        raise RepositoryError(
            f"{error.filename or path}: may not be written ({error.strerror})"
        ) from error
    with file:
        try:
            yield
        finally:
            if not kept:
                path.unlink(missing_ok=True)


def _holding(path: Path) -> IO[bytes]:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = _opened(path)
        except FileNotFoundError:
            continue  # somebody has removed the folder again
        fcntl.flock(file, fcntl.LOCK_EX)
        # Whoever had it before may have removed the file: then it is nobody else's lock.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _opened(path: Path) -> IO[bytes]:
    try:
        return open(path, "ab")
    except PermissionError:
        if not os.access(path, os.R_OK):
            raise
        return open(path, "rb")  # made by another user: that is enough for a lock
