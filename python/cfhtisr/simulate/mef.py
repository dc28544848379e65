"""Multi-extension FITS files, byte by byte: cards, HDUs, tile compression.

Real headers hold what no FITS library writes (EXTNAME twice, whole numbers of twenty digits,
``COMPRESSED_IMAGE`` before the real name), so cards are set here one by one. Only the
compression of tiles is left to astropy.
"""

__all__ = ["Card", "Literal", "binary_table", "card_text", "header_bytes", "image_hdu", "padded"]

import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

_BLOCK = 2880
_BITPIX = {"u1": 8, "i2": 16, "i4": 32, "f4": -32}


class Literal(str):
    """A value that is written as it stands, such as ``5.194E-05``."""

    __slots__ = ()


Card = tuple[str, Any, str]
"""Keyword, value and comment; COMMENT and HISTORY have their text as value."""


def card_text(card: Card) -> str:
    """Return the 80 characters of a card.

    Examples
    --------
    >>> card_text(("EXPTIME", 30.5, "[s]")).rstrip()
    'EXPTIME =                 30.5 / [s]'
    >>> card_text(("FILTER", "r", "")).rstrip()
    "FILTER  = 'r       '"
    """
    key, value, comment = card
    if key in ("COMMENT", "HISTORY", ""):
        return f"{key:8}{value}"[:80].ljust(80)
    if isinstance(value, Literal):
        text = f"{value:>20}"
    elif isinstance(value, str):
        quoted = value.replace("'", "''")
        text = f"'{quoted:8}'".ljust(20)
    elif isinstance(value, bool):
        text = "T".rjust(20) if value else "F".rjust(20)
    else:
        text = f"{value!r}".upper().rjust(20)
    line = f"{key:8}= {text}"
    if comment:
        line += f" / {comment}"
    return line[:80].ljust(80)


def header_bytes(cards: Iterable[Card]) -> bytes:
    """Return a whole header, END and filling included."""
    text = "".join(card_text(card) for card in cards) + "END".ljust(80)
    return text.ljust(-(-len(text) // _BLOCK) * _BLOCK).encode("ascii")


def padded(data: bytes) -> bytes:
    """Return data filled with zeros up to a whole number of blocks."""
    return data + bytes(-len(data) % _BLOCK)


def image_hdu(
    pixels: NDArray[Any],
    cards: Iterable[Card],
    compress: str | None,
    *,
    primary: bool = False,
    table_name: str | None = None,
    tile_rows: int = 1,
) -> bytes:
    """Return the bytes of an image HDU.

    Parameters
    ----------
    pixels : ndarray of uint8, int16, int32 or float32
        What is stored; BZERO and BSCALE belong to ``cards``.
    cards : iterable of (keyword, value, comment)
        All that follows the structure of the HDU.
    compress : str or None
        ``RICE_1``, ``GZIP_1`` or ``GZIP_2``; None for a plain image.
    primary : bool, optional
        Write a primary HDU (plain images only).
    table_name : str, optional
        An EXTNAME among the cards of the table, as old versions of fpack left it.
    tile_rows : int, optional
        Rows of a tile.
    """
    rows, columns = pixels.shape
    bitpix = _BITPIX[pixels.dtype.str[1:]]
    if compress is None:
        first: list[Card] = (
            [("SIMPLE", True, "Standard FITS")]
            if primary
            else [("XTENSION", "IMAGE", "Image extension")]
        )
        first += [
            ("BITPIX", bitpix, "Bits of a stored pixel"),
            ("NAXIS", 2, "Axes of the image"),
            ("NAXIS1", columns, "Columns"),
            ("NAXIS2", rows, "Rows"),
        ]
        if not primary:
            first += [("PCOUNT", 0, "Nothing behind the pixels"), ("GCOUNT", 1, "One group")]
        data = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
        return header_bytes([*first, *cards]) + padded(data)
    table, data = _compressed(pixels, compress, tile_rows)
    if table_name is not None:
        at = next(i for i, card in enumerate(table) if card[0] == "ZIMAGE")
        table.insert(at, ("EXTNAME", table_name, "Name of this table"))
    return header_bytes([*table, *cards]) + padded(data)


def _compressed(pixels: NDArray[Any], compress: str, tile_rows: int) -> tuple[list[Card], bytes]:
    """Return the cards and the bytes of a table of compressed tiles."""
    tile = (tile_rows, pixels.shape[1])
    hdu = fits.CompImageHDU(pixels, compression_type=compress, tile_shape=tile)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(stream)
    with fits.open(
        io.BytesIO(stream.getbuffer()), disable_image_compression=True, memmap=False
    ) as found:
        header = found[1].header
        start = found.fileinfo(1)["datLoc"]
        size = header["NAXIS1"] * header["NAXIS2"] + header["PCOUNT"]
        keep = [
            (card.keyword, card.value, card.comment)
            for card in header.cards
            if card.keyword not in ("EXTNAME", "EXTVER", "BZERO", "BSCALE", "CHECKSUM", "DATASUM")
        ]
        table = bytearray(stream.getbuffer()[start : start + size])
    if compress.startswith("GZIP"):
        _forget_times(table, -(-len(pixels) // tile_rows))
    return keep, bytes(table)


def _forget_times(table: bytearray, tiles: int) -> None:
    """Set the clock to 0 in the gzip header of every tile, so that bytes do not depend on it."""
    descriptors = np.frombuffer(bytes(table[: 8 * tiles]), ">i4").reshape(tiles, 2)
    for offset in descriptors[:, 1].tolist():
        at = 8 * tiles + offset
        if table[at : at + 2] == b"\x1f\x8b":
            table[at + 4 : at + 8] = bytes(4)


def binary_table(columns: dict[str, NDArray[np.int16]], cards: Iterable[Card]) -> bytes:
    """Return the bytes of a binary table of int16 columns."""
    names = list(columns)
    rows = len(columns[names[0]])
    first: list[Card] = [
        ("XTENSION", "BINTABLE", "Binary table"),
        ("BITPIX", 8, "Bytes"),
        ("NAXIS", 2, "Axes of the table"),
        ("NAXIS1", 2 * len(names), "Bytes of a row"),
        ("NAXIS2", rows, "Rows"),
        ("PCOUNT", 0, "Nothing behind the table"),
        ("GCOUNT", 1, "One group"),
        ("TFIELDS", len(names), "Columns"),
    ]
    for number, name in enumerate(names, 1):
        first += [(f"TTYPE{number}", name, ""), (f"TFORM{number}", "I", "16-bit whole number")]
    data = np.stack([columns[name] for name in names], axis=1).astype(">i2").tobytes()
    return header_bytes([*first, *cards]) + padded(data)
