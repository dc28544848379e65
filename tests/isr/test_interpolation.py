import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images import Box2I, Image, Mask, MaskedImage
from cfhtisr.isr import interpolation, masking, statistics
from oracle import interpolation as oracle
from strategies import boxes, finite_pixels, images, ordinary, planes, strided, triples

BAD, SAT, INTRP = 1, 2, 4
variances = st.one_of(st.floats(0, 1e5, width=32), finite_pixels)


@st.composite
def frames(draw, elements=None, least=1):
    """Return image, mask, variance and which pixels are bad: in runs of all widths and places."""
    height, width = draw(st.integers(1, 5)), draw(st.integers(least, 40))
    anything = elements is not None
    image = draw(images((height, width), elements if anything else finite_pixels))
    variance = draw(images((height, width), elements if anything else variances))
    bad = np.zeros((height, width), bool)
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.sampled_from([0, 1, 2, draw(st.integers(0, width - 1))]))
        size = draw(st.integers(1, 14) | st.just(width))
        if draw(st.booleans()):  # from the other edge
            first = max(0, width - first - size)
        rows = slice(None) if draw(st.booleans()) else draw(st.integers(0, height - 1))
        bad[rows, first : first + size] = True
    return image, np.zeros((height, width), np.int32), variance, bad


def boxes_of(bad):
    y, x = np.nonzero(bad)
    return np.stack([x, y, x, y], axis=1)


def assert_close(got, want):
    """Compare with what was computed in another order.

    Each is within 1e-13 of the largest term from the exact sum, and is then rounded to float32.
    """
    want = np.array(want, np.float64).reshape(got.shape)
    with np.errstate(all="ignore"):
        rounded = want.astype(np.float32)
        scale = np.abs(want[np.isfinite(want)]).max(initial=0)
        near = np.abs(got - want) <= np.spacing(np.abs(rounded)) + 1e-13 * scale
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    assert (same | near).all(), (got[~(same | near)], want[~(same | near)])


@given(frames() | frames(st.floats(width=32)), st.floats(-1e5, 1e5), st.booleans())
def test_interpolate_boxes_equals_the_oracle(frame, fallback, use_edge):
    image, mask, variance, bad = frame
    level = statistics.compute(variance, "MEANCLIP")
    stand_in = tuple(map(oracle.float32, (fallback, 0.0 if level < 0 else level)))
    planes = image.tolist(), variance.tolist(), bad.tolist()
    wanted = oracle.closed_form(*planes, stand_in, use_edge)
    count = interpolation.interpolate_boxes(
        image, mask, variance, boxes_of(bad), fallback, use_edge
    )
    assert count == bad.sum()
    assert_array_equal(mask, np.where(bad, INTRP, 0))
    assert_close(image, wanted[0])
    assert_close(variance, wanted[1])


@given(frames() | frames(st.floats(width=32)), st.floats(-1e5, 1e5) | st.floats(), st.booleans())
def test_interpolate_boxes_equals_the_oracle_of_the_reference(frame, fallback, use_edge):
    image, mask, variance, bad = frame
    wanted = [
        oracle.reference(plane.tolist(), bad.tolist(), fallback, use_edge)
        for plane in (image, variance)
    ]
    count = interpolation.interpolate_boxes(
        image, mask, variance, boxes_of(bad), fallback, use_edge, "lsst-v17"
    )
    assert count == bad.sum()
    assert_array_equal(mask, np.where(bad, INTRP, 0))
    assert_array_equal(image, np.array(wanted[0], np.float32))
    assert_array_equal(variance, np.array(wanted[1], np.float32))


@given(triples(), boxes(), st.sampled_from(["none", "lsst-v17"]))
def test_boxes_are_a_set_of_pixels(triple, boxes, parity):
    bad = np.zeros(triple[0].shape, np.int32)
    masking.mask_boxes(bad, boxes, "BAD")
    # First the boxes as they come, then backwards and twice, then the flags that they set.
    first, second, third = ([plane.copy() for plane in triple] for _ in range(3))
    count = interpolation.interpolate_boxes(*first, boxes, 5.0, parity=parity)
    assert interpolation.interpolate_boxes(*second, boxes[::-1] * 2, 5.0, parity=parity) == count
    third[1][...] = (third[1] & ~BAD) | bad
    assert interpolation.interpolate_mask(*third, "BAD", fallback=5.0, parity=parity) == count
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[2], second[2])
    assert_array_equal(first[0], third[0])
    assert_array_equal(first[2], third[2])
    assert_array_equal(first[1] & INTRP, third[1] & INTRP)


