"""From section cards to detectors and back."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from cfhtisr import Box2I
from cfhtisr.camera import detector_for, megacam, megacam_like, section_cards

FULL = (4644, 2112)


def cards_of(detector, **changes):
    cards = section_cards(detector) | changes
    return {key: value for key, value in cards.items() if value is not None}


def boxes_of(detector):
    return [(a.bbox, a.raw_bbox, a.raw_data_bbox, a.raw_horizontal_overscan_bbox,
             a.raw_vertical_overscan_bbox, a.gain, a.read_noise) for a in detector]  # fmt: skip


@given(
    st.integers(1, 300),
    st.integers(1, 200),
    st.tuples(st.integers(0, 40), st.integers(0, 40)),
    st.integers(0, 39),
)
def test_cards_of_any_size_give_the_detector_back(rows, half, overscan, ccd):
    detector = megacam_like(rows, 2 * half, overscan=overscan)[ccd]
    shape = (rows + overscan[1], 2 * (half + overscan[0]))
    again, repairs = detector_for(section_cards(detector), ccd, shape)
    assert boxes_of(again) == boxes_of(detector)
    assert repairs == []
    assert again.bbox == detector.bbox


@pytest.mark.parametrize("ccd", range(40))
def test_cards_of_the_table_give_the_table(ccd):
    detector = megacam()[ccd]
    header = {"NAXIS1": 2112, "NAXIS2": 4644} | section_cards(detector)
    again, repairs = detector_for(header, ccd)
    assert (boxes_of(again), repairs) == (boxes_of(detector), [])
    assert again.detsec == detector.detsec


def test_datasec_that_is_off_by_one_is_not_believed():
    header = cards_of(megacam()[5], DATASEC="[34:2082,2:4614]")
    detector, (repair,) = detector_for(header, 5, FULL)
    assert boxes_of(detector) == boxes_of(megacam()[5])
    assert str(repair) == (
        "DATASEC [34:2082,2:4614] -> [33:2080,1:4612]: does not agree with DSECA and DSECB"
    )


def test_a_ccd_of_4613_rows_is_not_believed():
    header = cards_of(
        megacam()[30], CCDSIZE="[1:2048,1:4613]", DETSEC="[8463:10510,7:4619]"
    )  # as CCD 30 has it in early 2003
    detector, repairs = detector_for(header, 30, FULL)
    assert [(repair.card, repair.new) for repair in repairs] == [
        ("CCDSIZE", "[1:2048,1:4612]"),
        ("DETSEC", section_cards(megacam()[30])["DETSEC"]),
    ]
    assert detector.bbox.shape == (4612, 2048)


@pytest.mark.parametrize(
    ("changes", "card", "why"),
    [
        ({"DSECA": None}, "DSECA", "is missing"),
        ({"DSECA": "[33:1057,1:4612]"}, "DSECB", "has pixels of DSECA"),
        ({"DSECB": "[1057:2080,1:4645]"}, "DSECB", "has no pixels in the frame"),
        ({"BSECA": "nonsense"}, "BSECA", "is not a section"),
        ({"BSECA": "[1:33,1:4644]"}, "BSECA", "has pixels of the image area"),
        ({"BSECB": "[2081:2113,1:4644]"}, "BSECB", "reaches out of the frame"),
        ({"CSECB": "[1025:2049,1:4612]"}, "CSECB", "is not as large as DSECB"),
        ({"CSECB": "[1024:2047,1:4612]"}, "CSECB", "makes no whole CCD together with CSECA"),
        ({"DSECA": 17}, "DSECA", "is not a section"),
    ],
)
def test_a_frame_of_the_real_size_falls_back_on_the_table(changes, card, why):
    header = cards_of(megacam()[7], **changes)
    detector, repairs = detector_for(header, 7, FULL)
    assert boxes_of(detector) == boxes_of(megacam()[7])
    (changed,) = changes
    (repair,) = [repair for repair in repairs if repair.card == changed]
    assert why in repair.why
    assert repair.old == changes[changed]
    assert repair.new == section_cards(megacam()[7])[changed]


def test_small_frames_need_cards():
    cards = cards_of(megacam_like(20, 10)[3], BSECA=None)
    with pytest.raises(ValueError, match=r"card BSECA of ccd03 \(None\) is missing, and the frame"):
        detector_for(cards, 3, (52, 74))


def test_parity_gives_the_boxes_of_the_reference_to_real_ccds_only():
    real, _ = detector_for(section_cards(megacam()[4]), 4, FULL, "lsst-v17")
    assert boxes_of(real) == boxes_of(megacam(36, "lsst-v17")[4])
    ear, _ = detector_for(section_cards(megacam()[38]), 38, FULL, "lsst-v17")
    assert ear["A"].raw_horizontal_overscan_bbox == Box2I(0, 0, 32, 4612)
    small = megacam_like(20, 10)[4]
    again, _ = detector_for(section_cards(small), 4, (52, 74), "lsst-v17")
    assert boxes_of(again) == boxes_of(small)
