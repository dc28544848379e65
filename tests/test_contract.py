"""Every name and signature that outside code may rely on, called as it is documented.

Numbers are compared with plain NumPy, written here from the formulas alone.
"""

import copy
from math import nan

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import (
    Box2I,
    MaskedImage,
)
from cfhtisr.isr import (
    calibration,
    fringe,
    interpolation,
    masking,
    overscan,
    saturation,
    statistics,
    variance,
)

BAD, SAT, INTRP = 1, 2, 4
PARITIES = ("none", "lsst-v17")


def planes(rows=6, columns=20, seed=1):
    rng = np.random.default_rng(seed)
    image = rng.normal(1000, 30, (rows, columns)).astype(np.float32)
    return image, np.zeros((rows, columns), np.int32), np.full_like(image, 9.0)


def weights(neighbours, at):
    """Return the weights of the closed form for a pixel, by a solve of its equations."""
    n = len(neighbours)
    x = np.array(neighbours, float)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = np.exp(-((x[:, None] - x[None, :]) ** 2) / 4)
    system[n, n] = 0
    right = np.append(np.exp(-((x - at) ** 2) / 4), 1)
    return np.linalg.solve(system, right)[:n]


def as_rows(boxes):
    return np.array([[b.x0, b.y0, b.x1, b.y1] for b in boxes], np.int32)


def as_boxes(boxes):
    return boxes


