"""Files that appear whole or not at all."""

__all__ = ["AtomicFile", "is_leftover"]

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from cfhtisr.io import _os

_LEFTOVER = re.compile(r"\..*\.[0-9a-f]{12}\.cfhtisr-part")
_LONGEST_NAME = 200  # bytes of the final name kept in the temporary one; file systems take 255
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def is_leftover(path: str | os.PathLike[str]) -> bool:
    """Return whether this is the name of a temporary file that a killed writer left behind."""
    return _LEFTOVER.fullmatch(os.path.basename(os.fspath(path))) is not None


class AtomicFile:
    """A file that is written under a hidden temporary name beside its own, then renamed.

    Until the ``with`` block ends without an exception, the final name holds what it held
    before. Afterwards it holds all that was written. An exception of any kind removes the
    temporary file; only a killed process can leave one behind (see `is_leftover`).

    Parameters
    ----------
    path : path-like
        The final name. A symbolic link is followed: the file that it names is replaced.
    sync : bool, optional
        Whether bytes and name are on the disk before the block ends, so that they survive
        a power cut.
    overwrite : bool, optional
        Whether a file of that name may be replaced. If not, it is refused at the start, and
        again, without a gap in between, when the finished file takes its name: as a hard
        link, which never replaces anything. On a file system without hard links that last
        step is a look and a rename, between which another process might step.
    size : int, optional
        Number of bytes that will be written, for the text of errors.

    Raises
    ------
    FileExistsError
        If there is a file of that name and ``overwrite`` is false.
    OSError
        If the system refuses; the text names the file and how far the writing came.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "three.bytes")
    >>> with AtomicFile(path) as file:
    ...     file.write(b"one")
    >>> os.path.getsize(path)
    3
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sync: bool = True,
        *,
        overwrite: bool = False,
        size: int | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.size = size
        self._sync = sync
        self._overwrite = overwrite
        self._final = os.path.realpath(self.path)
        self._folder, name = os.path.split(self._final)
        start = os.fsencode(name)[:_LONGEST_NAME].decode("utf-8", "ignore")
        self._temporary = os.path.join(
            self._folder, f".{start}.{secrets.token_hex(6)}.cfhtisr-part"
        )
        self._fd = -1
        self._written = 0

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self._written

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append all of these bytes."""
        left = memoryview(data).cast("B")
        while left:
            try:
                count = _os.write(self._fd, left)
            except OSError as error:
                raise self._explained(error, self._written + len(left)) from error
            self._written += count
            left = left[_moved(count, self.path) :]

    def write_at(self, offset: int, data: bytes) -> None:
        """Replace bytes that were written before."""
        if offset + len(data) > self._written:
            raise ValueError(f"bytes {offset}..{offset + len(data)} are not written yet")
        left = memoryview(data)
        while left:
            try:
                count = _os.pwrite(self._fd, left, offset)
            except OSError as error:
                raise self._explained(error, self._written) from error
            offset += count
            left = left[_moved(count, self.path) :]

    @property
    def descriptor(self) -> int:
        """The number of the open file."""
        return self._fd

    def resize(self, size: int) -> None:
        """Make the file that long: bytes behind its end are gone, new ones are 0."""
        try:
            # As if written: `write` goes on behind them.
            _os.ftruncate(self._fd, size)
            os.lseek(self._fd, size, os.SEEK_SET)
        except OSError as error:
            raise self._explained(error, size) from error
        self._written = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return bytes that were written before."""
        parts = []
        while size > 0:
            try:
                part = _os.pread(self._fd, size, offset)
            except OSError as error:
                raise self._explained(error, self._written) from error
            offset, size = offset + _moved(len(part), self.path), size - len(part)
            parts.append(part)
        return b"".join(parts)

    @contextlib.contextmanager
    def blamed(self) -> Iterator[None]:
        """Name the file in what others raise that write it."""
        try:
            yield
        except OSError as error:
            if error.filename is not None:  # it is of another file
                raise
            raise self._explained(error, 0) from error  # how far they came is not known

    def __enter__(self) -> Self:
        if os.path.isdir(self._final):
            raise IsADirectoryError(errno.EISDIR, "Is a directory, wanted a file", self.path)
        if not self._overwrite and os.path.lexists(self._final):
            raise self._exists()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            # The system takes the umask off these permissions.
            self._fd = _os.open(self._temporary, flags, 0o666)
        except OSError as error:
            raise self._explained(error, 0) from error
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._publish()
        except OSError as failure:
            raise self._explained(failure, self._written) from failure
        finally:
            self._clean()

    def _publish(self) -> None:
        if self._sync:
            _os.fsync(self._fd)
        self._close()
        if self._overwrite:
            _os.replace(self._temporary, self._final)
        else:
            self._take_free_name()
        self._temporary = ""
        if self._sync:
            self._sync_folder()

    def _take_free_name(self) -> None:
        try:
            _os.link(self._temporary, self._final)
        except FileExistsError:
            raise self._exists() from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if os.path.lexists(self._final):
                raise self._exists() from None
            _os.replace(self._temporary, self._final)
        else:
            _os.unlink(self._temporary)

    def _sync_folder(self) -> None:
        fd = _os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _os.fsync(fd)
        except OSError as error:
            # Some network file systems sync no folders and say so.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            _os.close(fd)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1  # whatever close answers, the number is gone
        _os.close(fd)

    def _clean(self) -> None:
        """Leave nothing behind; what led here is the error to report."""
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                self._close()
        if self._temporary:
            with contextlib.suppress(OSError):
                _os.unlink(self._temporary)

    def _exists(self) -> OSError:
        text = "File exists and is not to be overwritten"
        return FileExistsError(errno.EEXIST, text, self.path)

    def _explained(self, error: OSError, wanted: int) -> OSError:
        """Return an error of the same type that names the file and how far we came."""
        if error.errno is None or error.filename == self.path:
            return error
        text = os.strerror(error.errno)
        if wanted:
            size = max(wanted, self.size or 0)
            text += f" (after {self._written:,} of {size:,} bytes; nothing is left of them)"
        return OSError(error.errno, text, self.path)


def _moved(count: int, path: str) -> int:
    """Return the count; a system that writes nothing and reports nothing would never end."""
    if count <= 0:
        raise OSError(errno.EIO, "The system wrote no byte and gave no reason", path)
    return count
