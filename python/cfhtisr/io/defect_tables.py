"""Tables of boxes in a FITS file, of the plainest kind: read once for all CCDs, without astropy."""

__all__ = ["COLUMNS", "BoxTable", "plain_tables"]

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.hdu import Hdu

COLUMNS = ("x0", "y0", "width", "height")
_FORM = re.compile(r"1?([BIJK])\Z")
_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8"}
_ODD = re.compile(r"T(SCAL|ZERO|NULL|DIM)\d+\Z|THEAP\Z")
_LARGEST = 1 << 24  # bytes of a table; whatever is larger is no list of boxes to keep


@dataclass(frozen=True)
class BoxTable:
    """A table with the columns of boxes.

    Parameters
    ----------
    index : int
        Number of its HDU.
    name : str
        EXTNAME in small letters, empty if there is none.
    serial : str or None
        SERIAL without hyphens.
    boxes : callable
        Returns the four columns, shape (rows, 4).
    """

    index: int
    name: str
    serial: str | None
    boxes: Callable[[], NDArray[Any]]


def plain_tables(path: Path) -> tuple[BoxTable | None, ...] | None:
    """Return the tables of boxes, None at the place of an image, which is the last then.

    The answer is None if any HDU is damaged or odd, so that somebody else has to look.
    """
    state = os.stat(path)
    return _tables_of(path, (state.st_ino, state.st_size, state.st_mtime_ns))


@lru_cache(4)
def _tables_of(path: Path, state: tuple[int, ...]) -> tuple[BoxTable | None, ...] | None:
    tables: list[BoxTable | None] = []
    try:
        with FitsFile(path, checksum="ignore") as file:
            for hdu in file.hdus:
                kind = hdu.cards.get("XTENSION", "IMAGE")
                if hdu.cards.get("ZIMAGE") is True or (kind == "IMAGE" and hdu.axes):
                    return (*tables, None)
                if kind == "BINTABLE":
                    found = _table(file, hdu)
                    if isinstance(found, BoxTable):
                        tables.append(found)
                    elif found:
                        return None
                elif kind != "IMAGE":
                    return None
            return None if file.damage is not None else tuple(tables)
    except FileFormatError:
        return None


def _table(file: FitsFile, hdu: Hdu) -> BoxTable | str:
    """Return the table of an HDU; what is odd, or nothing if it is a table of other things."""
    cards = hdu.cards
    count = cards.get("TFIELDS")
    if type(count) is not int or not 0 < count < 1000 or len(hdu.axes) != 2:
        return "no columns"
    names = [cards.get(f"TTYPE{index}") for index in range(1, count + 1)]
    lower = [str(name).lower() for name in names]
    if not set(COLUMNS) <= set(lower):
        return ""
    forms = [_FORM.match(str(cards.get(f"TFORM{index}"))) for index in range(1, count + 1)]
    odd = any(_ODD.match(card[:8].rstrip()) for card in cards)
    if odd or len(set(lower)) < count or not all(type(name) is str for name in names):
        return "names or scales"
    types = [_TYPES[form[1]] for form in forms if form is not None]
    plain = len(types) == count and cards.get("PCOUNT") == 0 and cards.get("GCOUNT") == 1
    if not plain or hdu.bitpix != 8 or hdu.data_size > _LARGEST:
        return "forms or size"
    kind = np.dtype(list(zip(lower, types, strict=True)))
    if kind.itemsize != hdu.axes[0]:
        return "width"
    rows = file.read_bytes(hdu.index).view(kind)
    values = np.column_stack([rows[column] for column in COLUMNS])
    serial = cards.get("SERIAL")
    return BoxTable(
        hdu.index,
        str(cards.get("EXTNAME") or "").strip().lower(),
        None if serial is None else str(serial).strip().replace("-", ""),
        lambda: values,
    )
