"""The CCDs of MegaCam and their amplifiers."""

__all__ = [
    "Amplifier",
    "Camera",
    "Detector",
    "corners_mm",
    "detector_for",
    "exposure_number",
    "facts",
    "megacam",
    "megacam_like",
    "section_cards",
]

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.camera.mosaic import (
    Camera,
    corners_mm,
    exposure_number,
    facts,
    megacam,
    megacam_like,
)
from cfhtisr.camera.sections import detector_for, section_cards
