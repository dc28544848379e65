"""An exposure taken apart into what becomes HDUs."""

__all__ = [
    "ExposureParts",
    "canonical",
    "moved_bits",
    "parts_of",
    "position_entries",
    "primary_cards",
    "provenance_hdu",
]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import cfhtisr
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.mask import FIRST_USER_BIT, PLANES, Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.streamed_frame import StreamedFrame
from cfhtisr.io import _tables
from cfhtisr.io._cards import AnyHeader, Entry, card, cards_of, plane_entries, text_of, wcs_entries
from cfhtisr.io._hdu import Computed, Hdu, Pixels, image_cards, table_cards
from cfhtisr.io.streamed_product import StreamedProduct


def primary_cards(header: AnyHeader) -> list[str]:
    """Return the cards of a primary HDU without pixels."""
    return [
        card("SIMPLE", True, "conforms to the FITS standard"),
        card("BITPIX", 8, ""),
        card("NAXIS", 0, "no pixels here"),
        card("EXTEND", True, ""),
        *text_of(header),
    ]


def provenance_hdu(facts: _tables.Facts) -> Hdu:
    """Return the table of facts, the version first."""
    rows = _tables.facts_rows({"cfhtisr.version": cfhtisr.__version__, **facts})
    return table_cards(rows) + cards_of([_name("PROVENANCE")]), rows


@dataclass
class ExposureParts:
    """The parts of an exposure."""

    planes: list[tuple[str, Any]]  # type of the HDU and its pixels
    tables: list[tuple[str, NDArray[Any], list[Entry]]]
    units: Mapping[str, str]  # BUNIT by type
    facts: list[Entry]  # of the IMAGE
    detector: list[Entry]
    masks: list[Entry]
    wcs: list[Entry]
    xy0: tuple[int, int]

    def entries(self, kind: str, name: str) -> list[Entry]:
        """Return the cards of one plane that are not structural."""
        entries: list[Entry] = [("INHERIT", True, "the primary header holds here too"), _name(name)]
        entries.append(("EXTTYPE", kind, "IMAGE, MASK or VARIANCE"))
        if kind in self.units:
            entries.append(("BUNIT", self.units[kind], "unit of the pixels"))
        entries += self.detector
        if kind == "IMAGE":
            entries += self.facts
        if kind == "MASK":
            entries += self.masks
        version = ("CFHTISR", cfhtisr.__version__, "version of cfhtisr that wrote this")
        return [*entries, *self.wcs, *position_entries(self.xy0), version]


def parts_of(exposure: Exposure, product: StreamedProduct | None = None) -> ExposureParts:
    """Take an exposure apart; pixels are not copied.

    Those that a product holds already, as they are to be there, are `InFile`.

    Raises
    ------
    TypeError, ValueError
        If a part cannot stand in a FITS file.
    """
    planes = exposure.masked_image
    pixels, bits = _in_file(planes, product)
    if not pixels:
        mask, bits = canonical(planes.mask.array)
        pixels = [planes.image.array, mask, planes.variance.array]
        image_cards(pixels[0])  # refuses what FITS does not have
    unit = str(exposure.metadata.get("BUNIT") or "adu").strip()
    tables = []
    detector: list[Entry] = []
    if exposure.detector is not None:
        detector = _tables.detector_entries(exposure.detector)
        box = exposure.detector.bbox
        more: list[Entry] = [
            ("DETX0", box.x0, "first column, from 0"),
            ("DETY0", box.y0, "first row, from 0"),
            ("DETNX", box.width, "number of columns"),
            ("DETNY", box.height, "number of rows"),
            ("YAW", exposure.detector.yaw_deg, "[deg] rotation in the focal plane"),
            ("PIXSIZE", exposure.detector.pixel_mm, "[mm] size of a pixel"),
        ]
        for axis, offset in zip("XY", exposure.detector.offset_mm, strict=True):
            if math.isfinite(offset):
                more.append((f"OFFSET{axis}", float(offset), "[mm] centre in the focal plane"))
        rows = _tables.detector_rows(exposure.detector)
        tables.append(("DETECTOR", rows, [*detector, *more]))
    if exposure.valid_polygon is not None:
        tables.append(("VALID_POLYGON", _tables.polygon_rows(exposure.valid_polygon), []))
    return ExposureParts(
        planes=list(zip(("IMAGE", "MASK", "VARIANCE"), pixels, strict=True)),
        tables=tables,
        units={"IMAGE": unit, "VARIANCE": _squared(unit)},
        facts=_facts(exposure),
        detector=detector,
        masks=plane_entries(bits),
        wcs=[] if exposure.wcs is None else wcs_entries(exposure.wcs),
        xy0=planes.xy0,
    )


