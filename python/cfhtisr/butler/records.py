"""From the headers of a raw file to what a registry knows of an exposure."""

__all__ = ["Described", "describe"]

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cfhtisr.butler._middleware import Timespan
from cfhtisr.butler.errors import OtherKindError
from cfhtisr.butler.names import INSTRUMENT
from cfhtisr.camera.filters import lookup
from cfhtisr.camera.record import number_of, value_of
from cfhtisr.errors import FileFormatError, MissingExtraError
from cfhtisr.io.raw import RawScan, scan_raw

try:
    from astro_metadata_translator import MegaPrimeTranslator, ObservationInfo
except ImportError as error:
    raise MissingExtraError(
        f"needs astro-metadata-translator: pip install 'cfhtisr[butler]' ({error})"
    ) from error

_ON_SKY = ("object", "flat", "focus")
_WANTED = {
    "altaz_begin",
    "boresight_rotation_angle",
    "datetime_begin",
    "datetime_end",
    "exposure_id",
    "observation_id",
    "observation_type",
    "physical_filter",
    "science_program",
    "tracking_radec",
}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{1,2}:\d\d:\d\d(\.\d*)?")
_CFHT = (19.825252, -155.468876)
"""Latitude and longitude [degree]."""
_VISITS = 2**31 // 36
"""The numbers of exposures whose CCDs can be counted in 32 bits."""
_LONGEST = 86400.0
"""No exposure lasts a day [s]."""
_MJD_0 = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True)
class Described:
    """A raw file, as a registry sees it.

    Attributes
    ----------
    path : str
        The file.
    exposure : int
        Number of the exposure.
    ccds : tuple of int
        The CCDs in the file.
    n_ccd : int
        CCDs of the camera in that era.
    physical_filter : str
        Name of the filter; ``UNKNOWN`` if it is none that is known.
    records : list of (str, dict)
        Name of the dimension and the record, in the order in which they are entered.
    """

    path: str
    exposure: int
    ccds: tuple[int, ...]
    n_ccd: int
    physical_filter: str
    records: list[tuple[str, dict[str, Any]]]


