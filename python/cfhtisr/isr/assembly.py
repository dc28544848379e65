"""Assembly: the raw pixels of the amplifiers become one CCD."""

__all__ = ["Part", "assemble", "assembled_detector", "prepare"]

from itertools import combinations
from typing import Any

import numpy as np

from cfhtisr import _kernels
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import PixelTypeError, ShapeMismatchError
from cfhtisr.images import Box2I, MaskedImage
from cfhtisr.images.streamed_frame import StreamedFrame
from cfhtisr.isr._planes import source, target

Part = tuple[MaskedImage, MaskedImage, bool, bool]
"""Pixels of the CCD, the raw pixels that belong there, and whether columns and rows turn."""


def assemble(
    raw: MaskedImage, detector: Detector, trim: bool = True, out: MaskedImage | None = None
) -> MaskedImage:
    """Return the CCD that the amplifiers of a raw frame make up.

    Parameters
    ----------
    raw : MaskedImage of float32, shape (rows, columns)
        The raw frame [ADU], all amplifiers in it.
    detector : Detector
        Where the amplifiers' pixels lie and belong.
    trim : bool, optional
        Whether to leave out overscan and prescan. If not, each amplifier's raw box keeps its
        place up to its ``raw_xy_offset``.
    out : MaskedImage of float32, optional
        Planes of the CCD's size that become the CCD. Memory that was used before is filled
        faster than new one.

    Returns
    -------
    ccd : MaskedImage
        ``out``, or planes of its own. Columns or rows are turned around where the amplifier
        says so; pixels are 0 where no amplifier has any.

    Raises
    ------
    PixelTypeError
        If the image is not float32.
    RuntimeError
        If an amplifier does not know its raw pixels.
    ShapeMismatchError
        If the raw frame, or the CCD, does not hold an amplifier's box, or ``out`` has another
        size.

    Examples
    --------
    >>> box = Box2I(0, 0, 2, 1)
    >>> amplifier = Amplifier("B", box, Box2I(0, 0, 3, 1), box, Box2I(2, 0, 1, 1), raw_flip_x=True)
    >>> raw = MaskedImage(np.float32([[1, 2, 1000]]))
    >>> assemble(raw, Detector("ccd", 0, box, [amplifier])).image.array
    array([[2., 1.]], dtype=float32)
    """
    ccd, parts = prepare(raw, detector, trim, out)
    for to, of, flip_x, flip_y in parts:
        _kernels.place(target("ccd", to), source("raw", of), flip_x, flip_y)
    return ccd


def prepare(
    raw: MaskedImage, detector: Detector, trim: bool = True, out: MaskedImage | None = None
) -> tuple[MaskedImage, list[Part]]:
    """Return a CCD whose pixels are still to come, and where they come from.

    Parameters and errors are those of `assemble`.

    Returns
    -------
    ccd : MaskedImage
        Any values where an amplifier has pixels, 0 elsewhere.
    parts : list of Part
        What is to be copied, in this order.
    """
    if raw.dtype != np.float32:
        raise PixelTypeError(
            f"raw image holds {raw.dtype}, wanted float32: convert it with "
            "cfhtisr.isr.conversion.to_float"
        )
    pairs = [(amplifier, *_boxes(amplifier, detector, trim)) for amplifier in detector]
    frame = detector.bbox
    if not trim:
        frame = Box2I(0, 0, 0, 0)
        for _, _, to in pairs:
            frame = frame.union(to)
    for amplifier, box, to in pairs:
        for what, outer, inner in (("raw frame", raw.bbox, box), ("assembled CCD", frame, to)):
            if not outer.contains(inner):
                raise ShapeMismatchError(
                    f"amplifier {amplifier.name} of {detector.name} needs pixels "
                    f"{inner.to_section()}, the {what} has {outer.to_section()} "
                    f"({outer.width} x {outer.height})"
                )
    # Memory that is written once is not cleared first, unless some pixels belong to no amplifier.
    boxes = [to for _, _, to in pairs]
    apart = not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    whole = apart and sum(box.area for box in boxes) == frame.area
    if isinstance(out, StreamedFrame) and out.is_pending and whole and out.shape == frame.shape:
        out.setXY0(frame.x0, frame.y0)
        return out, _parts(out, raw, pairs)
    if out is None:
        fresh = np.empty if whole else np.zeros
        kinds = (np.float32, np.int32, np.float32)
        planes: Any = [fresh(frame.shape, kind) for kind in kinds]
    else:
        planes = target("out", out)
        if out.shape != frame.shape:
            raise ShapeMismatchError(
                f"out has {out.width} x {out.height} pixels, "
                f"wanted {frame.width} x {frame.height} as the assembled CCD"
            )
        if not whole:
            for plane in planes:
                plane.fill(0)
    ccd = MaskedImage(planes[0], planes[1], planes[2], xy0=(frame.x0, frame.y0))
    return ccd, _parts(ccd, raw, pairs)


def _parts(
    ccd: MaskedImage, raw: MaskedImage, pairs: list[tuple[Amplifier, Box2I, Box2I]]
) -> list[Part]:
    return [
        (ccd.subset(to), raw.subset(box), amplifier.raw_flip_x, amplifier.raw_flip_y)
        for amplifier, box, to in pairs
    ]


def assembled_detector(detector: Detector, trim: bool = True) -> Detector:
    """Return the detector as it describes a CCD after assembly.

    Parameters
    ----------
    detector : Detector
        The detector of the raw frame.
    trim : bool, optional
        Whether the CCD was trimmed: then this is the same object. If not, a copy whose raw
        boxes lie where `assemble` has put them, with nothing left to flip or to shift.
    """
    if trim:
        return detector
    copy = detector.copy()
    copy.amplifiers = tuple(_unflipped(amplifier) for amplifier in copy.amplifiers)
    return copy


def _boxes(amplifier: Amplifier, detector: Detector, trim: bool) -> tuple[Box2I, Box2I]:
    if not amplifier.has_raw_info:
        raise RuntimeError(
            f"amplifier {amplifier.name} of {detector.name} does not know its raw pixels"
        )
    if trim:
        return amplifier.raw_data_bbox, amplifier.bbox
    return amplifier.raw_bbox, amplifier.raw_bbox.shifted_by(*amplifier.raw_xy_offset)


def _unflipped(amplifier: Amplifier) -> Amplifier:
    frame = amplifier.raw_bbox

    def place(box: Box2I) -> Box2I:
        if box.is_empty:
            return box
        x0, y0 = box.x0, box.y0
        if amplifier.raw_flip_x:
            x0 = frame.x0 + frame.x1 - box.x1
        if amplifier.raw_flip_y:
            y0 = frame.y0 + frame.y1 - box.y1
        dx, dy = amplifier.raw_xy_offset
        return Box2I(x0 + dx, y0 + dy, box.width, box.height)

    return amplifier.copy(
        raw_bbox=place(frame),
        raw_data_bbox=place(amplifier.raw_data_bbox),
        raw_horizontal_overscan_bbox=place(amplifier.raw_horizontal_overscan_bbox),
        raw_vertical_overscan_bbox=place(amplifier.raw_vertical_overscan_bbox),
        raw_prescan_bbox=place(amplifier.raw_prescan_bbox),
        raw_flip_x=False,
        raw_flip_y=False,
        raw_xy_offset=(0, 0),
    )