def canonical(mask: NDArray[np.int32]) -> tuple[Pixels, dict[str, int]]:
    """Return flags and planes as they stand in a file.

    The bits of user planes depend on what the process did before; a file that did, too, would
    not be the same twice.
    """
    has_users = any(bit >= FIRST_USER_BIT for bit in Mask.planes().values())
    used = int(np.bitwise_or.reduce(mask, axis=None)) if mask.size and has_users else 0
    moves, planes = _bits(used)
    if not moves:
        return mask, planes
    moved = Computed(mask.shape, np.int32, lambda rows: moved_bits(mask[rows], moves))
    return moved, planes


def _bits(used: int) -> tuple[dict[int, int], dict[str, int]]:
    """Return where the bits that are used move to in a file, and the planes there."""
    users = {name: bit for name, bit in Mask.planes().items() if bit >= FIRST_USER_BIT}
    old = {name: bit for name, bit in sorted(users.items()) if used >> bit & 1}
    unnamed = used >> FIRST_USER_BIT & ~sum(1 << bit - FIRST_USER_BIT for bit in old.values())
    new = {name: bit for bit, name in enumerate(old, FIRST_USER_BIT)}
    if not users or old == new or unnamed:
        return {}, {**PLANES, **old}
    return {bit: new[name] for name, bit in old.items()}, {**PLANES, **new}


def _in_file(
    planes: MaskedImage, product: StreamedProduct | None
) -> tuple[list[Any], dict[str, int]]:
    """Return what stands for planes that a product holds, and their bits; nothing if it cannot."""
    if product is None or not isinstance(planes, StreamedFrame):
        return [], {}
    if planes.sink is not product or not planes.is_streamed:
        return [], {}
    used = sum(1 << bit for bit, count in enumerate(planes.seen["counts"]) if count)
    moves, bits = _bits(used)
    return ([], {}) if moves else (list(product.planes()), bits)


def moved_bits(mask: NDArray[np.int32], moves: Mapping[int, int]) -> NDArray[np.int32]:
    """Return flags in which bits have moved to others."""
    keep = ~np.int32(sum(1 << bit for bit in moves))
    moved = mask & keep
    for old, new in moves.items():
        moved |= (mask >> old & 1) << new
    return moved


def _facts(exposure: Exposure) -> list[Entry]:
    facts: list[Entry] = []
    if exposure.filter is not None:
        facts.append(("FILTER", exposure.filter, "name of the filter"))
    visit = exposure.visit_info
    if visit is not None:
        facts.append(("EXPID", int(visit.exposure_id), "number of this exposure of one CCD"))
        facts.append(("VISIT", int(visit.visit), "number of the exposure"))
        for keyword, value, comment in (
            ("EXPTIME", visit.exposure_time, "[s] the shutter was open"),
            ("DARKTIME", visit.dark_time, "[s] dark current was collected"),
            ("MJDSTART", visit.mjd, "[d] start, UTC"),
        ):
            if not math.isnan(value):
                facts.append((keyword, float(value), comment))
    if not math.isnan(exposure.flux_mag0):
        facts.append(("FLUXMAG0", float(exposure.flux_mag0), "counts of magnitude 0"))
    return facts


def position_entries(xy0: tuple[int, int]) -> list[Entry]:
    """Return where the first pixel lies: for IRAF as LTV, for LSST as WCS A."""
    return [
        ("LTV1", float(-xy0[0]), "column here less column of the parent"),
        ("LTV2", float(-xy0[1]), "row here less row of the parent"),
        ("CTYPE1A", "LINEAR", "pixels of the parent, from 0"),
        ("CTYPE2A", "LINEAR", "pixels of the parent, from 0"),
        ("CRPIX1A", 1.0, ""),
        ("CRPIX2A", 1.0, ""),
        ("CRVAL1A", float(xy0[0]), "column of the first pixel"),
        ("CRVAL2A", float(xy0[1]), "row of the first pixel"),
        ("CUNIT1A", "pixel", ""),
        ("CUNIT2A", "pixel", ""),
    ]


def _squared(unit: str) -> str:
    return f"{unit}**2" if unit.isidentifier() else f"({unit})**2"


def _name(name: str) -> Entry:
    return ("EXTNAME", name, "")