@given(frames(), st.data())
def test_a_mirrored_frame_gives_the_mirrored_result(frame, data):
    image, mask, variance, bad = frame
    mirrored = [data.draw(strided(plane[:, ::-1].copy())) for plane in (image, mask, variance)]
    interpolation.interpolate_boxes(image, mask, variance, boxes_of(bad), 3.0, False)
    interpolation.interpolate_boxes(*mirrored, boxes_of(bad[:, ::-1]), 3.0, False)
    assert_array_equal(mirrored[0][:, ::-1], image)
    assert_array_equal(mirrored[1][:, ::-1], mask)
    assert_array_equal(mirrored[2][:, ::-1], variance)


@given(frames(), st.floats(width=32))
def test_bad_pixels_are_not_read(frame, noise):
    image, mask, variance, bad = frame
    bad[0, 0] = False
    noisy = np.where(bad, np.float32(noise), image), mask.copy(), np.where(bad, noise, variance)
    noisy = noisy[0], noisy[1], noisy[2].astype(np.float32)
    interpolation.interpolate_boxes(image, mask, variance, boxes_of(bad), 3.0, False)
    interpolation.interpolate_boxes(*noisy, boxes_of(bad), 3.0, False)
    assert_array_equal(noisy[0], image)
    assert_array_equal(noisy[2], variance)


@given(frames(), ordinary)
def test_a_constant_frame_is_restored(frame, level):
    image, mask, variance, bad = frame
    constant = np.full_like(image, level)
    image[...] = np.where(bad, image, constant)
    interpolation.interpolate_boxes(image, mask, variance, boxes_of(bad), level)
    assert_array_equal(image, constant)


@given(frames(st.floats(width=32)))
def test_results_are_finite_as_long_as_one_pixel_is_usable(frame):
    image, mask, variance, bad = frame
    with np.errstate(invalid="ignore"):
        image[np.abs(image) > 1e30] = np.nan  # weights above 1 may overflow
        variance[np.abs(variance) > 1e30] = np.inf
    bad[0, 0], image[0, 0], variance[0, 0] = False, 1, 1
    interpolation.interpolate_boxes(image, mask, variance, boxes_of(bad), 7.0)
    assert np.isfinite(image[bad]).all()
    assert np.isfinite(variance[bad]).all()
    assert (variance[bad] >= 0).all()


@given(planes(), st.integers(0, 3), st.sampled_from(["SAT", ("SAT", "BAD"), []]))
def test_growth_stays_in_the_mask(planes, radius, names):
    image, mask = planes
    grown = mask.copy()
    masking.grow(grown, names, radius)
    bad = grown & Mask.bitmask(names)
    variance = np.ones_like(image)
    count = interpolation.interpolate_mask(image, mask, variance, names, radius, 1.0)
    assert count == np.count_nonzero(bad)
    assert_array_equal(mask, np.where(bad, grown | INTRP, grown))


# One row at a time: what each mode does


def repaired(values, bad, parity="none", fallback=0.0, use_edge=True, variance=None):
    """Return the row and its variance after repair of the columns `bad`."""
    image = np.array([values], np.float32)
    spread = np.ones_like(image) if variance is None else np.array([variance], np.float32)
    boxes = [Box2I(x, 0, 1, 1) for x in bad]
    mask = np.zeros(image.shape, np.int32)
    interpolation.interpolate_boxes(image, mask, spread, boxes, fallback, use_edge, parity)
    return image[0].tolist(), spread[0].tolist()


def test_printed_weights():
    for site, weight in {1: -0.2737, 2: 0.7737, 4: 0.7737, 5: -0.2737}.items():
        row = np.zeros(7)
        row[site] = 1e4
        exact, rounded = (repaired(row, [3], parity)[0][3] for parity in ("none", "lsst-v17"))
        assert rounded == np.float32(weight * 1e4)
        assert 0 < abs(exact - rounded) < 0.5


