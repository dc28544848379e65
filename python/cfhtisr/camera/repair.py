"""Bad values in raw headers, and the rules by which others take their place.

A rule looks at the header of one CCD and yields what should change. Headers win over the table
of the camera as long as they are plausible.
"""

__all__ = ["Repair", "repair_header", "value_repairs"]

import datetime
import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from cfhtisr.camera import filters
from cfhtisr.camera.mosaic import CcdFacts, facts
from cfhtisr.camera.record import BEYOND, Repair, number_of, record, value_of
from cfhtisr.camera.sections import detector_for

if TYPE_CHECKING:
    from astropy.io.fits import Header

_AMPLIFIERS = ("A", "B")
_MJD_0 = datetime.datetime(1858, 11, 17)
_TIME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d*)?")
_TIME_CARDS = ("DATE", "DATE-OBS", "DATEEND", "REL_DATE", "SHUTOPEN", "SHUTCLOS")


def _name(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    count = header.count("EXTNAME") if "EXTNAME" in header else 0
    names = [str(value_of(header, ("EXTNAME", index)) or "") for index in range(count)]
    if not names:
        yield Repair("EXTNAME", None, ccd.name, "from EXTVER, CCDNAME or the order of HDUs")
    elif len(names) > 1:
        yield Repair("EXTNAME", " and ".join(names), ccd.name, "occurs more than once")
    elif names[0].strip() != ccd.name:
        yield Repair("EXTNAME", names[0].strip(), ccd.name, "is not the name of the CCD")


def _mean(header: "Header", kind: str, table: tuple[float, float], most: float) -> Iterator[Repair]:
    """Repair ``kind``, ``kindA`` and ``kindB``; a value beyond ``most`` is not believed."""

    def plausible(value: float) -> bool:
        low = value > 0 if kind == "GAIN" else value >= 0
        return low and value <= most  # NaN is neither

    mean = number_of(header, kind)
    used = []
    for name, known in zip(_AMPLIFIERS, table, strict=True):
        card = f"{kind}{name}"
        value = number_of(header, card)
        if not plausible(value):
            new, source = (mean, f"from {kind}") if plausible(mean) else (known, "from the table")
            yield Repair(card, value_of(header, card), new, f"not plausible, {source}")
            value = new
        used.append(value)
    if not plausible(mean):
        average = round(sum(used) / 2, 4)
        yield Repair(kind, value_of(header, kind), average, f"mean of {kind}A and {kind}B")


def _gain(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    table = (ccd.amplifiers["A"].gain, ccd.amplifiers["B"].gain)
    return _mean(header, "GAIN", table, 100.0)


def _read_noise(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    table = (ccd.amplifiers["A"].read_noise, ccd.amplifiers["B"].read_noise)
    # Files of 2004 are said to carry 65535; the reference draws the line here.
    return _mean(header, "RDNOISE", table, 60000.0)


def _saturation(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    if not 1000 <= number_of(header, "SATURATE") <= 65535:
        why = "no saturation level of 16-bit pixels"
        yield Repair("SATURATE", value_of(header, "SATURATE"), 65535, why)


def _durations(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    for card, others in (
        ("EXPTIME", ("EXPMEAS", "EXPREQ")),
        # The dark time is as long as was asked for, also where the lamp was on for less.
        ("DARKTIME", ("EXPREQ", "EXPTIME")),
    ):
        if not 0 <= number_of(header, card) < 1e6:
            for other in others:
                value = number_of(header, other)
                if 0 <= value < 1e6:
                    yield Repair(card, value_of(header, card), value, f"from {other}")
                    break


def _mjd_of(date: object, time: object) -> float | None:
    """Return the modified Julian date of a date and a time of day, zeros optional."""
    match = _TIME.fullmatch(f"{date}T{time}".strip())
    if match is None:
        return None
    *whole, fraction = match.groups()
    try:
        moment = datetime.datetime(*map(int, whole))  # type: ignore[arg-type]
    except ValueError:
        return None
    seconds = float(fraction) if fraction and fraction != "." else 0.0
    return float((moment - _MJD_0).total_seconds() + seconds) / 86400


def _start(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    mjd = number_of(header, "MJD-OBS")
    if not 40000 < mjd < 100000:
        old = value_of(header, "MJD-OBS")
        found: float | None = number_of(header, "MJDATE")
        why = "from MJDATE"
        if not 40000 < (found or 0) < 100000:
            time = value_of(header, "UTC-OBS") or value_of(header, "UTIME")
            found, why = _mjd_of(value_of(header, "DATE-OBS"), time), "from DATE-OBS and UTC-OBS"
        if found is None:
            date, _, time = str(value_of(header, "DATE") or "").partition("T")
            found, why = _mjd_of(date, time), "start unknown, the file was made then (DATE)"
        if found is None:
            return
        mjd = round(found, 7)
        yield Repair("MJD-OBS", old, mjd, why)
    if value_of(header, "DATE-OBS") is None:
        day = _MJD_0 + datetime.timedelta(days=mjd)
        yield Repair("DATE-OBS", None, day.date().isoformat(), "from MJD-OBS")


def _filter(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    if str(value_of(header, "FILTER") or "").strip() == "filter_name":
        yield _filter_by_number(header, "filter_name", "a placeholder")


def _missing_filter(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    if not str(value_of(header, "FILTER") or "").strip():
        yield _filter_by_number(header, None, "no name")


def _filter_by_number(header: "Header", old: str | None, why: str) -> Repair:
    number = number_of(header, "FILTERID")
    known = filters.lookup_id(int(number)) if math.isfinite(number) else None
    if known:
        return Repair("FILTER", old, known.name, f"{why}, from FILTERID {known.id}")
    return Repair("FILTER", old, "UNKNOWN", f"{why}, and FILTERID is none that is known")


def _leading_zeros(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    for card in _TIME_CARDS:
        value = value_of(header, card)
        match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
        if match:
            year, *rest, fraction = match.groups()
            month, day, hour, minute, second = (part.zfill(2) for part in rest)
            new = f"{year}-{month}-{day}T{hour}:{minute}:{second}{fraction or ''}"
            if new != value.strip():
                yield Repair(card, value, new, "zeros were left out")


def _too_large(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    for card in dict.fromkeys(keyword for keyword in header if keyword.startswith("Q")):
        value = value_of(header, card)
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield Repair(card, value, str(value), BEYOND)


def _temperature(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    value = number_of(header, "DETTEM")
    if value < -273.15:
        yield Repair("DETTEM", value, None, "below absolute zero")


def _amplifier_list(header: "Header", ccd: CcdFacts) -> Iterator[Repair]:
    value = value_of(header, "AMPLIST")
    if isinstance(value, str) and value.strip() == "A" and value_of(header, "DSECB") is not None:
        yield Repair("AMPLIST", value, "A B", "both amplifiers are there")


_ALWAYS = (_name, _filter, _leading_zeros, _too_large, _temperature, _amplifier_list)
_RAW_ONLY = (_missing_filter, _gain, _read_noise, _saturation, _durations, _start)


def value_repairs(header: "Header", ccd: int | str, *, processed: bool = False) -> list[Repair]:
    """Return the repairs that a header needs, but those of its section cards.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of one CCD; left as it is.
    ccd : int or str
        Number or name of the CCD.
    processed : bool, optional
        The observatory rescales gain, saturation and more in what it has processed, and
        masters have no meaningful ones; so those are let be.
    """
    rules: tuple[Callable[..., Iterator[Repair]], ...] = _ALWAYS
    if not processed:
        rules += _RAW_ONLY
    known = facts(ccd)
    return [repair for rule in rules for repair in rule(header, known)]


def repair_header(
    header: "Header", ccd: int | str, *, processed: bool = False, source: str = ""
) -> list[Repair]:
    """Repair the header of one CCD's raw frame in place.

    Every repair is logged, and recorded in the header as a HISTORY card that begins with
    ``cfhtisr repair:``.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the frame, both amplifiers in it.
    ccd : int or str
        Number or name of the CCD.
    processed : bool, optional
        Whether the observatory has processed the frame; see `value_repairs`.
    source : str, optional
        File, for the log.

    Returns
    -------
    repairs : list of Repair
        What was changed.

    Examples
    --------
    >>> from astropy.io.fits import Header
    >>> header = Header({"EXTNAME": "ccd00", "RDNOISEA": 65535, "RDNOISE": 5})
    >>> repairs = repair_header(header, 0)
    >>> header["RDNOISEA"]
    5.0
    >>> [str(repair) for repair in repairs if repair.card == "RDNOISEA"]
    ['RDNOISEA 65535 -> 5.0: not plausible, from RDNOISE']
    """
    repairs = value_repairs(header, ccd, processed=processed)
    if "NAXIS1" in header and "NAXIS2" in header:
        repairs += detector_for(header, ccd)[1]
    name = facts(ccd).name
    record(header, repairs, f"{source} {name}".strip(), quiet=processed)
    return repairs
