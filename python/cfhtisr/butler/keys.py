"""The keys of data ids: those of the seed, and those of the middleware."""

__all__ = ["KEYS", "LEVELS", "OTHER_KEYS", "normalized", "of_record", "short_filter", "tai_obs"]

from collections.abc import Mapping
from typing import Any

from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.names import INSTRUMENT
from cfhtisr.camera.filters import lookup
from cfhtisr.camera.mosaic import ccd_number

KEYS: dict[str, type] = {
    "runId": str,
    "object": str,
    "visit": int,
    "ccd": int,
    "extension": int,
    "state": str,
    "filter": str,
    "date": str,
    "taiObs": str,
    "expTime": float,
}
"""The keys of a data id and the types of their values."""

LEVELS = {None: "ccd", "": "ccd", "ccd": "ccd", "sensor": "ccd", "visit": "visit"}
"""What the names of levels mean; CCDs are below visits."""

_SAME = {"exposure": "visit", "detector": "ccd", "physical_filter": "filter"}
_BOTH = {"day_obs": "date", "exposure_time": "expTime"}

OTHER_KEYS: dict[str, type] = {
    **{other: KEYS[key] for other, key in (_SAME | _BOTH).items()},
    "instrument": str,
}
"""The middleware's names of keys, which are taken as well."""


def normalized(data_id: Mapping[str, Any] | None, **rest: Any) -> dict[str, Any]:
    """Return a data id in the keys of the seed, with values of their types.

    Parameters
    ----------
    data_id : mapping, optional
        Keys of the seed, or of the middleware (``exposure``, ``detector`` ...).
    **rest
        Further entries; they win.

    Raises
    ------
    NoResults
        If a key is not known, or a value is not of its type: nothing can match.
    """
    result: dict[str, Any] = {}
    for name, value in {**dict(data_id or {}), **rest}.items():
        if name == "instrument":
            if value != INSTRUMENT:
                raise NoResults(f"the data id has instrument {value!r}, wanted {INSTRUMENT!r}")
            continue
        if name in ("band", "group") or value is None:
            continue  # implied by the others
        key = _SAME.get(name, _BOTH.get(name, name))
        if key not in KEYS:
            raise NoResults(f"the data id has a key {name!r}, wanted some of {', '.join(KEYS)}")
        result[key] = _value(key, value)
    extension = result.pop("extension", None)
    if extension is not None and result.setdefault("ccd", extension - 1) != extension - 1:
        raise NoResults(f"extension {extension} is not that of ccd {result['ccd']}")
    if result.pop("state", "o") not in ("o", "*"):
        raise NoResults("the data id has a state other than 'o': only raw exposures are kept")
    return result


def _value(key: str, value: Any) -> Any:
    try:
        if key == "ccd":
            return ccd_number(value)
        if key == "filter":
            return short_filter(str(value))
        if key == "date":
            return _date(value)
        return KEYS[key](value)
    except (KeyError, TypeError, ValueError) as error:
        wanted = KEYS[key].__name__
        raise NoResults(f"the data id has {key}={value!r}, wanted {wanted} ({error})") from None


def _date(value: Any) -> str:
    text = str(value)
    if len(text) == 8 and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return text


def short_filter(name: str) -> str:
    """Return the name of a filter as data ids have it."""
    known = lookup(name)
    return name if known is None else known.short_name


def of_record(record: Any, ccd: int | None) -> dict[str, Any]:
    """Return the whole data id of an exposure, or of one CCD of it.

    Parameters
    ----------
    record : lsst.daf.butler.DimensionRecord
        That of the exposure.
    ccd : int, optional
        The CCD.
    """
    result = {
        "runId": record.science_program or "",
        "object": record.target_name or "",
        "date": _date(record.day_obs),
        "filter": short_filter(record.physical_filter),
        "visit": record.id,
        "taiObs": tai_obs(record),
        "expTime": record.exposure_time,
    }
    if ccd is not None:
        result["ccd"] = ccd
    return result


def tai_obs(record: Any) -> str:
    """Return when an exposure began: UTC in spite of the name, as it always was."""
    if record.timespan is None or record.timespan.begin is None:
        return ""
    return str(record.timespan.begin.utc.isot)[:22]
