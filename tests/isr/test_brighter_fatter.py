import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr import Box2I
from cfhtisr.images import Image
from cfhtisr.isr import brighter_fatter
from oracle import brighter_fatter as oracle
from strategies import images, pixels

parities = pytest.mark.parametrize("parity", ["none", "lsst-v17"])


def a_kernel(size, scale=-1e-6):
    y, x = np.indices((size, size)) - (size - 1) // 2
    return scale / (1 + x * x + 2 * y * y)


def stars(shape, seed=1, n=20):
    """Return a sky of 1000 electrons with stars upon it."""
    rng = np.random.default_rng(seed)
    image = 1000 + rng.normal(0, 10, shape)
    y, x = np.indices(shape)
    for _ in range(n):
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        image += rng.uniform(1e3, 5e4) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 8)
    return image.astype(np.float32)


@given(st.data(), st.integers(1, 5), st.integers(0, 4), st.sampled_from(["none", "lsst-v17"]))
def test_it_equals_the_oracle(data, size, max_iter, parity):
    shape = data.draw(st.tuples(st.integers(size, 11), st.integers(size, 19)))
    levels = data.draw(st.sampled_from([st.floats(-100, 60000, width=32), pixels]))
    image = data.draw(images(shape, levels))
    scale = data.draw(st.sampled_from([1e-7, -1e-4, 1.0]))
    kernel = [[scale * data.draw(st.integers(-9, 9)) for _ in range(size)] for _ in range(size)]
    threshold = data.draw(st.sampled_from([0.0, 1e-3, 1000.0, math.inf]))
    wanted, iterations = oracle.correct(image.tolist(), kernel, max_iter, threshold, parity)
    got = brighter_fatter.correct(image, kernel, max_iter, threshold, parity=parity)
    # Rounded once, the double sum of the kernel is the same on both sides; so is all else.
    assert_array_equal(image, np.array(wanted, np.float32))
    assert got == iterations


@parities
def test_an_image_wider_than_one_block_equals_the_oracle(parity):
    image = stars((70, 41), n=5)
    kernel = a_kernel(5)
    wanted, iterations = oracle.correct(image.tolist(), kernel.tolist(), 3, 10.0, parity)
    assert brighter_fatter.correct(image, kernel, 3, 10.0, parity=parity) == iterations
    assert_array_equal(image, np.float32(wanted))


@parities
@pytest.mark.parametrize("size", [1, 2, 3, 17, 100])
def test_a_constant_image_stays_as_it_is(parity, size):
    image = np.full((100, 100), 100, np.float32)
    kernel = np.zeros((size, size))
    kernel[min(9, size - 1), min(9, size - 1)] = 1  # not the centre
    iterations = brighter_fatter.correct(image, kernel, 5, 100.0, parity=parity)
    assert (image == 100).all()
    # the reference compares the second round with zeros, hence stops after the third
    assert iterations == (1 if parity == "none" else 3)


@parities
def test_charge_is_kept_and_stars_get_sharper(parity):
    image = np.full((64, 64), 1000, np.float32)
    y, x = np.indices(image.shape) - 32
    image += 40000 * np.exp(-(y * y + x * x) / 50)
    before = image.astype(float)
    iterations = brighter_fatter.correct(image, a_kernel(9), threshold=1.0, parity=parity)
    assert 1 < iterations < 10
    assert image[32, 32] > before[32, 32]
    # The correction is a divergence: what leaves one pixel comes to another, but for the
    # differences that stand for derivatives.
    moved = np.abs(image - before).sum()
    assert abs(image.sum(dtype=float) - before.sum()) < 0.02 * moved
    radius = [((y * y + x * x) * (each - 1000)).sum() for each in (before, image.astype(float))]
    assert radius[1] < radius[0]


