"""Which calibration of a CCD holds when, without the middleware."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.butler.calibs.rules import Entry, Rule, held
from cfhtisr.butler.calibs.validity import ERA_FENCES, Range
from cfhtisr.butler.errors import RepositoryError

BIAS, DEFECTS = ("bias", None, 7), ("defects", None, 7)
DAY = datetime(2008, 3, 1)


def entries(*rules):
    return [Entry(f"run{number}", rule, number) for number, rule in enumerate(rules)]


def told(key, *rules, fences=ERA_FENCES):
    found = held(key, entries(*rules), fences)
    return sorted((entry.rule.file, str(each)) for entry, each in found)


optional_times = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1))


@st.composite
def rules_of(draw):
    explicit = None
    ends = sorted(draw(st.lists(optional_times, min_size=2, max_size=2)), key=lambda t: t or DAY)
    if draw(st.booleans()) and (None in ends or ends[0] < ends[1]):
        explicit = Range(*ends)
    return Rule(
        draw(st.text(max_size=20)),
        draw(st.none() | st.dates()),
        draw(st.none() | st.integers(0, 10000)),
        explicit,
        draw(st.floats(0, 1e6)),
        draw(st.integers(0, 9)),
        draw(st.none() | st.tuples(st.integers(0, 9), st.text(max_size=20))),
    )


@given(rules_of())
def test_a_rule_comes_back_from_its_text(rule):
    assert Rule.of(rule.text()) == rule


@pytest.mark.parametrize("text", ["", "by hand", "{}", "[1]", '{"file": "a", "explicit": [1]}'])
def test_what_others_wrote_is_no_rule(text):
    assert Rule.of(text) is None


def test_the_nearest_frame_holds_within_its_reach():
    one, two = Rule("one", date(2008, 3, 1)), Rule("two", date(2008, 3, 11), 2)
    assert told(BIAS, one, two) == [
        ("one", "[... to 2008-03-07)"),
        ("two", "[2008-03-09 to 2008-03-14)"),
    ]
    assert told(BIAS, two, one) == told(BIAS, one, two)
    assert told(BIAS, one, two, fences=[date(2008, 3, 5)])[0] == ("one", "[... to 2008-03-05)")


def test_defects_hold_until_they_are_superseded():
    always, one = Rule("always"), Rule("one", date(2008, 3, 1))
    assert told(DEFECTS, always) == [("always", "[... to ...)")]
    assert told(DEFECTS, one, always) == [
        ("always", "[... to 2008-03-01)"),
        ("one", "[2008-03-01 to 2015-01-01)"),
    ]


def test_explicit_ranges_stand_and_others_give_way():
    stated = Rule("stated", date(2001, 1, 1), None, Range(DAY, datetime(2008, 3, 3)))
    assert told(BIAS, Rule("near", date(2008, 3, 1)), stated) == [
        ("near", "[... to 2008-03-01)"),
        ("near", "[2008-03-03 to 2015-01-01)"),
        ("stated", "[2008-03-01 to 2008-03-03)"),
    ]
    other = Rule("other", None, None, Range(datetime(2008, 3, 2), None))
    wanted = r"bias of ccd07: stated is to hold \[2008-03-01 to 2008-03-03\) and other"
    with pytest.raises(RepositoryError, match=wanted + r" \[2008-03-02 to \.\.\.\), which overlap"):
        told(BIAS, stated, other)


def test_of_the_ranges_in_old_registries_the_highest_rank_holds():
    def listed(name, begin, end, *rank):
        held = Range(datetime(2008, 3, begin), datetime(2008, 3, end))
        return Rule(name, None, None, held, rank=rank)

    old = listed("old", 1, 20, 0, "2009")
    late = listed("late", 5, 10, 0, "2010")
    good = listed("good", 8, 12, 1, "2008")
    assert told(BIAS, old, late, good) == [
        ("good", "[2008-03-08 to 2008-03-12)"),
        ("late", "[2008-03-05 to 2008-03-08)"),
        ("old", "[2008-03-01 to 2008-03-05)"),
        ("old", "[2008-03-12 to 2008-03-20)"),
    ]
    mine = Rule("mine", None, None, Range(datetime(2008, 3, 1), datetime(2008, 3, 11)))
    near = Rule("near", date(2008, 3, 15))
    assert told(BIAS, old, late, good, mine, near) == [
        ("good", "[2008-03-11 to 2008-03-12)"),
        ("mine", "[2008-03-01 to 2008-03-11)"),
        ("near", "[... to 2008-03-01)"),
        ("near", "[2008-03-20 to 2015-01-01)"),
        ("old", "[2008-03-12 to 2008-03-20)"),
    ]


def test_of_one_night_the_longer_dark_or_the_replacement_holds():
    short = Rule("short", date(2008, 3, 1), dark_time=60.0)
    long = Rule("long", date(2008, 3, 1), dark_time=1800.0)
    assert told(("dark", None, 7), long, short) == [("long", "[... to 2015-01-01)")]
    new = Rule("new", date(2008, 3, 1), dark_time=60.0, order=1)
    assert told(("dark", None, 7), new, long) == [("new", "[... to 2015-01-01)")]
    with pytest.raises(RepositoryError, match="one and two are both of 2008-03-01; --replace"):
        told(BIAS, Rule("one", date(2008, 3, 1)), Rule("two", date(2008, 3, 1)))
    with pytest.raises(RepositoryError, match="both of no known night"):
        told(DEFECTS, Rule("one"), Rule("two"))
