"""Times in registries of LSST's second generation, which do not say of which zone they are."""

__all__ = ["Shift", "shift_of", "validity"]

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from cfhtisr.butler.calibs.validity import Range, moment

Shift = Callable[[datetime], datetime]
"""Makes UTC of a time in a registry."""

_DAY = len("2008-03-30")
_EARLY = {18: 6, 19: 5}
"""Midnight UTC on a clock in the middle of North America, in winter and summer: hours to add."""


def shift_of(texts: Iterable[Any], offset: float | None = None) -> Shift:
    """Return what makes UTC of the times in a registry.

    Parameters
    ----------
    texts : iterable
        All beginnings and ends of it.
    offset : float, optional
        What is to be added [h]. By default what the times look like: calibrations hold for
        whole days, so that a registry whose times all have the clock at 18:00 or 19:00 was made
        on a machine 6 or 5 hours behind, as the published one for MegaCam was. One with none of
        these is taken for UTC. Bare days are UTC in any case.

    Returns
    -------
    shift : callable

    Raises
    ------
    ValueError
        If the times look like neither.

    Examples
    --------
    >>> shift_of(["2003-01-03T18:00:00"])(datetime(2003, 7, 3, 19))
    datetime.datetime(2003, 7, 4, 0, 0)
    """
    if offset is not None:
        return lambda when: when + timedelta(hours=offset)
    clocks = set()
    for text in texts:
        if isinstance(text, str) and not _is_day(text):
            try:
                clocks.add(moment(text).hour)
            except ValueError:
                continue  # told of when the row is read
    early = clocks & _EARLY.keys()
    if not early:
        return lambda when: when
    if clocks - _EARLY.keys():
        hours = ", ".join(f"{hour:02d}" for hour in sorted(clocks))
        raise ValueError(
            f"its times have the hours {hours}: neither all of them are UTC, nor all 5 or 6 hours "
            "early; --offset HOURS says what is to be added to them to get UTC (0: nothing)"
        )
    return lambda when: when + timedelta(hours=_EARLY.get(when.hour, 0))


def validity(begin: Any, end: Any, shift: Shift | None = None) -> Range:
    """Return the range between two texts; a bare day as its end is meant as a whole.

    Parameters
    ----------
    begin, end : str or None
        Days, or days and times; None and an empty text are open.
    shift : callable, optional
        Makes UTC of a time; bare days are UTC already.

    Raises
    ------
    ValueError
        If they are no times, or the end is not behind the beginning.

    Examples
    --------
    >>> str(validity("2008-03-01", "2008-03-10"))
    '[2008-03-01 to 2008-03-11)'
    """
    return Range(_end(begin, 0, shift), _end(end, 1, shift))


def _end(value: Any, days: int, shift: Shift | None) -> datetime | None:
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    when = moment(text)
    try:
        if _is_day(text):
            return when + timedelta(days=days)
        return when if shift is None else shift(when)
    except OverflowError:
        return None  # beyond the calendar, as 9999-12-31 is meant


def _is_day(text: str) -> bool:
    return len(text.strip()) <= _DAY