def test_n1_the_reference_lets_a_variance_turn_negative():
    variance = [1, 100, 1, 1, 1, 100, 1]
    assert repaired(range(7), [3], variance=variance)[1][3] == 1.0
    assert repaired(range(7), [3], "lsst-v17", variance=variance)[1][3] < 0


def test_t14_the_fallback_of_the_variance_is_a_variance():
    values, bad = [5.0] * 20, range(10)
    assert repaired(values, bad, fallback=1000.0)[1][0] == 1.0
    assert repaired(values, bad, "lsst-v17", fallback=1000.0)[1][0] == 1000.0


def test_n2_the_reference_reads_bad_pixels_beside_a_run():
    values = np.arange(12.0)
    noisy = values.copy()
    noisy[4] = 1e6
    near_left = [1, 2, 4]
    assert repaired(noisy, near_left)[0] == repaired(values, near_left)[0]
    assert repaired(noisy, near_left, "lsst-v17")[0][1] < -1e4
    ragged = np.array([9, 1, 7, 2, 0, 0, 3, 0, 5, 0, 4, 0], float)
    at_right = [9, 11]
    exact, rounded = (repaired(ragged, at_right, parity)[0] for parity in ("none", "lsst-v17"))
    assert exact[11] == ragged[10]  # from the one good pixel between the runs
    assert rounded[11] == np.float32(-0.4288 * rounded[9] + 1.4288 * ragged[10])


def test_n3_the_reference_keeps_two_pixels_between_single_ones_from_below_zero():
    values, bad = [1, 0, -8, 0, 0, -8, 0, 1], [1, 3, 4, 6]
    assert repaired(values, bad)[0][3:5] == [-8, -8]
    assert repaired(values, bad, "lsst-v17")[0][3:5] == [0, 0]


def test_n4_the_reference_takes_minus_one_for_a_pixel_beyond_the_frame():
    values, fallback = [50.0] * 20, 50.0
    for bad in (range(7), range(13, 20)):
        assert repaired(values, bad, fallback=fallback)[0] == values
        assert min(repaired(values, bad, "lsst-v17", fallback)[0]) < 49.9


def test_n5_the_reference_ignores_the_first_column_beside_a_run_to_the_end():
    values, bad = [50.0] + [0.0] * 19, range(1, 20)
    exact = repaired(values, bad, fallback=7.0)[0]
    assert exact[1] > 40
    assert exact[7:] == [7.0] * 13
    assert repaired(values, bad, "lsst-v17", 7.0)[0][1:] == [7.0] * 19


def test_pixels_that_are_not_finite():
    values = [3.0, 3.0, np.nan, 0.0, 3.0, 3.0]
    assert repaired(values, [3])[0][3] == 3.0
    assert np.isnan(repaired(values, [3])[0][2])
    assert np.isnan(repaired(values, [3], "lsst-v17")[0][3])
    spread = [1.0, 1.0, np.inf, 9.0, 1.0, 1.0]
    assert repaired([3.0, 3.0, 8.0, 0.0, 3.0, 3.0], [3], variance=spread)[0][3] == 3.0


def test_edges():
    values = [4.0] * 12 + [8.0] * 8
    near = repaired(values, range(6), fallback=100.0)[0]
    assert near[:6] == [4.0] * 6  # up to six pixels: from the good side alone
    wide = repaired(values, range(9), fallback=100.0)[0]
    assert wide[:3] == [100.0] * 3
    assert 4.0 < wide[8] < 40.0 < wide[4] < 105.0
    alone = repaired(values, range(9), fallback=100.0, use_edge=False)[0]
    assert alone[:9] == [4.0] * 9
    assert repaired([6.0, 0, 0, 0, 0, 0, 0, 0, 0, 2.0], range(1, 9))[0][1] == pytest.approx(
        6, abs=1.5
    )
    assert repaired([0.0], [0], fallback=2.0)[0] == [2.0]


