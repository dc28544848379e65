import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

from cfhtisr.isr import overscan
from oracle import overscan as oracle
from strategies import flags, planes


@given(planes(), flags)
def test_row_median_equals_the_oracle(planes, reject):
    image, mask = planes
    level = oracle.row_median(image.tolist(), mask.tolist(), reject)
    assert_array_equal(overscan.row_median(image, mask, reject), np.float32(level))


@given(planes())
def test_row_median_ignores_what_rejected_pixels_hold(planes):
    image, mask = planes
    noisy = np.where(mask & 2, np.float32(1e30), image)
    assert_array_equal(overscan.row_median(noisy, mask, 2), overscan.row_median(image, mask, 2))


def test_row_median_wants_one_flag_per_pixel():
    with pytest.raises(ValueError, match="mask has shape"):
        overscan.row_median(np.zeros((2, 3)), np.zeros((3, 2)))
