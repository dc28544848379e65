"""Corrections applied and taken back: the bounds are those that `cfhtisr.isr.undo` states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import MaskedImage
from cfhtisr.isr import calibration, fringe, undo

U = 2.0**-24
SHAPE = (3, 4)


def pixels(low, high):
    """Return float32 planes without over- or underflow, of either sign."""
    size = st.floats(low, high, width=32)
    return arrays(np.float32, SHAPE, elements=st.one_of(size, size.map(lambda v: -v), st.just(0)))


values = pixels(2.0**-40, 2.0**40)
scales = st.floats(2.0**-20, 2.0**20).flatmap(lambda v: st.sampled_from([v, -v]))
flats = arrays(np.float32, SHAPE, elements=st.floats(2.0**-10, 2.0**10, width=32))


def error(restored, before):
    return np.abs(restored.image.array.astype(float) - before.astype(float))


@given(values, values, scales, st.booleans())
def test_a_dark_comes_back_within_its_bound(image, frame, scale, by_invert):
    target, dark = MaskedImage(image.copy()), MaskedImage(frame)
    calibration.subtract_dark(target, dark, scale)
    corrected = np.abs(target.image.array.astype(float))
    if by_invert:
        calibration.subtract_dark(target, dark, scale, invert=True)
    else:
        undo.dark(target, dark, scale)
    restored = np.abs(target.image.array.astype(float))
    assert (error(target, image) <= U * (corrected + restored)).all()


@given(values, flats, flats, st.booleans())
def test_a_flat_comes_back_within_one_unit_in_the_last_place(image, frame, level, by_invert):
    level = float(level[0, 0])
    target, flat = MaskedImage(image.copy()), MaskedImage(frame)
    calibration.divide_flat(target, flat, level)
    if by_invert:
        calibration.divide_flat(target, flat, level, invert=True)
    else:
        undo.flat(target, flat, level)
    assert (error(target, image) <= (2 * U + U * U) * np.abs(image.astype(float))).all()
    assert (error(target, image) <= np.spacing(np.abs(image)).astype(float)).all()


@given(values, values, scales, flats)
def test_dark_and_flat_come_back_within_their_bound(image, frame, scale, divisor):
    target, dark, flat = MaskedImage(image.copy()), MaskedImage(frame), MaskedImage(divisor)
    calibration.subtract_dark(target, dark, scale)
    between = np.abs(target.image.array.astype(float))
    calibration.divide_flat(target, flat)
    undo.flat(target, flat)
    undo.dark(target, dark, scale)
    restored = np.abs(target.image.array.astype(float))
    assert (error(target, image) <= (3 * U + U * U) * between + U * restored).all()


@given(values, st.lists(st.tuples(values, scales), max_size=3))
def test_fringes_come_back_within_the_sum_of_their_bounds(image, parts):
    target = MaskedImage(image.copy())
    frames = [MaskedImage(frame) for frame, _ in parts]
    bound = np.zeros(SHAPE)
    steps = [target.copy()]
    for (_, scale), frame in zip(parts, frames, strict=True):
        fringe.subtract(steps[-1], [], [])
        steps.append(steps[-1].copy())
        fringe.subtract(steps[-1], frame, [scale])
        bound += U * np.abs(steps[-1].image.array.astype(float))
    fringe.subtract(target, frames, [scale for _, scale in parts])
    assert_array_equal(target.image.array, steps[-1].image.array)
    back = target.copy()
    for (_, scale), frame in reversed(list(zip(parts, frames, strict=True))):
        fringe.restore(back, frame, [scale])
        bound += U * np.abs(back.image.array.astype(float))
    fringe.restore(target, frames, [scale for _, scale in parts])
    assert_array_equal(target.image.array, back.image.array)
    assert (error(target, image) <= bound).all()


@given(pixels(1, 1e5), flats, st.floats(0.1, 5))
def test_the_variance_comes_back_where_it_is_not_lost_in_that_of_the_frame(image, frame, scale):
    before = MaskedImage(image, None, np.full(SHAPE, 50, np.float32))
    target = before.copy()
    other = MaskedImage(frame, None, np.full(SHAPE, 0.25, np.float32))
    calibration.subtract_dark(target, other, scale)
    undo.dark(target, other, scale)
    assert_allclose(target.variance.array, 50, rtol=1e-6)
    # of a flat: what its noise adds to the quotient, in units of what was there
    share = image.astype(float) ** 2 * 1e-6 / frame.astype(float) ** 2 / 50
    target = before.copy()
    flat = MaskedImage(frame, None, np.full(SHAPE, 1e-6, np.float32))
    calibration.divide_flat(target, flat)
    undo.flat(target, flat)
    assert (np.abs(target.variance.array / 50.0 - 1) <= 1e-6 * (1 + share)).all()


def test_flags_stay_and_dead_flat_pixels_stay_dead():
    target = MaskedImage(np.full((1, 2), 7, np.float32))
    flat = MaskedImage(np.float32([[0, 2]]), [[0, 4]])
    calibration.divide_flat(target, flat)
    undo.flat(target, flat)
    assert_array_equal(target.image.array, np.float32([[np.nan, 7]]))
    assert_array_equal(target.mask.array, [[0, 4]])


def test_many_rows_and_views_are_done_alike():
    rng = np.random.default_rng(3)
    whole = rng.normal(100, 9, (300, 80)).astype(np.float32)
    target = MaskedImage(whole[:, ::2].copy())
    frame = MaskedImage(rng.normal(3, 1, (300, 40)).astype(np.float32))
    other = target.copy()
    undo.dark(target, frame, 0.3)
    calibration.subtract_dark(other, frame, 0.3, invert=True)
    assert_array_equal(target.image.array, other.image.array)
    undo.flat(target, frame, 3.0)
    calibration.divide_flat(other, frame, 3.0, invert=True)
    assert_array_equal(target.image.array, other.image.array)


def test_refusals():
    target = MaskedImage(np.ones((2, 2), np.float32))
    other = MaskedImage(np.ones((2, 3), np.float32))
    for call in (undo.dark, undo.flat):
        with pytest.raises(ShapeMismatchError, match="3 x 2 pixels, wanted 2 x 2"):
            call(target, other, 1.0)
        with pytest.raises(ValueError, match="is inf, wanted a finite"):
            call(target, target, np.inf)
    with pytest.raises(ValueError, match="level is 0"):
        undo.flat(target, target, 0)
    with pytest.raises(ShapeMismatchError, match="frame 1 has 3 x 2"):
        fringe.restore(target, [target.copy(), other], [1, 1])
    assert (target.image.array == 1).all()
