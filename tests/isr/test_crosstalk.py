import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr import Box2I, Exposure, MaskedImage
from cfhtisr.images import Mask
from cfhtisr.isr import crosstalk, statistics
from crosstalk_samples import CORNERS, four_amplifiers, grid
from oracle import crosstalk as oracle
from strategies import flags, pixels, triples

FLAG = Mask.bitmask("CROSSTALK")


def flipped(detector):
    for amp in detector:
        corner = amp.readout_corner
        yield corner in ("LR", "UR"), corner in ("UL", "UR")


matrices = st.floats(-0.5, 0.5, width=32)


@st.composite
def cases(draw):
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    count = draw(st.sampled_from([2, 4]))
    corners = draw(st.lists(st.sampled_from(CORNERS), min_size=4, max_size=4))
    gap = draw(st.integers(0, 3))
    detector = grid(size, count, corners, gap)
    shape = detector.raw_bbox.shape
    planes = draw(triples(pixels, shape))
    matrix = np.float32([[draw(matrices) for _ in range(count)] for _ in range(count)])
    np.fill_diagonal(matrix, 0)
    return detector, planes, matrix


@given(cases(), st.sampled_from(["none", "lsst-v17"]), st.sampled_from([np.nan, -1.0, 100.0]))
def test_a_raw_frame_equals_the_oracle(case, parity, level):
    detector, planes, matrix = case
    image, mask, _ = planes
    amps = [
        (amp.raw_data_bbox.x0, amp.raw_data_bbox.y0, *flips)
        for amp, flips in zip(detector, flipped(detector), strict=True)
    ]
    backgrounds = []
    for number, amp in enumerate(detector):
        box = amp.raw_data_bbox if parity == "none" else amp.bbox
        part = MaskedImage(image, mask).subset(box)
        found = statistics.compute(part, "MEDIAN", and_mask=1)
        if np.isnan(found) and parity == "none":
            matrix[:, number] = 0
        backgrounds.append(found)
    size = detector[0].bbox.shape
    wanted = oracle.subtract(
        [plane.tolist() for plane in planes], amps, size, matrix.tolist(), backgrounds, level, FLAG
    )
    exposure = Exposure(MaskedImage(*planes), detector=detector)
    crosstalk.subtract(exposure, matrix, minPixelToMask=level, parity=parity)
    for found, values in zip(exposure.masked_image.getArrays(), wanted, strict=True):
        assert_array_equal(found, np.array(values, found.dtype))


@given(cases(), st.booleans())
def test_what_is_read_out_first_is_first_wherever_it_lies(case, flip_x):
    """Turning a whole frame, and the corners with it, turns the result."""
    detector, planes, matrix = case
    size, count = detector[0].bbox.shape, len(detector)
    corners = [amp.readout_corner for amp in detector]
    whole = grid(size, count, corners)
    rows, columns = whole.bbox.shape
    planes = [plane[:rows, :columns].copy() for plane in planes]
    turn = np.s_[:, ::-1] if flip_x else np.s_[::-1]
    mirror = (
        {"LL": "LR", "LR": "LL", "UL": "UR", "UR": "UL"}
        if flip_x
        else {"LL": "UL", "LR": "UR", "UL": "LL", "UR": "LR"}
    )
    order = [1, 0, 3, 2] if flip_x else [2, 3, 0, 1]
    order = order[:count] if count == 4 or flip_x else [0, 1]
    turned = grid(size, count, [mirror[corners[n]] for n in order])
    first = Exposure(MaskedImage(*planes).copy(), detector=whole)
    second = Exposure(MaskedImage(*[p[turn].copy() for p in planes]), detector=turned)
    keep = np.triu(np.ones_like(matrix), 1)  # one source each, so that no sum has an order
    matrix = matrix * keep if count == 2 else np.eye(4, k=1, dtype=np.float32) * 0.25
    crosstalk.subtract(first, matrix)
    crosstalk.subtract(second, matrix[np.ix_(order, order)])
    pairs = zip(first.masked_image.getArrays(), second.masked_image.getArrays(), strict=True)
    for one, other in pairs:
        assert_array_equal(one[turn], other)


def test_before_and_after_assembly_agree_where_raw_pixels_are_flipped():
    from cfhtisr.isr import assembly

    rng = np.random.default_rng(3)
    size = (6, 5)
    detector = grid(size, 4, CORNERS, gap=2, flips=(True, False))
    shape = detector.raw_bbox.shape
    raw = MaskedImage(rng.normal(1000, 9, shape).astype(np.float32), variance=np.ones(shape))
    matrix = np.full((4, 4), 1e-3, np.float32)
    np.fill_diagonal(matrix, 0)
    early = Exposure(raw.copy(), detector=detector)
    crosstalk.subtract(early, matrix)
    late = Exposure(assembly.assemble(raw, detector), detector=detector)
    crosstalk.subtract(late, matrix)
    joined = assembly.assemble(early.masked_image, detector)
    for one, other in zip(joined.getArrays(), late.masked_image.getArrays(), strict=True):
        assert_array_equal(one, other)


def test_crosstalk_that_was_put_in_is_taken_out():
    exposure, clean, _ = four_amplifiers()
    crosstalk.subtractCrosstalk(exposure, minPixelToMask=12344, crosstalkStr="XTLK")
    assert_allclose(exposure.image.array, clean, atol=2e-2)
    assert exposure.mask.count("XTLK") > 0
    assert exposure.mask.count("CROSSTALK") == 0


