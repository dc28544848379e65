"""The mosaic of MegaCam: the table of its CCDs, one camera per era.

The numbers stand in ``megacam.toml`` beside this file.
"""

__all__ = [
    "AmplifierFacts",
    "Camera",
    "CcdFacts",
    "build",
    "ccd_number",
    "corners_mm",
    "exposure_number",
    "facts",
    "megacam",
    "megacam_like",
    "raw_shape",
    "table",
    "trimmed_shape",
]

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, overload

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.geom import Box2I

_NAME = re.compile(r"(?:ccd)?0*(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AmplifierFacts:
    """What is known of one amplifier beyond its geometry.

    Attributes
    ----------
    gain : float
        Gain [electron/ADU].
    read_noise : float
        Read noise as measured in 2002 [electron].
    header_read_noise : int
        The same as the headers of spliced frames say it: cut to an integer [electron].
    dark_current : float
        Dark current [electron/pixel/hour].
    old_name : str
        EXTNAME in the files of one amplifier per HDU.
    """

    gain: float
    read_noise: float
    header_read_noise: int
    dark_current: float
    old_name: str


@dataclass(frozen=True, slots=True)
class CcdFacts:
    """What is known of one CCD.

    Attributes
    ----------
    id : int
        Number of the CCD.
    name : str
        EXTNAME, such as ``ccd07``.
    serial : str
        Serial number as CCDNAME has it, with hyphens.
    nickname : str
        CCDNICK.
    offset_mm : (float, float)
        Centre of the CCD in the focal plane [mm].
    yaw_deg : float
        Rotation in the focal plane, 0 or 180 [degree].
    mosaic : str
        DETSEC; it runs backwards where the CCD is mounted upside down.
    crpix : (float, float)
        Reference pixel of the nominal world coordinates in the raw frame, counted from 1.
    amplifiers : dict of str to AmplifierFacts
        By name, ``A`` and ``B``.
    """

    id: int
    name: str
    serial: str
    nickname: str
    offset_mm: tuple[float, float]
    yaw_deg: float
    mosaic: str
    crpix: tuple[float, float]
    amplifiers: dict[str, AmplifierFacts]


@cache
def table() -> dict[str, Any]:
    """Return the file of camera facts, parsed; treat it as read-only."""
    return tomllib.loads(Path(__file__).with_name("megacam.toml").read_text("utf-8"))


@cache
def _all_facts() -> tuple[CcdFacts, ...]:
    rows = []
    for row in table()["ccd"]:
        amplifiers = {name: AmplifierFacts(*row[name]) for name in ("A", "B")}
        rows.append(
            CcdFacts(
                row["id"],
                f"ccd{row['id']:02d}",
                row["serial"],
                row["nickname"],
                (row["offset"][0], row["offset"][1]),
                row["yaw"],
                row["mosaic"],
                (row["crpix"][0], row["crpix"][1]),
                amplifiers,
            )
        )
    return tuple(rows)


def raw_shape() -> tuple[int, int]:
    """Return the shape of a raw frame, (rows, columns)."""
    columns, rows = table()["ccd_layout"]["raw"]
    return (rows, columns)


def trimmed_shape() -> tuple[int, int]:
    """Return the shape of an assembled, trimmed CCD, (rows, columns)."""
    columns, rows = table()["ccd_layout"]["trimmed"]
    return (rows, columns)


def ccd_number(ccd: int | str, n_ccd: int = 40) -> int:
    """Return the number of a CCD from its number, name or serial number.

    Parameters
    ----------
    ccd : int or str
        Such as ``7``, ``"7"``, ``"ccd07"`` or, with or without hyphens, ``"8351-6-3"``.
    n_ccd : int, optional
        How many CCDs there are.

    Raises
    ------
    KeyError
        If there is no such CCD.
    TypeError
        If it is neither a number nor a name.

    Examples
    --------
    >>> ccd_number("ccd07"), ccd_number("8351-6-3")
    (7, 7)
    """
    number = None
    if isinstance(ccd, str):
        text = ccd.strip()
        if match := _NAME.fullmatch(text):
            number = int(match[1])
        else:
            serial = text.replace("-", "")
            for row in _all_facts():
                if row.serial.replace("-", "") == serial:
                    number = row.id
    elif isinstance(ccd, bool) or not hasattr(ccd, "__index__"):
        raise TypeError(f"ccd is {ccd!r}, wanted the number or the name of a CCD")
    else:
        number = ccd.__index__()
    if number is None or not 0 <= number < n_ccd:
        raise KeyError(
            f"there is no CCD {ccd!r}, wanted 0 to {n_ccd - 1}, ccd00 to ccd{n_ccd - 1:02d} "
            "or a serial number"
        )
    return number


def exposure_number(visit: int, ccd: int) -> int:
    """Return the number of the exposure of one CCD, which fits 32 bits.

    It is ``36 * visit + ccd``, as LSST's; the four CCDs that came later would meet those of the
    next visit there, so that theirs is ``2**31 + 4 * visit + ccd - 36``.

    Raises
    ------
    ValueError
        If there is no such CCD, or the visit is below 0 or too large for 32 bits.

    Examples
    --------
    >>> exposure_number(1038843, 2), exposure_number(1927963, 36)
    (37398350, 2155195500)
    """
    limit = 2**31 // 36
    if not 0 <= ccd < 40 or not 0 <= visit < limit:
        raise ValueError(f"visit {visit}, CCD {ccd}: wanted visits to {limit - 1}, CCDs 0 to 39")
    return 36 * visit + ccd if ccd < 36 else 2**31 + 4 * visit + ccd - 36


def facts(ccd: int | str) -> CcdFacts:
    """Return what is known of a CCD.

    Raises
    ------
    KeyError
        If there is no such CCD.

    Examples
    --------
    >>> facts("ccd00").amplifiers["A"].read_noise
    3.9
    """
    return _all_facts()[ccd_number(ccd)]


def corners_mm(ccd: int | str) -> tuple[tuple[float, float], ...]:
    """Return the outer corners of a CCD in the focal plane [mm].

    Returns
    -------
    corners : tuple of (float, float)
        Of pixels (0, 0), (last, 0), (last, last) and (0, last) of the assembled CCD.
    """
    return tuple(build(facts(ccd).id, _real_amplifiers(False)).outline())


class Camera(Sequence[Detector]):
    """The CCDs of a camera, by number, by name or by serial number.

    Each access returns a `Detector` of its own, so that a gain set on one is never seen in
    another.

    Parameters
    ----------
    name : str
        Name of the camera.
    n_ccd : int
        How many CCDs it has.
    make : callable
        Returns a new detector of a number.
    distortion : sequence of float, optional
        Radius in the focal plane as a polynomial of the field angle in radian [mm]; without
        it, the distortion of the optics is not known.

    Examples
    --------
    >>> camera = megacam(36)
    >>> len(camera), camera["ccd07"].getSerial(), camera[0].getBBox().shape
    (36, '835163', (4612, 2048))
    """

    def __init__(
        self,
        name: str,
        n_ccd: int,
        make: Callable[[int], Detector],
        distortion: Sequence[float] = (),
    ) -> None:
        self.name = name
        self.distortion = tuple(map(float, distortion))
        self._n_ccd = n_ccd
        self._make = make

    def __len__(self) -> int:
        return self._n_ccd

    @overload
    def __getitem__(self, key: int | str) -> Detector: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[Detector, ...]: ...

    def __getitem__(self, key: int | str | slice) -> Detector | tuple[Detector, ...]:
        if isinstance(key, slice):
            return tuple(self._make(number) for number in range(self._n_ccd)[key])
        if isinstance(key, str):
            return self._make(ccd_number(key, self._n_ccd))
        try:
            return self._make(range(self._n_ccd)[key])
        except IndexError:
            raise IndexError(
                f"there is no CCD {key}, {self.name} has 0 to {self._n_ccd - 1}"
            ) from None

    def __iter__(self) -> Iterator[Detector]:
        return map(self._make, range(self._n_ccd))

    def __repr__(self) -> str:
        return f"Camera({self.name}, {self._n_ccd} CCDs)"

    # LSST's names

    def getName(self) -> str:
        """Return the name of the camera."""
        return self.name


def _plain_amplifiers(rows: int, columns: int, overscan: tuple[int, int]) -> dict[str, list[Box2I]]:
    """Return five boxes per amplifier: assembled, all, data, overscan columns and rows."""
    across, up = overscan
    half = columns // 2
    raw_rows = rows + up
    left = [
        Box2I(0, 0, half, rows),
        Box2I(0, 0, across + half, raw_rows),
        Box2I(across, 0, half, rows),
        Box2I(0, 0, across, rows),
        Box2I(across, rows, half, up),
    ]
    middle = across + half
    right = [
        Box2I(half, 0, half, rows),
        Box2I(middle, 0, across + half, raw_rows),
        Box2I(middle, 0, half, rows),
        Box2I(middle + half, 0, across, rows),
        Box2I(middle, rows, half, up),
    ]
    return {"A": left, "B": right}


@cache
def _real_amplifiers(lsst: bool) -> dict[str, list[Box2I]]:
    keys = ("assembled", "area", "data", "overscan_columns", "overscan_rows")
    boxes = {}
    for name, row in table()["amplifier"].items():
        row = row | table()["lsst_v17"][name] if lsst else row
        boxes[name] = [Box2I.from_section(row[key]) for key in keys]
    return boxes


def build(number: int, boxes: dict[str, list[Box2I]], lsst: bool = False) -> Detector:
    """Return the detector of a number with these boxes; see `_plain_amplifiers`."""
    row = _all_facts()[number]
    amplifiers = []
    area = Box2I(0, 0, 0, 0)
    for name, (bbox, raw, data, columns, rows) in boxes.items():
        known = row.amplifiers[name]
        area = area.union(bbox)
        amplifiers.append(
            Amplifier(
                name,
                bbox,
                raw,
                data,
                columns,
                rows,
                readout_corner=table()["amplifier"][name]["corner"],
                gain=known.gain,
                read_noise=float(known.header_read_noise) if lsst else known.read_noise,
                saturation=table()["camera"]["saturation"],
                suspect_level=math.nan,
            )
        )
    return Detector(
        row.name,
        row.id,
        area,
        amplifiers,
        serial=row.serial.replace("-", ""),
        offset_mm=row.offset_mm,
        yaw_deg=row.yaw_deg,
        detsec=Box2I.from_section(row.mosaic),
        pixel_mm=table()["camera"]["pixel_mm"],
    )


def megacam(n_ccd: int = 40, parity: str = "none") -> Camera:
    """Return MegaCam as it was in an era.

    Parameters
    ----------
    n_ccd : {40, 36}, optional
        40 from semester 2015A (and in the commissioning of December 2002), 36 between.
    parity : {"none", "lsst-v17"}, optional
        ``lsst-v17`` gives the overscan boxes of LSST's description, one row too high, and
        its read noise without decimals; it has 36 CCDs.

    Returns
    -------
    camera : Camera
        Detectors by number, name or serial number.

    Raises
    ------
    ValueError
        If there was no such camera.

    Examples
    --------
    >>> megacam()["ccd39"]["A"].raw_horizontal_overscan_bbox.shape
    (4612, 32)
    """
    if parity not in ("none", "lsst-v17"):
        raise UnknownChoiceError(f"parity is {parity!r}, wanted 'none' or 'lsst-v17'")
    lsst = parity == "lsst-v17"
    eras = [era["ccds"] for era in table()["era"].values()]
    if n_ccd not in eras:
        raise ValueError(f"n_ccd is {n_ccd!r}, MegaCam had {' or '.join(map(str, eras))} CCDs")
    if lsst and n_ccd != 36:
        raise ValueError(f"parity 'lsst-v17' knows 36 CCDs, not {n_ccd}")
    boxes = _real_amplifiers(lsst)
    camera = table()["camera"]
    make = partial(build, boxes=boxes, lsst=lsst)
    return Camera(camera["name"], n_ccd, make, camera["distortion"])


def megacam_like(
    rows: int, columns: int, n_ccd: int = 40, overscan: tuple[int, int] = (32, 32)
) -> Camera:
    """Return a camera of MegaCam's CCDs with fewer, or more, pixels.

    Parameters
    ----------
    rows, columns : int
        Size of an assembled, trimmed CCD [pixel]; an even number of columns.
    n_ccd : {40, 36}, optional
        How many CCDs.
    overscan : (int, int), optional
        Overscan columns of each amplifier and overscan rows.

    Raises
    ------
    ValueError
        If the sizes make no CCD.

    Examples
    --------
    >>> megacam_like(100, 64)[0]["B"].raw_data_bbox.to_section()
    '[65:96,1:100]'
    """
    eras = [era["ccds"] for era in table()["era"].values()]
    if n_ccd not in eras:
        raise ValueError(f"n_ccd is {n_ccd!r}, MegaCam had {' or '.join(map(str, eras))} CCDs")
    if rows < 1 or columns < 2 or columns % 2:
        raise ValueError(
            f"a CCD of {columns} x {rows} pixels has no two equal halves, wanted an even number "
            "of columns, at least 2, and at least 1 row"
        )
    if min(overscan) < 0:
        raise ValueError(f"overscan is {overscan}, wanted columns and rows from 0 up")
    boxes = _plain_amplifiers(rows, columns, overscan)
    camera = table()["camera"]
    name = f"{camera['name']} of {columns} x {rows} pixels"
    return Camera(name, n_ccd, partial(build, boxes=boxes), camera["distortion"])
