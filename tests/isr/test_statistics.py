import json
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import set_num_threads
from cfhtisr.images import MaskedImage
from cfhtisr.isr import statistics
from oracle import statistics as oracle
from strategies import flags, pixels, planes, shapes

EXACT = ("NPOINT", "NMASKED", "MIN", "MAX", "MEDIAN", "IQRANGE", "ORMASK")
SUMS = ("SUM", "MEAN", "VARIANCE", "STDEV", "MEANSQUARE")
CLIPPED = ("MEANCLIP", "VARIANCECLIP", "STDEVCLIP", "NCLIPPED")
# Widths that no small sample of round numbers meets exactly.
widths = st.sampled_from([3.0, 2.7, 1.37])


def wide(values):
    """Enough pixels for the way of large frames."""
    return np.resize(values, (131, 127))


def check(image, mask, and_mask, n_sigma=3.0, n_iter=3):
    integer = image.dtype.kind in "iu"
    flat, flat_mask = image.ravel().tolist(), mask.ravel().tolist()
    wanted = oracle.compute(flat, flat_mask, and_mask, n_sigma, n_iter, integer)
    values = statistics.compute(image, statistics.STATISTICS, mask, and_mask, n_sigma, n_iter)
    got = dict(zip(statistics.STATISTICS, values, strict=True))
    for name in (*EXACT, "NCLIPPED"):
        assert_array_equal(got[name], wanted[name], err_msg=name)
    # The oracle's sums are exact; ours are rounded, by so much of the largest that was added.
    scale = max(map(abs, oracle.select(flat, flat_mask, and_mask)), default=0.0)
    for name in (*SUMS, *CLIPPED):
        power = 2 if name.startswith(("VARIANCE", "MEANSQ")) else 1
        size = wanted["NPOINT"] if name == "SUM" else 1
        # The root of a variance that is rounding alone is known to half as many places.
        tiny = 1e-8 if name.startswith("STDEV") else 1e-14
        limit = tiny * size * scale**power
        assert_allclose(got[name], wanted[name], rtol=1e-12, atol=limit, err_msg=name)
        one = statistics.compute(image, name, mask, and_mask, n_sigma, n_iter)
        assert_array_equal(one, got[name])


@given(planes(pixels, shapes(min_side=1)), flags, widths, st.integers(1, 5))
def test_compute_equals_the_oracle(planes, and_mask, n_sigma, n_iter):
    check(*planes, and_mask, n_sigma, n_iter)


@settings(max_examples=3)  # of so many pixels that they are counted instead of gathered
@given(planes(pixels, shapes(min_side=1)), flags, widths)
def test_compute_equals_the_oracle_for_huge_frames(planes, and_mask, n_sigma):
    image, mask = (np.resize(plane, (521, 509)) for plane in planes)
    check(image, mask, and_mask, n_sigma)


@settings(max_examples=8)
@given(planes(pixels, shapes(min_side=1)), flags, widths)
def test_compute_equals_the_oracle_for_large_frames(planes, and_mask, n_sigma):
    image, mask = planes
    check(wide(image), wide(mask[::-1]), and_mask, n_sigma)


@given(
    st.sampled_from([np.uint16, np.int32, np.float64]).flatmap(
        lambda dtype: npst.arrays(dtype, shapes(min_side=1))
    )
)
def test_compute_equals_the_oracle_for_other_types(image):
    check(image, np.zeros(image.shape, np.int32), 0)


@settings(max_examples=8)
@given(
    st.sampled_from([np.uint16, np.int32]).flatmap(
        lambda dtype: npst.arrays(dtype, shapes(min_side=1))
    ),
    flags,
)
def test_compute_equals_the_oracle_for_large_frames_of_whole_numbers(image, and_mask):
    mask = np.arange(131 * 127, dtype=np.int32).reshape(131, 127) % 7
    check(wide(image), mask, and_mask)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
def test_compute_of_a_noisy_frame(dtype):
    rng = np.random.default_rng(3)
    image = rng.normal(1200, 30, (150, 211))
    image[rng.random(image.shape) < 0.02] = 60000
    image = np.rint(image).astype(dtype) if np.dtype(dtype).kind in "iu" else image.astype(dtype)
    check(image, rng.integers(0, 4, image.shape).astype(np.int32), 2)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_layout_and_threads_do_not_change_a_bit(dtype):
    rng = np.random.default_rng(5)
    image = rng.normal(1200, 30, (300, 411)).astype(dtype)
    mask = rng.integers(0, 4, image.shape).astype(np.int32)
    turned, wider = np.asfortranarray(image), np.repeat(image, 3, axis=1)[:, ::3]
    everything = statistics.STATISTICS
    try:
        plain = statistics.compute(image, everything, mask, 1)
        for threads in (1, 2, 3, 7):
            set_num_threads(threads)
            for view in (image, turned, wider):
                assert statistics.compute(view, everything, mask, 1) == plain
                assert statistics.compute(view, "MEAN") == statistics.compute(image, "MEAN")
    finally:
        set_num_threads(None)


