import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr import _kernels
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Box2I, Mask, MaskedImage
from cfhtisr.isr.fused import Batch
from cfhtisr.isr.immediate import Immediate
from cfhtisr.isr.raw_frame import RawFrame
from oracle import fused as oracle
from strategies import images, masked_images, shapes, strided

NAMES = ("raw", "place", "bias", "variance", "variance_v17", "keep", "trails", "dark", "flat")
WATCHED = (1, 4)
numbers = st.one_of(st.floats(0.25, 4), st.sampled_from([1.0, 1e-30, 1e30]))
flips = st.tuples(st.booleans(), st.booleans())
counts_of = st.one_of(st.integers(0, 65535), st.sampled_from([0, 60000, 65535]))


def lists(planes):
    return [array.tolist() for array in planes.getArrays()]


def frames(planes, absent):
    """Return planes as the kernel takes them, and as lists; absent ones are 0."""
    arrays = list(planes.getArrays())
    for place in absent:
        arrays[place][...] = 0
    given = tuple(None if place in absent else array for place, array in enumerate(arrays))
    return given, lists(planes)


@st.composite
def counts(draw, shape):
    return draw(strided(draw(npst.arrays(np.uint16, shape, elements=counts_of))))


@st.composite
def arguments_of(draw, name, size):
    """Return the arguments of a step for the kernel, and for the oracle."""
    if name == "raw":
        pixels = draw(counts(size))
        thresholds = draw(
            st.lists(st.tuples(st.floats(-1, 7e4), st.sampled_from([2, 128])), max_size=3)
        )
        level = st.sampled_from([1, size[0]]).flatmap(lambda n: npst.arrays(np.float32, n))
        levels, flags = draw(st.lists(level, max_size=2)), draw(st.sampled_from([0, 1]))
        turned = draw(flips)
        plain = [values.tolist() for values in levels]
        return (
            (pixels, thresholds, flags, levels, turned),
            (pixels.tolist(), thresholds, flags, plain, turned),
        )
    if name == "trails":
        return 2, 2
    if name == "keep":
        return draw(strided(np.full(size, 77, np.float32))), []
    if name.startswith("variance"):
        pair = draw(numbers), draw(numbers)
        if name == "variance_v17":
            return pair, pair
        bias = draw(st.one_of(st.none(), images(shape=size)))
        return (*pair, bias), (*pair, None if bias is None else bias.tolist())
    other = draw(masked_images(shape=size))
    if name == "place":
        turned = draw(flips)
        return (other.getArrays(), turned), (lists(other), turned)
    given, plain = frames(other, draw(st.sets(st.sampled_from([1, 2]))))
    if name == "bias":
        return given, plain
    scale = draw(numbers)
    return (given, scale), (plain, scale)