def test_extracted_amplifiers_begin_where_they_are_read_out():
    exposure, _, _ = four_amplifiers()
    planes = exposure.masked_image
    for amp in exposure.detector:
        part = crosstalk.extractAmp(planes, amp, "LL", isTrimmed=True)
        y = amp.bbox.y1 if amp.readout_corner in ("UL", "UR") else amp.bbox.y0
        x = amp.bbox.x1 if amp.readout_corner in ("LR", "UR") else amp.bbox.x0
        assert part.image.array[0, 0] == planes.image.array[y, x]
        assert not np.shares_memory(part.image.array, planes.image.array)


def two(image, mask=None, **options):
    shape = np.shape(image)
    detector = grid((shape[0], shape[1] // 2), 2, ("LL", "LR"))
    planes = MaskedImage(np.float32(image), mask, np.ones(shape, np.float32))
    return Exposure(planes, detector=detector, **options)


def test_victims_are_flagged_and_bright_pixels_are_not():
    exposure = two([[0, 0, 50000, 0, 0, 0]], [[FLAG, 0, 0, 0, 0, 1]])
    crosstalk.subtract(exposure, [[0, 1e-3], [1e-3, 0]])
    assert_array_equal(exposure.mask.array, [[0, 0, 0, FLAG, 0, FLAG | 1]])
    assert_allclose(exposure.image.array, [[0, 0, 50000, -50, 0, 0]])
    assert_allclose(exposure.variance.array, 1 + 1e-6)


def test_an_amplifier_without_good_pixels_talks_to_none():
    for parity in ("none", "lsst-v17"):
        exposure = two([[7, 8, 9, 9]], [[0, 0, 1, 1]])
        crosstalk.subtract(exposure, [[0, 0.5], [0.5, 0]], parity=parity)
        assert np.isnan(exposure.image.array[0, :2]).all() == (parity == "lsst-v17")
        assert np.isfinite(exposure.image.array[0, 2:]).all()


def test_nothing_happens_without_coefficients_but_the_flag_goes():
    exposure = two([[1, np.nan, np.inf, -0.0]], [[FLAG, 2, 0, 0]])
    crosstalk.subtract(exposure, np.zeros((2, 2)))
    assert_array_equal(exposure.image.array, [[1, np.nan, np.inf, -0.0]])
    assert_array_equal(exposure.mask.array, [[0, 2, 0, 0]])


@pytest.mark.parametrize(
    ("matrix", "kind", "text"),
    [
        (None, RuntimeError, "no crosstalk coefficients"),
        (np.zeros((0, 0)), RuntimeError, "no crosstalk coefficients"),
        (np.zeros((1, 1)), AssertionError, "shape"),
        (np.ones((2, 2)), AssertionError, "diagonal"),
        ([[0, np.nan], [0, 0]], ValueError, "finite"),
    ],
)
def test_matrices_that_make_no_sense_are_refused(matrix, kind, text):
    with pytest.raises(kind, match=text):
        crosstalk.subtract(two([[0, 0]]), matrix)


def test_frames_that_do_not_fit_are_refused():
    matrix = [[0, 1e-3], [1e-3, 0]]
    exposure = two(np.zeros((2, 4)))
    exposure.detector = None
    with pytest.raises(RuntimeError, match="no detector"):
        crosstalk.subtract(exposure, matrix)
    small = Exposure(
        MaskedImage(np.zeros((1, 2), np.float32)), detector=two([[0, 0, 0, 0]]).detector
    )
    with pytest.raises(RuntimeError, match=r"A1 of ccd00 is at .* outside"):
        crosstalk.subtract(small, matrix)
    integers = two(np.zeros((2, 4)))
    integers = Exposure(MaskedImage(np.zeros((2, 4), np.uint16)), detector=integers.detector)
    with pytest.raises(TypeError, match="uint16"):
        crosstalk.subtract(integers, matrix)
    uneven = two(np.zeros((1, 4)))
    left, right = uneven.detector
    box = Box2I(2, 0, 1, 1)
    uneven.detector.amplifiers = (left, right.copy(bbox=box, raw_bbox=box, raw_data_bbox=box))
    with pytest.raises(RuntimeError, match="equal sizes"):
        crosstalk.subtract(uneven, matrix)
    double = two(np.zeros((1, 4)))
    double.detector.amplifiers = (left, left.copy(name="A1"))
    with pytest.raises(ValueError, match="overlap"):
        crosstalk.subtract(double, matrix)


def test_results_do_not_depend_on_the_number_of_threads():
    results = []
    try:
        for threads in (1, 2, 7):
            cfhtisr.set_num_threads(threads)
            exposure, _, _ = four_amplifiers()
            crosstalk.subtract(exposure)
            results.append(exposure.masked_image.getArrays())
    finally:
        cfhtisr.set_num_threads(None)
    for arrays in results[1:]:
        for one, other in zip(arrays, results[0], strict=True):
            assert_array_equal(one, other)


@given(st.lists(flags, min_size=4, max_size=4))
def test_other_flags_stay(bits):
    exposure = two([[0, 0, 0, 0]], [bits])
    crosstalk.subtract(exposure, [[0, 1e-3], [1e-3, 0]], crosstalkMaskPlane="CROSSTALK")
    assert_array_equal(exposure.mask.array & ~FLAG, np.int32([bits]) & ~FLAG)
