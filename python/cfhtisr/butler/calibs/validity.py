"""From when to when a calibration holds: half-open ranges of time, which never overlap.

All times are UTC, without a time zone. A range of None is open: it has no beginning, or no end.
Calibrations made by day hold for whole days.
"""

__all__ = ["ERA_FENCES", "Claim", "Range", "moment", "nearest", "settled", "until_superseded"]

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, Generic, TypeVar

T = TypeVar("T", bound=Hashable)

ERA_FENCES = (date(2015, 1, 1),)
"""Days over which no calibration reaches: the first of the camera with 40 CCDs."""


@dataclass(frozen=True)
class Range:
    """A half-open range of time.

    Parameters
    ----------
    begin, end : datetime or None
        The first moment of it, and the first behind it; None where it is open.

    Raises
    ------
    ValueError
        If there is no moment in it.
    """

    begin: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.begin is not None and self.end is not None and self.begin >= self.end:
            raise ValueError(f"{self} has no moment in it: it ends before it begins")

    def __str__(self) -> str:
        texts = [
            "..." if each is None else each.isoformat(sep=" ").removesuffix(" 00:00:00")
            for each in (self.begin, self.end)
        ]
        return f"[{texts[0]} to {texts[1]})"

    def __contains__(self, when: datetime) -> bool:
        return (self.begin is None or self.begin <= when) and (self.end is None or when < self.end)

    def overlaps(self, other: "Range") -> bool:
        """Whether the two have a moment in common."""
        return (self.begin is None or other.end is None or self.begin < other.end) and (
            other.begin is None or self.end is None or other.begin < self.end
        )

    def without(self, others: Iterable["Range"]) -> list["Range"]:
        """Return what is left of this one, in order, when others are taken out."""
        left = [self]
        for other in others:
            pieces = []
            for piece in left:
                if not piece.overlaps(other):
                    pieces.append(piece)
                    continue
                if other.begin is not None and (piece.begin is None or piece.begin < other.begin):
                    pieces.append(Range(piece.begin, other.begin))
                if other.end is not None and (piece.end is None or other.end < piece.end):
                    pieces.append(Range(other.end, piece.end))
            left = pieces
        return left


def moment(text: str) -> datetime:
    """Read a date, or a date and time, UTC.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> moment("2008-03-30"), moment("2008-03-30T12:00:00Z")
    (datetime.datetime(2008, 3, 30, 0, 0), datetime.datetime(2008, 3, 30, 12, 0))
    """
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no time, wanted 2008-03-30 or 2008-03-30T12:00:00") from None
    return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)


def _start(day: date) -> datetime:
    return datetime.combine(day, time())


