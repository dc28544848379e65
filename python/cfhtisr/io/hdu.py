"""One HDU of a FITS file: where it lies, what its header says."""

__all__ = ["BLOCK", "Hdu", "number", "whole"]

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_cards import Cards
from cfhtisr.io.uncompressed_header import uncompressed_cards

if TYPE_CHECKING:
    from astropy.io.fits import Header

BLOCK = 2880
_DTYPES = {
    8: np.uint8,
    16: np.int16,
    32: np.int32,
    64: np.int64,
    -32: np.float32,
    -64: np.float64,
}


# Beyond this nothing is counted or measured in a file: what is more is damage.
_MOST = 2**40


def whole(
    cards: Cards, keyword: str, where: str, default: int | None = None, least: int = 0
) -> int:
    """Return the whole number of a card, from `least` to 2**40; else raise `FileFormatError`."""
    value = cards.get(keyword, default)
    if type(value) is int and least <= value <= _MOST:
        return value
    came = repr(value) if keyword in cards else "missing"
    wanted = f"a whole number from {least} to 2**40"
    raise FileFormatError(f"{where}: {keyword} is {came}, wanted {wanted}")


def number(cards: Cards, keyword: str, where: str, default: float) -> float:
    """Return the finite number of a card; `FileFormatError` unless it is one."""
    value = cards.get(keyword, default)
    if type(value) in (int, float) and np.isfinite(float(value)):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    raise FileFormatError(f"{where}: {keyword} is {value!r}, wanted a number")


