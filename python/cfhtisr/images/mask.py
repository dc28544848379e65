"""The mask plane and the names of its bits."""

__all__ = ["FIRST_USER_BIT", "PLANES", "Mask"]

import threading
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cfhtisr.images.plane import Plane, as_plane_array

PLANES: Mapping[str, int] = MappingProxyType(
    {
        "BAD": 0,
        "SAT": 1,
        "INTRP": 2,
        "CR": 3,
        "EDGE": 4,
        "DETECTED": 5,
        "DETECTED_NEGATIVE": 6,
        "SUSPECT": 7,
        "NO_DATA": 8,
        "UNMASKEDNAN": 9,
        "CROSSTALK": 10,
    }
)
"""The bit of each plane that every mask has."""

FIRST_USER_BIT = 16
_LAST_BIT = 30  # bit 31 is the sign of an int32

_lock = threading.Lock()
_user_planes: dict[str, int] = {}


class Mask(Plane):
    """A bit field of int32 for every pixel.

    The bits of the documented planes are fixed (`PLANES`). Planes added by name take the
    bits from 16 up in the order of their first use, alike for all masks of the process.

    Parameters
    ----------
    array : array_like of int32, shape (rows, columns)
        The flags; taken without a copy where that is possible.
    xy0 : (int, int), optional
        Column and row of the first pixel in the parent frame.

    Examples
    --------
    >>> mask = Mask([[0, 2], [3, 0]])
    >>> mask.interpret(3)
    'BAD,SAT'
    >>> mask.count("SAT")
    2
    """

    __slots__ = ()

    def __init__(self, array: ArrayLike, xy0: tuple[int, int] = (0, 0)) -> None:
        values = as_plane_array("mask", array)
        if values.dtype.kind not in "biu":
            raise TypeError(f"mask holds {values.dtype}, wanted whole numbers")
        if values.dtype != np.int32 and values.size:
            low, high = int(values.min()), int(values.max())
            if low < -(2**31) or high >= 2**31:
                raise ValueError(f"mask holds {low}..{high}, wanted flags of 31 bits")
        super().__init__(values.astype(np.int32, copy=False), xy0)

    @staticmethod
    def planes() -> dict[str, int]:
        """Return the bit of every plane, by name."""
        with _lock:
            return {**PLANES, **_user_planes}

    @staticmethod
    def add_plane(name: str) -> int:
        """Return the bit of a plane, which is added if it is new.

        Raises
        ------
        ValueError
            If the name cannot be written to a FITS card, or no bit is left.
        """
        with _lock:
            known = {**PLANES, **_user_planes}
            if name in known:
                return known[name]
            if not name or not name.isascii() or not name.replace("_", "").isalnum():
                raise ValueError(f"{name!r} is no plane name, wanted letters, digits and _")
            name = name if name.isupper() else name.upper()
            if name in known:
                return known[name]
            bit = FIRST_USER_BIT + len(_user_planes)
            if bit > _LAST_BIT:
                raise ValueError(f"no bit is left for plane {name!r}: {sorted(_user_planes)}")
            _user_planes[name] = bit
            return bit

    @staticmethod
    def bitmask(names: str | Iterable[str]) -> int:
        """Return the bits of one plane or of several.

        Raises
        ------
        KeyError
            If there is no plane of that name.
        """
        planes = Mask.planes()
        bits = 0
        for name in [names] if isinstance(names, str) else names:
            if name not in planes:
                raise KeyError(f"there is no mask plane {name!r}; there are {', '.join(planes)}")
            bits |= 1 << planes[name]
        return bits

    @staticmethod
    def interpret(value: int) -> str:
        """Return the names of the planes that are set in a value, separated by commas."""
        names = {bit: name for name, bit in Mask.planes().items()}
        return ",".join(names.get(bit, f"bit {bit}") for bit in range(32) if int(value) >> bit & 1)

    def count(self, names: str | Iterable[str]) -> int:
        """Return how many pixels are in any of these planes."""
        return int(np.count_nonzero(self._array & np.int32(self.bitmask(names))))

    def __ior__(self, other: "Mask | int") -> "Mask":
        self._array |= other.array if isinstance(other, Mask) else np.int32(other)
        return self

    # LSST's names

    @staticmethod
    def addMaskPlane(name: str) -> int:
        """Return the bit of a plane, which is added if it is new."""
        return Mask.add_plane(name)

    @staticmethod
    def getPlaneBitMask(names: str | Iterable[str]) -> int:
        """Return the bits of one plane or of several."""
        return Mask.bitmask(names)

    @staticmethod
    def getMaskPlane(name: str) -> int:
        """Return the number of a plane's bit."""
        return Mask.bitmask(name).bit_length() - 1

    @staticmethod
    def getMaskPlaneDict() -> dict[str, int]:
        """Return the bit of every plane, by name."""
        return Mask.planes()

    def interpretValue(self, value: Any) -> str:
        """Return the names of the planes that are set in a value."""
        return self.interpret(value)
