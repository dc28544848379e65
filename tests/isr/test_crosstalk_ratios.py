import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import Exposure, MaskedImage
from cfhtisr.isr import crosstalk, crosstalk_ratios
from crosstalk_samples import four_amplifiers


def test_crosstalk_that_was_put_in_is_measured():
    exposure, _, matrix = four_amplifiers()
    ratios = crosstalk_ratios.extractCrosstalkRatios(exposure, threshold=12344)
    coeff, error, number = crosstalk_ratios.measureCrosstalkCoefficients(ratios)
    assert coeff.shape == error.shape == number.shape == (4, 4)
    assert_allclose(coeff, matrix, atol=1e-6)
    off = ~np.eye(4, dtype=bool)
    assert (error[off] > 0).all()
    assert (number[off] > 900).all()
    assert np.isnan(np.diagonal(error)).all()
    assert (np.diagonal(number) == 1).all()
    crosstalk.subtract(exposure, coeff, minPixelToMask=np.nan)
    after, _, _ = crosstalk_ratios.measureCrosstalkCoefficients(
        crosstalk_ratios.extractCrosstalkRatios(exposure, threshold=12344)
    )
    assert_allclose(after, 0, atol=2e-6)


def test_only_good_bright_pixels_are_looked_at():
    exposure, _, _ = four_amplifiers()
    planes = exposure.masked_image
    planes.image.array[...] = 0
    planes.image.array[0, :4] = [100, np.inf, 200, 99]
    planes.image.array[0, 999] = 5  # meets the first pixel of the other amplifier
    planes.mask.array[0, 2] = 2
    ratios = crosstalk_ratios.extractCrosstalkRatios(exposure, threshold=100)
    assert ratios[0][0] is None
    assert_array_equal(ratios[1][0], np.float32([0.05]))
    assert ratios[0][1].size == 0
    assert planes.mask.count("DETECTED") == 3


ratios_of_any_kind = st.lists(st.one_of(st.floats(-0.1, 0.1), st.sampled_from([np.nan, 7, -1])))


@given(ratios_of_any_kind, st.integers(0, 4))
def test_the_coefficient_lies_between_its_ratios(values, rounds):
    coeff, error, number = crosstalk_ratios.measureCrosstalkCoefficients(
        [[None, values], [None, None]], rejIter=rounds
    )
    used = [v for v in values if abs(v) < 1]
    assert number.tolist() == [[1, len(used)], [0, 1]]
    if used:
        assert min(used) - 1e-12 <= coeff[0, 1] <= max(used) + 1e-12
    else:
        assert np.isnan(coeff[0, 1])
    assert np.isnan(error[0, 1]) or error[0, 1] <= 0.1
    assert np.isnan(coeff[1, 0])


def test_outliers_are_clipped():
    values = [1e-3, 1.1e-3, 0.9e-3, 1.05e-3, 0.95e-3, 0.5]
    coeff, _, number = crosstalk_ratios.measureCrosstalkCoefficients([[None, values], [[], None]])
    assert coeff[0, 1] == pytest.approx(1e-3, rel=0.05)
    assert number[0, 1] == 6


def test_refusals():
    with pytest.raises(AssertionError, match="rows of"):
        crosstalk_ratios.measureCrosstalkCoefficients([[None, [1]]])
    with pytest.raises(RuntimeError, match="no detector"):
        crosstalk_ratios.extractCrosstalkRatios(Exposure(MaskedImage(np.zeros((1, 1), np.float32))))
