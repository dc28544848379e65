"""The filters of MegaCam, of all eras."""

__all__ = ["FILTERS", "FRINGE_FILTERS", "FilterInfo", "lookup", "lookup_id"]

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FilterInfo:
    """A filter.

    Attributes
    ----------
    name : str
        As in the card FILTER.
    id : int or None
        As in the card FILTERID; None if no header with it was seen.
    short_name : str
        As LSST's data ids and Elixir's file names say it.
    eras : tuple of int
        Cameras with which it was used, by their number of CCDs.
    wavelength : float
        Centre of the passband [nm]; NaN if unknown.
    fringe : bool
        Whether frames through it show fringes that are worth subtracting.
    """

    name: str
    id: int | None
    short_name: str
    eras: tuple[int, ...]
    wavelength: float
    fringe: bool = False


_OLD, _NEW, _BOTH = (36,), (40,), (36, 40)

FILTERS = (
    # until 2014: of a size for 36 CCDs
    FilterInfo("u.MP9301", 1308, "u", _OLD, 374.0),
    FilterInfo("g.MP9401", None, "g", _OLD, 487.0),
    FilterInfo("r.MP9601", 1305, "r", _OLD, 628.0),
    FilterInfo("i.MP9701", None, "i", _OLD, 778.0, True),  # broke in June 2007
    FilterInfo("i.MP9702", 1314, "i2", _OLD, 764.0, True),  # from October 2007
    # LSST's table has 1170 nm for this one, beyond what silicon sees.
    FilterInfo("z.MP9801", 1304, "z", _OLD, 908.0, True),
    # narrow bands borrowed from the camera before, smaller than the field
    FilterInfo("OIII.MP7504", None, "OIII_old", _OLD, math.nan),
    FilterInfo("HaOFF.MP7604", None, "HaOFF_old", _OLD, math.nan),
    FilterInfo("Ha.MP7605", None, "Ha_old", _OLD, math.nan),
    FilterInfo("TiO.MP7701", None, "TiO", _OLD, math.nan),
    FilterInfo("CN.MP7803", None, "CN", _OLD, math.nan),
    # from semester 2015A: of a size for 40 CCDs
    FilterInfo("u.MP9302", None, "u2", _NEW, 354.0),
    FilterInfo("CaHK.MP9303", 1319, "CaHK", _NEW, 395.3),
    FilterInfo("g.MP9402", None, "g2", _NEW, 472.0),
    FilterInfo("OIII.MP9501", None, "OIII", _NEW, 500.7),
    FilterInfo("OIIIOFF.MP9502", None, "OIIIOFF", _NEW, 510.7),
    FilterInfo("r.MP9602", 1300, "r2", _NEW, 640.0),
    FilterInfo("Ha.MP9603", None, "Ha", _NEW, 659.1),
    FilterInfo("HaOFF.MP9604", None, "HaOFF", _NEW, 672.1),
    # The observatory subtracts fringes in this wide band too.
    FilterInfo("gri.MP9605", 1323, "gri", _NEW, 610.0, True),
    FilterInfo("i.MP9703", None, "i3", _NEW, 776.0, True),
    FilterInfo("z.MP9901", None, "z2", _NEW, 926.0, True),
    # the empty slot
    FilterInfo("NONE", 0, "NONE", _BOTH, math.nan),
)

FRINGE_FILTERS = tuple(row.name for row in FILTERS if row.fringe)

_BY_NAME = {row.short_name.lower(): row for row in FILTERS} | {
    row.name.lower(): row for row in FILTERS
}
_BY_ID = {row.id: row for row in FILTERS if row.id is not None}


def lookup(name: str) -> FilterInfo | None:
    """Return a filter by the name in the header or by its short name.

    Parameters
    ----------
    name : str
        Such as ``i.MP9703`` or ``i3``; capitals do not matter.

    Returns
    -------
    filter : FilterInfo or None
        None for a name of no filter, such as the placeholder ``filter_name``.

    Examples
    --------
    >>> lookup("gri.MP9605").fringe, lookup("i2").name, lookup("filter_name")
    (True, 'i.MP9702', None)
    """
    return _BY_NAME.get(name.strip().lower())


def lookup_id(number: int) -> FilterInfo | None:
    """Return a filter by the number in the card FILTERID, or None.

    Examples
    --------
    >>> lookup_id(1323).name
    'gri.MP9605'
    """
    return _BY_ID.get(number)