def nearest(
    days: Sequence[date],
    reach: Sequence[int | None] | int | None = None,
    fences: Iterable[date] = (),
) -> list[Range]:
    """Return ranges in which the calibration of the nearest day holds.

    Parameters
    ----------
    days : sequence of date
        When the calibrations were taken, from the first to the last, none of them twice.
    reach : int, None or a sequence of them
        How many days before and after its own a calibration holds, at most; None: any number.
    fences : iterable of date, optional
        Days at whose beginning the camera changed: no calibration holds across.

    Returns
    -------
    ranges : list of Range
        One for each day. Halfway between two of them the earlier one holds to the end of the
        day, as LSST's second generation had it.

    Raises
    ------
    ValueError
        If the days are not in order, or a reach is below 0.

    Examples
    --------
    >>> days = [date(2008, 3, 1), date(2008, 3, 11)]
    >>> [str(each) for each in nearest(days)]
    ['[... to 2008-03-07)', '[2008-03-07 to ...)']
    >>> [str(each) for each in nearest(days, 2)]
    ['[2008-02-28 to 2008-03-04)', '[2008-03-09 to 2008-03-14)']
    """
    reaches = [reach] * len(days) if reach is None or isinstance(reach, int) else list(reach)
    if len(reaches) != len(days):
        raise ValueError(f"{len(reaches)} reaches for {len(days)} days")
    if any(each is not None and each < 0 for each in reaches):
        raise ValueError(f"reach is {reach}, wanted 0 days or more")
    _check(days)
    posts = sorted(set(fences))
    begins: list[datetime | None] = []
    ends: list[datetime | None] = []
    for day, far in zip(days, reaches, strict=True):
        begins.append(None if far is None else _shifted(day, -far))
        ends.append(None if far is None else _shifted(day, far + 1))
    for index, (day, following) in enumerate(pairwise(days)):
        if any(day < post <= following for post in posts):
            continue  # neither can hold where the other does
        middle = _start(day + timedelta(days=(following - day).days // 2 + 1))
        ends[index] = _earlier(ends[index], middle)
        begins[index + 1] = _later(begins[index + 1], middle)
    return _fenced(days, begins, ends, posts)


def until_superseded(days: Sequence[date], fences: Iterable[date] = ()) -> list[Range]:
    """Return ranges in which a calibration holds from its day until the next one's.

    Parameters
    ----------
    days : sequence of date
        When they were taken, from the first to the last, none of them twice.
    fences : iterable of date, optional
        Days at whose beginning the camera changed.

    Raises
    ------
    ValueError
        If the days are not in order.

    Examples
    --------
    >>> [str(each) for each in until_superseded([date(2008, 3, 1), date(2008, 3, 11)])]
    ['[2008-03-01 to 2008-03-11)', '[2008-03-11 to ...)']
    """
    _check(days)
    begins: list[datetime | None] = [_start(day) for day in days]
    ends = [*begins[1:], None] if days else []
    return _fenced(days, begins, ends, sorted(set(fences)))


@dataclass(frozen=True)
class Claim(Generic[T]):
    """A calibration that says from when to when it holds.

    Parameters
    ----------
    item : hashable
        The calibration.
    range : Range
        When it says that it holds.
    rank : tuple
        What decides where several do: the greatest wins, such as (version, time of registration,
        name).
    """

    item: T
    range: Range
    rank: tuple[Any, ...]


def settled(claims: Iterable[Claim[T]]) -> list[tuple[T, Range]]:
    """Return ranges without overlaps: where several calibrations hold, that of highest rank.

    Of one that loses only what is left of its range holds, which can be several pieces or none.

    Returns
    -------
    ranges : list of (item, Range)
        In the order of time.
    """
    taken: list[tuple[T, Range]] = []
    for claim in sorted(claims, key=lambda claim: claim.rank, reverse=True):
        left = claim.range.without([each for _, each in taken])
        taken += [(claim.item, piece) for piece in left]
    return sorted(taken, key=lambda pair: pair[1].begin or datetime.min)


def _check(days: Sequence[date]) -> None:
    if any(first >= second for first, second in pairwise(days)):
        raise ValueError("the days are not in order, or one of them is there twice")


def _shifted(day: date, days: int) -> datetime | None:
    try:
        return _start(day + timedelta(days=days))
    except OverflowError:  # before the year 1, or behind 9999
        return None


def _fenced(
    days: Sequence[date],
    begins: Sequence[datetime | None],
    ends: Sequence[datetime | None],
    posts: Sequence[date],
) -> list[Range]:
    ranges = []
    for day, begin, end in zip(days, begins, ends, strict=True):
        before = [post for post in posts if post <= day]
        after = [post for post in posts if post > day]
        ranges.append(
            Range(
                _later(begin, _start(before[-1])) if before else begin,
                _earlier(end, _start(after[0])) if after else end,
            )
        )
    return ranges


def _earlier(end: datetime | None, other: datetime) -> datetime:
    return other if end is None else min(end, other)


def _later(begin: datetime | None, other: datetime) -> datetime:
    return other if begin is None else max(begin, other)
