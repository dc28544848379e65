import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images import Box2I, Image, Mask
from cfhtisr.isr import masking
from oracle import flags as flags_oracle
from oracle import masking as oracle
from strategies import awkward, boxes, masks, ordinary, planes, shapes, strided, triples

SAT = Mask.bitmask("SAT")
BAD = Mask.bitmask("BAD")


@st.composite
def striped_masks(draw):
    """Return a mask of runs long enough to be widened, of several planes."""
    width = draw(st.integers(0, 60))
    mask = np.zeros((draw(st.integers(0, 5)), width), np.int32)
    for flags in mask:
        for _ in range(draw(st.integers(0, 4))):
            first = draw(st.integers(0, max(0, width - 1)))
            flags[first : first + draw(st.integers(1, 14))] |= draw(st.sampled_from([1, 2, 6]))
    return draw(strided(mask))


@given(planes(), st.one_of(ordinary, awkward, st.floats()))
def test_threshold_equals_the_oracle(planes, level):
    image, mask = planes
    wanted = oracle.threshold(image.tolist(), mask.tolist(), level, SAT)
    masking.threshold(image, mask, level, "SAT")
    assert_array_equal(mask, np.reshape(np.array(wanted, np.int32), image.shape))


@given(st.data(), st.one_of(st.floats(-2, 65537), st.integers(0, 65536), st.just(np.nan)))
def test_threshold_of_raw_pixels_equals_the_oracle(data, level):
    image = data.draw(npst.arrays(np.uint16, shapes(min_side=1)))
    mask = data.draw(masks(image.shape))
    wanted = oracle.threshold(image.tolist(), mask.tolist(), level, SAT)
    masking.threshold(data.draw(strided(image)), mask, level, "SAT")
    assert_array_equal(mask, wanted)


@pytest.mark.parametrize("level", [1e300, -1e300, np.inf, -np.inf, 3.4028235677973366e38, 0.1])
def test_threshold_compares_in_double_precision(level):
    with np.errstate(over="ignore"):
        near = np.float32(level)
    image = np.array([[near, np.nextafter(near, np.float32(-np.inf)), np.inf, -np.inf, np.nan]])
    for pixels in (image.astype(np.float32), image.astype(np.float64)):
        mask = np.zeros(image.shape, np.int32)
        masking.threshold(pixels, mask, level, "SAT")
        assert_array_equal(mask != 0, pixels.astype(np.float64) >= level)


def test_threshold_takes_planes_and_other_numbers():
    mask = Mask(np.zeros((1, 2), np.int32))
    masking.threshold(Image(np.array([[2**24 + 1, 2**24]], np.int32)), mask, 2**24 + 1, "SUSPECT")
    assert_array_equal(mask.array, [[128, 0]])


@given(triples(), st.sampled_from([0, SAT, 7]))
def test_mask_nans_equals_the_oracle(triple, allow):
    image, mask, variance = triple
    bits = Mask.bitmask("UNMASKEDNAN")
    wanted, count = oracle.mask_nans(image.tolist(), mask.tolist(), variance.tolist(), bits, allow)
    assert masking.mask_nans(image, mask, variance, allow=allow) == count
    assert_array_equal(mask, np.reshape(np.array(wanted, np.int32), image.shape))


@given(triples())
def test_mask_nans_finds_the_same_pixels_again(triple):
    image, mask, variance = triple
    count = masking.mask_nans(image, mask, variance)
    before = mask.copy()
    assert masking.mask_nans(image, mask, variance) == count
    assert_array_equal(mask, before)
    assert masking.mask_nans(image, mask, variance, allow="UNMASKEDNAN") == 0


def test_mask_nans_of_doubles_does_not_take_large_for_infinite():
    mask = np.zeros((1, 2), np.int32)
    assert masking.mask_nans(np.array([[1e300, np.inf]]), mask, [[1, 1]]) == 1
    assert_array_equal(mask, [[0, 512]])


@given(shapes().flatmap(masks), boxes())
def test_mask_boxes_equals_the_oracle(mask, boxes):
    corners = [(box.x0, box.y0, box.x1, box.y1) for box in boxes]
    wanted = np.array(oracle.mask_boxes(mask.tolist(), corners, BAD), np.int32)
    other = mask.copy()
    masking.mask_boxes(mask, boxes)
    assert_array_equal(mask, wanted.reshape(mask.shape))
    masking.mask_boxes(other, np.array(corners, np.int32).reshape(-1, 4))
    assert_array_equal(other, mask)


def test_boxes_lie_in_the_frame_of_a_mask():
    mask = Mask(np.zeros((3, 3), np.int32), xy0=(10, 20))
    masking.mask_boxes(mask, Box2I(11, 22, 100, 100))
    assert_array_equal(mask.array, [[0, 0, 0], [0, 0, 0], [0, 1, 1]])


