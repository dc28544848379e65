"""ADU to electrons."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import units


def detector(gains=(2.0, 3.0)):
    """Two amplifiers of 3 x 2 pixels, side by side, each with 2 columns of overscan outside."""
    places = zip("AB", gains, (0, 3), (0, 5), (2, 5), (0, 8), strict=True)
    amplifiers = [
        Amplifier(
            name,
            Box2I(x, 0, 3, 2),
            raw_bbox=Box2I(raw, 0, 5, 2),
            raw_data_bbox=Box2I(data, 0, 3, 2),
            raw_horizontal_overscan_bbox=Box2I(overscan, 0, 2, 2),
            gain=gain,
            read_noise=4.0,
            saturation=1000.0,
            suspect_level=math.nan,
        )
        for name, gain, x, raw, data, overscan in places
    ]
    return Detector("ccd07", 7, Box2I(0, 0, 6, 2), amplifiers)


@pytest.mark.parametrize("columns", [6, 10], ids=["trimmed", "raw"])
def test_each_amplifier_is_multiplied_by_its_gain(columns):
    values = np.arange(2 * columns, dtype=np.float32).reshape(2, columns)
    values[0, 0], values[1, -1] = np.nan, np.inf
    planes = MaskedImage(values.copy(), np.full(values.shape, 3, np.int32), values * 2)
    ccd = detector()
    described = units.to_electrons(planes, ccd)
    gains = np.repeat(np.float32([2, 3]), columns // 2)
    assert_array_equal(planes.image.array, values * gains)
    assert_array_equal(planes.variance.array, values * 2 * gains**2)
    assert (planes.mask.array == 3).all()
    assert [amp.gain for amp in described] == [1, 1]
    assert [amp.saturation for amp in described] == [2000, 3000]
    assert [amp.read_noise for amp in described] == [4, 4]
    assert [amp.gain for amp in ccd] == [2, 3]


def test_twice_is_once():
    planes = MaskedImage(np.ones((2, 6), np.float32))
    units.to_electrons(planes, units.to_electrons(planes, detector()))
    assert planes.image.array.tolist() == [[2, 2, 2, 3, 3, 3]] * 2


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan, math.inf])
def test_a_gain_that_is_none_changes_nothing(gain):
    planes = MaskedImage(np.ones((2, 6), np.float32))
    with pytest.raises(ValueError, match=f"the gain of amplifier B of ccd07 is {gain}"):
        units.to_electrons(planes, detector((2.0, gain)))
    assert (planes.image.array == 1).all()


def test_other_frames_are_refused():
    with pytest.raises(ValueError, match="wanted"):
        units.to_electrons(MaskedImage(np.ones((2, 7), np.float32)), detector())
    with pytest.raises(TypeError, match="image of uint16, wanted float32"):
        units.to_electrons(MaskedImage(np.ones((2, 6), np.uint16)), detector())
