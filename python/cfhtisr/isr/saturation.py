"""Saturation: the level that a raw frame itself shows, because headers are unreliable."""

__all__ = [
    "CONFIDENT",
    "FLOOR",
    "AmplifierLevel",
    "SaturationEstimate",
    "estimate_level",
    "measure_boxes",
    "measure_level",
    "measure_levels",
]

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.images.geom import Box2I
from cfhtisr.images.plane import Plane
from cfhtisr.isr import parity as parities
from cfhtisr.isr.parity import Parity
from cfhtisr.isr.statistics import as_pixels

FLOOR = 60000
"""Pixels above this are taken for saturated ones [ADU]."""
CONFIDENT = 0.5
"""Confidence from which on a level is believed rather than the header's."""

_CEILING = 65535.0  # of a converter with 16 bits [ADU]
_BINS = 100
_NARROWEST = 20.0  # [ADU]
_BESIDE = 5  # bins below a pile that tell what would be there without it
_FEW = 10.0  # pixels that make half a pile


_BEYOND = 1.02  # how far above another amplifier's pile a pixel shows that it does not hold here


class SaturationEstimate(NamedTuple):
    """What the pixels tell about the level at which they saturate.

    Attributes
    ----------
    level : float
        Level from which on pixels count as saturated [ADU]; NaN if no pixel tells.
    confidence : float
        From 0 (invented) to 1 (certain); believed from `CONFIDENT` on.
    n_pile : int
        Number of pixels in the pile.
    """

    level: float
    confidence: float
    n_pile: int


class AmplifierLevel(NamedTuple):
    """The saturation level that an amplifier is given.

    Attributes
    ----------
    level : float
        Level from which on pixels count as saturated [ADU]; NaN if nothing tells.
    confidence : float
        That of the pile of the amplifier's own pixels, as of `SaturationEstimate`.
    n_pile : int
        Number of its pixels in that pile.
    source : str
        Where the level is from: ``amplifier``, ``detector``, or ``header``.
    """

    level: float
    confidence: float
    n_pile: int
    source: str


def estimate_level(
    image: ArrayLike | Plane,
    safe: float = 0.95,
    header_level: float | None = None,
    parity: Parity = "none",
) -> float:
    """Return the level from which on pixels of a whole frame count as saturated.

    When the brightest pixel exceeds 60000, the range from 60000 to one more than that pixel
    is cut into 100 bins. Saturated pixels pile up in the fullest bin; its lower edge, times
    ``safe`` and cut to a whole number, is the level. Otherwise it is the header's, as it is:
    ``safe`` does not apply to it.

    Parameters
    ----------
    image : array_like or Image, shape (rows, columns)
        The whole raw frame [ADU], overscan included.
    safe : float, optional
        How much below the pile the level lies.
    header_level : float, optional
        The header's SATURATE [ADU].
    parity : {"none", "lsst-v17"}, optional
        With ``none`` the header's level holds as well when the pile is not believable: when
        its confidence, as of `measure_level`, is below `CONFIDENT`.

    Returns
    -------
    level : float
        A whole number [ADU], or the header's.

    Raises
    ------
    ValueError
        If the header's level is needed and was not given, there is no pixel, or ``safe`` is
        no positive number.

    Notes
    -----
    A frame with a pixel that is not a number has no brightest pixel, so that the header's
    level holds; infinite pixels are passed over. Equally full bins: the lowest counts. With
    ``lsst-v17``, or without a level of the header, a single pixel above 60000 is enough to make
    a level, be it saturated or not.

    Examples
    --------
    >>> frame = np.full((4, 4), 1000, np.uint16)
    >>> estimate_level(frame, header_level=62000)
    62000.0
    >>> frame[:2] = 65535
    >>> estimate_level(frame)
    62206.0
    """
    reference = parities.check(parity)
    _check_safe(safe)
    pixels: np.ndarray[Any, Any] = np.atleast_2d(as_pixels(image))
    edge = _kernels.saturation_edge(pixels)
    guarded = not reference and header_level is not None and math.isfinite(header_level)
    if edge is not None and guarded and _judge(pixels).confidence < CONFIDENT:
        edge = None
    if edge is not None:
        return float(int(safe * edge))
    if header_level is None:
        raise ValueError(
            f"header_level is None, wanted the header's SATURATE: no pixel tells, as none "
            f"exceeds {FLOOR} or some is not a number"
        )
    return float(header_level)


