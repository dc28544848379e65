import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images import Image, Mask
from cfhtisr.isr import bad_regions, statistics
from oracle import bad_regions as oracle
from strategies import planes

BAD, INTRP = 1, 4


@given(planes())
def test_fill_equals_the_oracle(planes):
    image, mask = planes
    flags = mask.copy()
    wanted, count, value = oracle.fill(image.tolist(), mask.tolist(), BAD, INTRP)
    result = bad_regions.fill(image, mask)
    assert result[0] == count
    assert_array_equal(result[1], value)
    with np.errstate(over="ignore"):
        assert_array_equal(image, np.array(wanted, np.float32).reshape(image.shape))
    assert_array_equal(mask, flags)


@given(planes(), st.sampled_from(["MEDIAN", "MEANCLIP"]))
def test_filling_twice_fills_the_same(planes, statistic):
    image, mask = planes
    first = bad_regions.fill(image, mask, statistic)
    before = image.copy()
    second = bad_regions.fill(Image(image), Mask(mask), statistic)
    assert_array_equal(second, first)
    assert_array_equal(image, before)


def test_the_clipped_mean_on_request():
    image = np.array([[1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 900, 7]], np.float32)
    mask = np.zeros(image.shape, np.int32)
    mask[0, -1] = BAD
    level = statistics.compute(image[:, :-1], "MEANCLIP")
    assert bad_regions.fill(image, mask, "MEANCLIP") == (1, level)
    assert image[0, -1] == np.float32(level)


def test_refusals():
    image, mask = np.zeros((2, 2), np.float32), np.ones((2, 2), np.int32)
    with pytest.raises(UnknownChoiceError, match="statistic is 'MEAN'"):
        bad_regions.fill(image, mask, "MEAN")
    with pytest.raises(RuntimeError):
        bad_regions.fill(image, mask, "MEAN")
    with pytest.raises(ValueError, match="mask has shape"):
        bad_regions.fill(image, mask[:1])
    with pytest.raises(TypeError, match="image holds float64"):
        bad_regions.fill(image.astype(float), mask)
    with pytest.raises(TypeError, match="mask holds float64"):
        bad_regions.fill(image, np.ones((2, 2)))
