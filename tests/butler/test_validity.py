"""Ranges of validity, without the middleware."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.butler.calibs.validity import (
    ERA_FENCES,
    Claim,
    Range,
    moment,
    nearest,
    settled,
    until_superseded,
)

days_of = st.lists(st.dates(date(2003, 1, 1), date(2003, 12, 31)), max_size=8, unique=True).map(
    sorted
)
reaches = st.none() | st.integers(0, 400)
fences_of = st.lists(st.dates(date(2003, 1, 1), date(2003, 12, 31)), max_size=3)
instants = st.datetimes(datetime(2002, 1, 1), datetime(2005, 1, 1))


@st.composite
def ranges_of(draw):
    first, second = draw(instants), draw(instants)
    if first == second:
        second += timedelta(seconds=1)
    ends = [min(first, second), max(first, second)]
    for place in (0, 1):
        if draw(st.booleans()) and draw(st.booleans()):
            ends[place] = None
    return Range(*ends)


def disjoint(ranges):
    return not any(a.overlaps(b) for i, a in enumerate(ranges) for b in ranges[i + 1 :])


@given(days_of, reaches, fences_of, instants)
def test_the_nearest_day_wins_within_reach_and_fences(days, reach, fences, when):
    ranges = nearest(days, reach, fences)
    assert len(ranges) == len(days)
    assert disjoint(ranges)
    today = when.date()

    def reachable(day):
        return not any(min(day, today) < post <= max(day, today) for post in fences)

    for day, held in zip(days, ranges, strict=True):
        assert datetime.combine(day, datetime.min.time()) in held
        far = abs((today - day).days)
        # halfway between two the earlier one holds
        better = any(
            (abs((today - other).days), other) < (far, day) for other in days if reachable(other)
        )
        assert (when in held) == (reachable(day) and not better and (reach is None or far <= reach))


@given(days_of, fences_of, instants)
def test_a_calibration_holds_until_it_is_superseded(days, fences, when):
    ranges = until_superseded(days, fences)
    assert disjoint(ranges)
    past = [day for day in days if day <= when.date()]
    for day, held in zip(days, ranges, strict=True):
        crossed = any(day < post <= when.date() for post in fences)
        assert (when in held) == (bool(past) and day == past[-1] and not crossed)


@given(ranges_of(), st.lists(ranges_of(), max_size=4), instants)
def test_what_is_left_is_what_no_other_holds(mine, others, when):
    left = mine.without(others)
    assert disjoint(left)
    assert any(when in piece for piece in left) == (
        when in mine and not any(when in other for other in others)
    )
    assert mine.overlaps(mine)
    for other in others:
        assert mine.overlaps(other) == other.overlaps(mine)
        if when in mine and when in other:
            assert mine.overlaps(other)


@given(st.lists(st.tuples(ranges_of(), st.integers(0, 5)), max_size=6), instants, st.randoms())
def test_of_several_the_highest_rank_holds_in_any_order(given_claims, when, random):
    claims = [Claim(n, each, (rank, n)) for n, (each, rank) in enumerate(given_claims)]
    found = settled(claims)
    assert disjoint([each for _, each in found])
    there = [claim for claim in claims if when in claim.range]
    wanted = [max(there, key=lambda claim: claim.rank).item] if there else []
    assert [item for item, each in found if when in each] == wanted
    random.shuffle(claims)
    assert settled(claims) == found


def test_days_are_whole_and_the_camera_changes_at_a_fence():
    days = [date(2014, 12, 1), date(2015, 2, 1)]
    first, second = nearest(days, None, ERA_FENCES)
    assert first == Range(None, datetime(2015, 1, 1))
    assert second == Range(datetime(2015, 1, 1), None)
    # an odd distance: the day in the middle belongs to the earlier one
    first, second = nearest([date(2008, 3, 1), date(2008, 3, 4)])
    assert first.end == second.begin == datetime(2008, 3, 3)
    assert nearest([date(2008, 3, 1)], 0) == [Range(datetime(2008, 3, 1), datetime(2008, 3, 2))]
    # each its own reach, and one that reaches beyond the calendar
    assert nearest([date(2008, 3, 1), date(2009, 3, 1)], [1, 10**7]) == [
        Range(datetime(2008, 2, 29), datetime(2008, 3, 3)),
        Range(datetime(2008, 8, 31), None),
    ]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"\[2008-03-02 to 2008-03-01\) has no moment"):
        Range(datetime(2008, 3, 2), datetime(2008, 3, 1))
    with pytest.raises(ValueError, match="not in order"):
        nearest([date(2008, 3, 1), date(2008, 3, 1)])
    with pytest.raises(ValueError, match="reach is -1"):
        nearest([date(2008, 3, 1)], -1)
    with pytest.raises(ValueError, match="2 reaches for 1 days"):
        nearest([date(2008, 3, 1)], [1, 2])
    with pytest.raises(ValueError, match="'soon' is no time"):
        moment("soon")
    assert moment("2008-03-30T02:00:00+02:00") == datetime(2008, 3, 30)
