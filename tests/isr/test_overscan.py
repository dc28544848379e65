import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import set_num_threads
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import overscan, statistics
from oracle import overscan as oracle
from oracle import statistics as slow_statistics
from strategies import flags, images, planes, strided

SUSPECT = 1 << 7
LINES = ("MEAN_PER_ROW", "POLY", "CHEB", "LEG", "NATURAL_SPLINE", "CUBIC_SPLINE", "AKIMA_SPLINE")
levels = st.one_of(st.floats(900, 1300, width=32), st.integers(995, 1005).map(float))
samples = st.one_of(levels, levels, levels, st.sampled_from([np.nan, np.inf, 60000.0]))


@st.composite
def strips(draw, elements=samples, tall=True):
    """Return an overscan that is taller than wide, and few of its samples masked."""
    columns = draw(st.integers(1, 9))
    shape = (draw(st.integers(columns + 1, 24)), columns) if tall else (columns, columns)
    image = draw(images(shape, elements))
    some = st.one_of(st.just(0), st.just(0), st.just(0), st.sampled_from([1, 2, 3]))
    mask = draw(npst.arrays(np.int32, shape, elements=some))
    if draw(st.booleans()):
        mask[: draw(st.integers(0, 3))] = 2
        mask[shape[0] - draw(st.integers(0, 3)) :] = 2
    return image, mask


def noisy(rows=120, columns=12, seed=1):
    """Return a strip that drifts by 6 ADU."""
    rng = np.random.default_rng(seed)
    drift = 1167 + 3 * np.cos(np.linspace(0, 4, rows))
    return (drift[:, None] + rng.normal(0, 3, (rows, columns))).round().astype(np.float32)


@given(planes(), flags)
def test_row_median_equals_the_oracle(planes, reject):
    image, mask = planes
    level = oracle.row_median(image.tolist(), mask.tolist(), reject)
    assert_array_equal(overscan.row_median(image, mask, reject), np.float32(level))


@given(planes())
def test_row_median_ignores_what_rejected_pixels_hold(planes):
    image, mask = planes
    noisy = np.where(mask & 2, np.float32(1e30), image)
    assert_array_equal(overscan.row_median(noisy, mask, 2), overscan.row_median(image, mask, 2))


def test_row_median_wants_one_flag_per_pixel():
    with pytest.raises(ValueError, match="mask has shape"):
        overscan.row_median(np.zeros((2, 3)), np.zeros((3, 2)))


def test_fit_per_row_median_equals_the_oracle():
    image = noisy()
    mask = np.zeros(image.shape, np.int32)
    mask[5:8] = mask[0] = 2
    wanted, _ = oracle.fit(image.tolist(), mask.tolist(), 2, 3.0, "MEDIAN_PER_ROW", 1, False)
    got = overscan.fit(image, "MEDIAN_PER_ROW", mask=mask, and_mask=2)
    assert_array_equal(got, np.float32(wanted))


@given(strips(), st.sampled_from(LINES), st.integers(0, 8), st.sampled_from([3.0, 1.37]))
def test_fit_equals_the_oracle(strip, kind, order, n_sigma):
    for parity in ("none", "lsst-v17"):
        reference = parity == "lsst-v17" and kind != "MEAN_PER_ROW"
        image, mask = strip
        sigma = 3.0 if reference else n_sigma
        bins = max(order, 1)
        number = order if kind in ("POLY", "CHEB", "LEG") else bins
        slow = (image.tolist(), mask.tolist(), 2, sigma, kind, number, reference)
        wanted, _ = oracle.fit(*slow)
        if wanted is None:
            with pytest.raises(ValueError, match=r"order|overscan"):
                overscan.fit(image, kind, number, mask, 2, n_sigma, parity=parity)
            continue
        got = overscan.fit(image, kind, number, mask, 2, n_sigma, parity=parity)
        assert got.dtype == np.float32
        # One rounding to float32 either side; a polynomial of degree 8 through few lines that
        # leaves far from others multiplies the rounding of its weights.
        size = np.abs(wanted).max()
        assert_allclose(got, wanted, rtol=2e-7, atol=1e-9 * size)


