"""What does not fit into cards, as rows of tables: detector, polygon, provenance."""

__all__ = [
    "Facts",
    "detector_entries",
    "detector_from",
    "detector_rows",
    "facts_from",
    "facts_rows",
    "polygon_from",
    "polygon_rows",
]

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images.geom import Box2I
from cfhtisr.images.polygon import Polygon
from cfhtisr.io._cards import Entry

Facts = Mapping[str, str | int | float]
"""Name and value of what is known of the making of a file."""

_BOXES = {
    "BBOX": "bbox",
    "RAWBBOX": "raw_bbox",
    "DATABBOX": "raw_data_bbox",
    "HOSCAN": "raw_horizontal_overscan_bbox",
    "VOSCAN": "raw_vertical_overscan_bbox",
    "PRESCAN": "raw_prescan_bbox",
}
_NUMBERS = {
    "GAIN": "gain",
    "RDNOISE": "read_noise",
    "SATURATE": "saturation",
    "SUSPECT": "suspect_level",
}
_KINDS = {"str": str, "int": int, "float": float}


def detector_rows(detector: Detector) -> NDArray[Any]:
    """Return one row for each amplifier; boxes are x0, y0, width, height from 0."""
    amplifiers = detector.amplifiers
    crosstalk = 0 if detector.crosstalk is None else len(amplifiers)
    coefficients = max((len(amplifier.linearity_coeffs) for amplifier in amplifiers), default=0)
    columns: list[tuple[Any, ...]] = [
        ("NAME", _text(amplifier.name for amplifier in amplifiers)),
        *((column, "f8") for column in _NUMBERS),
        *((column, "i4", (4,)) for column in _BOXES),
        ("FLIPX", "i2"),
        ("FLIPY", "i2"),
        ("CORNER", "S2"),
        ("XYOFFSET", "i4", (2,)),
        ("LINTYPE", _text(amplifier.linearity_type for amplifier in amplifiers)),
        ("NLINCOEF", "i4"),
        ("LINCOEF", "f8", (max(coefficients, 1),)),
    ]
    if crosstalk:
        columns.append(("CROSSTLK", "f4", (crosstalk,)))
    rows = np.zeros(len(amplifiers), columns)
    for row, amplifier in zip(rows, amplifiers, strict=True):
        row["NAME"] = amplifier.name.encode("ascii")
        for column, name in _NUMBERS.items():
            row[column] = getattr(amplifier, name)
        for column, name in _BOXES.items():
            box = getattr(amplifier, name)
            row[column] = (box.x0, box.y0, box.width, box.height)
        row["FLIPX"], row["FLIPY"] = amplifier.raw_flip_x, amplifier.raw_flip_y
        row["CORNER"] = amplifier.readout_corner.encode("ascii")
        row["XYOFFSET"] = amplifier.raw_xy_offset
        row["LINTYPE"] = amplifier.linearity_type.encode("ascii")
        row["NLINCOEF"] = len(amplifier.linearity_coeffs)
        row["LINCOEF"][: len(amplifier.linearity_coeffs)] = amplifier.linearity_coeffs
    if crosstalk:
        rows["CROSSTLK"] = detector.crosstalk
    return rows


def detector_entries(detector: Detector) -> list[Entry]:
    """Return the cards that name a detector."""
    entries: list[Entry] = [
        ("DETNAME", detector.name, "name of the CCD"),
        ("DETID", detector.id, "number of the CCD"),
        ("DETSER", detector.serial, "serial number of the chip"),
    ]
    if detector.detsec is not None:
        entries.append(("DETSEC", detector.detsec.to_section(), "pixels in the mosaic"))
    return entries