class Hdu:
    """One HDU of a FITS file.

    Its properties raise `FileFormatError` where the cards that they need are impossible, so
    that one broken HDU does not hide the others.

    Parameters
    ----------
    index : int
        Its number, 0 for the primary.
    raw : bytes
        The blocks of its header.
    start : int
        Place of the header in the file [byte].
    path : str
        The file, for messages.
    cards : Cards
        The cards in ``raw``.

    Raises
    ------
    FileFormatError
        If the cards that size the HDU are not what they must be.
    """

    def __init__(self, index: int, raw: bytes, start: int, path: str, cards: Cards) -> None:
        self.index = index
        self.raw = raw
        self.start = start
        self.path = path
        self.cards = cards
        self.bitpix, self.axes = self._geometry("", self.where)
        self.data_start = start + len(raw)
        self.data_size = self._data_size()

    def __repr__(self) -> str:
        kind = self.compression or ("image" if self.is_image else "table")
        return f"<Hdu {self.index} {self.name!r} {kind} {self.shape}>"

    @property
    def where(self) -> str:
        """The file and the HDU, for messages."""
        name = f" ({self.name})" if self.name else ""
        return f"{self.path}: HDU {self.index}{name}"

    def _geometry(self, prefix: str, where: str) -> tuple[int, tuple[int, ...]]:
        """Return BITPIX and the axes, with ``prefix`` Z those of the image in a table."""
        bitpix = self.cards.get(prefix + "BITPIX")
        if type(bitpix) is not int or bitpix not in _DTYPES:
            wanted = ", ".join(map(str, _DTYPES))
            raise FileFormatError(f"{where}: {prefix}BITPIX is {bitpix!r}, wanted one of {wanted}")
        count = whole(self.cards, prefix + "NAXIS", where)
        if count > 999:
            raise FileFormatError(f"{where}: {prefix}NAXIS is {count}, wanted 0 to 999")
        names = (f"{prefix}NAXIS{axis}" for axis in range(1, count + 1))
        return bitpix, tuple(whole(self.cards, name, where) for name in names)

    def _data_size(self) -> int:
        axes = self.axes
        if not axes:
            return 0
        if axes[0] == 0 and self.cards.get("GROUPS") is True:
            axes = axes[1:]
        pixels = 1
        for axis in axes:
            pixels *= axis
        count = whole(self.cards, "PCOUNT", self.where, 0) + pixels
        size = abs(self.bitpix) // 8 * whole(self.cards, "GCOUNT", self.where, 1) * count
        if size > _MOST:
            raise FileFormatError(
                f"{self.where}: NAXISn, PCOUNT, GCOUNT claim {size} bytes of data"
            )
        return size

    @property
    def end(self) -> int:
        """Place behind the last block of the HDU [byte]."""
        return self.data_start + -(-self.data_size // BLOCK) * BLOCK

    @cached_property
    def name(self) -> str:
        """EXTNAME: the last that is not COMPRESSED_IMAGE, which is what compressors write."""
        names = self.cards.all("EXTNAME") if "EXTNAME" in self.cards else []
        texts = [str(name).strip() for name in names if name is not None]
        return next((text for text in reversed(texts) if text != "COMPRESSED_IMAGE"), "")

    @property
    def ver(self) -> int | None:
        """EXTVER, if there is one: the first that is a whole number."""
        versions = self.cards.all("EXTVER") if "EXTVER" in self.cards else []
        return next((version for version in versions if type(version) is int), None)

    @property
    def is_compressed(self) -> bool:
        """Whether the HDU is a table that holds the tiles of an image."""
        return self.cards.get("XTENSION") == "BINTABLE" and self.cards.get("ZIMAGE") is True

    @property
    def is_image(self) -> bool:
        """Whether the HDU holds an image, compressed or not."""
        plain = "XTENSION" not in self.cards or self.cards["XTENSION"] == "IMAGE"
        return plain or self.is_compressed

    @property
    def compression(self) -> str | None:
        """ZCMPTYPE of a compressed image, such as RICE_1."""
        if not self.is_compressed:
            return None
        name = str(self.cards.get("ZCMPTYPE", "")).strip()
        return "RICE_1" if name == "RICE_ONE" else name

    @cached_property
    def image(self) -> tuple[int, tuple[int, ...]]:
        """BITPIX and axes (NAXIS1 first) of the image as it is without compression."""
        return self._geometry("Z", self.where) if self.is_compressed else (self.bitpix, self.axes)

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns; none for tables, cubes and HDUs without data."""
        if not self.is_image:
            return None
        axes = list(self.image[1])
        while len(axes) > 2 and axes[-1] == 1:
            axes.pop()
        if len(axes) == 1:
            axes.append(1)
        return (axes[1], axes[0]) if len(axes) == 2 else None

    @cached_property
    def scaling(self) -> tuple[float, float, int | None] | None:
        """BSCALE, BZERO and BLANK, if they make floats of the stored pixels."""
        zero = number(self.cards, "BZERO", self.where, 0.0)
        scale = number(self.cards, "BSCALE", self.where, 1.0)
        bitpix = self.image[0]
        if scale == 1.0 and (zero == 0.0 or (zero == 32768.0 and bitpix == 16)):
            return None
        blank = self.cards.get("BLANK", self.cards.get("ZBLANK")) if bitpix > 0 else None
        if blank is not None and type(blank) is not int:
            raise FileFormatError(f"{self.where}: BLANK is {blank!r}, wanted a whole number")
        return scale, zero, blank if blank is None or abs(blank) < 2**63 else None

    @property
    def scaled(self) -> bool:
        """Whether BSCALE and BZERO make float32 pixels of the stored ones."""
        return self.scaling is not None

    @property
    def dtype(self) -> np.dtype[Any]:
        """What `FitsFile.read` returns: unsigned for BZERO 32768, float32 if scaled."""
        if self.scaling is not None:
            return np.dtype(np.float32)
        bitpix = self.image[0]
        unsigned = bitpix == 16 and self.cards.get("BZERO", 0) == 32768
        return np.dtype(np.uint16 if unsigned else _DTYPES[bitpix])

    @cached_property
    def header(self) -> "Header":
        """The header, whole and in order, of the image as it is without compression."""
        from astropy.io.fits import Header

        if self.is_compressed:
            self._geometry("Z", self.where)  # which refuses a table without these cards
        text = "".join(uncompressed_cards(self.cards) if self.is_compressed else self.cards)
        with warnings.catch_warnings():
            # Odd cards are the archive's; they are kept as they are.
            warnings.simplefilter("ignore")
            return Header.fromstring(text.encode("latin-1"))
