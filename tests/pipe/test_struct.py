import pickle

import pytest

from cfhtisr.pipe import Struct


def test_fields_are_attributes_in_order():
    struct = Struct(b=1, a="two")
    assert (struct.b, struct.a, len(struct)) == (1, "two", 2)
    assert list(struct.getDict()) == ["b", "a"]
    assert repr(struct) == "Struct(b=1; a='two')"


def test_copies_share_values_but_not_fields():
    value = [1]
    struct = Struct(a=value)
    other = struct.copy()
    other.b = 2
    assert other.a is value
    assert struct != other
    assert struct == Struct(a=[1])
    struct.getDict()["c"] = 3
    assert len(struct) == 1
    assert pickle.loads(pickle.dumps(struct)) == struct


def test_merge_takes_only_what_is_named_and_stops_at_a_clash():
    struct, other = Struct(b=0), Struct(a=1, b=2, c=3)
    struct.mergeItems(other)
    assert struct == Struct(b=0)
    with pytest.raises(RuntimeError, match="'b' already"):
        struct.mergeItems(other, "a", "b", "c")
    assert struct == Struct(a=1, b=0)


@pytest.mark.parametrize("name", ["copy", "getDict", "mergeItems", "__secret"])
def test_names_of_its_own_are_refused(name):
    with pytest.raises(RuntimeError):
        Struct(**{name: 1})


def test_assignment_is_free():
    struct = Struct()
    struct.copy = 3
    assert struct.copy == 3
