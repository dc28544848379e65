import numpy as np
import pytest
from numpy.testing import assert_allclose

from cfhtisr import Detector, Exposure
from cfhtisr.camera import megacam
from cfhtisr.images import Box2I
from cfhtisr.images.transmission import TransmissionCurve
from cfhtisr.isr import transmission


def exposure(detector):
    return Exposure(np.zeros((2, 2), np.float32), detector=detector)


def test_the_attached_curve_is_looked_up_in_pixels():
    detector = megacam()["ccd00"]
    radii = np.linspace(0, 250, 26)
    optics = TransmissionCurve([400, 900], np.stack([radii / 250, radii / 500]), radii)
    sensor = TransmissionCurve([400, 900], [[1.0, 0.0]] * 2, [0.0, 5000.0])
    science = exposure(detector)
    curve = transmission.attach(science, optics=optics, sensor=sensor)
    assert science.transmission_curve is curve
    x, y = 100.0, 3000.0
    radius = np.hypot(*detector.to_focal_plane(x, y))
    dark = 1 - np.hypot(x, y) / 5000
    assert_allclose(curve.sampleAt((x, y), [400, 900]), [radius / 250 * dark, radius / 500 * dark])


def test_nothing_given_lets_everything_through():
    bare = exposure(Detector("own", 0, Box2I(0, 0, 2, 2), []))
    assert (transmission.attach(bare).sample([300, 900]) == 1).all()
    constant = TransmissionCurve([400], [0.5])
    assert transmission.attach(bare, constant, constant, constant, constant).sample(400) == 0.5**4


def test_refusals():
    with pytest.raises(RuntimeError, match="no detector"):
        transmission.attach(exposure(None))
    with pytest.raises(TypeError, match="filter is float"):
        transmission.attach(exposure(megacam()[0]), filter=0.5)
    radial = TransmissionCurve([400], [[1.0]], [0.0])
    with pytest.raises(RuntimeError, match="own lies in the focal plane is not known"):
        transmission.attach(exposure(Detector("own", 0, Box2I(0, 0, 2, 2), [])), radial)
