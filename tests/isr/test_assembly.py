import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.isr import assembly
from oracle import assembly as oracle
from strategies import triples


def corners(box):
    return (box.x0, box.y0, box.width, box.height)


def detector_of(width, height, overscan, flips, offsets=((0, 0), (0, 0))):
    """Two amplifiers side by side, their overscan on the outer sides, as MegaCam has it."""
    full = width + overscan
    amplifiers = [
        Amplifier(
            name,
            Box2I(k * width, 0, width, height),
            Box2I(k * full, 0, full, height + 1),
            Box2I(overscan if k == 0 else full, 0, width, height),
            Box2I(0 if k == 0 else full + width, 0, overscan, height),
            Box2I(k * full, height, full, 1),
            raw_flip_x=flips[k][0],
            raw_flip_y=flips[k][1],
            raw_xy_offset=offsets[k],
        )
        for k, name in enumerate("AB")
    ]
    return Detector("ccd07", 7, Box2I(0, 0, 2 * width, height), amplifiers)


sizes = st.integers(1, 9)
flags = st.tuples(st.booleans(), st.booleans())


@given(st.data(), sizes, sizes, st.integers(0, 3), st.tuples(flags, flags), st.booleans())
def test_assemble_equals_the_oracle(data, width, height, overscan, flips, trim):
    offsets = ((0, 0), (0, 0)) if trim else ((-2, 1), (3, 0))
    detector = detector_of(width, height, overscan, flips, offsets)
    raw = MaskedImage(*data.draw(triples(shape=(height + 1, 2 * (width + overscan)))))
    ccd = assembly.assemble(raw, detector, trim)
    frame = ccd.bbox
    if trim:
        assert frame == detector.bbox
    for plane, source in zip(ccd.getArrays(), raw.getArrays(), strict=True):
        wanted = np.zeros(frame.shape).tolist()
        for amplifier in detector:
            box = amplifier.raw_data_bbox if trim else amplifier.raw_bbox
            to = amplifier.bbox if trim else box.shifted_by(*amplifier.raw_xy_offset)
            to = (to.x0 - frame.x0, to.y0 - frame.y0)
            oracle.place(
                wanted,
                source.tolist(),
                to,
                corners(box),
                amplifier.raw_flip_x,
                amplifier.raw_flip_y,
            )
        assert_array_equal(plane, np.array(wanted, plane.dtype))


@given(sizes, sizes, st.integers(0, 3), st.tuples(flags, flags))
def test_trimming_after_assembly_is_trimming_at_once(width, height, overscan, flips):
    """An untrimmed CCD with its own detector assembles to the very same trimmed CCD."""
    detector = detector_of(width, height, overscan, flips)
    shape = (height + 1, 2 * (width + overscan))
    raw = MaskedImage(np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape))
    at_once = assembly.assemble(raw, detector)
    untrimmed = assembly.assemble(raw, detector, trim=False)
    later = assembly.assemble(untrimmed, assembly.assembled_detector(detector, trim=False))
    assert_array_equal(later.image.array, at_once.image.array)
    assert assembly.assembled_detector(detector) is detector


def test_pixels_of_no_amplifier_are_zero_and_origins_count():
    box = Box2I(2, 1, 2, 2)
    amplifier = Amplifier("A", box, Box2I(10, 20, 2, 2), Box2I(10, 20, 2, 2), Box2I(0, 0, 0, 0))
    detector = Detector("ccd00", 0, Box2I(0, 0, 5, 4), [amplifier])
    raw = MaskedImage(np.ones((3, 3), np.float32), np.ones((3, 3), np.int32), xy0=(9, 19))
    ccd = assembly.assemble(raw, detector)
    wanted = np.zeros((4, 5))
    wanted[box.slices] = 1
    assert_array_equal(ccd.image.array, wanted)
    assert_array_equal(ccd.mask.array, wanted)


def test_a_raw_frame_that_is_too_small_is_refused():
    detector = detector_of(4, 3, 2, ((False, False), (True, False)))
    with pytest.raises(ShapeMismatchError, match=r"amplifier B of ccd07 needs pixels \[7:10,1:3\]"):
        assembly.assemble(MaskedImage(np.zeros((4, 9), np.float32)), detector)


def test_an_amplifier_outside_of_its_ccd_is_refused():
    detector = detector_of(4, 3, 2, ((False, False), (True, False)))
    detector.bbox = Box2I(0, 0, 7, 3)
    with pytest.raises(ShapeMismatchError, match="the assembled CCD has"):
        assembly.assemble(MaskedImage(np.zeros((4, 12), np.float32)), detector)


def test_an_amplifier_without_raw_boxes_is_refused():
    none = Box2I(0, 0, 0, 0)
    detector = Detector("ccd", 1, none, [Amplifier("A", none, none, none, none)])
    with pytest.raises(RuntimeError, match="amplifier A of ccd does not know"):
        assembly.assemble(MaskedImage(np.zeros((4, 9), np.float32)), detector)


def test_integers_are_refused():
    detector = detector_of(4, 3, 2, ((False, False), (True, False)))
    with pytest.raises(TypeError, match="raw image holds uint16, wanted float32"):
        assembly.assemble(MaskedImage(np.zeros((4, 12), np.uint16)), detector)