def detector_from(header: Mapping[str, Any], rows: NDArray[Any]) -> Detector:
    """Return the detector of a header and its rows."""
    amplifiers = []
    for row in rows:
        parts: dict[str, Any] = {
            **{name: Box2I(*map(int, row[column])) for column, name in _BOXES.items()},
            **{name: float(row[column]) for column, name in _NUMBERS.items()},
        }
        used = int(row["NLINCOEF"])
        amplifiers.append(
            Amplifier(
                name=_string(row["NAME"]),
                **parts,
                raw_flip_x=bool(row["FLIPX"]),
                raw_flip_y=bool(row["FLIPY"]),
                readout_corner=_string(row["CORNER"]),
                raw_xy_offset=(int(row["XYOFFSET"][0]), int(row["XYOFFSET"][1])),
                linearity_type=_string(row["LINTYPE"]),
                linearity_coeffs=tuple(map(float, np.atleast_1d(row["LINCOEF"])[:used])),
            )
        )
    crosstalk = None
    if "CROSSTLK" in (rows.dtype.names or ()):
        crosstalk = np.asarray(rows["CROSSTLK"], np.float32).reshape(len(rows), len(rows))
    detsec = header.get("DETSEC")
    return Detector(
        header["DETNAME"],
        header["DETID"],
        Box2I(header["DETX0"], header["DETY0"], header["DETNX"], header["DETNY"]),
        amplifiers,
        crosstalk,
        serial=header.get("DETSER", ""),
        offset_mm=(header.get("OFFSETX", np.nan), header.get("OFFSETY", np.nan)),
        yaw_deg=header.get("YAW", 0.0),
        detsec=None if detsec is None else Box2I.from_section(detsec),
        pixel_mm=header.get("PIXSIZE", 0.0135),
    )


def polygon_rows(polygon: Any) -> NDArray[Any]:
    """Return one row for each corner.

    Raises
    ------
    ValueError
        If it is no polygon: such a file could not be read again.
    """
    corners = np.asarray(polygon, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2:
        raise ValueError(f"valid_polygon has shape {corners.shape}, wanted corners (x, y)")
    try:
        corners = Polygon(corners).vertices
    except ValueError as error:
        raise ValueError(f"valid_polygon: {error}") from None
    rows = np.zeros(len(corners), [("X", "f8"), ("Y", "f8")])
    rows["X"], rows["Y"] = corners.T
    return rows


def polygon_from(rows: NDArray[Any]) -> Polygon:
    """Return the polygon of its corners."""
    return Polygon([(float(x), float(y)) for x, y in zip(rows["X"], rows["Y"], strict=True)])


def facts_rows(facts: Facts) -> NDArray[Any]:
    """Return one row for each fact, with text escaped to ASCII.

    Raises
    ------
    TypeError
        If a value is neither text nor a number.
    """
    table = []
    for name, value in facts.items():
        if isinstance(value, bool | np.bool_) or not isinstance(
            value, str | int | float | np.integer | np.floating
        ):
            raise TypeError(f"provenance {name!r} is {value!r}, wanted text or a number")
        if isinstance(value, str):
            kind, text = "str", _escaped(value)
        elif isinstance(value, int | np.integer):
            kind, text = "int", str(int(value))
        else:
            kind, text = "float", repr(float(value))
        table.append((_escaped(name), kind, text))
    columns = ("NAME", "TYPE", "VALUE")
    widths = [_text(row[index] for row in table) for index in range(3)]
    return np.array(
        [tuple(part.encode("ascii") for part in row) for row in table],
        list(zip(columns, widths, strict=True)),
    )


def facts_from(rows: NDArray[Any]) -> dict[str, str | int | float]:
    """Return facts by name."""
    facts: dict[str, str | int | float] = {}
    for name, kind, text in zip(rows["NAME"], rows["TYPE"], rows["VALUE"], strict=True):
        value = _string(text)
        convert = _KINDS[_string(kind)]
        facts[_unescaped(_string(name))] = _unescaped(value) if convert is str else convert(value)
    return facts


def _text(values: Any) -> str:
    return f"S{max((len(value) for value in values), default=0) or 1}"


def _string(value: Any) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _escaped(text: str) -> str:
    """Return text in ASCII; a blank at the end, which FITS would lose, is escaped too."""
    plain = text.encode("unicode_escape").decode("ascii")
    bare = plain.rstrip(" ")
    return bare + "\\x20" * (len(plain) - len(bare))


def _unescaped(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")
