import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr import _kernels
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr.fused import Batch, Immediate
from oracle import fused as oracle
from strategies import masked_images, shapes

NAMES = ("place", "bias", "variance", "variance_v17", "trails", "dark", "flat")
numbers = st.one_of(st.floats(0.25, 4), st.sampled_from([1.0, 1e-30, 1e30]))


def lists(planes):
    return [array.tolist() for array in planes.getArrays()]


@st.composite
def steps_of(draw, shape):
    """Return steps on boxes of a frame, with planes of their sizes."""
    steps = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=5)):
        top, left = (draw(st.integers(0, size)) for size in shape)
        size = (draw(st.integers(0, shape[0] - top)), draw(st.integers(0, shape[1] - left)))
        other, pair = None, (draw(numbers), draw(numbers))
        if name in ("place", "bias", "dark", "flat") or (
            name == "variance" and draw(st.booleans())
        ):
            other = draw(masked_images(shape=size))
        if name == "place":
            pair = (draw(st.booleans()), draw(st.booleans()))
        elif name == "trails":
            pair = (2, 0)
        steps.append((name, (top, left), size, other, pair))
    return steps


def given_to_kernel(step):
    name, corner, size, other, (first, second) = step
    planes = None if other is None else other.getArrays()
    bias = planes[2] if name == "variance" and planes is not None else None
    planes = None if name == "variance" else planes
    return name, (*corner, *size), planes, bias, (float(first), float(second))


@given(st.data(), shapes(max_side=14), st.integers(1, 20), st.integers(1, 3))
def test_bands_equal_the_oracle(data, shape, height, threads):
    frame = data.draw(masked_images(shape=shape))
    if data.draw(st.booleans()):
        frame.mask.array[: shape[0] // 2] |= 2  # trails as long as the row
    steps = data.draw(steps_of(shape))
    plain = [(n, c, s, None if o is None else lists(o), p) for n, c, s, o, p in steps]
    wanted = oracle.correct(lists(frame), plain)
    cfhtisr.set_num_threads(threads)
    try:
        _kernels.correct_fused(frame.getArrays(), [given_to_kernel(s) for s in steps], height)
    finally:
        cfhtisr.set_num_threads(None)
    for array, values in zip(frame.getArrays(), wanted, strict=True):
        assert_array_equal(array, np.array(values, array.dtype).reshape(array.shape))


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (("trails", (1, 0, 2, 3), None, None, (2.0, 0.0)), r"box of \(2, 3\) pixels at \(1, 0\)"),
        (("trails", (2**64 - 1, 0, 2, 3), None, None, (2.0, 0.0)), "leaves the frame"),
        (("bias", (0, 0, 2, 3), None, None, (0.0, 0.0)), "lacks planes"),
        (("polish", (0, 0, 2, 3), None, None, (0.0, 0.0)), "polish"),
        (("variance", (0, 0, 2, 3), None, np.zeros((1, 1), np.float32), (1.0, 0.0)), "bias_varian"),
        (("variance", (0, 0, 2, 3), None, None, (0.0, 0.0)), "gain is 0"),
    ],
)
def test_the_kernel_refuses(step, text):
    frame = MaskedImage(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=text):
        _kernels.correct_fused(frame.getArrays(), [step], 4)
    with pytest.raises(ValueError, match="height is 0"):
        _kernels.correct_fused(frame.getArrays(), [], 0)


@given(st.data(), shapes(min_side=1, max_side=12), st.integers(1, 20))
def test_a_batch_equals_the_steps(data, shape, height):
    frame = data.draw(masked_images(shape=shape))
    other = MaskedImage(*(array.copy() for array in frame.getArrays()))
    frames = [data.draw(masked_images(shape=shape)) for _ in range(3)]
    half = Box2I(0, 0, (shape[1] + 1) // 2, shape[0])
    scale = data.draw(st.floats(0.1, 3))
    batch = Batch(height)
    for way, planes in ((Immediate(), frame), (batch, other)):
        if way is batch:
            batch.begin(planes)
        way.subtract_bias(planes, frames[0])
        way.update_variance(planes.subset(half), 1.6, 4.0, frames[0].subset(half).variance.array)
        way.widen_saturation_trails(planes)
        way.subtract_dark(planes, frames[1], scale)
        way.divide_flat(planes, frames[2], scale)
        way.flush()
    for array, wanted in zip(other.getArrays(), frame.getArrays(), strict=True):
        assert_array_equal(array, wanted)


def test_what_does_not_fit_is_done_after_the_rest():
    frame, strange = (MaskedImage(np.full((4, 6), 8, np.float32)) for _ in range(2))
    ones = MaskedImage(np.ones((4, 6), np.float32))
    batch = Batch()
    batch.begin(frame)
    batch.subtract_bias(frame, ones)
    assert (frame.image.array == 8).all()
    batch.subtract_bias(strange, ones)
    assert (frame.image.array == 7).all()
    assert (strange.image.array == 7).all()
    batch.subtract_bias(frame, ones)
    with pytest.raises(ValueError, match="scale"):
        batch.subtract_dark(frame, ones, np.inf)
    assert (frame.image.array == 6).all()
