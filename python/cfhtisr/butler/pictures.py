"""Reading the thumbnails that this package writes."""

__all__ = ["read_picture"]

import os
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from cfhtisr.errors import FileFormatError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def read_picture(path: str | os.PathLike[str]) -> NDArray[np.uint8]:
    """Read a picture as `cfhtisr.io.picture_file.write_picture` writes it.

    Returns
    -------
    picture : ndarray of uint8, shape (rows, columns, 3)

    Raises
    ------
    FileFormatError
        If it is no PNG file, damaged, or of a kind that this package does not write.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        data = file.read()
    if not data.startswith(_SIGNATURE):
        raise FileFormatError(f"{name}: no PNG file")
    place, chunks = len(_SIGNATURE), {b"IHDR": b"", b"IDAT": b""}
    while place + 12 <= len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + size]
        stated = data[place + 8 + size : place + 12 + size]
        if len(stated) < 4 or struct.unpack(">I", stated)[0] != zlib.crc32(kind + body):
            raise FileFormatError(f"{name}: damaged, its chunk {kind!r} has a wrong sum")
        chunks[kind] = chunks.get(kind, b"") + body
        place += 12 + size
    if b"IEND" not in chunks:
        raise FileFormatError(f"{name}: cut short")
    if len(chunks[b"IHDR"]) != 13:
        raise FileFormatError(f"{name}: no size in it")
    wide, high, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if form != [8, 2, 0, 0, 0]:
        raise FileFormatError(f"{name}: not 8 bits of red, green and blue each")
    unpacked = zlib.decompressobj()
    try:
        lines = unpacked.decompress(chunks[b"IDAT"], high * (1 + 3 * wide) + 1)
    except zlib.error as error:
        raise FileFormatError(f"{name}: damaged ({error})") from None
    if len(lines) != high * (1 + 3 * wide):
        raise FileFormatError(f"{name}: has not the pixels of {wide} x {high}")
    rows = np.frombuffer(lines, np.uint8).reshape(high, 1 + 3 * wide)
    if rows[:, 0].any():
        raise FileFormatError(f"{name}: written by other software, with filtered lines")
    return rows[:, 1:].reshape(high, wide, 3).copy()
