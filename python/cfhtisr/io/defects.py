"""Reading defects: FITS tables, Elixir's mask frames, DS9 regions and lists of boxes."""

__all__ = ["read_defects"]

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.defects import DefectList, boxes_of_mask, boxes_of_text, check_boxes
from cfhtisr.camera.mosaic import ccd_number, facts, trimmed_shape
from cfhtisr.camera.record import value_of
from cfhtisr.camera.sections import detector_for
from cfhtisr.errors import FileFormatError
from cfhtisr.images.geom import Box2I
from cfhtisr.io.defect_tables import COLUMNS, BoxTable, plain_tables
from cfhtisr.io.fits_file import FitsFile

_SUFFIXES = (
    ".fits", ".fits.gz", ".fits.fz", ".fit", ".reg", ".txt", ".csv", ".list", ".dat",
)  # fmt: skip
_TABLES = ("BINTABLE", "A3DTABLE")
_TEXT_LIMIT = 20_000_000
T = TypeVar("T")


def read_defects(
    path: str | os.PathLike[str],
    ccd: int | str,
    serial: str | None = None,
    *,
    shape: tuple[int, int] | None = None,
    checksum: Literal["error", "warn", "ignore"] = "error",
) -> DefectList:
    """Read the boxes of bad pixels of one CCD.

    Parameters
    ----------
    path : path-like
        One of

        - a FITS file of binary tables with columns ``x0``, ``y0``, ``width`` and ``height``,
          counted from 0 in the trimmed CCD; the table of EXTNAME ``ccdNN`` or of the CCD's
          SERIAL is taken;
        - a mask frame of Elixir: images of the raw or the trimmed frame, 1 good and 0 bad;
        - a region file of DS9, upright boxes in image coordinates of the trimmed CCD;
        - a list of boxes as text or CSV, see `cfhtisr.camera.defects.boxes_of_table`;
        - a directory with one such file per CCD, ``ccdNN.fits`` and so on.
    ccd : int or str
        Number or name of the CCD.
    serial : str, optional
        Serial number that a table's SERIAL must have; by default that of the CCD.
    shape : (int, int), optional
        Rows and columns of the trimmed CCD; by default those of the real ones.
    checksum : {"error", "warn", "ignore"}, optional
        What to do about a wrong CHECKSUM or DATASUM of a mask frame.

    Returns
    -------
    boxes : DefectList
        A list of `Box2I` in pixels of the assembled, trimmed CCD; ``identity`` tells the file.

    Raises
    ------
    FileFormatError
        If the file is none of these, has nothing for the CCD, is for another chip, or has a
        box outside of the CCD; the text names the file, the place and the CCD.
    FileNotFoundError
        If there is no such file, or the directory has none for the CCD.
    """
    number = ccd_number(ccd)
    name = facts(number).name
    shape = trimmed_shape() if shape is None else shape
    place = Path(path)
    if place.is_dir():
        place = _file_in(place, name)
    with place.open("rb") as file:
        start = file.read(9)
    if start.startswith((b"SIMPLE  =", b"\x1f\x8b")):
        wanted = facts(number).serial if serial is None else serial
        rows = _tables(place, name, wanted)
        if rows is None:
            frame = _mask_frame(place, number, shape, checksum)
            return DefectList.of_file(frame, place.name, name)
    else:
        rows = _parsed(place, lambda: boxes_of_text(_text(place), number))
    found, size = rows, shape
    boxes = _parsed(place, lambda: check_boxes(found, name, size))
    return DefectList.of_file(boxes, place.name, name)