@pytest.mark.parametrize("form", [as_boxes, as_rows])
def test_boxes_are_interpolated_by_the_closed_form(form):
    image, mask, var = planes()
    var += np.arange(20, dtype=np.float32)
    before, before_var = image.copy(), var.copy()
    boxes = [Box2I(5, 1, 1, 2), Box2I(9, 2, 3, 1), Box2I(0, 3, 2, 1), Box2I(19, 3, 1, 1)]
    interpolation.interpolate_boxes(image, mask, var, form(boxes))
    expected = before.copy()
    for row in (1, 2):
        expected[row, 5] = weights([3, 4, 6, 7], 5) @ before[row, [3, 4, 6, 7]]
    for at in (9, 10, 11):
        expected[2, at] = weights([7, 8, 12, 13], at) @ before[2, [7, 8, 12, 13]]
    for at in (0, 1):
        expected[3, at] = weights([2, 3], at) @ before[3, [2, 3]]
    expected[3, 19] = weights([17, 18], 19) @ before[3, [17, 18]]
    assert_allclose(image, expected, rtol=2e-7)
    flagged = np.zeros_like(mask)
    for box in boxes:
        flagged[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = INTRP
    assert_array_equal(mask, flagged)
    assert_array_equal(var[flagged == 0], before_var[flagged == 0])
    at, of = 10, [7, 8, 12, 13]
    low = before_var[2, of].min()
    assert_allclose(
        var[2, at], max(weights(of, at) @ before_var[2, of].astype(float), low), rtol=3e-7
    )
    assert (var[flagged != 0] >= before_var.min()).all()


def test_spot_weights_of_the_reference_are_rounded():
    image = np.zeros((1, 12), np.float32)
    image[0, 5] = 1.0  # R1
    mask, var = np.zeros((1, 12), np.int32), np.ones((1, 12), np.float32)
    interpolation.interpolate_boxes(
        image, mask, var, [Box2I(4, 0, 1, 1)], None, True, parity="lsst-v17"
    )
    assert image[0, 4] == np.float32(0.7737)


def test_rows_without_a_good_pixel():
    for parity in PARITIES:
        image, mask, var = planes()
        before = image.copy()
        interpolation.interpolate_boxes(
            image, mask, var, [Box2I(0, 0, 20, 1)], fallback=77.0, parity=parity
        )
        assert_array_equal(image[0], before[1] if parity == "none" else np.float32(77.0))
        assert (mask[0] == INTRP).all()
        assert_array_equal(image[1:], before[1:])


@pytest.mark.parametrize("parity", PARITIES)
def test_flagged_pixels_are_grown_and_interpolated(parity):
    image, mask, var = planes()
    mask[3, 8] = SAT
    interpolation.interpolate_mask(image, mask, var, "SAT", grow=1, parity=parity)
    grown = {(2, 8), (3, 7), (3, 8), (3, 9), (4, 8)}
    assert set(zip(*np.nonzero(mask & SAT), strict=True)) == grown
    assert set(zip(*np.nonzero(mask & INTRP), strict=True)) == grown
    several = mask.copy()
    several[0, 3] = BAD
    interpolation.interpolate_mask(image, several, var, ["SAT", "BAD"], 0, None, parity=parity)
    assert several[0, 3] == BAD | INTRP


def test_thresholds_are_inclusive_and_leave_nan_alone():
    image = np.array([[99.5, 100.0, 100.5, np.nan, np.inf, -np.inf]], np.float32)
    mask = np.full(image.shape, BAD, np.int32)
    masking.threshold(image, mask, 100.0, "SAT")
    assert mask.tolist() == [[1, 3, 3, 1, 3, 1]]
    masking.threshold(image, mask, nan, "SUSPECT")
    assert mask.tolist() == [[1, 3, 3, 1, 3, 1]]
    counts = np.array([[9, 10, 65535]], np.uint16)
    mask = np.zeros(counts.shape, np.int32)
    masking.threshold(counts, mask, 10.0, plane="SAT")
    assert mask.tolist() == [[0, 2, 2]]


def test_growth_is_a_diamond_or_a_circle():
    for shape in ("diamond", "circle"):
        mask = np.zeros((11, 11), np.int32)
        mask[5, 5] = SAT
        masking.grow(mask, "SAT", 3, shape=shape)
        y, x = np.mgrid[-5:6, -5:6]
        inside = abs(x) + abs(y) <= 3 if shape == "diamond" else x * x + y * y <= 9
        assert_array_equal(mask, np.where(inside, SAT, 0))


def test_pixels_without_a_number_are_counted():
    image, mask, var = planes()
    image[0, 0], image[1, 1], var[2, 2] = np.nan, np.inf, np.nan
    mask[0, 0] = SAT
    assert masking.mask_nans(image, mask, var) == 3
    assert mask[0, 0] == SAT | 512
    assert mask[2, 2] == 512
    mask[:] = 0
    mask[0, 0] = SAT
    assert masking.mask_nans(image, mask, var, "BAD", SAT) == 2
    assert (mask[0, 0], mask[1, 1]) == (SAT, BAD)


def test_trails_are_widened_by_their_length():
    lengths = range(1, 13)
    mask = np.zeros((len(lengths), 40), np.int32)
    for row, length in enumerate(lengths):
        mask[row, 15 : 15 + length] = SAT
    masking.widen_saturation_trails(mask)
    for row, length in enumerate(lengths):
        extra = 0 if length <= 5 else 1 if length <= 7 else 3 if length <= 9 else 4
        assert np.flatnonzero(mask[row]).tolist() == [*range(15 - extra, 15 + length + extra)]


def clipped(values, n_sigma=3.0, n_iter=3):
    values = np.asarray(values, float)
    q25, centre, q75 = np.percentile(values, [25, 50, 75])
    half = n_sigma * 0.741301109252802 * (q75 - q25)
    for _ in range(n_iter):
        keep = values[np.abs(values - centre) <= half]
        centre, half = keep.mean(), n_sigma * keep.std(ddof=1)
    return keep.mean(), keep.std(ddof=1)


def test_statistics_of_pixels_that_count():
    image, mask, _ = planes(40, 50)
    image[0, 0], image[0, 1], image[1, 0] = 1e6, np.nan, -1e6
    mask[0, 0] = SAT
    good = image[(mask == 0) & np.isfinite(image)].astype(float)
    found = statistics.compute(
        image, ("MEDIAN", "MEAN", "MEANCLIP", "STDEVCLIP"), mask=mask, and_mask=SAT
    )
    assert_allclose(found, [np.median(good), good.mean(), *clipped(good)], rtol=1e-10)
    assert isinstance(statistics.compute(image, "MEDIAN"), float)
    assert statistics.compute(image, "NPOINT", None, 0, 3.0, 3) == image.size - 1
    counts = np.array([[3, 3, 4, 4, 4, 5]], np.int32)
    assert statistics.compute(counts, "MEDIAN") == 4 - 0.5 + (3 - 2) / 3
    assert np.isnan(statistics.compute(np.full((2, 2), np.nan, np.float32), "MEDIAN"))


@pytest.mark.parametrize("parity", PARITIES)
def test_overscan_levels(parity):
    rng = np.random.default_rng(3)
    strip = np.round(rng.normal(1100, 3, (50, 8))).astype(np.float32)
    before = strip.copy()
    values = np.sort(strip.ravel())
    at = values[(values.size - 1) // 2]
    median = at - 0.5 + (0.5 * values.size - (values < at).sum()) / (values == at).sum()
    assert overscan.fit(strip, "MEDIAN", parity=parity) == pytest.approx(median, rel=1e-13)
    assert overscan.fit(strip, "MEDIAN", is_int=False, parity=parity) == np.median(strip)
    mean = strip.mean(dtype=float)
    assert overscan.fit(strip, "MEAN", 1, None, 0, 3.0, True, parity) == pytest.approx(mean)
    assert overscan.fit(strip, "MEANCLIP") == pytest.approx(clipped(strip.ravel())[0], rel=1e-12)
    rows = overscan.fit(strip, "MEDIAN_PER_ROW", parity=parity)
    assert rows.shape == (50,)
    assert rows.dtype == np.float32
    q25, q50, q75 = np.percentile(strip, [25, 50, 75], axis=1, keepdims=True)
    good = np.abs(strip - q50) <= 3 * 0.74 * (q75 - q25)
    collapsed = np.where(good, strip, 0).sum(axis=1) / good.sum(axis=1)
    x = 2 * np.arange(50) / 50 - 1
    for kind in ("POLY", "CHEB", "LEG"):
        line = overscan.fit(strip, kind, order=2, parity=parity)
        expected = np.polynomial.Polynomial.fit(x, collapsed, 2)(x)
        assert_allclose(line, expected, rtol=1e-7, atol=1e-4)
        assert line.dtype == np.float32
    mask = np.zeros(strip.shape, np.int32)
    mask[strip > 1100] = SAT
    low = strip[strip <= 1100]
    assert overscan.fit(strip, "MEAN", mask=mask, and_mask=SAT) == pytest.approx(low.mean())
    assert_array_equal(strip, before)  # a fit changes nothing
    with pytest.raises(ValueError, match="NO_SUCH"):
        overscan.fit(strip, "NO_SUCH")


def test_the_variance_of_either_mode():
    image = np.array([[-50.0, 0.0, 500.0]], np.float32)
    var = np.zeros_like(image)
    bias_variance = np.full_like(image, 0.25)
    variance.update(image, var, 1.6, 4.0, bias_variance=bias_variance)
    assert_allclose(var, np.maximum(image, 0) / 1.6 + (4 / 1.6) ** 2 + 0.25, rtol=3e-7)
    variance.update(image, var, 1.6, 4.0, None, "lsst-v17")
    inverse = np.float32(1) / np.float32(1.6)
    assert_array_equal(var, image * inverse + np.float32(16))


def test_calibrations_propagate_masks_and_variances():
    image, mask, var = planes(4, 6)
    mask[0, 0] = SAT
    target = MaskedImage(image, mask, var)
    other = MaskedImage(*planes(4, 6, seed=2))
    other.mask.array[1, 1] = BAD
    kept = copy.deepcopy([other.image.array, other.mask.array, other.variance.array])
    old = [array.copy() for array in target.getArrays()]
    assert calibration.subtract_bias(target, other) is None
    assert_array_equal(image, old[0] - kept[0])
    assert_array_equal(var, old[2] + kept[2])
    assert_array_equal(mask, old[1] | kept[1])
    old = [array.copy() for array in target.getArrays()]
    calibration.subtract_dark(target, other, 0.3)
    assert_array_equal(image, old[0] - (0.3 * kept[0].astype(float)).astype(np.float32))
    assert_allclose(var, old[2] + 0.09 * kept[2], rtol=3e-7)
    calibration.subtract_dark(target, other, 0.3, invert=True)
    assert_allclose(image, old[0], rtol=1e-6, atol=1e-3)
    assert_allclose(var, old[2] + 0.18 * kept[2], rtol=3e-7)
    flat = MaskedImage(
        (other.image.array / 1000).astype(np.float32), None, np.full((4, 6), 1e-4, np.float32)
    )
    old = [array.astype(float) for array in target.getArrays()]
    f = flat.image.array.astype(float)
    calibration.divide_flat(target, flat, scale=2.0)
    assert_allclose(image, old[0] * 2 / f, rtol=3e-7)
    assert_allclose(var, (old[0] ** 2 * 1e-4 + f**2 * old[2]) * 4 / f**4, rtol=1e-6)
    calibration.divide_flat(target, flat, 2.0, True)
    assert_allclose(image, old[0], rtol=1e-6)
    assert_array_equal(other.image.array, kept[0])
    with pytest.raises((RuntimeError, ValueError), match=r"4.*6|6.*4"):
        calibration.subtract_bias(target, MaskedImage(*planes(4, 7)))


def test_fringes_are_measured_solved_and_subtracted():
    rng = np.random.default_rng(5)
    pattern = rng.normal(0, 1, (60, 80)).astype(np.float32)
    frame = MaskedImage(pattern)
    science = MaskedImage((100 + 7.5 * pattern).astype(np.float32))
    x, y = fringe.positions((60, 80), 300, 5, 11)
    state = np.random.RandomState(11)
    assert_array_equal(x, state.randint(5, 75, 300))
    assert_array_equal(y, state.randint(5, 55, 300))
    of_frame = fringe.measure(frame, x, y, 1, 5)
    expected = [
        np.median(pattern[b - 1 : b + 1, a - 1 : a + 1].astype(float))
        - np.median(pattern[b - 5 : b + 5, a - 5 : a + 5].astype(float))
        for a, b in zip(x, y, strict=True)
    ]
    assert_array_equal(of_frame, expected)
    scales = fringe.solve(fringe.measure(science, x, y, 1, 5), of_frame)
    assert_allclose(scales, [7.5], rtol=1e-5)
    fringe.subtract(science, frame, scales)
    assert_allclose(science.image.array, 100, atol=1e-3)


def test_the_saturation_level():
    raw = np.full((20, 30), 1000, np.uint16)
    raw[0, :5] = 65535
    assert saturation.estimate_level(raw) == 62206
    assert saturation.estimate_level(raw, safe=1.0, header_level=61000) == 65480
    raw[0] = 60000
    assert saturation.estimate_level(raw, 0.95, 61234.0, "lsst-v17") == 61234.0


WRITES = {
    "interpolate_boxes": lambda i, m, v: interpolation.interpolate_boxes(
        i, m, v, [Box2I(1, 0, 1, 1)]
    ),
    "interpolate_mask": lambda i, m, v: interpolation.interpolate_mask(i, m, v, "BAD"),
    "threshold": lambda i, m, v: masking.threshold(i, m, 10.0, "SAT"),
    "grow": lambda i, m, v: masking.grow(m, "BAD", 1),
    "mask_nans": lambda i, m, v: masking.mask_nans(i, m, v),
    "widen": lambda i, m, v: masking.widen_saturation_trails(m),
    "update": lambda i, m, v: variance.update(i, v, 1.0, 1.0),
}


@pytest.mark.parametrize("name", WRITES)
def test_planes_that_cannot_be_changed_in_place_are_refused(name):
    image, mask, var = planes()
    mask[0, 5] = BAD
    WRITES[name](image[:, ::-1], mask[:, ::-1], var[:, ::-1])  # any strides will do
    with pytest.raises(TypeError, match=r"int64|float64"):
        WRITES[name](image.astype(np.float64), mask.astype(np.int64), var.astype(np.float64))
    for array in (image, mask, var):
        array.flags.writeable = False
    with pytest.raises((TypeError, ValueError), match=r"read|writ"):
        WRITES[name](image, mask, var)