@pytest.mark.parametrize("kind", ["POLY", "CHEB", "LEG"])
def test_a_degree_too_high_passes_through_all_lines_of_the_reference(kind):
    strip = np.float32([[5, 5], [9, 11], [2, 2]])
    for order in (2, 3, 8):
        got = overscan.fit(strip, kind, order, parity="lsst-v17")
        assert_allclose(got, [5, 10, 2], rtol=1e-6)
    with pytest.raises(ValueError, match="order is 3"):
        overscan.fit(strip, kind, 3)


@given(planes(st.one_of(samples, st.floats(-3, 3, width=32)), st.just((7, 5))), flags)
@example((np.float32([[-0.6, -1.2, -2.6, 0.5]]), np.zeros((1, 4), np.int32)), 0)
def test_integer_median_equals_the_oracle(planes, reject):
    image, mask = planes
    used = slow_statistics.select(image.ravel().tolist(), mask.ravel().tolist(), reject)
    wanted = slow_statistics.integer_median([oracle.whole(pixel) for pixel in used])
    got = overscan.fit(image, "MEDIAN", 1, mask, reject, parity="lsst-v17")
    assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    ("values", "level"),
    [([1, 2, 2, 2, 3], 2.0), ([1, 1, 2, 2], 1.5), ([0, 0, 0, 1], 1 / 6), ([-0.6, -0.6], 0.0)],
)
def test_integer_median_by_hand(values, level):
    assert overscan.fit(np.float32([values]), "MEDIAN") == pytest.approx(level, abs=1e-15)


@pytest.mark.parametrize("kind", ["MEAN", "MEANCLIP", "MEDIAN"])
def test_constants_are_statistics(kind):
    image = noisy()
    image[3, 4] = 60000
    mask = np.where(image == 60000, 2, 0)
    got = overscan.fit(image, kind, mask=mask, and_mask=2, n_sigma=2.0, is_int=False)
    assert got == statistics.compute(image, kind, mask, 2, n_sigma=2.0)
    reference = overscan.fit(
        image, kind, mask=mask, and_mask=2, n_sigma=2.0, is_int=False, parity="lsst-v17"
    )
    assert reference == statistics.compute(image, kind, mask, 2)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("kind", ["POLY", "CHEB", "LEG", *overscan._SPLINES])
def test_a_straight_line_is_removed_exactly(kind, upright, parity):
    place = np.arange(10, dtype=np.float32)
    strip = 2 + place[:, None] + np.float32([-0.5, 0, 0.5])
    image = np.full((10, 10), 10, np.float32)
    data = MaskedImage(image)
    over = strip if upright else strip.T.copy()
    order = 1 if kind in overscan._POLYNOMIALS else 5
    result = overscan.correct(data, over, kind, order, parity=parity)
    lines = (image, over) if upright else (image.T, over.T)
    assert_array_equal(lines[1], np.tile(np.float32([-0.5, 0, 0.5]), (10, 1)))
    assert_array_equal(lines[0], np.tile(8 - place[:, None], (1, 10)))
    assert_array_equal(result.level, 2 + place)
    assert not data.mask.array.any()
    assert result.overscan.image.array is over


@pytest.mark.parametrize("upright", [True, False])
def test_a_constant_is_removed_in_place(upright):
    frame = np.full((13, 10) if upright else (10, 13), 10, np.float32)
    planes = MaskedImage(frame)
    boxes = (Box2I(0, 0, 10, 10), Box2I(0, 10, 10, 3) if upright else Box2I(10, 0, 3, 10))
    data, strip = (planes.subset(box) for box in boxes)
    strip.image.array[...] = 2
    result = overscan.correct(data, strip, "MEDIAN")
    assert (result.level, result.sigma) == (2.0, 0.0)
    assert (data.image.array == 8).all()
    assert (strip.image.array == 0).all()


@given(strips(levels), st.sampled_from(overscan.FIT_TYPES[:7]), st.integers(-50, 50))
def test_a_pedestal_shifts_the_level(strip, kind, pedestal):
    image, mask = np.round(strip[0]), strip[1] * 0
    one = overscan.fit(image, kind, 0, mask)
    other = overscan.fit(image + np.float32(pedestal), kind, 0, mask)
    assert_allclose(other, np.float32(one) + pedestal, atol=3e-4)


