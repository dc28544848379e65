import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr.errors import ShapeMismatchError, UnknownChoiceError
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import calibration
from oracle import calibration as oracle
from strategies import finite_pixels, masked_images, shapes

scales = st.one_of(
    st.floats(-4, 4), st.sampled_from([0.41133333333333333, 1e-30, 1e30, 1e200, -2.5])
)
flat_scales = scales.filter(bool)


@st.composite
def pairs(draw):
    shape = draw(shapes(max_side=12))
    return draw(masked_images(shape=shape)), draw(masked_images(shape=shape))


def lists(planes):
    return [array.tolist() for array in planes.getArrays()]


def assert_planes_equal(planes, wanted):
    for array, values in zip(planes.getArrays(), wanted, strict=True):
        assert_array_equal(array, np.array(values, array.dtype).reshape(array.shape))


def copy_of(planes):
    return MaskedImage(*(array.copy() for array in planes.getArrays()))


@given(pairs())
def test_bias_equals_the_oracle(pair):
    target, bias = pair
    wanted = oracle.subtract_bias(lists(target), lists(bias))
    before = lists(bias)
    calibration.subtract_bias(target, bias)
    assert_planes_equal(target, wanted)
    assert_planes_equal(bias, before)


@given(pairs(), scales, st.booleans())
def test_dark_equals_the_oracle(pair, scale, invert):
    target, dark = pair
    wanted = oracle.subtract_scaled(lists(target), lists(dark), scale, invert)
    calibration.subtract_dark(target, dark, scale, invert=invert)
    assert_planes_equal(target, wanted)


@given(pairs(), flat_scales)
def test_illumination_is_divided_as_a_flat_is(pair, scale):
    target, illumination = pair
    wanted = oracle.divide_flat(lists(target), lists(illumination), scale, False)
    calibration.divide_illumination(target, illumination, scale)
    assert_planes_equal(target, wanted)


@given(pairs(), flat_scales, st.booleans())
def test_flat_equals_the_oracle(pair, scale, invert):
    target, flat = pair
    wanted = oracle.divide_flat(lists(target), lists(flat), scale, invert)
    calibration.divide_flat(target, flat, scale, invert=invert)
    assert_planes_equal(target, wanted)


@pytest.mark.parametrize("name", ["subtract_bias", "subtract_dark", "divide_flat"])
def test_sample_vectors(shared, name):
    with np.load(shared / "golden" / "arithmetic.npz") as file:
        data = dict(file)
    assert json.loads(str(data["planes_json"]))["EDGE"] == 4

    def planes(prefix):
        return MaskedImage(*(data[f"{prefix}{k}"].copy() for k in ("image", "mask", "variance")))

    # The vectors' dark frame is their bias frame.
    scale = data["dark_exp_scale"] / data["dark_dark_scale"]
    cases = {
        "subtract_bias": {"bias": ("bias_", {})},
        "subtract_dark": {
            f"dark_invert{i}": ("bias_", {"scale": scale, "invert": bool(i)}) for i in (0, 1)
        },
        "divide_flat": {
            f"flat_USER_{user}_invert{i}": ("cal_", {"scale": float(user), "invert": bool(i)})
            for user in ("1", "2.5")
            for i in (0, 1)
        },
    }[name]
    for key, (other, options) in cases.items():
        target = planes("sci_")
        getattr(calibration, name)(target, planes(other), **options)
        assert_planes_equal(target, [data[f"{key}__{k}"] for k in ("image", "mask", "variance")])


@given(st.data())
def test_inverting_restores_the_image_within_its_rounding(data):
    shape = data.draw(shapes(1, 12))
    target = data.draw(masked_images(finite_pixels, shape))
    frame = data.draw(masked_images(st.floats(0.5, 2, width=32), shape))
    before = copy_of(target)
    scale = data.draw(st.floats(0.5, 2))
    calibration.divide_flat(target, frame, scale)
    calibration.divide_flat(target, frame, scale, invert=True)
    np.testing.assert_allclose(target.image.array, before.image.array, rtol=3e-7, atol=3e-45)
    calibration.subtract_dark(target, frame, scale)
    calibration.subtract_dark(target, frame, scale, invert=True)
    np.testing.assert_allclose(target.image.array, before.image.array, rtol=1e-6, atol=1e-6)
    assert_array_equal(target.mask.array, before.mask.array | frame.mask.array)


def test_a_flat_of_zero_gives_infinity_and_nan():
    target = MaskedImage(np.float32([[1, 0]]), variance=np.float32([[1, 1]]))
    calibration.divide_flat(target, MaskedImage([[0, 0]]))
    assert_array_equal(target.image.array, [[np.inf, np.nan]])
    assert_array_equal(target.variance.array, [[np.nan, np.nan]])


def test_a_constant_plane_may_be_a_broadcast_number():
    target = MaskedImage(np.float32([[5, 6]]))
    calibration.subtract_bias(target, MaskedImage(np.broadcast_to(np.float32(2), (1, 2))))
    assert_array_equal(target.image.array, [[3, 4]])


