"""Types of datasets that are no files: what follows from a data id, and parts of files."""

__all__ = ["DERIVED", "NOT_FILES", "derived", "not_a_file", "part", "type_and_part"]

from collections.abc import Mapping
from typing import Any

from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.names import TYPES
from cfhtisr.camera import exposure_number, megacam
from cfhtisr.pipe.struct import Struct

NOT_FILES = ("camera", "ccdExposureId", "ccdExposureId_bits", "expIdInfo")
"""Types that follow from a data id."""

DERIVED = (*("filename", "md", "sub", "wcs", "calib", "visitInfo", "filter", "detector", "bbox"),)
"""What can be asked for of a frame, as ``<type>_<part>``."""

_BITS = 32


def not_a_file(datasetType: str, data_id: Mapping[str, Any]) -> Any:
    """Return a dataset that follows from its data id.

    Raises
    ------
    NoResults
        If the data id lacks what it follows from.
    """
    if datasetType == "camera":
        return megacam()
    if datasetType == "ccdExposureId_bits":
        return _BITS
    missing = [key for key in ("visit", "ccd") if key not in data_id]
    if missing:
        raise NoResults(f"{datasetType} needs {' and '.join(missing)}, got {dict(data_id)}")
    try:
        number = exposure_number(data_id["visit"], data_id["ccd"])
    except ValueError as error:
        raise NoResults(f"there is no {datasetType}: {error}") from None
    if datasetType == "ccdExposureId":
        return number
    return Struct(expId=number, expBits=_BITS, maxBits=64, unusedBits=64 - _BITS)


def type_and_part(datasetType: str) -> tuple[str, str | None]:
    """Return the type of the file, and what is asked for of it: None is all of it."""
    if datasetType not in TYPES:
        head, _, tail = datasetType.rpartition("_")
        known = TYPES.get(head)
        if known is not None and known.storage == "CfhtExposure" and tail in DERIVED:
            return head, tail
    return datasetType, None


def derived(exposure: Any, name: str, box: Any = None, origin: str | None = None) -> Any:
    """Return a part of an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure.
    name : str
        One of `DERIVED`, but ``filename``.
    box : Box2I, optional
        For ``sub``: what to cut out.
    origin : {"PARENT", "LOCAL"}, optional
        For ``sub``: what the box is counted from, the origin of the frame of the CCD or the
        first pixel of this exposure.
    """
    if name == "sub":
        return part(exposure, box, origin)
    if name == "md":
        return exposure.metadata
    if name == "calib":
        return exposure.getFluxMag0()
    return getattr(exposure, {"visitInfo": "visit_info"}.get(name, name))


def part(exposure: Any, box: Any, origin: str | None = None) -> Any:
    """Return the part of an exposure in a box."""
    from cfhtisr.images.geom import Box2I

    if box is None:
        raise NoResults("a part of an exposure needs bbox=Box2I(...) in the data id")
    if origin not in (None, "PARENT", "LOCAL"):
        raise NoResults(f"imageOrigin is {origin!r}, wanted 'PARENT' or 'LOCAL'")
    if origin == "LOCAL":
        x0, y0 = exposure.getXY0()
        box = Box2I(box.x0 + x0, box.y0 + y0, box.width, box.height)
    return exposure[box]