@given(strips(), st.sampled_from(overscan.FIT_TYPES), st.floats(width=32))
def test_what_masked_samples_hold_does_not_matter(strip, kind, junk):
    image, mask = strip
    other = np.where(mask & 2, np.float32(junk), image)

    def run(pixels):
        try:
            return overscan.fit(pixels, kind, 2, mask, 2)
        except ValueError as error:
            return str(error)

    assert_array_equal(run(image), run(other))


def lost_ends(low, high, rows=40):
    image = noisy(rows, 8)
    mask = np.zeros(image.shape, np.int32)
    mask[:low] = 2
    mask[rows - high :] = 2
    mask[20, 0] = mask[30] = 2
    return MaskedImage(image, mask)


@pytest.mark.parametrize("kind", ["POLY", "CUBIC_SPLINE", "MEDIAN_PER_ROW"])
@pytest.mark.parametrize(("low", "high"), [(0, 0), (3, 0), (0, 2), (4, 5)])
def test_lost_ends_are_suspect(kind, low, high):
    for parity in ("none", "lsst-v17"):
        data = MaskedImage(np.zeros((40, 30), np.float32), np.ones((40, 30), np.int32))
        overscan.correct(data, lost_ends(low, high), kind, 4, and_mask=2, parity=parity)
        one_more = parity == "lsst-v17" and high > 0 and kind != "MEDIAN_PER_ROW"
        wanted = np.ones((40, 30), np.int32)
        wanted[:low] |= SUSPECT
        wanted[40 - high - one_more :] |= SUSPECT
        assert_array_equal(data.mask.array, wanted)


def test_reference_includes_lost_rows_in_polynomials():
    image = noisy(60, 9)
    image[:12] = 60000
    mask = np.where(image == 60000, 2, 0)
    assert abs(overscan.fit(image, "POLY", 1, mask, 2)[30] - 1167) < 5
    assert overscan.fit(image, "POLY", 1, mask, 2, parity="lsst-v17")[30] > 5000


def test_reference_loses_a_row_to_a_masked_sample_at_a_quartile():
    image = noisy(40, 32)
    mask = np.zeros(image.shape, np.int32)
    mask[0, 7] = mask[-1, 9] = 2
    data = MaskedImage(np.zeros((40, 50), np.float32))
    strip = MaskedImage(image.copy(), mask)
    overscan.correct(data, strip, "POLY", 1, and_mask=2, parity="lsst-v17")
    assert_array_equal(data.mask.array[:, 0], [SUSPECT] + [0] * 39)


def test_rejection_is_effective_unless_the_reference_is_wanted():
    image = noisy()
    tight = overscan.fit(image, "POLY", 2, n_sigma=1.0)
    assert (tight != overscan.fit(image, "POLY", 2)).any()
    reference = overscan.fit(image, "POLY", 2, n_sigma=1.0, parity="lsst-v17")
    assert_array_equal(reference, overscan.fit(image, "POLY", 2))


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("kind", ["POLY", "MEDIAN_PER_ROW", "AKIMA_SPLINE"])
def test_a_taller_strip_is_fitted_to_the_common_rows(kind, parity):
    strip, rows = noisy(133), 100
    whole = MaskedImage(np.zeros((133, 30), np.float32))
    data = whole.subset(Box2I(0, 20, 30, rows))
    over = MaskedImage(strip.copy())
    result = overscan.correct(data, over, kind, 6, parity=parity)
    alone = overscan.fit(strip[20:120], kind, 6, parity=parity)
    assert_array_equal(result.level, alone)
    assert_array_equal(data.image.array[:, 3], -alone)
    left = over.image.array
    assert_array_equal(left[20:120], strip[20:120] - alone[:, None])
    if kind == "MEDIAN_PER_ROW":
        assert_array_equal(left, strip - overscan.fit(strip, kind)[:, None])
    else:
        assert_array_equal(left[:20], strip[:20] - alone[0])
        assert_array_equal(left[120:], strip[120:] - alone[-1])
    assert not data.mask.array.any()


