"""Headers that are copied and written past astropy are those that it would have made."""

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.io.fits.verify import VerifyWarning
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.images import header as headers

KEYS = ("GAIN", "ISR_GAINA", "HIERARCH ISR_LONGKEY", "lower", "DP1", "COMMENT")
KEYS += ("HISTORY", "", "RDNOISE")
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e30, 1e30),
    st.sampled_from(["", "text", "text  ", "AXIS.1: 2", np.float32(2.5), np.int64(7), None]),
)
CARDS = st.lists(st.tuples(st.sampled_from(KEYS), VALUES, st.sampled_from(["", "words"])))


def state(header):
    cards = [vars(card) for card in header._cards]
    places = [
        {key: at for key, at in where.items() if at}
        for where in (header._keyword_indices, header._rvkc_indices)
    ]
    return cards, places, header._modified


def made(cards):
    header = Header()
    for key, value, comment in cards:
        header.append((key, value, comment), end=True)
    return header


@given(CARDS, CARDS)
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_a_card_that_is_put_is_that_of_astropy(before, cards):
    ours, theirs = made(before), made(before)
    for key, value, comment in cards:
        headers.put(ours, key, value, comment)
        theirs[key] = (value, comment)
    assert state(ours) == state(theirs)


@given(CARDS, st.lists(st.sampled_from(KEYS)))
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_a_copy_is_that_of_astropy(cards, without):
    header = made(cards)
    copy, wanted = headers.copied(header, without), header.copy()
    for key in without:
        wanted.remove(key, ignore_missing=True, remove_all=True)
    assert state(copy) == state(wanted)
    untouched = state(header)
    for card in copy.cards:
        if card.keyword not in ("", "COMMENT", "HISTORY"):
            card.value = 17
    headers.put(copy, "NEW", 1, "")
    assert state(header) == untouched


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_a_mapping_becomes_the_header_of_astropy(cards):
    assert state(headers.of_mapping(cards)) == state(Header(list(cards.items())))


def test_what_a_header_cannot_hold_is_refused():
    for value in (float("nan"), "caf\u00e9", [1]):
        with pytest.raises(ValueError, match=r"."):
            headers.put(Header(), "KEY", value, "")
        with pytest.raises(ValueError, match=r"."):
            headers.of_mapping({"KEY": value})
    with pytest.warns(VerifyWarning):
        headers.of_mapping({"A_LONG_KEYWORD": 1})
    with pytest.warns(VerifyWarning):
        headers.of_mapping({"A_LONG_KEYWORD": 1})


def test_an_astropy_that_keeps_cards_otherwise_does_it_all(monkeypatch):
    monkeypatch.setattr(headers, "_is_known", lambda: False)
    header = headers.of_mapping({"A": 1, "B": 2})
    headers.put(header, "C", 3, "three")
    assert list(headers.copied(header, ["A"])) == ["B", "C"]