def test_the_margin_of_the_reference_is_one_wider_at_the_high_end():
    for size, parity, low, high in (
        (5, "none", 3, 3),
        (5, "lsst-v17", 3, 4),
        (4, "none", 2, 3),
        (4, "lsst-v17", 3, 3),
    ):
        image = np.random.default_rng(3).normal(5e4, 5e3, (30, 40)).astype(np.float32)
        before = image.copy()
        brighter_fatter.correct(image, a_kernel(size, -1e-5), 1, parity=parity)
        changed = image != before
        expected = np.zeros(image.shape, bool)
        expected[low:-high, low:-high] = True
        assert_array_equal(changed, expected)


def test_results_do_not_depend_on_the_number_of_threads():
    results = []
    try:
        for threads in (1, 2, 7):
            cfhtisr.set_num_threads(threads)
            image = stars((150, 61))
            results.append((brighter_fatter.correct(image, a_kernel(7), threshold=1e-2), image))
    finally:
        cfhtisr.set_num_threads(None)
    for iterations, image in results[1:]:
        assert iterations == results[0][0]
        assert_array_equal(image, results[0][1])


@parities
def test_gains_are_those_of_each_amplifier(parity):
    electrons = stars((40, 60))
    gains = [(Box2I(7, -3, 30, 40), 1.6), (Box2I(37, -3, 30, 40), 1.5)]
    scale = np.where(np.arange(60) < 30, np.float32(1.6), np.float32(1.5))
    image = Image(electrons / scale, xy0=(7, -3))
    assert brighter_fatter.correct(electrons, a_kernel(5), parity=parity) == (
        brighter_fatter.correct(image, a_kernel(5), gains=gains, parity=parity)
    )
    # Two roundings of the gain beside those of the correction.
    assert_allclose(image.array, electrons / scale, rtol=5e-7)


def test_nan_stays_and_counts_as_zero():
    image = stars((20, 20))
    image[9, 9] = np.nan
    other = np.where(np.isnan(image), np.float32(0), image)
    brighter_fatter.correct(image, a_kernel(3))
    brighter_fatter.correct(other, a_kernel(3))
    assert np.isnan(image[9, 9])
    good = ~np.isnan(image)
    assert good.sum() == 399
    assert_array_equal(image[good], other[good])


def test_a_kernel_survives_being_pickled():
    image, other = stars((30, 30)), stars((30, 30))
    brighter_fatter.correct(image, a_kernel(17))
    brighter_fatter.correct(other, pickle.loads(pickle.dumps(a_kernel(17))))
    assert_array_equal(image, other)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kernel": np.zeros((3, 5))}, r"kernel has shape \(3, 5\), wanted a square"),
        ({"kernel": np.zeros((0, 0))}, "wanted a square"),
        ({"kernel": np.zeros(3)}, r"kernel has shape \(3,\)"),
        ({"kernel": np.full((3, 3), np.nan)}, "kernel holds NaN"),
        ({"kernel": np.zeros((11, 11))}, r"kernel has shape \(11, 11\), the image only \(10, 10\)"),
        ({"max_iter": -1}, "max_iter is -1"),
        ({"threshold": math.nan}, "threshold is NaN"),
        ({"gains": [(Box2I(0, 0, 5, 10), 0.0)]}, "the gain of .* is 0.0"),
        ({"gains": [(Box2I(0, 0, 5, 10), 2.0), (Box2I(0, 0, 5, 10), math.nan)]}, "is nan"),
        ({"gains": [(Box2I(0, 0, 5, 10), 2.0)], "kernel": np.ones((2, 1))}, "wanted a square"),
        ({"parity": "v18"}, "parity is 'v18'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(options, text):
    image = np.ones((10, 10), np.float32)
    with pytest.raises(ValueError, match=text):
        brighter_fatter.correct(image, **({"kernel": np.ones((3, 3))} | options))
    assert (image == 1).all()


def test_pixels_of_another_type_are_refused():
    with pytest.raises(TypeError, match="image holds float64, wanted float32"):
        brighter_fatter.correct(np.zeros((5, 5)), np.zeros((3, 3)))