def test_a_row_without_a_good_pixel_copies_the_nearest():
    image = np.array([[0, 0], [1, 2], [0, 0], [3, np.nan], [0, 0], [0, 0]], np.float32)
    mask = np.where(np.arange(6)[:, None] % 2 == 0, BAD, 0) * np.ones((1, 2), np.int32)
    mask[5] = BAD
    mask = mask.astype(np.int32)
    variance = image + 1
    planes = image.copy(), mask.copy(), variance.copy()
    assert interpolation.interpolate_mask(image, mask, variance, "BAD") == 8
    # Rows 0 and 2 copy row 1, the lower of two; 4 and 5 copy row 3, repaired itself.
    assert_array_equal(image[[0, 1, 2]], [[1, 2]] * 3)
    assert_array_equal(image[[4, 5]], [[3, 3]] * 2)
    assert_array_equal(variance[[4, 5]], [[4, 4]] * 2)
    assert np.isnan(image[3, 1])
    assert_array_equal(mask[0], BAD | INTRP)
    assert interpolation.interpolate_mask(*planes, "BAD", fallback=9.0, parity="lsst-v17") == 8
    assert_array_equal(planes[0][[0, 2, 4, 5]], [[9, 9]] * 4)


def test_a_copied_variance_is_not_negative():
    image, mask = np.array([[1, 2], [0, 0]], np.float32), np.array([[0, 0], [1, 1]], np.int32)
    variance = np.array([[-3, 2], [5, 5]], np.float32)
    interpolation.interpolate_mask(image, mask, variance, "BAD")
    assert_array_equal(variance, [[-3, 2], [0, 2]])


def test_a_frame_without_a_good_pixel_holds_the_fallback():
    image, mask = np.full((2, 3), np.nan, np.float32), np.zeros((2, 3), np.int32)
    variance = np.full((2, 3), 2, np.float32)
    assert interpolation.interpolate_boxes(image, mask, variance, Box2I(0, 0, 3, 2), 5.0) == 6
    assert (image == 5).all()
    assert (variance == 2).all()


def test_the_fallback_is_computed_only_if_it_is_used(monkeypatch):
    calls = []

    def compute(plane, what):
        calls.append((what, float(plane[0, 0])))
        return 3.0

    monkeypatch.setattr(statistics, "compute", compute)
    image, variance = np.full((3, 30), 7, np.float32), np.full((3, 30), 5, np.float32)
    mask = np.zeros((3, 30), np.int32)
    for parity, level in (("none", 7.0), ("lsst-v17", 3.0)):
        ways = image.copy(), mask.copy(), variance.copy()
        inside = [Box2I(4, 0, 20, 3), Box2I(0, 0, 2, 2), Box2I(1, 0, 1, 3)]
        interpolation.interpolate_boxes(*ways, inside, parity=parity)
        assert not calls
        interpolation.interpolate_boxes(*ways, Box2I(0, 0, 30, 1), parity=parity)
        assert ways[0][0, 5] == np.float32(level)
        assert bool(calls) == (parity == "lsst-v17")
    assert calls == [("MEANCLIP", 7.0)]
    interpolation.interpolate_boxes(image, mask, variance, Box2I(20, 0, 10, 1))
    assert calls[1:] == [("MEANCLIP", 7.0), ("MEANCLIP", 5.0)]


def test_boxes_lie_in_the_frame_of_an_image():
    exposure = MaskedImage(np.full((2, 5), 3, np.float32), xy0=(100, 10))
    exposure.image.array[1, 2] = 99
    count = interpolation.interpolate_boxes(
        exposure.image, exposure.mask, exposure.variance, Box2I(102, 11, 1, 1)
    )
    assert count == 1
    assert (exposure.image.array == 3).all()
    assert exposure.mask.array[1, 2] == INTRP


