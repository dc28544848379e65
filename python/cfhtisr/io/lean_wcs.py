"""World coordinates in the place of astropy's, of which no more is wanted than their cards."""

__all__ = ["LeanWcs"]

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.record import value_of
from cfhtisr.images.lean_header import LeanHeader

if TYPE_CHECKING:
    from astropy.wcs import WCS

_OWN = ("_crval", "_make", "_numbers", "_wcs")
_NAMES = ("CTYPE", "CUNIT", "CRPIX", "CRVAL", "CD1_", "CD2_")
_KNOWN = frozenset([f"{name}{axis}" for name in _NAMES for axis in "12"])
_KNOWN |= {"EQUINOX", "RADESYS", "MJD-OBS"}
_OTHER = re.compile(
    r"(C(TYPE|UNIT|RPIX|RVAL|DELT|ROTA)|WCSAXES|(CD|PC)\d|PV\d|LONPOLE|LATPOLE|EQUINOX|MJD-OBS"
    r"|[AB]P?_(\d_\d|ORDER)|RADESYS)"
)


@lru_cache(4096)
def _is_of_wcs(keyword: str) -> bool:
    return _OTHER.match(keyword) is not None


class _Numbers:
    """What ``wcs.wcs`` is of a WCS: the numbers that the correction of a CCD changes."""

    def __init__(self, owner: "LeanWcs", crpix: NDArray[Any], cd: NDArray[Any]) -> None:
        self._owner = owner
        self.crpix = crpix
        self.cd = cd

    def has_cd(self) -> bool:
        """Return whether there is a CD matrix."""
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner.astropy().wcs, name)


class LeanWcs:
    """A gnomonic projection with a CD matrix, with the manners of astropy's `WCS`.

    Whatever else is asked of it, it becomes one of astropy's for. As it is none to begin with,
    it is only used where no one but this package sees it.

    Parameters
    ----------
    make : callable
        Returns the WCS of astropy that this is, as read.
    crpix, crval : sequence of float
        Reference pixel and its coordinates [degree].
    cd : array_like of float, shape (2, 2)
        The matrix [degree/pixel].
    """

    def __init__(
        self, make: "Callable[[], WCS]", crpix: Any, crval: tuple[float, float], cd: Any
    ) -> None:
        self._make = make
        self._crval = crval
        self._numbers = _Numbers(self, np.array(crpix, np.float64), np.array(cd, np.float64))
        self._wcs: WCS | None = None

    @classmethod
    def of(cls, header: LeanHeader, make: "Callable[[], WCS]") -> "LeanWcs | None":
        """Return the WCS of a header; None if it is not as plain as that."""
        names = [keyword for keyword in header if _is_of_wcs(keyword)]
        if not _KNOWN.issuperset(names) or len(set(names)) < len(names):
            return None
        found: dict[str, Any] = {name: value_of(header, name) for name in names}
        system = found.pop("RADESYS", None) or value_of(header, "RADECSYS")
        kinds = [found.pop("CTYPE1", ""), found.pop("CTYPE2", "")]
        units = {found.pop("CUNIT1", "deg"), found.pop("CUNIT2", "deg")}
        if kinds != ["RA---TAN", "DEC--TAN"] or units != {"deg"} or system != "FK5":
            return None
        found.setdefault("MJD-OBS", 0.0)
        if len(found) != 10 or any(type(value) not in (int, float) for value in found.values()):
            return None
        numbers = {name: float(value) for name, value in found.items()}
        cd = [[numbers[f"CD{row}_{column}"] for column in (1, 2)] for row in (1, 2)]
        crval = (numbers["CRVAL1"], numbers["CRVAL2"])
        plain = numbers["EQUINOX"] == 2000 and abs(crval[1]) < 90 and abs(crval[0]) <= 360
        size = abs(cd[0][0] * cd[1][1]) + abs(cd[0][1] * cd[1][0])
        regular = abs(cd[0][0] * cd[1][1] - cd[0][1] * cd[1][0]) > 1e-6 * size > 1e-30
        if not (plain and regular and all(map(math.isfinite, numbers.values()))):
            return None
        return cls(make, (numbers["CRPIX1"], numbers["CRPIX2"]), crval, cd)

    @property
    def wcs(self) -> Any:
        """The numbers."""
        return self._numbers if self._wcs is None else self._wcs.wcs

    def astropy(self) -> "WCS":
        """Return the WCS of astropy that it is from now on."""
        if self._wcs is None:
            wcs = self._make()
            wcs.wcs.crpix = self._numbers.crpix
            wcs.wcs.cd = self._numbers.cd
            self._wcs = wcs
        return self._wcs

    def deepcopy(self) -> "LeanWcs":
        """Return a WCS of its own."""
        other = LeanWcs(self._make, self._numbers.crpix, self._crval, self._numbers.cd)
        other._wcs = None if self._wcs is None else self._wcs.deepcopy()
        return other

    def entries(self) -> list[tuple[str, str | bool | int | float, str]] | None:
        """Return the cards as `wcs_entries` would of astropy's; None if it is that by now."""
        if self._wcs is not None:
            return None
        crpix, cd = self._numbers.crpix.tolist(), self._numbers.cd.tolist()
        pole = float(f"{self._crval[1]:.14G}")  # astropy has wcslib write as many digits
        return [
            ("WCSAXES", 2, "Number of coordinate axes"),
            ("CRPIX1", crpix[0], "Pixel coordinate of reference point"),
            ("CRPIX2", crpix[1], "Pixel coordinate of reference point"),
            ("CUNIT1", "deg", "Units of coordinate increment and value"),
            ("CUNIT2", "deg", "Units of coordinate increment and value"),
            ("CTYPE1", "RA---TAN", "Right ascension, gnomonic projection"),
            ("CTYPE2", "DEC--TAN", "Declination, gnomonic projection"),
            ("CRVAL1", self._crval[0], "[deg] Coordinate value at reference point"),
            ("CRVAL2", self._crval[1], "[deg] Coordinate value at reference point"),
            ("LONPOLE", 180.0, "[deg] Native longitude of celestial pole"),
            ("LATPOLE", pole, "[deg] Native latitude of celestial pole"),
            ("RADESYS", "FK5", "Equatorial coordinate system"),
            ("EQUINOX", 2000.0, "[yr] Equinox of equatorial coordinates"),
            *((f"CD{i + 1}_{j + 1}", cd[i][j], "") for i in (0, 1) for j in (0, 1)),
        ]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.astropy(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.astropy(), name, value)

    def __deepcopy__(self, memo: Any) -> "LeanWcs":
        return self.deepcopy()
