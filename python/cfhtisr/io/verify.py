"""Whether a FITS file is whole and holds what it was written with."""

__all__ = ["RawHdu", "raw_hdus", "verify"]

import gzip
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from astropy.io.fits import Header

from cfhtisr.errors import FileFormatError
from cfhtisr.io import checksum
from cfhtisr.io._checksum import BLOCK

_LONGEST_HEADER = 4096 * BLOCK  # 11.8 MB; what goes on for longer is no header
_PIECE = 256 * BLOCK
_ALL_ONES = 0xFFFFFFFF


@dataclass
class RawHdu:
    """An HDU as it lies in the file."""

    index: int
    header: Header
    size: int  # bytes of the data, without what fills the last block
    complete: bool
    datasum: int
    checksum: int

    @property
    def label(self) -> str:
        """How to call it in a message."""
        name = self.header.get("EXTNAME")
        return f"HDU {self.index}" + (f" ({name})" if isinstance(name, str) and name else "")


def verify(path: str | os.PathLike[str]) -> list[str]:
    """Return what is wrong with a FITS file, nothing if it is whole.

    Every header is read and every byte added up: the file must end where its last HDU does,
    and the sums must be those in the CHECKSUM and DATASUM cards of each HDU that has them.
    In a file of ours each HDU must have them, and planes of one CCD must have one shape.

    Parameters
    ----------
    path : path-like
        A FITS file, plain, tile-compressed or gzipped.

    Returns
    -------
    problems : list of str
        One line for each, with the HDU.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    problems: list[str] = []
    hdus: list[RawHdu] = []
    try:
        for hdu in raw_hdus(path):
            hdus.append(hdu)
            problems += sum_problems(hdu)
    except FileFormatError as error:
        problems.append(str(error).removeprefix(f"{os.fspath(path)}: "))
    return problems + _structure_problems(hdus)


def sum_problems(hdu: RawHdu) -> list[str]:
    """Return what is wrong with the bytes of an HDU."""
    if not hdu.complete:
        return [f"{hdu.label}: the file ends before the {hdu.size:,} bytes of its data"]
    problems = []
    for card, wrong in (
        ("DATASUM", _number(hdu.header.get("DATASUM")) not in (None, hdu.datasum)),
        ("CHECKSUM", "CHECKSUM" in hdu.header and hdu.checksum not in (0, _ALL_ONES)),
    ):
        if wrong:
            problems.append(f"{hdu.label}: {card} does not match its bytes")
    return problems


def raw_hdus(path: str | os.PathLike[str]) -> Iterator[RawHdu]:
    """Walk through a file once, adding up its bytes.

    Raises
    ------
    FileFormatError
        If an HDU does not begin as it must, or does not say how long it is.
    """
    name = os.fspath(path)
    with open(name, "rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        stream: IO[bytes] = gzip.GzipFile(fileobj=plain) if zipped else plain  # type: ignore[assignment]
        try:
            yield from _walk(stream, name)
        except (EOFError, gzip.BadGzipFile) as error:
            raise FileFormatError(f"{name}: broken gzip file: {error}") from error


def _walk(stream: IO[bytes], name: str) -> Iterator[RawHdu]:
    index = 0
    while True:
        text = _header_bytes(stream, name, index)
        if not text:
            return
        header = Header.fromstring(text)
        size = _data_size(header, name, index)
        left = -(-size // BLOCK) * BLOCK
        total = 0
        while left:
            piece = stream.read(min(left, _PIECE))
            if not piece:
                break
            # All pieces but the last are whole blocks.
            total = checksum.datasum(piece, total)
            left -= len(piece)
        yield RawHdu(index, header, size, left == 0, total, checksum.datasum(text, total))
        if left:
            return
        index += 1


def _header_bytes(stream: IO[bytes], name: str, index: int) -> bytes:
    """Return the blocks of a header; nothing at the end of the file."""
    text = bytearray()
    while len(text) < _LONGEST_HEADER:
        block = stream.read(BLOCK)
        if not text:
            if not block and index:
                return b""
            start = b"XTENSION=" if index else b"SIMPLE  ="
            if not block.startswith(start):
                wanted = start.decode("ascii")
                raise FileFormatError(
                    f"{name}: HDU {index} begins with {bytes(block[:9])!r}, wanted {wanted!r}"
                )
        if len(block) < BLOCK:
            raise FileFormatError(f"{name}: the file ends inside the header of HDU {index}")
        text += block
        if any(block[at : at + 80].rstrip() == b"END" for at in range(0, BLOCK, 80)):
            return bytes(text)
    raise FileFormatError(f"{name}: the header of HDU {index} has no END card")


def _data_size(header: Header, name: str, index: int) -> int:
    values = []
    try:
        axes = [header[f"NAXIS{axis}"] for axis in range(1, header["NAXIS"] + 1)]
        values = [header["BITPIX"], header.get("PCOUNT", 0), header.get("GCOUNT", 1), *axes]
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{name}: HDU {index}: {error}") from error
    if not all(isinstance(value, int) for value in values) or min(values[1:]) < 0:
        raise FileFormatError(
            f"{name}: HDU {index}: BITPIX, PCOUNT, GCOUNT and the axes are {values}, "
            "wanted whole numbers"
        )
    if not axes:
        return 0
    bits, extra, groups, *axes = values
    if index == 0 and axes[0] == 0 and header.get("GROUPS") is True:
        axes = axes[1:]  # random groups, where the first axis is not one
    return int(abs(bits) // 8 * groups * (extra + math.prod(axes)))


def _number(value: object) -> int | None:
    text = str(value).strip()
    return int(text) if text.isdecimal() else None


def _structure_problems(hdus: list[RawHdu]) -> list[str]:
    if not any(hdu.size for hdu in hdus):
        return ["no HDU holds any data"]
    if not any("CFHTISR" in hdu.header for hdu in hdus):
        return []
    problems = []
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for hdu in hdus:
        problems += [
            f"{hdu.label}: no card {card}"
            for card in ("CHECKSUM", "DATASUM")
            if card not in hdu.header
        ]
        kind = hdu.header.get("EXTTYPE")
        if kind in ("IMAGE", "MASK", "VARIANCE"):
            name = hdu.header["EXTNAME"]
            planes = shapes.setdefault("" if name == kind else name, {})
            axes = range(hdu.header["NAXIS"], 0, -1)
            planes[kind] = tuple(hdu.header[f"NAXIS{axis}"] for axis in axes)
    if not any(hdu.header.get("EXTNAME") == "PROVENANCE" for hdu in hdus):
        problems.append("no PROVENANCE HDU")
    for name, planes in shapes.items():
        where = f"{name}: " if name else ""
        missing = [kind for kind in ("IMAGE", "MASK", "VARIANCE") if kind not in planes]
        if missing:
            problems.append(f"{where}no {' and no '.join(missing)} HDU")
        if len(set(planes.values())) > 1:
            problems.append(f"{where}planes of different shapes: {planes}")
    return problems
