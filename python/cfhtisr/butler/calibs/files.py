"""What a file of calibrations has: its kind, its CCDs, its filter and its night."""

__all__ = ["KINDS", "SUFFIXES", "Described", "describe"]

import errno
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cfhtisr.butler.errors import OtherKindError
from cfhtisr.butler.names import CALIBRATION_TYPES, OF_ONE_FILTER
from cfhtisr.camera import facts, megacam
from cfhtisr.camera.filters import lookup
from cfhtisr.camera.record import value_of
from cfhtisr.errors import FileFormatError
from cfhtisr.io import FitsFile, RawFile
from cfhtisr.io.crosstalk_table import read_crosstalk
from cfhtisr.io.defects import read_defects
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.linearity_file import read_linearity

KINDS = CALIBRATION_TYPES
"""What can be taken in: types of datasets."""

_FRAMES = ("bias", "dark", "flat", "fringe")
_BY_NAME = {"zero": "bias", "mask": "defects"} | {kind: kind for kind in _FRAMES}
"""What OBSTYPE may contain, and what it is then."""
_FITS = (".fits", ".fits.fz", ".fits.gz", ".fit", ".fz", ".fit.gz")
SUFFIXES = (*_FITS, ".reg", ".txt", ".csv", ".list", ".dat", ".toml", ".ecsv")
_BY_SUFFIX = {".toml": "linearizer", ".ecsv": "crosstalk"}
_FIRST_DAY = date(1858, 11, 17)  # of the modified Julian date
_CCD = re.compile(r"[._-]?ccd\d\d", re.IGNORECASE)


@dataclass(frozen=True)
class Described:
    """A file of calibrations.

    Attributes
    ----------
    path : str
        Its absolute path.
    kind : str
        Type of its datasets.
    ccds : tuple of int
        The CCDs it has something for.
    physical_filter : str or None
        The filter, of kinds that belong to one.
    taken : date or None
        The night, UTC; None if the file does not tell.
    dark_time : float
        Time in which dark current was collected [s]; 0 if that has no meaning.
    stem : str
        Its name without suffix and number of the CCD: the same for the files of a set.
    """

    path: str
    kind: str
    ccds: tuple[int, ...]
    physical_filter: str | None
    taken: date | None
    dark_time: float
    stem: str