def test_data_beyond_the_strip_are_suspect():
    data = MaskedImage(np.zeros((50, 20), np.float32))
    strip = MaskedImage(noisy(40), xy0=(20, 5))
    level = overscan.correct(data, strip, "MEDIAN_PER_ROW").level
    assert level.shape == (50,)
    assert (level[:5] == level[5]).all()
    assert_array_equal(data.mask.array[:, 0] == SUSPECT, [True] * 5 + [False] * 40 + [True] * 5)


def test_a_short_amplifier_has_its_rows_too():
    data = MaskedImage(np.zeros((24, 100), np.float32))
    for kind in ("MEDIAN_PER_ROW", "POLY"):
        assert overscan.correct(data, noisy(24, 32), kind).level.shape == (24,)


def test_lost_rows_take_the_median_of_their_neighbours():
    image = np.repeat(np.arange(30, dtype=np.float32), 3).reshape(30, 3)
    mask = np.zeros(image.shape, np.int32)
    mask[10:13] = mask[0] = 1
    level = overscan.fit(image, "MEAN_PER_ROW", mask=mask, and_mask=1)
    assert_array_equal(level[10:13], [11, 11, 11])
    assert level[0] == 3


@pytest.mark.parametrize("kind", overscan.FIT_TYPES)
def test_threads_and_layout_do_not_change_a_bit(kind):
    strip = noisy(700, 32)
    try:
        for threads in (1, 2, 3):
            set_num_threads(threads)
            got = overscan.fit(strip, kind, 5)
            assert_array_equal(got, overscan.fit(np.asfortranarray(strip), kind, 5))
            set_num_threads(None)
            assert_array_equal(got, overscan.fit(strip, kind, 5))
    finally:
        set_num_threads(None)