@given(st.data(), shapes(max_side=14), st.integers(1, 20), st.integers(1, 3))
def test_bands_equal_the_oracle(data, shape, height, threads):
    frame = data.draw(masked_images(shape=shape))
    if data.draw(st.booleans()):
        frame.mask.array[: shape[0] // 2] |= 2  # trails as long as the row
    steps, plain = [], []
    for name in data.draw(st.lists(st.sampled_from(NAMES), max_size=5)):
        corner = tuple(data.draw(st.integers(0, size)) for size in shape)
        size = tuple(data.draw(st.integers(0, n - c)) for n, c in zip(shape, corner, strict=True))
        if data.draw(st.booleans()):
            corner, size = (0, 0), shape
        kernel, wanted = data.draw(arguments_of(name, size))
        steps.append((name, (*corner, *size), kernel))
        plain.append((name, corner, size, wanted))
    wanted = oracle.correct(lists(frame), plain)
    cfhtisr.set_num_threads(threads)
    try:
        seen = _kernels.correct_fused(frame.getArrays(), steps, height, WATCHED)
    finally:
        cfhtisr.set_num_threads(None)
    for array, values in zip(frame.getArrays(), wanted, strict=True):
        assert_array_equal(array, np.array(values, array.dtype).reshape(array.shape))
    for (name, _, kept), (*_, values) in zip(steps, plain, strict=True):
        if name == "keep":
            assert_array_equal(kept, np.array(values, np.float32).reshape(kept.shape))
    flags = frame.mask.array
    assert seen["counts"] == [int((flags >> bit & 1).sum()) for bit in range(32)]
    assert seen["watched"] is bool(((flags & 1 != 0) & (flags & 4 == 0)).any())
    assert seen["stopped"] is None


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(40, 70), (1024, 3), (1100, 1030)]),
    st.lists(flips, min_size=2, max_size=2),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.sampled_from([1.0, 1.1]),
    st.sampled_from([None, None, 0, 1, 2, 3]),
    st.sampled_from([None, None, (0, 1), (0, 2), (1, 2)]),
)
def test_usual_steps_equal_each_alone(seed, widths, turned, present, level, early, kept):
    rng = np.random.default_rng(seed)
    shape = (5, sum(widths))

    def plane(middle):
        pixels = rng.normal(middle, 0.1, shape).astype(np.float32)
        if present[7]:
            pixels[rng.random(shape) < 0.001] = rng.choice(np.float32([0, -0.0, np.nan, np.inf]))
        return pixels

    def frame(middle, flags, spread):
        mask = np.where(rng.random(shape) < 0.01, 2, 0).astype(np.int32)
        return plane(middle), mask if flags else None, plane(1) if spread else None

    columns = [(0, widths[0]), (widths[0], widths[1])]
    steps = []
    for (left, width), turn in zip(columns, turned, strict=True):
        counts = rng.integers(900, 1100, (5, width)).astype(np.uint16)
        counts[rng.random((5, width)) < 0.05] = 65535
        counts[1:, 20:27] = 65535  # a trail, and a longer one once it has grown
        levels = [rng.normal(800, 9, 5).astype(np.float32), np.ones(1, np.float32)]
        thresholds = [(60000.0, 2), (1090.0, 128)]
        steps.append(("raw", (0, left, 5, width), (counts, thresholds, 0, levels, turn)))
    whole = (0, 0, *shape)
    if present[0]:
        steps.append(("bias", whole, frame(0, present[1], present[2])))
    for left, width in columns:
        spread = plane(1)[:, left : left + width] if present[3] else None
        steps.append(("variance", (0, left, 5, width), (1.6 + left, 4.0, spread)))
    for number, (left, width) in enumerate(columns):
        if kept is not None and number in range(*kept):
            box = (1, left + 2, 4, width - 2) if early == 0 else (0, left, 5, width)
            steps.append(("keep", box, np.full(box[2:], 77, np.float32)))
    steps.append(("trails", whole, 2))
    if present[4]:
        steps.append(("dark", whole, (frame(0, present[5], present[6]), 30.0)))
    steps.append(("flat", whole, (frame(1, present[6], present[5]), level)))
    if early is not None:
        steps.insert(early, ("trails", whole, 2))
    flags = np.where(rng.random(shape) < 0.3, 2, 0).astype(np.int32)
    together, alone = (MaskedImage(np.zeros(shape, np.float32), flags.copy()) for _ in range(2))
    seen = _kernels.correct_fused(together.getArrays(), steps, 3, WATCHED)
    tapped = [step[2] for step in steps if step[0] == "keep"]
    first = [array.copy() for array in tapped]
    for step in steps:
        wanted = _kernels.correct_fused(alone.getArrays(), [step], 3, WATCHED)
    for got, array in zip(together.getArrays(), alone.getArrays(), strict=True):
        assert_array_equal(got, array)
        known = ~np.isnan(array)
        assert_array_equal(got[known].view(np.int32), array[known].view(np.int32))
    for got, array in zip(first, tapped, strict=True):
        assert_array_equal(got, array)
    for found in (seen, wanted):
        found["read"] = sum(found["read"])  # of as many steps as there were
    assert seen == wanted


ZEROS = (np.zeros((2, 3), np.float32), None, None)
SMALL = (np.zeros((1, 1), np.float32), None, None)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (("trails", (1, 0, 2, 3), 2), r"box of \(2, 3\) pixels at \(1, 0\)"),
        (("trails", (2**64 - 1, 0, 2, 3), 2), "leaves the frame"),
        (("polish", (0, 0, 2, 3), ()), "polish"),
        (("variance", (0, 0, 2, 3), (1.0, 0.0, np.zeros((1, 1), np.float32))), "bias_varian"),
        (("variance", (0, 0, 2, 3), (0.0, 0.0, None)), "gain is 0"),
        (("keep", (0, 0, 2, 3), np.zeros((3, 2), np.float32)), "kept variance"),
        (("bias", (0, 0, 2, 3), SMALL), "image of a step"),
        (("bias", (0, 0, 2, 3), (ZEROS[0], np.zeros((3, 2), np.int32), None)), "mask of a step"),
        (("dark", (0, 0, 2, 3), (ZEROS, np.inf)), "scale is inf"),
        (("flat", (0, 0, 2, 3), (ZEROS, 0.0)), "scale is 0"),
        (
            ("raw", (0, 0, 2, 3), (np.zeros((2, 3), np.uint16), [], 0, [np.ones(3, "f4")], (0, 0))),
            "level has 3 rows",
        ),
        (("nans", (0, 0, 2, 3), (512, 4, False)), "did not make"),
        (("nans", (0, 0, 1, 3), (512, 4, False)), "wanted the whole frame"),
        (("grown", (0, 0, 2, 3), (3, 1, 4, False)), "wanted one"),
        (("boxes", (0, 0, 2, 3), (np.zeros((1, 3), np.int32), 1, 4, False)), "boxes has shape"),
    ],
)
def test_the_kernel_refuses(step, text):
    if step[0] == "raw":
        step = (*step[:2], (*step[2][:4], (False, False)))
    frame = MaskedImage(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=text):
        _kernels.correct_fused(frame.getArrays(), [step], 4, WATCHED)
    with pytest.raises(ValueError, match="height is 0"):
        _kernels.correct_fused(frame.getArrays(), [], 0, WATCHED)
    assert not frame.image.array.any()


