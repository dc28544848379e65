import numpy as np
import pytest

from cfhtisr import Amplifier, Box2I, Detector


def amplifier(name="A", **changes):
    box = Box2I(0, 0, 4, 6)
    facts = {"bbox": box, "raw_bbox": box, "raw_data_bbox": box, **changes}
    return Amplifier(name, raw_horizontal_overscan_bbox=Box2I(0, 0, 0, 0), **facts)


def test_amplifiers_are_found_by_name_and_number():
    detector = Detector("ccd00", 0, Box2I(0, 0, 8, 6), [amplifier("A"), amplifier("B")])
    assert detector["B"] is detector[1] is list(detector)[1]
    assert len(detector) == 2
    with pytest.raises(KeyError, match="no amplifier 'C', only A, B"):
        detector["C"]


def test_a_copy_has_amplifiers_of_its_own():
    detector = Detector("ccd00", 0, Box2I(0, 0, 4, 6), [amplifier()], crosstalk=[[0]])
    detector.copy()["A"].setGain(2.0)
    assert detector["A"].getGain() == 1.0
    assert detector.hasCrosstalk()


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match="readout_corner"):
        amplifier(readout_corner="XX")
    with pytest.raises(ValueError, match="raw pixels"):
        amplifier(raw_data_bbox=Box2I(0, 0, 4, 5))
    with pytest.raises(ValueError, match="different names"):
        Detector("x", 0, Box2I(0, 0, 4, 6), [amplifier(), amplifier()])
    with pytest.raises(ValueError, match="crosstalk"):
        Detector("x", 0, Box2I(0, 0, 4, 6), [amplifier()], crosstalk=np.zeros((2, 2)))