def test_results_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(4)
    shape = (301, 77)
    target, flat = (
        MaskedImage(
            rng.normal(1, 0.1, shape).astype(np.float32), variance=rng.random(shape, np.float32)
        )
        for _ in range(2)
    )
    results = []
    try:
        for threads in (1, 2, 7):
            cfhtisr.set_num_threads(threads)
            results.append(copy_of(target))
            calibration.divide_flat(results[-1], flat, 1.5)
            calibration.subtract_dark(results[-1], flat, 1.5)
    finally:
        cfhtisr.set_num_threads(None)
    for result in results[1:]:
        assert_planes_equal(result, results[0].getArrays())


@pytest.mark.parametrize("name", ["subtract_bias", "subtract_dark", "divide_flat"])
@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_another_size_is_refused_with_both_sizes(name, kind):
    target, other = (MaskedImage(np.zeros(shape, np.float32)) for shape in ((2, 3), (4, 3)))
    options = {"scale": 1.0} if name == "subtract_dark" else {}
    frame = name.partition("_")[2]
    with pytest.raises(kind, match=f"{frame} has 3 x 4 pixels, wanted 3 x 2"):
        getattr(calibration, name)(target, other, **options)


def test_what_cannot_be_changed_in_place_is_refused():
    frame = MaskedImage(np.zeros((2, 2), np.float32))
    with pytest.raises(TypeError, match=r"target\.image holds uint16, wanted float32"):
        calibration.subtract_bias(MaskedImage(np.zeros((2, 2), np.uint16)), frame)
    with pytest.raises(TypeError, match="bias is a ndarray, wanted a MaskedImage"):
        calibration.subtract_bias(frame, np.zeros((2, 2)))


@pytest.mark.parametrize("scale", [np.nan, np.inf])
def test_scales_that_are_no_numbers_are_refused(scale):
    planes = MaskedImage(np.zeros((1, 1), np.float32))
    with pytest.raises(ValueError, match="scale is"):
        calibration.subtract_dark(planes, planes.copy(), scale)
    with pytest.raises(ValueError, match="scale is"):
        calibration.divide_flat(planes, planes.copy(), scale)
    with pytest.raises(ValueError, match="scale is 0"):
        calibration.divide_flat(planes, planes.copy(), 0.0)


def test_correcting_a_frame_with_itself_is_refused():
    planes = MaskedImage(np.zeros((1, 1), np.float32))
    with pytest.raises(Exception, match="borrow"):
        calibration.subtract_bias(planes, planes)


@given(st.integers(0, 3), shapes(1, 6), st.integers(-3, 9), st.integers(-3, 9), st.randoms())
def test_trimming_equals_the_oracle(edge, size, x0, y0, random):
    shape = (size[0] + 2 * edge, size[1] + 2 * edge)
    mask = np.array([[random.choice([0, 1, 17]) for _ in range(shape[1])] for _ in range(shape[0])])
    target = MaskedImage(np.arange(mask.size, dtype=np.float32).reshape(shape), mask, xy0=(x0, y0))
    inner, flagged = oracle.trim_to_match(mask.tolist(), size)
    view = calibration.trim_to_match(target, MaskedImage(np.zeros(size)))
    assert_array_equal(view.mask.array, inner)
    assert_array_equal(target.mask.array, flagged)
    assert view.bbox == Box2I(x0 + edge, y0 + edge, size[1], size[0])
    assert np.shares_memory(view.image.array, target.image.array)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_nothing_is_trimmed_from_equal_sizes(parity):
    target = MaskedImage(np.zeros((3, 2), np.float32))
    assert calibration.trim_to_match(target, target.copy(), parity) is target
    assert target.mask.count("EDGE") == 0


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (5, 5), (8, 8)])
def test_trimming_that_is_not_symmetric_is_refused(shape):
    target, calib = MaskedImage(np.zeros((6, 6))), MaskedImage(np.zeros(shape))
    if shape == (4, 4):
        assert calibration.trim_to_match(target, calib).shape == shape
        return
    with pytest.raises(ShapeMismatchError, match=f"{shape[1]} x {shape[0]} pixels and the image 6"):
        calibration.trim_to_match(target, calib)


@given(st.data())
def test_the_level_of_a_flat_ignores_flags_and_what_is_not_finite(data):
    flat = data.draw(masked_images(shape=data.draw(shapes(1))))
    image = flat.image.array.astype(float)
    finite = image[np.isfinite(image)]
    wanted = np.median(finite) if finite.size else np.nan
    assert calibration.flat_scale(flat, "MEDIAN") == pytest.approx(wanted, rel=1e-12, nan_ok=True)
    assert calibration.flat_scale(flat, "USER", 2.5) == 2.5


def test_an_unknown_scaling_is_refused():
    with pytest.raises(UnknownChoiceError, match="flat scaling is 'MODE'"):
        calibration.flat_scale(MaskedImage([[1.0]]), "MODE")


def test_two_threads_that_change_one_image_never_mix_quietly():
    """The second call raises or comes after the first; neither gives a half corrected image."""
    target = MaskedImage(np.zeros((2000, 1000), np.float32))
    one = MaskedImage(np.ones((2000, 1000), np.float32))
    other = one.copy()
    done = []

    def work(frame):
        try:
            calibration.subtract_bias(target, frame)
            done.append(1)
        except Exception as error:
            assert "borrow" in str(error)  # noqa: PT017

    threads = [threading.Thread(target=work, args=(frame,)) for frame in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (target.image.array == -len(done)).all()
