"""What a summary says of a corrected CCD."""

__all__ = ["STEP", "measure"]

from typing import Any

from cfhtisr.images import Exposure, Mask
from cfhtisr.isr import statistics
from cfhtisr.isr.immediate import Immediate

STEP = 8
"""Of the rows that are looked at."""
_STEPS = {
    "overscan": "ISROSCN",
    "bias": "ISRBIAS",
    "dark": "ISRDARK",
    "flat": "ISRFLAT",
    "fringe": "ISRFRNG",
    "defects": "ISRDEFCT",
}


def measure(exposure: Exposure) -> dict[str, Any]:
    """Return levels, sky, noise and the number of pixels in each plane.

    Sky and noise are the clipped mean and standard deviation of the pixels without flags in
    every eighth row [unit of the image]: more would not make them better known than the sky is
    even.
    """
    header, planes = exposure.metadata, exposure.masked_image
    every = sum(1 << bit for bit in Mask.planes().values())
    image, mask = planes.every_row(STEP)
    sky, noise = statistics.compute(image, ("MEANCLIP", "STDEVCLIP"), mask=mask, and_mask=every)
    facts: dict[str, Any] = {"sky": float(sky), "noise": float(noise)}
    for name in ("A", "B"):
        facts[f"overscan_{name}"] = header.get(f"ISR_OSCAN_LEVEL{name}")
    facts["saturation"] = header.get("SATURATE")
    facts["unit"] = str(header.get("BUNIT", "adu"))
    facts["applied"] = [step for step, card in _STEPS.items() if header.get(card) is True]
    facts["planes"] = Immediate().count_planes(planes)
    return facts
