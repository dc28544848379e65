import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr import _kernels
from cfhtisr.images import MaskedImage
from cfhtisr.isr import overscan_quality as quality
from oracle import overscan_quality as oracle
from strategies import images, strided


def strip(rows=400, columns=32, noise=3.0, seed=1, drift=0.0):
    rng = np.random.default_rng(seed)
    level = 1000 + drift * np.linspace(-0.5, 0.5, rows)[:, None]
    return np.rint(level + rng.normal(0, noise, (rows, columns))).astype(np.float32)


@pytest.mark.parametrize(
    ("first", "last", "skipped"),
    [
        (0, 0, (False, False)),
        (-7, 0, (True, False)),
        (0, -12, (False, True)),
        (5, 5, (True, True)),
        (0.3, -0.3, (False, False)),  # less than matters
    ],
)
@pytest.mark.parametrize("drift", [0.0, 50.0])
def test_edges_that_are_off_are_odd(first, last, skipped, drift):
    pixels = strip(drift=drift)
    pixels[:, 0] += first
    pixels[:, -1] += last
    found = quality.odd_edges(MaskedImage(pixels))
    assert found[2:] == skipped
    assert found[:2] == pytest.approx((first, last), abs=0.6)


def test_edges_of_good_strips_are_left_alone():
    odd = [quality.odd_edges(MaskedImage(strip(seed=seed)))[2:] for seed in range(40)]
    assert not np.any(odd)


def test_a_few_bright_pixels_make_no_edge_odd():
    pixels = strip()
    pixels[5:9, 0] = 40000
    pixels[3, -1] = np.nan
    assert quality.odd_edges(MaskedImage(pixels))[2:] == (False, False)
    mask = np.zeros(pixels.shape, np.int32)
    pixels[:, 0] -= 9
    mask[:, 0] = 2
    assert quality.odd_edges(MaskedImage(pixels, mask), and_mask=2)[2:] == (False, False)


@pytest.mark.parametrize("shape", [(0, 0), (1, 32), (400, 7), (31, 32)])
def test_a_strip_that_is_too_small_tells_nothing(shape):
    planes = MaskedImage(np.ones(shape, np.float32))
    assert quality.odd_edges(planes) == (0.0, 0.0, False, False)


@given(images(), st.integers(0, 3))
def test_anything_goes(image, and_mask):
    if image.size == 0:
        return
    planes = MaskedImage(np.ascontiguousarray(np.tile(image, (40, 10))))
    before = planes.image.array.copy()
    quality.odd_edges(planes, and_mask)
    quality.flag_outlier_rows(planes, 5.0, and_mask)
    quality.residual_of(planes, and_mask)
    assert_array_equal(planes.image.array, before)


def test_rows_with_charge_of_others_are_flagged_and_rows_of_the_bias_stay():
    pixels = strip()
    pixels[30] += 300  # the bias itself
    pixels[50] += np.linspace(300, 0, 32)
    pixels[0] += np.linspace(500, 0, 32)
    pixels[60, 3] = 65535  # one pixel moves no median
    planes = MaskedImage(pixels)
    assert quality.flag_outlier_rows(planes) == 2
    assert_array_equal(np.flatnonzero((planes.mask.array == 2).all(axis=1)), [0, 50])
    assert np.count_nonzero(planes.mask.array) == 64
    assert quality.flag_outlier_rows(planes, and_mask=2) == 0


def test_what_is_left_is_described():
    pixels = strip(seed=3) - 1000
    pixels[7] += 40
    mask = np.zeros(pixels.shape, np.int32)
    mask[9, :5] = 2
    pixels[11, 0] = np.nan
    found = quality.residual_of(MaskedImage(pixels, mask), and_mask=2)
    assert found.level == pytest.approx(0, abs=0.1)
    assert found.noise == pytest.approx(3, rel=0.05)
    assert found.row_scatter == pytest.approx(3 / np.sqrt(32), rel=0.2)
    assert found.n_rejected == 6
    mask[...] = 2
    assert np.isnan(quality.residual_of(MaskedImage(pixels, mask), 2).noise)


@st.composite
def strips(draw):
    """Return overscan pixels with whole and half levels, some of them odd, and flags."""
    rows, columns = draw(st.integers(1, 70)), draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pixels = np.rint(rng.normal(1000, draw(st.integers(0, 4)), (rows, columns)))
    for _ in range(draw(st.integers(0, 4))):
        row = rng.integers(rows)
        pixels[row] += rng.integers(-300, 300) * rng.random(columns)
    pixels = pixels.astype(np.float32)
    pixels[rng.random(pixels.shape) < 0.02] = rng.choice(np.float32([np.nan, np.inf, 65535, -0.0]))
    mask = np.where(rng.random(pixels.shape) < draw(st.sampled_from([0, 0.1, 0.7])), 2, 4)
    return draw(strided(pixels)), draw(strided(mask.astype(np.int32)))


@given(strips(), st.sampled_from([0, 2, 6]), st.integers(1, 3))
def test_columns_equal_the_oracle(strip, reject, stride):
    noise, means, counts = _kernels.overscan_columns(*strip, reject, stride)
    wanted = oracle.columns(*(plane.tolist() for plane in strip), reject, stride)
    # the mean of a middle pair is a float32 here, a double there
    assert noise == pytest.approx(wanted[0], rel=1e-6, nan_ok=True)
    assert abs(counts - np.array(wanted[2])).sum() <= 2
    if counts.tolist() == wanted[2]:
        assert means == pytest.approx(wanted[1], rel=1e-5, abs=1e-4)


@given(strips(), st.sampled_from([0, 2, 6]))
def test_outlier_rows_equal_the_oracle(strip, reject):
    found = quality.flag_outlier_rows(MaskedImage(strip[0], strip[1].copy()), 5.0, reject)
    rows, columns = strip[0].shape
    lists = [plane.tolist() for plane in strip]
    wanted = oracle.outlier_rows(*lists, reject, 5.0) if rows > 10 and columns > 7 else []
    assert abs(found - len(wanted)) <= 1  # at the limit, rounding decides


@given(strips(), st.sampled_from([0, 2, 6]))
def test_residual_equals_the_oracle(strip, reject):
    found = quality.residual_of(MaskedImage(*strip), reject)
    wanted = oracle.residual(*(plane.tolist() for plane in strip), reject)
    assert found == pytest.approx(wanted, rel=1e-7, abs=1e-7, nan_ok=True)
