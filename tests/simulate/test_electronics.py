"""What the electronics of a simulated CCD do wrong, each by exactly what was asked."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.simulate.ccd import simulate_ccd
from cfhtisr.simulate.electronics import compress, mix
from cfhtisr.simulate.settings import Settings

SMALL = Settings(ccds=(3,), rows=64, columns=128, seed=5)


def raw(**changes):
    return simulate_ccd(replace(SMALL, **changes), 3, masters=False).raw.astype(np.int64)


def test_a_squared_linearizer_undoes_the_compression():
    linear = np.float32([[-5, 0, 1e-3, 1000, 20000, 50000, 9e4]])
    shot = np.ones_like(linear)
    counts = linear.copy()
    compress(counts, shot, 2e-7)
    # Two roundings to float32 on the way there, and three on the way back.
    assert_allclose(counts + 2e-7 * counts.clip(0) ** 2, linear, rtol=5 * 2.0**-24)
    assert counts[0, 5] == pytest.approx(50000 - 2e-7 * 50000**2, rel=3e-4)
    slope = 1 / (1 + 4e-7 * counts.clip(0))
    assert_allclose(shot, slope**2, rtol=1e-5)


def test_crosstalk_is_mirrored():
    counts = np.zeros((2, 8), np.float32)
    counts[0, 1], counts[1, 6] = 1000, 3000
    mix(counts, 0.01)
    assert counts[0, 6] == 10
    assert counts[1, 1] == 30
    assert np.count_nonzero(counts) == 4


def test_a_jump_begins_at_the_middle_row_in_pixels_and_overscan():
    jump = raw(bias_jump=20.0) - raw()
    row = SMALL.jump_row
    assert row == 48
    assert not jump[:row].any()
    free = raw()[row:] < 60000
    assert_array_equal(jump[row:][free], 20)


def test_no_light_comes_through_a_dead_amplifier():
    made = simulate_ccd(replace(SMALL, dead_amplifiers=("3B", "7A")), 3, masters=False)
    boxes = made.detector["B"]
    pixels = made.raw[boxes.raw_data_bbox.slices].astype(float)
    strip = made.raw[boxes.raw_horizontal_overscan_bbox.slices].astype(float)
    # The bias has a structure of an ADU, the noise of a mean is far below.
    assert abs(np.median(pixels) - np.median(strip[:64])) < 3
    assert made.defects.mask(64, 128)[:, 64:].all()
    assert not made.defects.mask(64, 128)[1:-1, :64].all()
    assert_array_equal(made.truth, simulate_ccd(SMALL, 3, masters=False).truth)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crosstalk", -1e-4),
        ("nonlinearity", 0.2),
        ("dead_amplifiers", ("40A",)),
        ("dead_amplifiers", ("3",)),
        ("bias_jump", float("nan")),
    ],
)
def test_refusals(name, value):
    with pytest.raises(ValueError, match=name):
        replace(SMALL, **{name: value})
