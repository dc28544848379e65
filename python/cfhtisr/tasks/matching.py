"""Whether a calibration frame was made for exposures like this one."""

__all__ = ["mismatch"]

from typing import Any

from cfhtisr.camera.filters import lookup
from cfhtisr.camera.record import value_of
from cfhtisr.images import Exposure
from cfhtisr.io.raw_header import stated_era

_OF_ONE_FILTER = ("flat", "fringe")


def mismatch(kind: str, frame: Exposure, raw: Exposure, any_filter: bool = False) -> str | None:
    """Return why a calibration frame does not fit an exposure.

    What one of the two does not tell is not compared.

    Parameters
    ----------
    kind : {"bias", "dark", "flat", "fringe"}
        What the frame is to be.
    frame, raw : Exposure
        The frame, and the exposure that is to be corrected.
    any_filter : bool, optional
        Whether a frame of another filter will do.

    Returns
    -------
    reason : str or None
        What the frame is and what is wanted: kind (OBSTYPE), CCD, era of the camera, amplifiers
        that were read out, binning, or filter. None if the frame fits.

    Examples
    --------
    >>> flat = Exposure([[1.0]], {"OBSTYPE": "FLAT"}, filter="r.MP9601")
    >>> mismatch("flat", flat, Exposure([[1.0]], filter="i.MP9702"))
    'the flat was taken in filter r.MP9601, the exposure in i.MP9702'
    """
    made_as = str(value_of(frame.metadata, "OBSTYPE") or "").strip().upper()
    if made_as and made_as != kind.upper():
        return f"OBSTYPE is {made_as}, wanted {kind.upper()} for the {kind}"
    if frame.detector is not None and raw.detector is not None:
        if frame.detector.name != raw.detector.name:
            return f"the {kind} is of {frame.detector.name}, the exposure of {raw.detector.name}"
    eras = [_era(exposure) for exposure in (frame, raw)]
    if None not in eras and eras[0] != eras[1]:
        return (
            f"the {kind} was made in the era of {eras[0]} CCDs, the exposure in that of {eras[1]}"
        )
    modes = [_amplifiers(exposure) for exposure in (frame, raw)]
    if all(modes) and modes[0] != modes[1]:
        return (
            f"the {kind} was read out by amplifiers {modes[0]}, the exposure by those of {modes[1]}"
        )
    ours, theirs = _binning(frame), _binning(raw)
    if ours != theirs:
        return f"the {kind} is binned {ours[0]} x {ours[1]}, the exposure {theirs[0]} x {theirs[1]}"
    if kind in _OF_ONE_FILTER and not any_filter and frame.filter and raw.filter:
        if (lookup(frame.filter) or frame.filter) != (lookup(raw.filter) or raw.filter):
            return f"the {kind} was taken in filter {frame.filter}, the exposure in {raw.filter}"
    return None


def _era(exposure: Exposure) -> int | None:
    header, detector = exposure.metadata, exposure.detector
    if detector is None or str(value_of(header, "DETECTOR") or "").casefold() != "megacam":
        return None
    return stated_era(header, header, detector.id)


def _amplifiers(exposure: Exposure) -> str:
    """Return the amplifiers that were read out, such as ``A B``; empty if that is not told."""
    return " ".join(sorted(str(value_of(exposure.metadata, "AMPLIST") or "").upper().split()))


def _binning(exposure: Exposure) -> tuple[Any, Any]:
    header = exposure.metadata
    return (header.get("CCDBIN1", 1), header.get("CCDBIN2", 1))
