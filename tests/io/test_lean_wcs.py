"""The world coordinates that stand for astropy's, against astropy's."""

import copy

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.io._cards import wcs_entries
from cfhtisr.io.lean_wcs import LeanWcs
from cfhtisr.io.raw_header import wcs_of
from raw_files import header_of

CARDS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 204.1, "CRVAL2": 12.4}
CARDS |= {"CRPIX1": -426.3, "CRPIX2": 200.6, "MJD-OBS": 57520.29}
CARDS |= {"CD1_1": 5.194e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": -5.194e-5}
CARDS |= {"EQUINOX": 2000, "RADECSYS": "FK5"}


def both(cards):
    header = header_of(cards)
    return wcs_of(header), wcs_of(LeanHeader.of([card.image for card in header.cards]))


@given(
    st.floats(0, 360),
    st.floats(-89.9, 89.9),
    st.lists(st.floats(-1e5, 1e5), min_size=2, max_size=2),
    st.lists(st.floats(1e-6, 1e-3) | st.floats(-1e-3, -1e-6), min_size=4, max_size=4),
    st.lists(st.floats(-3000, 3000), min_size=2, max_size=2),
)
def test_its_cards_are_those_of_astropy(ra, dec, crpix, cd, shift):
    changes = {"CRVAL1": ra, "CRVAL2": dec, "CRPIX1": crpix[0], "CRPIX2": crpix[1]}
    changes |= {f"CD{i + 1}_{j + 1}": cd[2 * i + j] for i in (0, 1) for j in (0, 1)}
    theirs, ours = both(CARDS | changes)
    if isinstance(ours, LeanWcs):
        theirs, ours = theirs.deepcopy(), ours.deepcopy()
        theirs.wcs.crpix += shift
        ours.wcs.crpix += shift
        assert ours.entries() is not None
        assert wcs_entries(ours) == wcs_entries(theirs)


def test_the_coordinates_of_a_raw_are_plain():
    assert isinstance(both(CARDS)[1], LeanWcs)
    assert isinstance(both(CARDS | {"CUNIT1": "deg", "RADESYS": "FK5"})[1], LeanWcs)


def test_others_are_left_to_astropy():
    for changes in (
        {"CTYPE1": "RA---SIN"},
        {"CD1_1": 0.0},
        {"PV1_1": 0.1},
        {"CRVAL2": 90.0},
        {"RADECSYS": "ICRS"},
        {"EQUINOX": 1950.0},
        {"CRPIX1": "1"},
    ):
        theirs, ours = both(CARDS | changes)
        assert not isinstance(ours, LeanWcs)
        if theirs is None:
            assert ours is None
        else:
            assert wcs_entries(ours) == wcs_entries(theirs)


def test_what_only_astropy_has_is_there_too():
    theirs, ours = both(CARDS)
    ours.wcs.crpix += (10, 0)
    theirs.wcs.crpix += (10, 0)
    x, y = ours.wcs_pix2world([1.0], [2.0], 0)
    np.testing.assert_array_equal((x, y), theirs.wcs_pix2world([1.0], [2.0], 0))
    assert ours.entries() is None
    assert wcs_entries(copy.deepcopy(ours)) == wcs_entries(theirs)
    ours.wcs.cd = ours.wcs.cd * 2
    assert ours.wcs.cd[0, 0] == 2 * theirs.wcs.cd[0, 0]
    ours.sip = None
    assert ours.astropy().sip is None
