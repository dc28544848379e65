"""Pictures of 8 bits as files."""

__all__ = ["write_picture"]

import io
import os
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from cfhtisr.io.atomic import AtomicFile

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGB = 2


def write_picture(
    path: str | os.PathLike[str], picture: NDArray[np.uint8], *, sync: bool = True
) -> None:
    """Write a picture; a file of that name is replaced when the new one is whole.

    Parameters
    ----------
    path : path-like
        The file. Its suffix decides the format: ``.png`` is always there, others need
        matplotlib.
    picture : ndarray of uint8, shape (rows, columns, 3)
        Red, green and blue. The first row is the top of the picture.
    sync : bool, optional
        Whether the file is on the disk before this returns.

    Raises
    ------
    TypeError
        If the picture is no array of uint8.
    ValueError
        If it has another shape or no pixels, or the format is not known.
    ImportError
        If the format needs matplotlib, which is missing.
    OSError
        If the file cannot be written.
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = getattr(picture, "dtype", type(picture).__name__)
        raise TypeError(f"picture holds {kind}, wanted an array of uint8")
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"picture has shape {picture.shape}, wanted (rows, columns, 3)")
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    data = _png(picture) if suffix == ".png" else _other(picture, suffix.removeprefix("."), path)
    with AtomicFile(path, sync, overwrite=True, size=len(data)) as file:
        file.write(data)


def _png(picture: NDArray[np.uint8]) -> bytes:
    high, wide, _ = picture.shape
    lines = np.zeros((high, 1 + 3 * wide), np.uint8)  # each line starts with its filter: none
    lines[:, 1:] = picture.reshape(high, -1)
    head = struct.pack(">IIBBBBB", wide, high, 8, _RGB, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _other(picture: NDArray[np.uint8], kind: str, path: str | os.PathLike[str]) -> bytes:
    try:
        from matplotlib.image import imsave
    except ImportError:
        raise ImportError(
            f"{os.fspath(path)}: formats other than png need matplotlib, "
            "which is not installed: pip install 'cfhtisr[plot]'"
        ) from None
    buffer = io.BytesIO()
    try:
        imsave(buffer, picture, format=kind or None)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: {kind!r} is no format of pictures") from error
    return buffer.getvalue()