def measure_level(image: ArrayLike | Plane, safe: float = 0.95) -> SaturationEstimate:
    """Return the level at which pixels saturate, and how sure that is.

    Parameters
    ----------
    image : array_like or Image, shape (rows, columns)
        Raw pixels of one amplifier, or of a frame [ADU].
    safe : float, optional
        How much below the pile the level lies.

    Returns
    -------
    estimate : SaturationEstimate
        Level, confidence and size of the pile.

    Raises
    ------
    ValueError
        If ``safe`` is no positive number.

    Notes
    -----
    The level is that of `estimate_level`, but pixels that are not a number are passed over.
    The pile is the fullest bin together with the bins on both sides. Its confidence is the
    product of three numbers:

    - the share of it that a smooth histogram cannot explain: three times the mean of the five
      bins below (of 20 ADU at least), and three standard deviations of that, are taken off. A
      bright flat whose histogram rolls off across 60000 has no such share;
    - the share of it among all pixels from the pile on: nothing lies above saturation;
    - how far it is from a handful. This is ``n / (n + 10)`` of ``n`` pixels, but
      ``1 - 2**(1 - m)`` if ``m`` of them, at least half, have the very same value, as clipped
      ones have; and 1 if the pile reaches 65535, the ceiling of the converter.

    Examples
    --------
    >>> frame = np.full((40, 40), 1000, np.uint16)
    >>> measure_level(frame)
    SaturationEstimate(level=nan, confidence=0.0, n_pile=0)
    >>> frame[0, 0] = 61234
    >>> round(measure_level(frame).confidence, 2)
    0.09
    >>> frame[5, :9] = 62000
    >>> measure_level(frame)
    SaturationEstimate(level=58881.0, confidence=0.99609375, n_pile=9)
    """
    _check_safe(safe)
    edge, confidence, count, _ = _judge(np.atleast_2d(as_pixels(image)))
    level = math.nan if math.isnan(edge) else float(int(safe * edge))
    return SaturationEstimate(level, confidence, count)


def measure_levels(
    amplifiers: Mapping[str, ArrayLike | Plane], safe: float = 0.95, header_level: float = math.nan
) -> dict[str, AmplifierLevel]:
    """Return the levels at which the pixels of the amplifiers of one detector saturate.

    An amplifier takes the level of its own pile if that is believable. Else it takes the lowest
    believable one of the others, unless a pixel of its own lies more than 2 % above that pile;
    and else the header's, as it is.

    Parameters
    ----------
    amplifiers : mapping of str to array_like or Image, shape (rows, columns)
        Raw pixels of each amplifier, overscan included [ADU].
    safe : float, optional
        How much below a pile the level lies.
    header_level : float, optional
        The header's SATURATE [ADU]; if it is NaN, the least believable pile is better.

    Returns
    -------
    levels : dict of str to AmplifierLevel
        For each name that was given.

    Raises
    ------
    ValueError
        If ``safe`` is no positive number.

    Examples
    --------
    >>> a, b = np.full((2, 40, 40), 1000, np.uint16)
    >>> a[0], b[0] = 62000, 65535
    >>> levels = measure_levels({"A": a, "B": b})
    >>> levels["A"].level, levels["B"].level, levels["A"].source
    (58881.0, 62206.0, 'amplifier')
    """
    _check_safe(safe)
    found = {name: _judge(np.atleast_2d(as_pixels(image))) for name, image in amplifiers.items()}
    return _levels(found, safe, header_level)


