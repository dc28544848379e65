"""Counts of the digitiser to electrons."""

__all__ = ["to_electrons"]

import math

import numpy as np

from cfhtisr.camera.detector import Detector
from cfhtisr.images import MaskedImage


def to_electrons(planes: MaskedImage, detector: Detector) -> Detector:
    """Multiply the pixels of each amplifier by its gain, in place, and the variance by gain².

    Parameters
    ----------
    planes : MaskedImage, shape (rows, columns)
        The trimmed, or the raw, frame of the detector [ADU, ADU²], of float32.
    detector : Detector
        Its amplifiers have gains [electron/ADU].

    Returns
    -------
    detector : Detector
        A copy that fits to the electrons: gain 1, saturation and suspect level [electron].

    Raises
    ------
    TypeError
        If the pixels are not float32.
    ValueError
        If a gain is no positive number, or the frame is not that of the detector.

    Examples
    --------
    >>> from cfhtisr import camera
    >>> ccd = camera.megacam()[7]
    >>> ccd["A"].gain, ccd["B"].gain = 2.0, 3.0
    >>> planes = MaskedImage(np.ones((4612, 2048), np.float32))
    >>> to_electrons(planes, ccd)["B"].gain
    1.0
    >>> planes.image.array[0, [0, -1]]
    array([2., 3.], dtype=float32)
    """
    image, variance = planes.image.array, planes.variance.array
    if image.dtype != np.float32:
        raise TypeError(f"planes has an image of {image.dtype}, wanted float32")
    is_trimmed = planes.bbox == detector.bbox
    if not (is_trimmed or planes.bbox == detector.raw_bbox):
        raise ValueError(
            f"planes lies at {planes.bbox.to_section()}, wanted {detector.bbox.to_section()} or "
            f"{detector.raw_bbox.to_section()} as {detector.name}"
        )
    for amp in detector:
        if not (math.isfinite(amp.gain) and amp.gain > 0):
            raise ValueError(
                f"the gain of amplifier {amp.name} of {detector.name} is {amp.gain}, wanted a "
                "positive number"
            )
    described = detector.copy()
    for amp in described:
        part = (amp.bbox if is_trimmed else amp.raw_bbox).slices
        gain = np.float32(amp.gain)
        image[part] *= gain
        variance[part] *= gain * gain
        amp.saturation *= amp.gain
        amp.suspect_level *= amp.gain
        amp.gain = 1.0
    return described
