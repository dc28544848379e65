"""Products in electrons: pixels, detector and the cards that tell of them."""

__all__ = ["in_electrons"]

import numpy as np

from cfhtisr.images.exposure import Exposure
from cfhtisr.isr.units import to_electrons
from cfhtisr.tasks.record import note


def in_electrons(exposure: Exposure) -> None:
    """Turn a corrected exposure from ADU to electrons, in place.

    If the task has applied the gains already (``doApplyGains``) only the cards are changed.
    ``ISR_GAIN…`` and the overscan levels stay as they were measured, in ADU.
    """
    detector, header = exposure.detector, exposure.metadata
    if detector is None:
        raise ValueError("the exposure has no detector, and so no gains")
    mean = float(np.mean([amp.gain for amp in detector]))
    levels = []
    for amp in detector:
        overscan = header.get(f"ISR_OSCAN_LEVEL{amp.name}") or 0.0
        levels.append((amp.saturation - float(overscan)) * amp.gain)
    if not header.get("ISRGAIN", False):
        exposure.flux_mag0 *= mean
        exposure.detector = to_electrons(exposure.masked_image, detector)
        for key in ("SKYLEVEL", "SKYSIGMA"):  # the amplifiers' own levels are not known here
            if header.get(key) is not None:
                note(header, key, header[key] * mean, "[electron] background, by the mean gain")
    note(header, "BUNIT", "electron", "unit of the pixels")
    note(header, "GAIN", 1.0, "[electron/electron] multiplied out, see ISR_GAIN")
    if levels and np.isfinite(levels).all():
        note(header, "SATURATE", min(levels), "[electron] saturation level, overscan subtracted")
    for amp in detector:
        if f"GAIN{amp.name}" in header:
            note(header, f"GAIN{amp.name}", 1.0, "[electron/electron] multiplied out")
