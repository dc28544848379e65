"""Crosstalk: the faint copy of each amplifier's signal in the others of its CCD.

Amplifiers are read out together, each from a corner of its own: what pixel of one meets which
pixel of another follows from the order of readout. A matrix tells how much: ``c[target, source]``
is the fraction of the source's signal that appears on the target.
"""

__all__ = [
    "calculateBackground",
    "coefficients_of",
    "extractAmp",
    "is_trimmed",
    "subtract",
    "subtractCrosstalk",
]

import logging
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import Box2I, Exposure, Mask, MaskedImage
from cfhtisr.isr import parity as _parity
from cfhtisr.isr import statistics
from cfhtisr.isr._planes import target
from cfhtisr.isr.parity import Parity

_FLIPS = {"LL": (False, False), "LR": (True, False), "UL": (False, True), "UR": (True, True)}
_log = logging.getLogger(__name__)


def coefficients_of(
    detector: Detector, coefficients: ArrayLike | None = None
) -> NDArray[np.float32]:
    """Return the crosstalk matrix of a detector, or another one for it, once it makes sense.

    Parameters
    ----------
    detector : Detector
        Has n amplifiers.
    coefficients : array_like of float, shape (n, n), optional
        In place of the detector's own.

    Returns
    -------
    matrix : ndarray of float32, shape (n, n)
        Fractions, ``[target, source]``.

    Raises
    ------
    RuntimeError
        If there are none.
    AssertionError
        If the shape is another, or an amplifier would talk to itself.
    ValueError
        If a number is not finite.
    """
    given = detector.crosstalk if coefficients is None else coefficients
    matrix = np.zeros((0, 0), np.float32) if given is None else np.asarray(given, np.float32)
    if matrix.size == 0:
        raise RuntimeError(f"detector {detector.name} has no crosstalk coefficients")
    wanted = (len(detector), len(detector))
    if matrix.shape != wanted:
        raise AssertionError(
            f"crosstalk coefficients have shape {matrix.shape}, wanted {wanted} for {detector.name}"
        )
    if not np.isfinite(matrix).all():
        raise ValueError(f"crosstalk coefficients of {detector.name} are not all finite: {matrix}")
    if np.diagonal(matrix).any():
        raise AssertionError(
            f"the diagonal of the crosstalk coefficients is {np.diagonal(matrix)}, wanted 0"
        )
    return matrix


def is_trimmed(box: Box2I, detector: Detector) -> bool:
    """Return whether a frame with this box is assembled and trimmed, rather than raw."""
    if box == detector.bbox and detector.raw_bbox != detector.bbox:
        return True
    return not all(amp.has_raw_info and box.contains(amp.raw_bbox) for amp in detector)


def extractAmp(
    image: MaskedImage, amp: Amplifier, corner: str, isTrimmed: bool = False
) -> MaskedImage:
    """Return an amplifier, flipped so that its readout corner is at some corner.

    Parameters
    ----------
    image : MaskedImage
        The frame.
    amp : Amplifier
        The amplifier.
    corner : {"LL", "LR", "UR", "UL"}
        Where its first pixel is to be.
    isTrimmed : bool, optional
        Whether the frame is a trimmed CCD; else it is the raw one.

    Returns
    -------
    part : MaskedImage
        A copy.
    """
    part = image.subset(amp.bbox if isTrimmed else amp.raw_data_bbox)
    (x, y), (own_x, own_y) = _FLIPS[corner], _FLIPS[amp.readout_corner]
    turn = (slice(None, None, -1 if y != own_y else 1), slice(None, None, -1 if x != own_x else 1))
    image_part, mask, variance = (array[turn].copy() for array in part.getArrays())
    return MaskedImage(image_part, mask, variance, xy0=part.xy0)


def calculateBackground(maskedImage: MaskedImage, badPixels: Iterable[str] = ("BAD",)) -> float:
    """Return the median of the pixels that have none of some flags.

    Parameters
    ----------
    maskedImage : MaskedImage
        Pixels that are not finite do not count either.
    badPixels : iterable of str, optional
        Mask planes.

    Returns
    -------
    level : float
        NaN if no pixel is left [unit of the image].

    Examples
    --------
    >>> calculateBackground(MaskedImage(np.float32([[1, 3, 99]]), [[0, 0, 1]]))
    2.0
    """
    if maskedImage.image.array.size == 0:
        return math.nan
    reject = Mask.bitmask(list(badPixels))
    return float(statistics.compute(maskedImage, "MEDIAN", and_mask=reject))


