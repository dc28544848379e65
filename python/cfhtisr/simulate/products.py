"""The HDUs of one CCD in every file of a simulated set."""

__all__ = ["FILES", "hdus_of", "primaries"]

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.mosaic import facts
from cfhtisr.simulate.ccd import SimulatedCcd, simulate_ccd
from cfhtisr.simulate.headers import (
    amplifier_cards,
    ccd_cards,
    detsec,
    master_cards,
    night_of,
    primary_cards,
)
from cfhtisr.simulate.masters import SCALES
from cfhtisr.simulate.mef import Card, binary_table, header_bytes, image_hdu
from cfhtisr.simulate.settings import Settings
from cfhtisr.simulate.truth import truth_hdus, truth_primary

FILES = ("raw", *SCALES, "defects", "truth")
"""The files of a set, by the first word of their names."""

_UPPER = (*range(18), 36, 37)  # CCDs of which amplifier B comes first in files of 2002-3


def primaries(settings: Settings, names: dict[str, str]) -> dict[str, bytes]:
    """Return the primary HDU of every file."""
    found = {}
    spliced = _spliced(settings)
    for kind, name in names.items():
        stem = name.split(".")[0]
        if kind == "raw":
            alone = settings.header_variant == "image-primary"
            found[kind] = b"" if alone else header_bytes(primary_cards(settings, stem))
        elif kind in SCALES:
            cards = primary_cards(spliced, stem)
            found[kind] = header_bytes(master_cards(spliced, cards, kind, stem))
        elif kind == "truth":
            found[kind] = header_bytes(truth_primary(settings, stem))
        else:
            cards = [
                ("SIMPLE", True, "Standard FITS"),
                ("BITPIX", 8, "No pixels here"),
                ("NAXIS", 0, "No pixels here"),
                ("EXTEND", True, "There are extensions"),
                ("DETECTOR", "MegaCam", ""),
                ("DATE-OBS", night_of(settings)[0], "UTC date from which on they hold"),
                ("FILENAME", stem, "Name of the file when it was made"),
            ]
            found[kind] = header_bytes(cards)
    return found


def hdus_of(settings: Settings, ccd: int, names: dict[str, str]) -> dict[str, bytes]:
    """Simulate a CCD and return its HDUs in every file."""
    simulated = simulate_ccd(settings, ccd, masters=any(kind in names for kind in SCALES))
    found = {}
    spliced = _spliced(settings)
    for kind, name in names.items():
        stem = name.split(".")[0]
        if kind == "raw":
            found[kind] = _raw(settings, simulated, stem)
        elif kind in SCALES:
            cards = ccd_cards(spliced, simulated, stem)
            cards = master_cards(spliced, cards, kind, stem)
            found[kind] = image_hdu(simulated.masters[kind], cards, spliced.compress)
        elif kind == "truth":
            found[kind] = truth_hdus(simulated, detsec(settings, ccd))
        else:
            found[kind] = _defects(simulated)
    return found


def _spliced(settings: Settings) -> Settings:
    """Return the settings of the masters: spliced, and without oddities."""
    return replace(settings, layout="spliced", header_variant="")


def _raw(settings: Settings, simulated: SimulatedCcd, stem: str) -> bytes:
    pixels = (simulated.raw ^ 0x8000).view(np.int16)
    double = settings.header_variant == "double-extname" and settings.compress is not None
    table_name = "COMPRESSED_IMAGE" if double else None
    if settings.layout == "spliced":
        cards = ccd_cards(settings, simulated, stem)
        primary = settings.header_variant == "image-primary"
        return image_hdu(pixels, cards, settings.compress, primary=primary, table_name=table_name)
    a, b = simulated.amplifiers
    middle = pixels.shape[1] // 2
    found = []
    for amplifier in (b, a) if simulated.detector.id in _UPPER else (a, b):
        cards = amplifier_cards(settings, simulated, amplifier, stem)
        part = _in_readout_order(pixels, middle, simulated, amplifier.name)
        found.append(image_hdu(part, cards, settings.compress, table_name=table_name))
    return b"".join(found)


def _in_readout_order(
    pixels: NDArray[np.int16], middle: int, simulated: SimulatedCcd, name: str
) -> NDArray[np.int16]:
    """Return an amplifier's pixels with its first-read pixel first and its overscan last."""
    width = simulated.detector[name].raw_horizontal_overscan_bbox.width
    if name == "A":
        return np.hstack([pixels[:, width:middle], pixels[:, :width]])
    half = pixels[:, middle:]
    return np.hstack([half[:, : half.shape[1] - width][:, ::-1], half[:, -width:][:, ::-1]])


def _defects(simulated: SimulatedCcd) -> bytes:
    boxes = np.array(
        [(box.x0, box.y0, box.width, box.height) for box in simulated.defects.boxes], np.int16
    )
    names = ("x0", "y0", "width", "height")
    cards: list[Card] = [
        ("EXTNAME", simulated.detector.name, "Number of the CCD"),
        ("EXTVER", simulated.detector.id, "Number of the CCD"),
        ("SERIAL", facts(simulated.detector.id).serial.replace("-", ""), "Serial number"),
    ]
    return binary_table({name: boxes[:, i] for i, name in enumerate(names)}, cards)