def describe(path: str | os.PathLike[str]) -> Described:
    """Read the headers of a raw file.

    Raises
    ------
    FileFormatError
        If it is no raw file of MegaCam, is damaged, or does not say which exposure it is of
        and when that was taken.
    """
    scan = scan_raw(path)
    where = os.fspath(path)
    if scan.processed:
        raise OtherKindError(
            f"{where}: the observatory has processed this already ({scan.processed}), wanted a "
            "raw exposure"
        )
    if scan.damage:
        raise FileFormatError(f"{where}: the file is damaged: {scan.damage}")
    if not 0 < scan.obsid < _VISITS:
        raise FileFormatError(
            f"{where}: the headers have no number of the exposure (OBSID, EXPNUM), wanted one"
        )
    header = _header(scan)
    try:
        info = ObservationInfo(
            header, translator_class=MegaPrimeTranslator, quiet=True, subset=_WANTED
        )
    except (KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{where}: the header cannot be translated: {reason}") from error
    if info.datetime_begin is None:
        raise FileFormatError(
            f"{where}: the headers do not say when the exposure was taken (DATE-OBS, UTC-OBS, "
            "MJD-OBS)"
        )
    records = _records(scan, header, info)
    return Described(
        where, scan.obsid, tuple(sorted(scan.ccds)), scan.n_ccd, header["FILTER"], records
    )


def _header(scan: RawScan) -> Any:
    """Return the header of the first CCD with what the translator trips over put right.

    It takes any name but ``ccdNN`` for no CCD, and old headers lack dates or have
    placeholders.
    """
    from astropy.io.fits import Header

    ccd = scan.ccds[0]
    full = scan.header(ccd)
    known = lookup(scan.filter) if scan.filter else None
    header = Header()
    for name in (
        *("RADECSYS", "RADESYS", "OBJRADEC", "RA_DEG", "DEC_DEG", "TELALT", "TELAZ"),
        *("EXPREQ", "RUNID", "DATE-OBS", "UTC-OBS", "UTCEND"),
    ):
        value = value_of(full, name)
        if value is not None and value != "":
            header[name] = value
    # Without them the translator would ask the network where the telescope is.
    header["LATITUDE"], header["LONGITUD"] = _CFHT
    header["EXTNAME"] = f"ccd{ccd:02d}"
    header["EXPNUM"] = scan.obsid
    header["OBSID"] = scan.obsid
    header["OBSTYPE"] = scan.kind
    header["FILTER"] = known.name if known is not None else "UNKNOWN"
    for name in ("EXPTIME", "DARKTIME"):
        seconds = number_of(full, name)
        if 0 <= seconds < _LONGEST:
            header[name] = seconds
    header.setdefault("EXPTIME", 0.0)
    header.setdefault("DARKTIME", header["EXPTIME"])
    if not (
        _DAY.fullmatch(str(header.get("DATE-OBS", "")))
        and _TIME.fullmatch(str(header.get("UTC-OBS", "")))
    ):
        for name in ("DATE-OBS", "UTC-OBS", "UTCEND"):
            header.remove(name, ignore_missing=True)
        mjd = number_of(full, "MJD-OBS")
        if 0 < mjd < 1e6:
            begin = _MJD_0 + timedelta(seconds=round(mjd * 86400, 2))
            header["DATE-OBS"] = f"{begin:%Y-%m-%d}"
            header["UTC-OBS"] = f"{begin:%H:%M:%S.%f}"
    if not _TIME.fullmatch(str(header.get("UTCEND", ""))):
        header.remove("UTCEND", ignore_missing=True)
    return header


def _records(scan: RawScan, header: Any, info: Any) -> list[tuple[str, dict[str, Any]]]:
    from astropy.time import TimeDelta

    begin, end = info.datetime_begin.tai, info.datetime_end.tai
    day = TimeDelta(1.0, format="jd", scale="tai")
    if end < begin:  # UTCEND has no date: the exposure went on beyond midnight
        end = end + day
    number, name = scan.obsid, str(scan.obsid)
    day_obs = int(info.datetime_begin.utc.strftime("%Y%m%d"))
    midnight = _midnight(info.datetime_begin)
    radec, altaz = info.tracking_radec, info.altaz_begin
    on_sky = scan.kind in _ON_SKY
    if not on_sky:
        radec = None
    angle = info.boresight_rotation_angle
    kind = "science" if scan.kind == "object" else scan.kind[:16]
    exposure = {
        "instrument": INSTRUMENT,
        "id": number,
        "obs_id": name,
        "physical_filter": info.physical_filter,
        "group": name,
        "day_obs": day_obs,
        "exposure_time": header["EXPTIME"],
        "dark_time": header["DARKTIME"],
        "observation_type": kind,
        "observation_reason": kind,
        "seq_num": number,
        "seq_start": number,
        "seq_end": number,
        "target_name": scan.object[:64] or None,
        "science_program": (str(info.science_program or "").strip() or None),
        "tracking_ra": None if radec is None else float(radec.icrs.ra.degree),
        "tracking_dec": None if radec is None else float(radec.icrs.dec.degree),
        "sky_angle": None if radec is None or angle is None else float(angle.degree),
        "azimuth": None if altaz is None else float(altaz.az.degree),
        "zenith_angle": None if altaz is None else float(90.0 - altaz.alt.degree),
        "has_simulated": _is_simulated(scan),
        "can_see_sky": on_sky,
        "timespan": Timespan(begin, end),
    }
    night = {
        "instrument": INSTRUMENT,
        "id": day_obs,
        "timespan": Timespan(midnight, midnight + day),
    }
    return [
        ("group", {"instrument": INSTRUMENT, "name": name}),
        ("day_obs", night),
        ("exposure", exposure),
    ]


def _midnight(time: Any) -> Any:
    from astropy.time import Time

    return Time(time.utc.strftime("%Y-%m-%dT00:00:00"), format="isot", scale="tai")


def _is_simulated(scan: RawScan) -> bool:
    return str(scan.primary.get("IMAGESWV", "")).startswith("cfhtisr simulate")
