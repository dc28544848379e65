import numpy as np
import pytest

from cfhtisr import Mask
from cfhtisr.images.mask import FIRST_USER_BIT, PLANES


def test_the_bits_of_the_documented_planes_are_fixed():
    assert Mask.bitmask("BAD") == 1
    assert Mask.bitmask(["SAT", "SUSPECT"]) == 2 | 128
    assert Mask.getPlaneBitMask("CROSSTALK") == 1 << 10
    assert dict(PLANES) | {} == {**PLANES}
    assert Mask.getMaskPlane("UNMASKEDNAN") == 9


def test_user_planes_come_above_and_keep_their_bit():
    bit = Mask.add_plane("GHOST")
    assert bit >= FIRST_USER_BIT
    assert Mask.addMaskPlane("GHOST") == bit == Mask.getMaskPlaneDict()["GHOST"]


def test_an_unknown_plane_is_refused_by_name():
    with pytest.raises(KeyError, match="no mask plane 'NOPE'"):
        Mask.bitmask("NOPE")


@pytest.mark.parametrize("name", ["", "WITH SPACE", "Ä"])
def test_a_name_that_fits_no_card_is_refused(name):
    with pytest.raises(ValueError, match="is no plane name"):
        Mask.add_plane(name)


def test_values_are_flags_of_31_bits():
    assert Mask(np.array([[1]], np.uint8)).array.dtype == np.int32
    with pytest.raises(ValueError, match="31 bits"):
        Mask(np.array([[2**31]], np.int64))
    with pytest.raises(TypeError, match="whole numbers"):
        Mask(np.zeros((1, 1)))


def test_or_takes_masks_and_bits():
    mask = Mask(np.array([[1, 0]], np.int32))
    mask |= Mask([[2, 2]])
    mask |= 4
    assert mask.array.tolist() == [[7, 6]]
    assert mask.interpretValue(6) == "SAT,INTRP"
    assert mask.count(["BAD"]) == 1