def test_repairs_have_one_order():
    frame = MaskedImage(np.zeros((2, 3), np.float32))
    place = ("place", (0, 0, 2, 3), (frame.copy().getArrays(), (False, False)))
    nans = ("nans", (0, 0, 2, 3), (512, 4, False))
    for steps in ([place, nans, nans], [place, nans, place]):
        with pytest.raises(ValueError, match="where it cannot be"):
            _kernels.correct_fused(frame.getArrays(), steps, 4, WATCHED)


@given(st.data(), shapes(min_side=1, max_side=12), st.integers(1, 20))
def test_a_batch_equals_the_steps(data, shape, height):
    frame = data.draw(masked_images(shape=shape))
    other = MaskedImage(*(array.copy() for array in frame.getArrays()))
    frames = [data.draw(masked_images(shape=shape)) for _ in range(3)]
    half = Box2I(0, 0, (shape[1] + 1) // 2, shape[0])
    scale = data.draw(st.floats(0.1, 3))
    batch, seen = Batch(height), []
    for way, planes in ((Immediate(), frame), (batch, other)):
        if way is batch:
            batch.begin(planes)
        way.subtract_bias(planes, frames[0])
        way.update_variance(planes.subset(half), 1.6, 4.0, frames[0].subset(half).variance.array)
        way.see_variance(planes.subset(half), lambda array: seen.append(array.copy()))
        way.widen_saturation_trails(planes)
        way.subtract_dark(planes, frames[1], scale)
        way.divide_flat(planes, frames[2], scale)
        way.flush()
    assert_array_equal(seen[1], seen[0])
    for array, wanted in zip(other.getArrays(), frame.getArrays(), strict=True):
        assert_array_equal(array, wanted)


def two_amplifiers(rows, columns, turned):
    """Return a detector of two amplifiers, strips of overscan outside."""
    data, strip = [], []
    for side in (0, 1):
        left = 3 if side == 0 else 3 + columns
        data.append(Box2I(left, 0, columns, rows))
        strip.append(Box2I(0 if side == 0 else 3 + 2 * columns, 0, 3, rows))
    amplifiers = [
        Amplifier(
            name,
            Box2I(side * columns, 0, columns, rows),
            data[side].union(strip[side]),
            data[side],
            strip[side],
            raw_flip_x=turned[side][0],
            raw_flip_y=turned[side][1],
        )
        for side, name in enumerate("AB")
    ]
    return Detector("ccd", 0, Box2I(0, 0, 2 * columns, rows), amplifiers)


near = st.one_of(st.integers(900, 1100), st.integers(900, 1100), st.just(65535))
tame = st.one_of(st.floats(0.5, 2, width=32), st.floats(0.5, 2, width=32), st.just(1.0))
odd = st.sampled_from([np.nan, np.inf, 0.0, -1.0])


@st.composite
def calibration_frames(draw, shape):
    """Return a frame of which most pixels are usable, with or without flags and variance."""
    image = draw(npst.arrays(np.float32, shape, elements=tame))
    if draw(st.booleans()):
        y, x = (draw(st.integers(0, n - 1)) for n in shape)
        image[y, x : x + draw(st.integers(1, shape[1]))] = draw(odd)
    mask = draw(
        st.one_of(st.none(), npst.arrays(np.int32, shape, elements=st.sampled_from([0, 2])))
    )
    if mask is not None and draw(st.booleans()):
        mask[0, 0] |= 512
    variance = draw(st.one_of(st.none(), npst.arrays(np.float32, shape, elements=tame)))
    return MaskedImage(image, mask, variance)


@st.composite
def defects(draw, shape):
    found = []
    for _ in range(draw(st.integers(0, 4))):
        x, y = (draw(st.integers(-1, n)) for n in (shape[1], shape[0]))
        found.append(Box2I(x, y, draw(st.integers(1, 4)), draw(st.integers(1, shape[0]))))
    for _ in range(draw(st.integers(0, 2))):  # rows without a good pixel
        found.append(Box2I(0, draw(st.sampled_from([0, shape[0] - 1, 1])), shape[1], 1))
    return found


@given(
    st.data(),
    st.integers(1, 9),
    st.integers(1, 14),
    st.tuples(flips, flips),
    st.integers(1, 12),
    st.integers(1, 3),
    st.sampled_from(["none", "lsst-v17"]),
    st.sampled_from(["MEDIAN_PER_ROW", "MEDIAN", "MEAN_PER_ROW"]),
    st.integers(0, 3),
)
def test_a_frame_is_corrected_alike_row_by_row_and_step_by_step(
    data, rows, columns, turned, height, threads, parity, fit_type, grow
):
    pixels = data.draw(npst.arrays(np.uint16, (rows, 2 * columns + 6), elements=near))
    detector = two_amplifiers(rows, columns, turned)
    shape = detector.bbox.shape
    bias, dark, flat = (data.draw(calibration_frames(shape)) for _ in range(3))
    bad = data.draw(defects(shape))
    split = data.draw(st.integers(0, rows))
    looks = data.draw(st.booleans())
    results = []
    cfhtisr.set_num_threads(threads)
    try:
        for way in (Immediate(), Batch(height)):
            raw = way.to_float(MaskedImage(pixels))
            for amp in detector:
                way.threshold(raw.subset(amp.raw_bbox), 60000.0, "SAT")
                strip = way.strip(raw, amp.raw_horizontal_overscan_bbox)
                data_box = amp.raw_data_bbox
                parts = [(data_box, strip)]
                if 0 < split < rows and fit_type != "MEAN_PER_ROW":
                    parts = [
                        (
                            Box2I(data_box.x0, y0, data_box.width, size),
                            way.strip(raw, Box2I(strip.bbox.x0, y0, strip.width, size)),
                        )
                        for y0, size in ((0, split), (split, rows - split))
                    ]
                for box, part in parts:
                    way.correct_overscan(raw.subset(box), part, fit_type, parity=parity)
            if looks:
                assert raw.image.array.dtype == np.float32
            ccd = way.assemble(raw, detector)
            way.subtract_bias(ccd, bias)
            way.update_variance(ccd, 1.6, 4.0, None, parity)
            way.widen_saturation_trails(ccd)
            way.subtract_dark(ccd, dark, 0.7)
            with np.errstate(all="ignore"):
                way.divide_flat(ccd, flat, 1.1)
            if bad:
                way.interpolate_boxes(ccd, bad, "BAD", parity)
            way.interpolate_mask(ccd, "SAT", grow, parity)
            nans = way.interpolate_nans(ccd, "UNMASKEDNAN", parity)
            counts = way.count_planes(ccd), way.wants_filling(ccd)
            results.append((*ccd.getArrays(), *raw.getArrays(), nans, counts))
    finally:
        cfhtisr.set_num_threads(None)
    for wanted, got in zip(*results, strict=True):
        if isinstance(wanted, np.ndarray):
            assert_array_equal(got.view(np.int32), wanted.view(np.int32))
        else:
            assert got == wanted


def test_pixels_that_nobody_looks_at_are_never_made():
    batch, detector = Batch(), two_amplifiers(4, 5, ((False, False),) * 2)
    raw = batch.to_float(MaskedImage(np.full((4, 16), 1000, np.uint16)))
    assert isinstance(raw, RawFrame)
    for amp in detector:
        part = raw.subset(amp.raw_bbox)
        batch.threshold(part, 999.0, "SAT")
        assert batch.all_flagged(raw.subset(amp.raw_data_bbox), Mask.bitmask("SAT"))
        strip = batch.strip(raw, amp.raw_horizontal_overscan_bbox)
        assert (strip.mask.array == Mask.bitmask("SAT")).all()
        batch.correct_overscan(raw.subset(amp.raw_data_bbox), strip, "MEDIAN_PER_ROW")
        assert not strip.image.array.any()
    ccd = batch.assemble(raw, detector)
    batch.flush()
    assert raw.is_pending
    assert not ccd.image.array.any()
    assert (ccd.variance.array == 1).all()
    assert not raw.image.array.any()  # the strips too
    assert not raw.is_pending


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