def subtract(
    exposure: Exposure,
    coefficients: ArrayLike | None = None,
    badPixels: Iterable[str] = ("BAD",),
    minPixelToMask: float = 45000.0,
    crosstalkMaskPlane: str = "CROSSTALK",
    parity: Parity = "none",
    *,
    isTrimmed: bool | None = None,
) -> None:
    """Subtract from each amplifier what the signals of the others left on it, in place.

    Parameters
    ----------
    exposure : Exposure of float32
        A raw frame whose overscan has been subtracted, or an assembled CCD [ADU].
    coefficients : array_like of float, shape (n, n), optional
        Fractions, ``[target, source]``; those of the exposure's detector by default.
    badPixels : iterable of str, optional
        Mask planes that do not count for the level above which there is signal.
    minPixelToMask : float, optional
        Victims of pixels from this level on are flagged [ADU]; NaN for none.
    crosstalkMaskPlane : str, optional
        Their flag. Bright pixels themselves do not get it.
    parity : {"none", "lsst-v17"}, optional
        The reference took raw boxes wherever they fit on the frame, but the level always from
        the box of the trimmed CCD, and raw frames as if nothing was flipped in them.
    isTrimmed : bool, optional
        Whether the frame is a trimmed CCD; by default its size tells.

    Raises
    ------
    RuntimeError
        If there are no coefficients, no detector, or the amplifiers differ in size or are not
        on the frame.
    AssertionError
        If the matrix has the wrong shape or its diagonal is not 0.
    TypeError
        If pixels are not float32.

    Notes
    -----
    One step: sources are the pixels as they come, so that crosstalk of crosstalk stays. NaN in a
    source makes its victims NaN; an amplifier without any good pixel has no level, and talks to
    none. (With parity lsst-v17 its victims become NaN.)
    """
    reference = _parity.check(parity)
    if not isinstance(exposure, Exposure):
        raise TypeError(f"exposure is a {type(exposure).__name__}, wanted an Exposure")
    detector = exposure.detector
    if detector is None:
        raise RuntimeError("the exposure has no detector, whose amplifiers crosstalk needs")
    matrix = coefficients_of(detector, coefficients).copy()
    planes = exposure.masked_image
    frame = planes.bbox
    if reference and isTrimmed is None:
        isTrimmed = not all(
            amp.has_raw_info and frame.contains(amp.raw_data_bbox) for amp in detector
        )
    elif isTrimmed is None:
        isTrimmed = is_trimmed(frame, detector)
    boxes = [amp.bbox if isTrimmed else amp.raw_data_bbox for amp in detector]
    for amp, box in zip(detector, boxes, strict=True):
        if not frame.contains(box):
            raise ShapeMismatchError(
                f"amplifier {amp.name} of {detector.name} is at {box.to_section()}, outside of the "
                f"exposure {frame.to_section()}"
            )
        if box.shape != boxes[0].shape:
            raise ShapeMismatchError(
                f"amplifiers {detector[0].name} and {amp.name} of {detector.name} have "
                f"{boxes[0].shape} and {box.shape} pixels (rows, columns), wanted equal sizes"
            )
    arrays = target("exposure", planes)
    bad = list(badPixels)
    flag = 1 << Mask.add_plane(crosstalkMaskPlane)
    backgrounds = []
    for index, (amp, box) in enumerate(zip(detector, boxes, strict=True)):
        if reference and frame.contains(amp.bbox):
            box = amp.bbox
        level = calculateBackground(planes.subset(box), bad)
        if math.isnan(level) and not reference:
            _log.warning("Amplifier %s has no good pixel: no crosstalk from it", amp.name)
            matrix[:, index] = 0
        backgrounds.append(level)
    places = [
        (box.x0 - frame.x0, box.y0 - frame.y0, *_readout(amp, reference or isTrimmed))
        for amp, box in zip(detector, boxes, strict=True)
    ]
    _kernels.subtract_crosstalk(
        arrays, places, boxes[0].shape, matrix, backgrounds, float(minPixelToMask), flag
    )


def subtractCrosstalk(
    exposure: Exposure,
    badPixels: Iterable[str] = ("BAD",),
    minPixelToMask: float = 45000.0,
    crosstalkStr: str = "CROSSTALK",
) -> None:
    """Subtract crosstalk with the coefficients of the detector; `subtract` by its first name.

    Parameters
    ----------
    exposure : Exposure of float32
        Changed in place.
    badPixels, minPixelToMask : optional
        As of `subtract`.
    crosstalkStr : str, optional
        Its ``crosstalkMaskPlane``.
    """
    subtract(exposure, None, badPixels, minPixelToMask, crosstalkStr)


def _readout(amp: Amplifier, plain: bool) -> tuple[bool, bool]:
    """Return whether readout begins at the last column and row, in the frame at hand."""
    x, y = _FLIPS[amp.readout_corner]
    return (x, y) if plain else (x != amp.raw_flip_x, y != amp.raw_flip_y)