def test_refusals():
    image, mask = np.ones((3, 4), np.float32), np.full((3, 4), SAT, np.int32)
    variance, box = np.ones((3, 4), np.float32), Box2I(1, 1, 1, 1)
    with pytest.raises(TypeError, match="image holds float64, wanted float32"):
        interpolation.interpolate_boxes(image.astype(float), mask, variance, box)
    with pytest.raises(TypeError, match="mask holds int64"):
        interpolation.interpolate_mask(image, mask.astype(int), variance, "SAT")
    with pytest.raises(ValueError, match=r"variance has shape \(1, 4\)"):
        interpolation.interpolate_mask(image, mask, variance[:1], "SAT", grow=1)
    with pytest.raises(ValueError, match="mask has shape"):
        interpolation.interpolate_boxes(Image(image), mask[:, :2], variance, box)
    with pytest.raises(UnknownChoiceError, match="parity is 'v17'"):
        interpolation.interpolate_boxes(image, mask, variance, box, parity="v17")
    with pytest.raises(KeyError, match="there is no mask plane 'SATURATED'"):
        interpolation.interpolate_mask(image, mask, variance, "SATURATED")
    with pytest.raises(ValueError, match="radius is -1"):
        interpolation.interpolate_mask(image, mask, variance, "SAT", grow=-1)
    with pytest.raises(ValueError, match="boxes"):
        interpolation.interpolate_boxes(image, mask, variance, [[1, 2]])
    with pytest.raises(Exception, match="borrow"):
        interpolation.interpolate_boxes(image, mask, image, box)
    assert (image == 1).all()
    assert (mask == SAT).all()


# Real data and the reference's results


@pytest.mark.parametrize("case", ["single_edge1", "pairs_edge0"])
def test_sample_vectors_of_boxes(shared, case):
    with np.load(shared / "golden" / "interp_boxes.npz") as golden:
        planes = [golden[f"{case}__in_{name}"].copy() for name in ("image", "mask", "variance")]
        interpolation.interpolate_boxes(
            *planes,
            golden[f"{case}__boxes"],
            float(golden[f"{case}__fallback"]),
            bool(golden[f"{case}__use_edge"]),
            parity="lsst-v17",
        )
        for plane, name in zip(planes, ("image", "mask", "variance"), strict=True):
            assert_array_equal(plane, golden[f"{case}__out_{name}"])


def test_sample_vectors_of_a_mask(shared):
    with np.load(shared / "golden" / "interp_mask.npz") as golden:
        assert json.loads(str(golden["planes_json"]))["SAT"] == 1
        planes = [golden[f"in_{name}"].copy() for name in ("image", "mask", "variance")]
        interpolation.interpolate_mask(*planes, "SAT", grow=1, parity="lsst-v17")
        for plane, name in zip(planes, ("image", "mask", "variance"), strict=True):
            assert_array_equal(plane, golden[f"grow1_auto__out_{name}"])


@pytest.mark.parametrize("ccd", [3, 11, 28])
def test_real_defects(shared, ccd):
    fits = pytest.importorskip("astropy.io.fits")
    defects = shared / "defects" / ("2003B.mask.0.36.00.nn" if ccd == 3 else "test.mask.0.40.00.nn")
    table = fits.getdata(defects / f"ccd{ccd:02d}.fits")
    boxes = [Box2I(*map(int, row)) for row in zip(*(table[n] for n in table.names), strict=True)]
    assert table.names == ["x0", "y0", "width", "height"]
    y, x = np.mgrid[:4612, :2048].astype(np.float32)
    sky = 1000 + x / 8 + y / 16
    first = sky.copy(), np.zeros((4612, 2048), np.int32), np.full_like(sky, 50)
    masking.mask_boxes(first[1], boxes)
    bad = first[1] != 0
    assert bad[[0, 4611]].all()
    first[0][bad] = np.nan
    second = [plane.copy() for plane in first]
    count = interpolation.interpolate_mask(*first, "BAD", fallback=1234.0)
    assert count == bad.sum() == interpolation.interpolate_boxes(*second, boxes, 1234.0)
    assert_array_equal(first[1], np.where(bad, BAD | INTRP, 0))
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)
    if ccd == 3:  # bad all over
        assert (first[0] == 1234).all()
        return
    assert (first[2] >= 50).all()
    error = np.abs(first[0] - sky)
    assert error[:, 60:-60].max() < 6  # the widest run has 39 columns, an eighth each
    assert error.max() < 300  # where a wide one touches an edge the fallback takes over
