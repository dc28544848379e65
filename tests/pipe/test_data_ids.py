"""Data ids: alternatives, ranges, products, types."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.pipe import DataIdContainer
from cfhtisr.pipe.data_ids import DataIdError, expand, expand_value

words = st.text("abcxyz.,-:+ 0123456789", min_size=1, max_size=6)


@st.composite
def parts(draw):
    """Return a part of a value, and what it stands for."""
    if draw(st.booleans()):
        first, count, step = draw(
            st.tuples(st.integers(0, 10**9), st.integers(0, 30), st.integers(1, 7))
        )
        last = first + count
        suffix = f":{step}" if step > 1 or draw(st.booleans()) else ""
        wanted = [str(number) for number in range(first, last + 1) if (number - first) % step == 0]
        return f"{first}..{last}{suffix}", wanted
    word = draw(words.filter(lambda text: ".." not in text))
    return word, [word]


values = st.lists(parts(), min_size=1, max_size=4).map(
    lambda found: (
        "^".join(text for text, _ in found),
        list(itertools.chain(*(each for _, each in found))),
    )
)
keys = st.text("abcdef", min_size=1, max_size=3)


@given(values)
def test_a_value_stands_for_its_parts_in_order(value):
    text, wanted = value
    assert expand_value(text) == wanted


@given(st.dictionaries(keys, values, max_size=3))
def test_keys_are_multiplied_the_first_varying_slowest(pairs):
    found = expand([f"{key}={text}" for key, (text, _) in pairs.items()])
    wanted = [
        dict(zip(pairs, combination, strict=True))
        for combination in itertools.product(*(each for _, each in pairs.values()))
    ]
    assert found == wanted


def test_the_documented_examples():
    assert expand_value("0^2..4^7..9") == list("023 4789".replace(" ", ""))
    assert expand_value("1..5:2") == ["1", "3", "5"]
    assert expand_value("1,1") == ["1,1"]
    assert expand_value("-1..3") == ["-1..3"]
    assert expand([]) == [{}]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("ccd", "'ccd': wanted KEY=VALUE"),
        ("=3", "'=3': wanted KEY=VALUE"),
        ("ccd=3..1", "range is empty, 1 is below 3"),
        ("ccd=1..3:0", "wanted a step of at least 1"),
        ("ccd=0..99999999999", "more than 1000000 values"),
        ("ccd=0..9999999999999999999999", "at most 18 digits"),
        ("ccd=0..9999 visit=0..9999", "more than 1000000 data ids"),
        ("ccd=1 ccd=2", "'ccd' is given twice"),
    ],
)
def test_what_cannot_be_meant(given, reason):
    with pytest.raises(DataIdError, match=reason):
        expand(given.split(" "))


class Typed:
    def getKeys(self, datasetType=None, level=None):
        if datasetType != "raw":
            raise KeyError(datasetType)
        return {"visit": int, "expTime": float, "filter": str}


def test_values_get_the_types_of_their_keys(caplog):
    container = DataIdContainer()
    container.idList = expand(["visit=7", "expTime=1.5", "filter=3", "other=4"])
    with pytest.raises(RuntimeError, match="not known"):
        container.castDataIds(Typed())
    container.setDatasetType("raw")
    container.castDataIds(Typed())
    assert container.idList == [{"visit": 7, "expTime": 1.5, "filter": "3", "other": "4"}]
    assert "other of --id is no key of raw" in caplog.text
    container.idList = [{"visit": "x"}]
    with pytest.raises(RuntimeError, match="visit=x: wanted a value of type int"):
        container.castDataIds(Typed())
    container.setDatasetType("rew")
    with pytest.raises(RuntimeError, match="no type of dataset 'rew'"):
        container.castDataIds(Typed())


class Tree:
    """A reference with others below it."""

    def __init__(self, there, below=()):
        self.there, self.below = there, below

    def subItems(self, level=None):
        return self.below

    def datasetExists(self, datasetType=None):
        return self.there


def test_a_reference_is_there_if_anything_below_it_is():
    from cfhtisr.pipe.data_ids import data_exists

    assert data_exists(Tree(False, [Tree(False), Tree(True)]), "raw")
    assert not data_exists(Tree(True, [Tree(False)]), "raw")