def measure_boxes(
    frame: Plane, boxes: Mapping[str, Box2I], safe: float = 0.95, header_level: float = math.nan
) -> dict[str, AmplifierLevel]:
    """Return what `measure_levels` does, of the amplifiers' boxes in a raw frame.

    Parameters
    ----------
    frame : Image
        The raw frame, overscan included [ADU].
    boxes : mapping of str to Box2I
        The box of each amplifier. Those that stand side by side are looked at together.
    safe, header_level : float, optional
        As of `measure_levels`.

    Returns
    -------
    levels : dict of str to AmplifierLevel
        For each name that was given.

    Raises
    ------
    ValueError
        If ``safe`` is no positive number.
    IndexError
        If a box reaches outside of the frame.

    Examples
    --------
    >>> raw = np.full((40, 80), 1000, np.uint16)
    >>> raw[0, :40], raw[0, 40:] = 62000, 65535
    >>> levels = measure_boxes(Plane(raw), {"A": Box2I(0, 0, 40, 40), "B": Box2I(40, 0, 40, 40)})
    >>> levels["A"].level, levels["B"].level
    (58881.0, 62206.0)
    """
    _check_safe(safe)
    parts = {name: frame.subset(box).array for name, box in boxes.items()}
    rows = {(box.y0, box.height) for box in boxes.values()}
    if frame.dtype != np.uint16 or len(rows) != 1 or any(box.is_empty for box in boxes.values()):
        return measure_levels(parts, safe, header_level)
    ((y0, height),) = rows
    x0, y0 = frame.xy0[0], y0 - frame.xy0[1]
    spans = [(box.x0 - x0, box.x0 - x0 + box.width) for box in boxes.values()]
    piles = _kernels.saturation_piles(frame.array[y0 : y0 + height], spans)
    found = {name: _Pile(*pile) for name, pile in zip(boxes, piles, strict=True)}
    return _levels(found, safe, header_level)


def _levels(
    found: Mapping[str, "_Pile"], safe: float, header_level: float
) -> dict[str, AmplifierLevel]:
    piles = found.values()
    shared = min((pile.edge for pile in piles if pile.confidence >= CONFIDENT), default=math.nan)
    result = {}
    for name, (edge, sure, count, brightest) in found.items():
        level, source = float(header_level), "header"
        if sure >= CONFIDENT or (math.isnan(level) and not math.isnan(edge)):
            level, source = float(int(safe * edge)), "amplifier"
        elif not math.isnan(shared) and not brightest > _BEYOND * shared:
            level, source = float(int(safe * shared)), "detector"
        result[name] = AmplifierLevel(level, sure, count, source)
    return result


def _check_safe(safe: float) -> None:
    if not (math.isfinite(safe) and safe > 0):
        raise ValueError(f"safe is {safe}, wanted a positive number")


class _Pile(NamedTuple):
    """Lower edge of the fullest bin, confidence and size of the pile, brightest pixel."""

    edge: float
    confidence: float
    n_pile: int
    brightest: float


def _judge(pixels: NDArray[Any]) -> _Pile:
    """Return the pile of some pixels; its edge is NaN if none is bright."""
    if pixels.dtype == np.uint16:
        return _Pile(*_kernels.saturation_piles(pixels, [(0, pixels.shape[1])])[0])
    numbers = pixels[~np.isnan(pixels)] if pixels.dtype.kind == "f" else pixels
    brightest = float(numbers.max()) if numbers.size else math.nan
    edge = _kernels.saturation_edge(pixels) if pixels.size else None
    if edge is None and pixels.dtype.kind == "f":  # perhaps for a pixel that is not a number
        numbers = np.where(np.isnan(pixels), pixels.dtype.type(0), pixels)
        edge = _kernels.saturation_edge(numbers) if pixels.size else None
    if edge is None:
        return _Pile(math.nan, 0.0, 0, brightest)
    if pixels.dtype.kind == "f":
        peak = float(pixels[(pixels > FLOOR) & (pixels < np.inf)].max())
    else:
        peak = float(pixels.max())
    # Never so narrow that whole numbers leave bins empty.
    step = max((peak + 1.0 - FLOOR) / _BINS, _NARROWEST)
    lower, upper = edge - step, edge + 2 * step
    near = pixels[pixels >= lower - _BESIDE * step]
    near = near[near <= peak]
    members = near[(near >= lower) & (near < upper)]
    pile = members.size
    smooth = 3.0 * int(np.count_nonzero(near < lower)) / _BESIDE
    unexplained = max(0.0, pile - smooth - 3.0 * math.sqrt(smooth)) / pile
    among = pile / (pile + int(np.count_nonzero(near >= upper)))
    same = int(np.unique(members, return_counts=True)[1].max())
    size = pile / (pile + _FEW)
    if 2 * same >= pile:
        size = max(size, 1.0 - 2.0 ** (1 - same))
    if peak == _CEILING and upper > _CEILING:
        size = 1.0
    return _Pile(edge, unexplained * among * size, pile, brightest)