def describe(path: Path, kind: str | None = None, taken: date | None = None) -> Described:
    """Look into a file of calibrations.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kind : str, optional
        One of `KINDS`; by default what the file says (OBSTYPE), or its suffix does.
    taken : date, optional
        The night; by default what the file says.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no calibration, of another kind, or of a kind that needs a filter and has none.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    suffix = path.suffix.lower()
    if path.name.lower().endswith(_FITS):
        with FitsFile(path, checksum="ignore") as file:
            if file.damage is not None:
                raise FileFormatError(file.damage)
            headers = [file.hdus[0], *_first_images(file.hdus)]
            told = (str(value_of(each.cards, "OBSTYPE") or "").strip() for each in headers)
            says = next(filter(None, told), "")
            found = _kind_of(path, says, headers, kind)
            own_planes = any(hdu.cards.get("EXTTYPE") == "IMAGE" for hdu in headers)
            planes = [hdu for hdu in file.hdus if hdu.cards.get("EXTTYPE") == "IMAGE"]
            if found in _FRAMES and own_planes:
                return _product(path, found, [headers[0], *planes], taken)
            if found == "defects" and len(headers) > 1:
                # A mask frame: to read one of its CCDs can mean to inflate all before it.
                names = [hdu.name.lower() for hdu in file.hdus if hdu.shape is not None]
                ccds = tuple(ccd for ccd in range(40) if facts(ccd).name in names)
                if not ccds:
                    raise FileFormatError(f"{path}: no image of it is named ccd00 to ccd39")
                return Described(str(path), found, ccds, None, taken, 0.0, _stem(path))
            day = _day(value_of(file.hdus[0].cards, "DATE-OBS"))
    else:
        day = None
        found = kind or _BY_SUFFIX.get(suffix, "defects")
    if found in _FRAMES:
        return _master(path, found, taken)
    ccds = _listed(path, found)
    return Described(str(path), found, ccds, None, taken or day, 0.0, _stem(path))


def _first_images(hdus: Iterable[Hdu]) -> list[Hdu]:
    """Return the first HDU that holds an image, in a list, or none."""
    return next(([hdu] for hdu in hdus if hdu.shape is not None), [])


def _kind_of(path: Path, says: str, headers: list[Hdu], wanted: str | None) -> str:
    """Return the kind of a FITS file."""
    named = says.lower()
    found = next((kind for part, kind in _BY_NAME.items() if part in named), None)
    if found is None and len(headers) == 1:  # no image at all: tables
        found = "defects"
    if wanted is not None:
        if found != wanted and (found is not None or says):
            what = f"OBSTYPE is {says!r}" if says else f"there are tables only, of {found}"
            raise OtherKindError(f"{path}: {what}, wanted {wanted}")
        return wanted
    if found is None:
        what = f"OBSTYPE is {says!r}" if says else "there is no OBSTYPE"
        raise (OtherKindError if says else FileFormatError)(
            f"{path}: {what}, wanted a calibration: {', '.join(_BY_NAME)}; --type says which "
            "where a file does not"
        )
    return found


def _master(path: Path, kind: str, taken: date | None) -> Described:
    """Describe a master as the observatory writes it."""
    with RawFile(path, processed=True, checksum="ignore") as file:
        scan = file.scan
        if scan.damage:
            raise FileFormatError(
                scan.damage if str(path) in scan.damage else f"{path}: {scan.damage}"
            )
        if not scan.processed:
            raise OtherKindError(
                f"{path}: is a raw exposure of kind {scan.kind}, wanted a master made of many"
            )
        return Described(
            str(path),
            kind,
            tuple(sorted(scan.ccds)),
            _filter(path, kind, scan.filter),
            taken or _night(scan.mjd),
            scan.dark_time if kind == "dark" else 0.0,
            _stem(path),
        )


def _product(path: Path, kind: str, headers: list[Hdu], taken: date | None) -> Described:
    """Describe frames that were written by this package, or by LSST."""

    def card(name: str) -> Any:
        given = (value_of(hdu.cards, name) for hdu in headers)
        return next((value for value in given if value is not None), None)

    names = [str(hdu.cards.get("DETNAME") or hdu.cards.get("CCDNAME") or "") for hdu in headers[1:]]
    ccds = [ccd for name in names for ccd in range(40) if name == facts(ccd).name]
    if len(ccds) != len(names):
        raise FileFormatError(f"{path}: DETNAME is {names[0]!r}, wanted ccd00 to ccd39")
    start, dark = card("MJD-OBS"), card("DARKTIME")
    return Described(
        str(path),
        kind,
        tuple(sorted(ccds)),
        _filter(path, kind, str(card("FILTER") or "") or None),
        taken or _night(float(start) if isinstance(start, int | float) else 0.0),
        float(dark) if kind == "dark" and isinstance(dark, int | float) else 0.0,
        _stem(path),
    )


def _filter(path: Path, kind: str, name: str | None) -> str | None:
    if kind not in OF_ONE_FILTER:
        return None
    known = lookup(name or "")
    if known is None:
        raise FileFormatError(
            f"{path}: FILTER is {name!r}, wanted a filter of MegaCam for a {kind}"
        )
    return known.name


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text).strip()[:10])
    except ValueError:
        return None


def _night(mjd: float) -> date | None:
    return _FIRST_DAY + timedelta(days=int(mjd)) if 50000 < mjd < 100000 else None


def _stem(path: Path) -> str:
    name = path.name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    name = _CCD.sub("", name) or path.parent.name
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", name).strip(".") or "calibration"


def _listed(path: Path, kind: str) -> tuple[int, ...]:
    """Return the CCDs for which a file has something to say."""
    readers: dict[str, Callable[[int], Any]] = {
        "defects": lambda ccd: read_defects(path, ccd),
        "crosstalk": lambda ccd: read_crosstalk(path, megacam()[ccd]),
        "linearizer": lambda ccd: read_linearity(path, megacam()[ccd]),
    }
    named = _CCD.search(path.name)
    if kind == "defects" and named is not None:
        readers["defects"](int(named[0][-2:]))
        return (int(named[0][-2:]),)
    found, problem = [], None
    for ccd in range(40):
        try:
            if readers[kind](ccd) is not None:
                found.append(ccd)
        except FileFormatError as error:
            problem = problem or error
            if kind != "defects":
                raise
    if not found:
        raise problem or FileFormatError(f"{path}: has no {kind} of any CCD")
    return tuple(found)