@given(planes(pixels, shapes(min_side=1)))
def test_what_rejected_pixels_hold_does_not_matter(planes):
    image, mask = planes
    other = np.where(mask & 2, np.float32(1e30), image)
    names = statistics.STATISTICS
    assert_array_equal(
        statistics.compute(image, names, mask, 2), statistics.compute(other, names, mask, 2)
    )


@given(npst.arrays(np.uint16, shapes(min_side=1)))
def test_whole_numbers_are_clipped_as_if_they_were_floats(image):
    clipped = statistics.compute(image, CLIPPED)
    assert_allclose(
        clipped, statistics.compute(image.astype(np.float32), CLIPPED), rtol=1e-12, atol=1e-9
    )


@given(st.integers(-(2**20), 2**20), st.integers(1, 30))
@example(5, 1)
def test_a_constant_image(value, count):
    for dtype in (np.int32, np.float32):
        image = np.full(count, value, dtype)
        got = statistics.compute(image, ("MEDIAN", "MEANCLIP", "MIN", "MAX", "MEAN"))
        assert got == (value,) * 5
        assert statistics.compute(image, "NCLIPPED") == 0


@given(npst.arrays(np.int32, st.integers(1, 60), elements=st.integers(-3, 3)))
def test_integer_median_lies_within_half_a_unit(image):
    median = statistics.compute(image, "MEDIAN")
    assert abs(median - np.sort(image)[(image.size - 1) // 2]) <= 0.5


def test_no_usable_pixel():
    image = np.full((3, 4), np.nan, np.float32)
    names = ("NPOINT", "SUM", "NMASKED", "NCLIPPED", "ORMASK")
    assert statistics.compute(image, names) == (0, 0, 12, 0, 0)
    for name in set(statistics.STATISTICS) - set(names):
        assert math.isnan(statistics.compute(image, name)), name
        assert math.isnan(statistics.compute(wide(image), name)), name


def test_one_pixel():
    image = np.float32([[4.5]])
    names = ("MEAN", "MEDIAN", "MEANCLIP", "IQRANGE", "NCLIPPED", "MIN")
    assert statistics.compute(image, names) == (4.5, 4.5, 4.5, 0, 0, 4.5)
    assert np.isnan(statistics.compute(image, ("STDEV", "STDEVCLIP", "MEANSQUARE"))).all()


def test_masked_image_brings_its_mask():
    planes = MaskedImage(np.float32([[1, 2, 60]]), np.int32([[0, 4, 2]]))
    assert statistics.compute(planes, ("MEAN", "ORMASK"), and_mask=2) == (1.5, 4)


def test_lists_and_small_integers_are_whole_numbers():
    assert statistics.compute([1, 1, 2], "MEDIAN") == statistics.compute(
        np.uint8([1, 1, 2]), "MEDIAN"
    )
    assert statistics.compute(np.float32([2, 1]).astype(">f4"), "MAX") == 2


def test_several_statistics_keep_their_order():
    image = np.float32([3, 1, 2])
    assert statistics.compute(image, ["MAX", "MIN", "MAX"]) == (3, 1, 3)
    assert statistics.compute(image, ()) == ()


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([1.0], "MODE"), ValueError, "what is 'MODE', wanted one of NPOINT"),
        (([], "MEAN"), ValueError, "image has shape"),
        ((np.zeros((2, 2, 2)), "MEAN"), ValueError, "image has shape"),
        (([1.0, 2.0], "MEAN", [0]), ValueError, "mask has shape"),
        (([1.0], "MEAN", [0.5]), TypeError, "mask holds float64"),
        (([1j], "MEAN"), TypeError, "image holds complex128"),
        (([2**31], "MEAN"), TypeError, "wanted int32 or float64"),
        (([1.0], "MEANCLIP", None, 0, math.nan), ValueError, "n_sigma is NaN"),
        (([1.0], "MEANCLIP", None, 0, -1.0), ValueError, "n_sigma is -1"),
        (([1.0], "MEANCLIP", None, 0, 3.0, 0), ValueError, "n_iter is 0"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        statistics.compute(*arguments)


def test_sample_vectors(shared):
    data = np.load(shared / "golden" / "statistics.npz")
    assert json.loads(str(data["planes_json"]))["SAT"] == 1
    names = data["property_names"].tolist()
    cases = {key.partition("__")[0] for key in data.files if "__" in key}
    assert len(cases) == 4
    for case in sorted(cases):
        n_sigma, n_iter, and_mask, _ = data[f"{case}__ctrl"].tolist()
        mask = data[f"{case}__mask"] if f"{case}__mask" in data else None
        image = data[f"{case}__in"]
        control = {"mask": mask, "and_mask": int(and_mask), "n_sigma": n_sigma}
        control["n_iter"] = int(n_iter)
        median = statistics.compute(image, "MEDIAN", **control)
        assert_allclose(median, data[f"{case}__median_alone"], rtol=1e-15)
        for name, wanted in zip(names, data[f"{case}__values"], strict=True):
            # Median and quartiles of whole numbers, asked together, are not reproduced.
            if image.dtype == np.int32 and name in ("MEDIAN", "IQRANGE", *CLIPPED):
                continue
            assert_allclose(statistics.compute(image, name, **control), wanted, rtol=1e-12)


def test_noise_of_a_real_strip(shared):
    fits = pytest.importorskip("astropy.io.fits")
    image = fits.getdata(shared / "pixels" / "kast_blue" / "b21.fits.gz").astype(np.uint16)
    first = statistics.compute(image[:, 2049:2080], ("MEDIAN", "STDEVCLIP"))
    assert first[0] == pytest.approx(943, abs=1)
    assert 2 < first[1] < 4


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    "kind", ["noise", "whole", "two values", "one value", "slope", "zeros of both signs", "odd"]
)
def test_quantiles_of_a_large_frame_are_exact_whatever_its_pixels(kind, masked):
    rng = np.random.default_rng(7)
    shape = (700, 512)
    image = {
        "noise": lambda: rng.normal(1000, 30, shape),
        "whole": lambda: np.rint(rng.normal(1000, 3, shape)),
        "two values": lambda: rng.integers(0, 2, shape),
        "one value": lambda: np.full(shape, 7.5),
        "slope": lambda: np.arange(shape[0] * shape[1]).reshape(shape),
        "zeros of both signs": lambda: np.copysign(0.0, rng.normal(size=shape)),
        "odd": lambda: np.where(rng.random(shape) < 0.5, np.nan, rng.normal(size=shape)),
    }[kind]().astype(np.float32)
    image[3, :9] = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-42, -0.0, 0.0, 65535]
    mask = (rng.random(shape) < 0.3).astype(np.int32) if masked else None
    usable = image[np.isfinite(image) & ((mask == 0) if masked else True)].astype(np.float64)
    low, middle, high = np.percentile(usable, [25, 50, 75])
    for whole in (image, image[:, ::-1][:, ::-1], np.tile(image, 2)[:, :512]):
        found = statistics.compute(whole, ("MEDIAN", "IQRANGE", "NPOINT"), mask, 1)
        assert found[0] == pytest.approx(middle, rel=1e-15, abs=0)
        assert found[1] == pytest.approx(high - low, rel=1e-13, abs=0)
        assert found[2] == usable.size
        assert statistics.compute(whole, "MEDIAN", mask, 1) == found[0]
    if kind in ("whole", "two values"):
        whole = np.nan_to_num(image, nan=5, posinf=5, neginf=5).clip(-9e8, 9e8).astype(np.int32)
        ordered = np.sort(whole[mask == 0] if masked else whole.ravel())
        at = ordered[(ordered.size - 1) // 2]
        below, same = np.searchsorted(ordered, at), np.count_nonzero(ordered == at)
        median = at - 0.5 + (0.5 * ordered.size - below) / same
        assert statistics.compute(whole, "MEDIAN", mask, 1) == median


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.5, 1.0]),
    st.sampled_from([2.0, 300.0, 5000.0]),
    st.sampled_from([0.0, -0.0, 0.25, 1e6, np.nan, np.inf, 1e-40]),
)
@settings(max_examples=25)
def test_whole_and_half_numbers_are_counted(seed, step, width, odd):
    random = np.random.default_rng(seed)
    image = np.rint(random.normal(7, width, (131, 127)) / step).astype(np.float32)
    image *= np.float32(step)
    image[random.integers(0, 131, 5), random.integers(0, 127, 5)] = odd
    mask = random.choice(np.int32([0, 2]), image.shape, p=[0.9, 0.1])
    check(image, mask, 2)
    check(image, mask, 0)