@given(shapes(max_side=9).flatmap(masks), st.integers(0, 12))
def test_mask_edges_equals_the_oracle(mask, width):
    wanted = np.array(oracle.mask_edges(mask.tolist(), width, 128), np.int32)
    masking.mask_edges(mask, width)
    assert_array_equal(mask, wanted.reshape(mask.shape))


@given(
    st.one_of(shapes(max_side=12).flatmap(masks), striped_masks()),
    st.integers(0, 5),
    st.sampled_from(["diamond", "circle"]),
    st.sampled_from(["SAT", "BAD", ("BAD", "SAT", "INTRP")]),
)
def test_grow_equals_the_oracle(mask, radius, shape, planes):
    wanted = oracle.grow(mask.tolist(), Mask.bitmask(planes), radius, shape)
    masking.grow(mask, planes, radius, shape)
    assert_array_equal(mask, np.array(wanted, np.int32).reshape(mask.shape))


@given(shapes(max_side=12).flatmap(masks), st.integers(0, 3), st.integers(0, 3))
def test_growing_a_diamond_twice_is_growing_it_once_by_the_sum(mask, first, second):
    once = mask.copy()
    masking.grow(once, "SAT", first + second)
    masking.grow(mask, "SAT", first)
    masking.grow(mask, "SAT", second)
    assert_array_equal(mask, once)


@pytest.mark.parametrize("shape", ["diamond", "circle"])
def test_a_radius_beyond_all_pixels_reaches_all(shape):
    mask = np.zeros((7, 5), np.int32)
    mask[0, 0] = SAT
    masking.grow(mask, "SAT", 10**30, shape)
    assert (mask == SAT).all()


@given(striped_masks())
def test_widen_saturation_trails_equals_the_oracle(mask):
    wanted = oracle.widen_saturation_trails(mask.tolist(), SAT)
    masking.widen_saturation_trails(mask)
    assert_array_equal(mask, np.array(wanted, np.int32).reshape(mask.shape))


def test_refusals():
    mask = np.zeros((2, 2), np.int32)
    with pytest.raises(KeyError, match="there is no mask plane 'NONE'"):
        masking.threshold(np.zeros((2, 2)), mask, 1.0, "NONE")
    with pytest.raises(ValueError, match="image has shape"):
        masking.threshold(np.zeros((2, 3), np.float32), mask, 1.0, "SAT")
    with pytest.raises(ValueError, match="variance has shape"):
        masking.mask_nans(mask, mask.copy(), np.zeros((1, 1)))
    with pytest.raises(TypeError, match="mask holds int64, wanted int32"):
        masking.grow(mask.astype(np.int64), "SAT", 1)
    with pytest.raises(ValueError, match="radius is -1"):
        masking.grow(mask, "SAT", -1)
    with pytest.raises(TypeError, match=r"radius is 1\.5"):
        masking.grow(mask, "SAT", 1.5)
    with pytest.raises(UnknownChoiceError, match="shape is 'square'"):
        masking.grow(mask, "SAT", 1, "square")
    with pytest.raises(ValueError, match="width is -3"):
        masking.mask_edges(mask, -3)
    with pytest.raises(ValueError, match="shape \\(n, 4\\)"):
        masking.mask_boxes(mask, [[1, 2, 3]])
    assert not mask.any()


def test_sample_vectors(shared):
    with np.load(shared / "golden" / "threshold_grow.npz") as golden:
        assert json.loads(str(golden["planes_json"]))["SAT"] == 1
        mask = golden["in_mask"].copy()
        masking.threshold(golden["in_image"], mask, float(golden["threshold"]), "SAT")
        assert_array_equal(mask, golden["grow0__out_mask"])
        for shape in ("diamond", "circle"):
            grown = np.where(golden["in_image"] >= golden["threshold"], SAT, 0).astype(np.int32)
            masking.grow(grown, "SAT", 2, shape)
            assert_array_equal(grown | golden["in_mask"], golden[f"grow2_{shape}__out_mask"])
        mask = golden["widen_in_mask"].copy()
        masking.widen_saturation_trails(mask)
        assert_array_equal(mask, golden["widen_out_mask"])


@given(st.data())
def test_counts_equal_the_oracle(data):
    flags = st.one_of(st.just(0), st.integers(-(2**31), 2**31 - 1))
    mask = data.draw(npst.arrays(np.int32, shapes(), elements=flags))
    mask = data.draw(strided(np.tile(mask, data.draw(st.sampled_from([(1, 1), (9, 20)])))))
    wanted = flags_oracle.count_planes(mask.tolist())
    assert list(_kernels.count_planes(mask)) == wanted
    planes = {name: wanted[bit] for name, bit in Mask.planes().items()}
    assert masking.count_planes(mask) == planes
    some, none = data.draw(st.integers(0, 2047)), data.draw(st.integers(0, 2047))
    answer = flags_oracle.any_without(mask.tolist(), some, none)
    assert masking.any_without(Mask(mask), some, none) is answer