def _parsed(path: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except FileFormatError:
        raise
    except ValueError as problem:
        raise FileFormatError(f"{path}: {problem}") from None


def _file_in(folder: Path, name: str) -> Path:
    files = [folder / f"{name}{suffix}" for suffix in _SUFFIXES]
    files = [file for file in files if file.is_file()]
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise FileFormatError(f"{folder}: several files of defects for {name}: {names}")
    if not files:
        there = sorted(file.name for file in folder.glob("ccd*"))
        more = f"; there are {there[0]} to {there[-1]}" if there else ""
        raise FileNotFoundError(f"{folder}: no defects of {name}, wanted {name}.fits{more}")
    return files[0]


def _text(path: Path) -> str:
    if path.stat().st_size > _TEXT_LIMIT:
        raise ValueError(f"{path.stat().st_size} bytes are too many for a list of defects")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("is neither FITS nor text") from None
    if "\0" in text:
        raise ValueError("is neither FITS nor text")
    return text


def _tables(path: Path, name: str, serial: str) -> list[tuple[str, list[int]]] | None:
    """Return the rows of the CCD's table, None if the file has images."""
    wanted = serial.replace("-", "")
    plain = plain_tables(path)
    if plain is not None:
        return _chosen(path, plain, name, wanted)
    from astropy.io import fits

    try:
        with (
            warnings.catch_warnings(),
            # Opened here: of a broken file astropy would leave it open.
            path.open("rb") as stream,
            fits.open(stream, disable_image_compression=True) as hdus,
        ):
            warnings.simplefilter("ignore")
            return _chosen(path, _box_tables(hdus), name, wanted)
    except FileFormatError:
        raise
    except Exception as problem:
        # Of a broken file astropy raises nearly anything.
        raise FileFormatError(f"{path}: is no readable FITS file: {problem}") from None


def _chosen(
    path: Path, tables: Iterable[BoxTable | None], name: str, wanted: str
) -> list[tuple[str, list[int]]] | None:
    """Return the rows of the table of a CCD, None if there comes an image before it."""
    seen: list[BoxTable] = []
    for table in tables:
        if table is None:
            return None
        if table.name == name and table.serial not in (None, wanted):
            raise FileFormatError(
                f"{path}, HDU {table.index}: SERIAL is {table.serial}, but {name} has {wanted}"
            )
        if table.name == name or table.serial == wanted:
            return _rows(path, table)
        seen.append(table)
    if len(seen) == 1 and (seen[0].name, seen[0].serial) == ("", None):
        # The only table, and it does not say of which CCD it is.
        return _rows(path, seen[0])
    if not seen:
        raise FileFormatError(f"{path}: no table of defects and no image in it")
    known = ", ".join(
        f"HDU {table.index} ({table.name or 'no EXTNAME'}, SERIAL {table.serial})"
        for table in seen[:5]
    )
    raise FileFormatError(f"{path}: no table for {name}, SERIAL {wanted}; there is {known}")


def _box_tables(hdus: Iterable[Any]) -> Iterator[BoxTable | None]:
    """Yield the tables of boxes among the HDUs of astropy, None for an image."""
    for index, hdu in enumerate(hdus):
        if value_of(hdu.header, "ZIMAGE") is True or (hdu.is_image and hdu.shape):
            yield None
        names = hdu.columns.names if value_of(hdu.header, "XTENSION") in _TABLES else []
        columns = {column.lower(): column for column in names}
        if set(COLUMNS) <= set(columns):
            given = value_of(hdu.header, "SERIAL")
            yield BoxTable(
                index,
                str(value_of(hdu.header, "EXTNAME") or "").strip().lower(),
                None if given is None else str(given).strip().replace("-", ""),
                partial(_stacked, hdu, [columns[key] for key in COLUMNS]),
            )


def _stacked(hdu: Any, columns: list[str]) -> NDArray[Any]:
    return np.column_stack([np.asarray(hdu.data[column]) for column in columns])


def _rows(path: Path, table: BoxTable) -> list[tuple[str, list[int]]]:
    values = table.boxes()
    if values.dtype.kind not in "iu":
        raise FileFormatError(
            f"{path}, HDU {table.index}: columns hold {values.dtype}, wanted whole numbers"
        )
    return [(f"HDU {table.index}, row {row + 1}", box) for row, box in enumerate(values.tolist())]


def _mask_frame(
    path: Path, number: int, shape: tuple[int, int], checksum: Literal["error", "warn", "ignore"]
) -> list[Box2I]:
    name = facts(number).name
    with FitsFile(path, checksum) as file:
        images = [hdu for hdu in file.hdus if hdu.shape is not None]
        named = [hdu for hdu in images if hdu.name.lower() == name]
        if not named and len(images) > number and not any(hdu.name for hdu in images):
            named = [images[number]]
        if not named:
            names = ", ".join(hdu.name or f"HDU {hdu.index}" for hdu in images)
            raise FileFormatError(f"{path}: no mask of {name}; there is {names or 'no image'}")
        hdu = named[-1]
        where = f"{path}, HDU {hdu.index}"
        pixels = file.read(hdu.index)
    if pixels.dtype.kind == "f" or (pixels.size and (pixels.min() < 0 or pixels.max() > 1)):
        raise FileFormatError(
            f"{where}: pixels are {pixels.dtype} from {pixels.min()} to {pixels.max()}, wanted "
            "1 for good and 0 for bad ones"
        )
    if pixels.shape == shape:
        return boxes_of_mask(pixels == 0)
    try:
        detector, _ = detector_for(hdu.header, number, pixels.shape)
    except ValueError as problem:
        raise FileFormatError(f"{where}: {problem}") from None
    if detector.bbox.shape != shape:
        raise FileFormatError(
            f"{where}: mask of {name} has {pixels.shape[1]} x {pixels.shape[0]} pixels, wanted "
            f"{shape[1]} x {shape[0]} or the raw frame of them"
        )
    bad = np.ones(shape, bool)
    for amplifier in detector:
        bad[amplifier.bbox.slices] = pixels[amplifier.raw_data_bbox.slices] == 0
    return boxes_of_mask(bad)
