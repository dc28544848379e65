"""Where the bytes of a file come from: as they lie there, or inflated on the way."""

__all__ = ["ByteSource", "GzipSource", "PlainSource", "descriptor_of", "open_source"]

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.errors import FileFormatError

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 18
_EMPTY = np.empty(0, np.uint8)
# Deflate packs nothing tighter, so no file can claim more of what it unfolds to.
_MOST_INFLATED = 1032


class ByteSource(Protocol):
    """Bytes at places of a file."""

    def read_into(self, offset: int, target: memoryview) -> int:
        """Fill ``target`` from ``offset`` on; return how many bytes there were."""

    def most(self) -> int:
        """Return how many bytes there are, or an upper limit where nobody knows yet."""

    def close(self) -> None:
        """Let go of the file."""


class PlainSource:
    """A file as it is; any number of threads may read.

    Parameters
    ----------
    descriptor : int
        Open file, which this object closes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    def read_into(self, offset: int, target: memoryview) -> int:
        """Fill ``target`` from ``offset`` on; return how many bytes there were."""
        done = 0
        while done < len(target):
            count = os.preadv(self._descriptor, [target[done:]], offset + done)
            if count == 0:
                break
            done += count
        return done

    @property
    def descriptor(self) -> int:
        """The open file; -1 when it was closed."""
        return self._descriptor

    def most(self) -> int:
        """Return how many bytes there are."""
        return self._size

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class GzipSource:
    """The bytes that a gzip file unfolds to.

    What stands before the bytes that are wanted is inflated and forgotten: memory stays small,
    one pass serves all reads in order, and a read further back starts at the beginning again.
    Threads take turns.

    Parameters
    ----------
    descriptor : int
        Open file, which this object closes.
    path : Path
        Its name, for messages.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._file = PlainSource(descriptor)
        self._path = path
        self._lock = threading.Lock()
        self._restart()

    def _restart(self) -> None:
        self._packed_at = 0
        self._packed = _EMPTY
        self._place = 0
        self._inflater = _kernels.Inflater()
        self._in_member = True
        self._ended = False

    def read_into(self, offset: int, target: memoryview) -> int:
        """Fill ``target`` from ``offset`` on; return how many bytes there were."""
        with self._lock:
            if offset < self._place:
                self._restart()
            skipped = np.empty(min(_PIECE, offset - self._place), np.uint8)
            while self._place < offset:
                if not self._inflate(skipped[: offset - self._place]):
                    return 0
            done = 0
            wanted = np.frombuffer(target, np.uint8) if len(target) else _EMPTY
            while done < len(wanted):
                count = self._inflate(wanted[done : done + _PIECE])
                if not count:
                    break
                done += count
            return done

    def _inflate(self, out: NDArray[np.uint8]) -> int:
        """Fill the beginning of ``out`` with the next bytes; return how many, 0 at the end."""
        while not self._ended:
            if not len(self._packed):
                self._packed = self._next_packed()
            if not self._in_member and not self._next_member():
                break
            last = not len(self._packed)
            try:
                taken, given, ended = self._inflater.inflate(self._packed, out)
            except ValueError as error:
                raise self._damage(f"is damaged, its {error}") from None
            self._packed = self._packed[taken:]
            self._in_member = not ended
            self._place += given
            if given:
                return given
            if last and not ended:
                raise self._damage("is truncated, it ends before its gzip stream does")
        return 0

    def _next_packed(self) -> NDArray[np.uint8]:
        packed = np.empty(_PIECE, np.uint8)
        count = self._file.read_into(self._packed_at, packed.data)
        self._packed_at += count
        return packed[:count]

    def _next_member(self) -> bool:
        """Begin the stream that follows one that has ended, if any does."""
        while len(self._packed) and not self._packed.any():
            self._packed = self._next_packed()  # padding
        self._ended = not len(self._packed)
        if not self._ended:
            self._inflater = _kernels.Inflater()
            self._in_member = True
        return not self._ended

    def _damage(self, what: str) -> FileFormatError:
        place = self._packed_at - len(self._packed)
        return FileFormatError(f"{self._path}: {what} (near byte {place} of the packed file)")

    def most(self) -> int:
        """Return the most bytes that a file of this size can unfold to."""
        return self._file.most() * _MOST_INFLATED

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def descriptor_of(source: ByteSource) -> int | None:
    """Return the open file that kernels may read themselves, if a source is nothing else."""
    return source.descriptor if type(source) is PlainSource and os.name == "posix" else None


def open_source(
    path: str | os.PathLike[str], wrap: Callable[[ByteSource], ByteSource] | None = None
) -> ByteSource:
    """Open a file for reading; its first bytes, not its name, say whether it is packed.

    Parameters
    ----------
    path : path-like
        The file.
    wrap : callable, optional
        Makes another source of the one found, to watch what is read.

    Returns
    -------
    source : ByteSource
        `GzipSource` or `PlainSource`.
    """
    # Without waiting, lest a pipe hold us up that has no writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileFormatError(f"{path}: is not a regular file")
        packed = os.pread(descriptor, 2, 0) == _GZIP
    except OSError:
        os.close(descriptor)
        raise
    source: ByteSource
    source = GzipSource(descriptor, Path(path)) if packed else PlainSource(descriptor)
    return source if wrap is None else wrap(source)
