"""Property lists and sets survive their YAML form: order, kinds, comments, odd numbers."""

import math
from datetime import UTC, datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.pipe import PropertyList, PropertySet, from_yaml, to_yaml

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
kinds = st.sampled_from(
    [
        st.booleans(),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(2**31, 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.datetimes(min_value=datetime(1800, 1, 1)),
        st.datetimes(min_value=datetime(1800, 1, 1), timezones=st.just(UTC)),
    ]
)
several = kinds.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=3))


@st.composite
def lists(draw):
    notes = PropertyList()
    comments = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    for name, values in draw(st.dictionaries(names, several, max_size=5)).items():
        notes.set(name, values, draw(comments))
    return notes


@given(lists())
def test_a_list_comes_back(notes):
    text = to_yaml(notes)
    again = from_yaml(text)
    assert again == notes
    assert list(again) == list(notes)
    assert [again.getComment(name) for name in again] == [notes.getComment(n) for n in notes]
    assert [again.typeOf(name) for name in again] == [notes.typeOf(name) for name in notes]
    assert to_yaml(again) == text


@given(st.dictionaries(st.text("ab:", min_size=1, max_size=4), lists(), max_size=3))
def test_the_notes_of_a_tree_of_tasks_come_back(tasks):
    full = PropertySet()
    for name, notes in tasks.items():
        part = PropertySet()
        part._items = notes.copy()._items
        full.set(name, part)
    full.set("flat", 1.5)
    assert from_yaml(to_yaml(full)) == full


def test_the_rows_are_the_documented_ones():
    notes = PropertyList()
    notes.add("b", 1, "one")
    notes.add("b", 2)
    notes.addLongLong("a", 7)
    body = to_yaml(notes).partition("\n")[2]
    assert yaml.safe_load(body) == [["b", "Int", [1, 2], "one"], ["a", "LongLong", 7, ""]]
    assert from_yaml(body) == notes
    plain = PropertySet()
    plain.set("x.y", "text")
    assert from_yaml(to_yaml(plain)) == plain
    assert from_yaml("- [x, PropertySet, [[y, String, text]]]") == plain
    assert from_yaml("- [x, PropertySet, []]").toDict() == {"x": {}}


def test_numbers_that_are_none_come_back():
    notes = PropertyList()
    notes.set("odd", [math.nan, math.inf, -math.inf, 1e300, 1e-5, -0.0])
    again = from_yaml(to_yaml(notes)).getArray("odd")
    assert repr(again) == repr(notes.getArray("odd"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1", "wanted rows"),
        ("- 1", "row 1: wanted"),
        ("- [a, Int, x, '']", "'a' is 'x', wanted a value of kind Int"),
        ("- [a, Int, true, '']", "'a' is True, wanted a value of kind Int"),
        ("- [a, Odd, 1, '']", "kind 'Odd', which is not known"),
        ("- [a, Int, [], '']", "has no value"),
        ("- [", "no YAML"),
        ("!!python/object:os.system []", "no YAML"),
    ],
)
def test_what_is_no_list_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        from_yaml(text)
