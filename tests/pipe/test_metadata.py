import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.pipe import PropertyList, PropertySet

names = st.text("abc XYZ", min_size=1, max_size=4)
values = st.one_of(
    st.booleans(), st.integers(-(2**31), 2**31 - 1), st.floats(allow_nan=False), st.text()
)


def test_add_appends_set_replaces_and_the_last_counts():
    notes = PropertyList()
    notes.add("b", 1)
    notes.add("a", "x", comment="a letter")
    notes.add("b", 2)
    assert notes.getArray("b") == [1, 2]
    assert notes.getScalar("b") == notes["b"] == 2
    assert notes.toDict() == {"b": [1, 2], "a": "x"}
    notes.set("b", 3.5)
    assert notes.names() == ["b", "a"]
    assert notes.getArray("b") == [3.5]
    assert notes.rows() == [["b", "Double", 3.5, ""], ["a", "String", "x", "a letter"]]
    notes.remove("b")
    notes.remove("b")
    assert "b" not in notes
    assert notes.nameCount() == len(notes) == 1
    with pytest.raises(KeyError, match="'b'"):
        notes.getScalar("b")


@given(st.lists(st.tuples(names, values), max_size=12))
def test_it_holds_what_a_dictionary_of_lists_holds(pairs):
    notes, wanted = PropertyList(), {}
    for name, value in pairs:
        if name in wanted and type(value) is not type(wanted[name][0]):
            with pytest.raises(TypeError):
                notes.add(name, value)
        else:
            notes.add(name, value)
            wanted.setdefault(name, []).append(value)
    assert {name: notes.getArray(name) for name in notes} == wanted
    assert list(notes) == list(wanted)
    assert notes == notes.copy() == copy.deepcopy(notes) == pickle.loads(pickle.dumps(notes))


def test_integers_have_32_or_64_bits():
    notes = PropertyList()
    notes.add("small", 1)
    with pytest.raises(OverflowError):
        notes.add("small", 2**31)
    notes.add("large", 2**31)
    notes.add("large", 1)
    notes.addLongLong("forced", 1)
    assert [notes.typeOf(name) for name in notes] == ["Int", "LongLong", "LongLong"]
    with pytest.raises(OverflowError):
        notes.add("huge", 2**63)


def test_types_count_in_a_comparison():
    one, other = PropertyList(), PropertyList()
    one.add("a", 1)
    other.add("a", 1.0)
    assert one != other


def test_numpy_numbers_are_numbers_and_objects_are_refused():
    notes = PropertyList()
    notes.add("a", np.float64(1.5))
    notes.add("b", [np.int32(1), 2])
    assert notes.toDict() == {"a": 1.5, "b": [1, 2]}
    with pytest.raises(TypeError, match="'c' cannot hold"):
        notes.add("c", object())


def test_dots_nest_in_a_set_and_not_in_a_list():
    notes = PropertySet()
    notes.set("top:sub.item", 1)
    assert notes.getScalar("top:sub.item") == notes.getScalar("top:sub")["item"] == 1
    assert notes.names(topLevelOnly=False) == ["top:sub", "top:sub.item"]
    assert notes.toDict() == {"top:sub": {"item": 1}}
    assert not notes.exists("other.item")
    flat = PropertyList()
    flat.set("a.b", 1)
    assert flat.names() == ["a.b"]
