"""What the table of the steps makes of a residual."""

import numpy as np
import pytest

from cfhtisr.cli._steps import _left
from cfhtisr.images.mask import PLANES
from cfhtisr.simulate.truth import Truth


def left(image, light, mask):
    truth = Truth(
        light, mask, (1e3, 1e3), (1.6, 1.6), (5.0, 5.0), (65535.0, 65535.0), 0.0, "[1:64,1:64]"
    )
    return _left("doFringe", image, truth, np.ones(light.shape, np.bool_))


def test_ghosts_are_measured_opposite_to_what_the_converter_kept():
    light = np.full((64, 64), 100, np.float32)
    mask = np.zeros((64, 64), np.int32)
    light[10:20, 5] = 20000
    light[30:60, 5] = 90000
    mask[30:60, 5] = 1 << PLANES["SAT"]
    image = light.copy()
    image[10:20, 58] += 2
    image[30:60, 58] += 9
    found = left(image, light, mask)
    assert found.ghosts == pytest.approx(2, abs=1e-5)
    assert found.cells == 0


def test_without_bright_pixels_there_is_no_figure():
    light = np.full((64, 64), 100, np.float32)
    found = left(light + 1, light, np.zeros((64, 64), np.int32))
    assert np.isnan(found.ghosts)
    assert np.isnan(found.bright)
    assert found.cells == 1
    assert found.jump == 0
