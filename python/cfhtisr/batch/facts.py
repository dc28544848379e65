"""What a summary says of a corrected CCD."""

__all__ = ["measure"]

from typing import Any

from cfhtisr.images.exposure import Exposure
from cfhtisr.isr import masking, statistics

_STEP = 8
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
    header, mask = exposure.metadata, exposure.mask
    every = sum(1 << bit for bit in mask.planes().values())
    sky, noise = statistics.compute(
        exposure.image.array[::_STEP],
        ("MEANCLIP", "STDEVCLIP"),
        mask=mask.array[::_STEP],
        and_mask=every,
    )
    facts: dict[str, Any] = {"sky": float(sky), "noise": float(noise)}
    for name in ("A", "B"):
        facts[f"overscan_{name}"] = header.get(f"ISR_OSCAN_LEVEL{name}")
    facts["saturation"] = header.get("SATURATE")
    facts["unit"] = str(header.get("BUNIT", "adu"))
    facts["applied"] = [step for step, card in _STEPS.items() if header.get(card) is True]
    facts["planes"] = masking.count_planes(mask)
    return facts
