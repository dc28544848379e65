"""What was done to an exposure, written into its header."""

__all__ = ["note", "record"]

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.images import Exposure
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.tasks.data import IsrData

if TYPE_CHECKING:
    from astropy.io.fits import Header

CORRECTIONS = {
    "ISROSCN": ("overscan", "overscan level subtracted"),
    "ISRXTALK": ("crosstalk", "crosstalk between amplifiers subtracted"),
    "ISRTRIM": ("assemble", "amplifiers assembled"),
    "ISRBIAS": ("bias", "bias frame subtracted"),
    "ISRVAR": ("variance", "variance from photon and read noise"),
    "ISRLIN": ("linearize", "linearity corrected"),
    "ISRBFE": ("brighterFatter", "brighter-fatter effect corrected"),
    "ISRDARK": ("dark", "dark frame subtracted"),
    "ISRFRNG": ("fringe", "fringes subtracted"),
    "ISRFLAT": ("flat", "flat field divided out"),
    "ISRGAIN": ("gains", "multiplied by gain"),
    "ISRAMPOF": ("ampOffset", "step between amplifiers removed"),
    "ISRDEFCT": ("defects", "defects interpolated"),
    "ISRSATIN": ("saturation", "saturated pixels interpolated"),
    "ISRDISTO": ("distortion", "distortion of the camera in the WCS"),
}
"""Card, step and comment of what may have been done."""

_ALWAYS = ("BAD", "SAT", "INTRP", "SUSPECT", "UNMASKEDNAN")


def note(header: "Header", key: str, value: Any, comment: str) -> None:
    """Write a card, with HIERARCH where the key needs it, in place of one of that key.

    FITS has no NaN: a number that is not finite becomes an undefined value.
    """
    if isinstance(value, float | np.floating):
        value = float(value) if math.isfinite(value) else None
    if len(key) > 8:
        key = f"HIERARCH {key}"
        size = len(str(value)) + 2 * isinstance(value, str)  # with its quotes
        room = 80 - len(key) - len(" = ") - size - len(" / ")
    else:
        room = 80 - 10 - max(20, len(str(value)) + 2) - len(" / ")
    comment = comment[: max(0, room)].rstrip()  # astropy warns of what it cuts
    if isinstance(header, LeanHeader):
        header[key] = (value, comment)
        return
    from cfhtisr.images.header import put  # which loads astropy

    put(header, key, value, comment)


def record(exposure: Exposure, data: IsrData, parity: str, counts: Mapping[str, int]) -> None:
    """Note in the header which corrections ran, with which values, and what is masked.

    ``counts`` are the numbers of pixels in each plane of the mask.
    """
    header = exposure.metadata
    electrons = data.done.get("electrons", False) or data.done.get("gains", False)
    note(header, "BUNIT", "electron" if electrons else "adu", "unit of the pixels")
    note(header, "ISRPARIT", parity, "correct (none) or as the reference")
    for key, (step, comment) in CORRECTIONS.items():
        note(header, key, bool(data.done.get(step, False)), comment)
    for amp in data.amplifiers:
        if math.isfinite(amp.saturation):
            note(header, f"ISR_SATURATION{amp.name}", amp.saturation, "[adu] raw saturation level")
        note(header, f"ISR_GAIN{amp.name}", amp.gain, "[electron/adu] gain")
        note(header, f"ISR_READNOISE{amp.name}", amp.read_noise, "[electron] read noise")
    # The reference had no electrons to keep to.
    ours = parity == "none" or data.done.get("electrons", False)
    if ours and data.amplifiers and data.done.get("assemble", False):
        _rewrite(exposure, data, electrons)
    for plane, count in counts.items():
        if count or plane in _ALWAYS:
            note(header, f"ISR_NPIX_{plane}", count, f"pixels in plane {plane}")


def _rewrite(exposure: Exposure, data: IsrData, electrons: bool) -> None:
    """Write what holds for the pixels as they are now, amplifiers joined."""
    header = exposure.metadata
    amps = data.amplifiers
    gain = 1.0 if electrons else float(np.mean([amp.gain for amp in amps]))
    note(header, "GAIN", gain, "[electron] per unit of the pixels, mean")
    noise = float(np.sqrt(np.mean([amp.read_noise**2 for amp in amps])))
    note(header, "RDNOISE", noise, "[electron] read noise, rms of the amplifiers")
    levels = []
    for amp in amps:
        oscan = data.overscans.get(amp.name)
        level = amp.saturation - (0.0 if oscan is None else oscan.level)
        levels.append(level * amp.gain if electrons else level)
    if levels and all(math.isfinite(level) for level in levels):
        note(header, "SATURATE", min(levels), "saturation level in the unit of the pixels")