def test_outliers_are_flagged():
    for parity, wanted in (("none", 6), ("lsst-v17", 2)):
        strip = MaskedImage(np.float32([[10, 11, 12, 900, np.nan]]), np.int32([[0, 0, 0, 4, 0]]))
        assert overscan.flag_outliers(strip, 100, parity) == 1
        assert_array_equal(strip.mask.array, [[0, 0, 0, wanted, 0]])
    strip = MaskedImage(np.float32([[10, 900]]), np.int32([[1, 1]]))
    assert overscan.flag_outliers(strip, 100) == 0


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (("MODE",), ValueError, "fit_type is 'MODE', wanted one of MEAN"),
        (("POLY", 30), ValueError, "order is 30, wanted at most 99 and below the 20"),
        (("POLY", 100), ValueError, "order is 100"),
        (("POLY", -1), ValueError, "order is -1"),
        (("POLY", 1.5), TypeError, "float"),
        (("CUBIC_SPLINE", 2), ValueError, "2 bins hold usable lines, NATURAL_SPLINE wants 3"),
        (("AKIMA_SPLINE", 1), ValueError, "wants 5"),
        (("MEAN", 1, np.zeros((3, 3), int)), ValueError, "mask has shape"),
        (("MEAN", 1, np.ones((20, 4), int), 1), ValueError, "no usable pixel"),
        (("MEDIAN_PER_ROW", 1, np.ones((20, 4), int), 1), ValueError, "no usable pixel"),
        (("POLY", 1, None, 0, np.nan), ValueError, "n_sigma is NaN"),
        (("POLY", 1, None, 0, 3.0, True, "v17"), ValueError, "parity is 'v17'"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        overscan.fit(noisy(20, 4), *arguments)


def test_correct_refuses_before_it_changes_anything():
    data, strip = MaskedImage(np.ones((9, 9), np.float32)), np.ones((9, 3), np.float32)
    cases = [
        ((data, strip, "MODE"), ValueError, "fit_type"),
        ((data, strip.astype(float), "MEAN"), TypeError, "overscan holds float64"),
        ((MaskedImage(np.ones((9, 9))), strip, "MEAN"), TypeError, "data holds float64"),
        ((data, data.image.array[:, 2:5], "MEAN"), ValueError, "shares pixels"),
        ((data, MaskedImage(np.ones((8, 3), np.float32), xy0=(0, 9)), "POLY"), ValueError, "lines"),
    ]
    for arguments, error, match in cases:
        with pytest.raises(error, match=match):
            overscan.correct(*arguments)
    assert (data.image.array == 1).all()
    assert (strip == 1).all()


def test_one_pixel():
    for kind in ("MEAN", "MEDIAN", "MEANCLIP", "MEDIAN_PER_ROW", "MEAN_PER_ROW"):
        assert_array_equal(overscan.fit(np.float32([[7]]), kind), 7)
    assert_array_equal(overscan.fit(np.float32([[7]]), "POLY", 0), [7])


def test_an_empty_strip_is_refused():
    for kind in overscan.FIT_TYPES:
        with pytest.raises(ValueError, match="shape"):
            overscan.fit(np.zeros((5, 0), np.float32), kind)


def test_sample_vectors(shared):
    data = np.load(shared / "golden" / "overscan.npz")
    sat = 1 << json.loads(str(data["planes_json"]))["SAT"]
    keys = [key.rpartition("__") for key in data.files]
    cases = [(head, what) for head, _, what in keys if what in ("level", "fit")]
    assert len(cases) == 14
    for case, what in cases:
        kind, _, order = case.removeprefix("clean__").rpartition("_")
        image = data["clean__amp_image"].copy()
        strip = data["clean__os_image"].copy()
        planes = MaskedImage(image, data["clean__amp_mask"].copy())
        over = MaskedImage(strip, data["clean__os_mask"].copy())
        result = overscan.correct(planes, over, kind, int(order), sat, parity="lsst-v17")
        wanted = data[f"{case}__{what}"]
        tight = what == "level"
        # The reference sums in float32: half an ulp at this level.
        assert_allclose(
            result.level, wanted, rtol=1e-10 if tight else 1e-7, atol=0 if tight else 1e-4
        )
        if f"{case}__out_amp_image" in data:
            assert_allclose(image, data[f"{case}__out_amp_image"], rtol=0, atol=1.3e-4)
        rows = np.flatnonzero((planes.mask.array & SUSPECT).any(axis=1))
        assert_array_equal(rows, data[f"{case}__amp_suspect_rows"])


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [("b21", (943, 965)), ("b11", (949, 981)), ("b1", (945, 967)), ("b24", (942, 964))],
)
def test_levels_and_noise_of_real_frames(shared, frame, wanted):
    fits = pytest.importorskip("astropy.io.fits")
    pixels = fits.getdata(shared / "pixels" / "kast_blue" / f"{frame}.fits.gz").astype(np.float32)
    planes = MaskedImage(pixels)
    for amplifier, level in enumerate(wanted):
        data = planes.subset(Box2I(1024 * amplifier, 0, 1024, 350))
        strip = planes.subset(Box2I(2048 + 32 * amplifier, 0, 32, 350))
        assert overscan.fit(strip, "MEDIAN") == pytest.approx(level, abs=1)
        result = overscan.correct(data, strip, "MEDIAN_PER_ROW")
        assert np.median(result.level) == pytest.approx(level, abs=1)
        # 2.86 and 2.70 ADU from pairs of biases; the outermost columns stand apart, and the
        # median of a row takes a little of its scatter with it.
        noise = statistics.compute(strip.image.array[:, 1:-1], "STDEVCLIP")
        assert 2.3 < noise < 3.2


@given(st.data(), st.integers(1, 140))
def test_row_median_of_any_width_equals_numpy(data, width):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    pixels = np.rint(rng.normal(0, 3, (data.draw(st.integers(1, 40)), width))).astype(np.float32)
    odd = rng.random(pixels.shape) < data.draw(st.sampled_from([0, 0.02, 0.9]))
    pixels[odd] = rng.choice(np.float32([np.nan, np.inf, -np.inf, -0.0, 3e38, 1e-45]))
    mask = (rng.random(pixels.shape) < data.draw(st.sampled_from([0, 0.1]))) * np.int32(2)
    image = data.draw(strided(pixels))
    found = overscan.row_median(image, data.draw(strided(mask)), 2)
    for level, row, marks in zip(found, pixels, mask, strict=True):
        usable = row[np.isfinite(row) & (marks == 0)].astype(np.float64)
        wanted = np.float32(np.median(usable)) if usable.size else np.float32(np.nan)
        assert_array_equal(level, wanted)
