import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose

from cfhtisr import Amplifier, Box2I, Detector
from cfhtisr.camera import megacam


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


@given(
    st.integers(0, 39),
    st.sampled_from([None, 0.0, 90.0, -450.0, 12.5]),
    npst.arrays(np.float64, (2, 5), elements=st.floats(-100, 5000)),
)
def test_focal_plane_and_back(number, yaw, points):
    detector = megacam()[number]
    if yaw is not None:
        detector.yaw_deg = yaw
    x, y = detector.to_focal_plane(*points)
    assert_allclose(detector.to_pixels(x, y), points, rtol=0, atol=1e-8)
    assert_allclose(  # a rotation keeps lengths
        np.hypot(np.diff(x), np.diff(y)), 0.0135 * np.hypot(*np.diff(points)), atol=1e-10
    )
    assert_allclose(detector.outline().area, detector.bbox.area * 0.0135**2, rtol=1e-10)


def test_a_quarter_turn_is_counterclockwise():
    turned = Detector(
        "x", 0, Box2I(0, 0, 5, 3), [], offset_mm=(7.0, -2.0), yaw_deg=90.0, pixel_mm=0.5
    )
    assert turned.to_focal_plane(3, 1) == (7.0, -1.5)
    assert turned.to_focal_plane(2, 2) == (6.5, -2.0)
    assert turned.copy().getPixelSize() == (0.5, 0.5)


def test_a_detector_without_a_place_says_so():
    with pytest.raises(RuntimeError, match="where x lies in the focal plane is not known"):
        Detector("x", 0, Box2I(0, 0, 4, 6), []).outline()
    with pytest.raises(ValueError, match="a pixel of detector x has 0 mm"):
        Detector("x", 0, Box2I(0, 0, 4, 6), [], pixel_mm=0)
