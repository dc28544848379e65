"""Amplifier offsets: the step along the border of two amplifiers of an assembled CCD."""

__all__ = ["BorderStep", "columns", "measure", "neighbours", "solve", "subtract"]

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cfhtisr import _kernels
from cfhtisr.images.geom import Box2I
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.isr._arrays import readable, writable

_BAND = 32  # rows that are looked at together, as in the kernel
_LEAST_BANDS = 5
_TO_SIGMA = 1.4826  # of a median absolute deviation


class BorderStep(NamedTuple):
    """The step along a border.

    Attributes
    ----------
    step : float
        Level on the right less that on the left [unit of the image]; NaN if it cannot be told.
    error : float
        Its standard error.
    n_bands : int
        Bands of rows that it is the mean of.
    """

    step: float
    error: float
    n_bands: int


def neighbours(boxes: Mapping[str, Box2I]) -> list[tuple[str, str]]:
    """Return the pairs of boxes that stand side by side: left, right.

    Parameters
    ----------
    boxes : mapping of str to Box2I
        Boxes of the amplifiers in the assembled CCD.

    Examples
    --------
    >>> neighbours({"B": Box2I(4, 0, 4, 9), "A": Box2I(0, 0, 4, 9)})
    [('A', 'B')]
    """
    return [
        (left, right)
        for left, one in boxes.items()
        for right, other in boxes.items()
        if one.x1 + 1 == other.x0 and one.y0 <= other.y1 and other.y0 <= one.y1
    ]


def columns(left: Box2I, right: Box2I, width: int) -> tuple[int, int]:
    """Return the first column that `measure` looks at, and the one behind the last."""
    half = min(int(width), left.width, right.width) // 2
    return right.x0 - 2 * half, right.x0 + 2 * half


def measure(
    planes: MaskedImage,
    left: Box2I,
    right: Box2I,
    width: int = 64,
    reject: int = -1,
    n_sigma: float = 3.0,
    max_bands: int | None = None,
) -> BorderStep:
    """Return the step of the level along the border of two boxes that stand side by side.

    Parameters
    ----------
    planes : MaskedImage, shape (rows, columns)
        An assembled CCD; not changed.
    left, right : Box2I
        The boxes, ``left.x1 + 1 == right.x0``.
    width : int, optional
        How many columns on each side are used [pixel].
    reject : int, optional
        Bits of the mask that exclude a pixel; all by default.
    n_sigma : float, optional
        Pixels this far above the level around them are sources, and bands this far off the
        others are not used [standard deviations].
    max_bands : int, optional
        Look at no more than this number of bands, evenly spaced; all by default.

    Returns
    -------
    step : BorderStep
        Right less left, its standard error, and the number of bands.

    Raises
    ------
    ValueError
        If the boxes do not stand side by side, or ``width`` is too small.

    Notes
    -----
    Both sides are cut into bands of 32 rows, and the columns of each side into a near and a far
    half. What rises above the median of its window, and what is next to that, belongs to a
    source. The clipped means of near and far half are extended to the border in a line, so that
    a gradient of the sky, even another one on each side, is no step. The step is the clipped
    mean over the bands, its error their scatter over the root of their number. Fewer than five
    bands with a quarter of their pixels make no step.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(0, 5, (640, 200)).astype(np.float32)
    >>> noise[:, 100:] += 2
    >>> found = measure(MaskedImage(noise), Box2I(0, 0, 100, 640), Box2I(100, 0, 100, 640))
    >>> abs(found.step - 2) < 3 * found.error, found.error < 0.3, found.n_bands
    (True, True, 20)
    """
    if left.x1 + 1 != right.x0:
        raise ValueError(f"right begins at column {right.x0}, wanted {left.x1 + 1} beside left")
    half = min(int(width), left.width, right.width) // 2
    if half < 2:
        raise ValueError(f"width is {width}, wanted 4 to {min(left.width, right.width)} pixels")
    y0, y1 = max(left.y0, right.y0), min(left.y1, right.y1)
    n_bands = (y1 - y0 + 1) // _BAND
    if n_bands < _LEAST_BANDS:
        return BorderStep(math.nan, math.nan, max(0, n_bands))
    first, end = columns(left, right, width)
    part = planes.subset(Box2I(first, y0, end - first, n_bands * _BAND))
    every = 1 if max_bands is None else -(-n_bands // max(_LEAST_BANDS, max_bands))
    image = readable("planes", part.image, np.float32)
    means = _kernels.window_means(image, part.mask.array, reject, n_sigma, every)
    far_left, near_left, near_right, far_right = means.T
    steps = (1.5 * near_right - 0.5 * far_right) - (1.5 * near_left - 0.5 * far_left)
    steps = steps[np.isfinite(steps)]
    for _ in range(3):
        if steps.size < _LEAST_BANDS:
            break
        middle = float(np.median(steps))
        spread = _TO_SIGMA * float(np.median(np.abs(steps - middle)))
        steps = steps[np.abs(steps - middle) <= n_sigma * spread]
    if steps.size < _LEAST_BANDS:
        return BorderStep(math.nan, math.nan, int(steps.size))
    error = float(steps.std(ddof=1)) / math.sqrt(steps.size)
    return BorderStep(float(steps.mean()), error, int(steps.size))


def solve(boxes: Mapping[str, Box2I], steps: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return what to subtract from each amplifier so that no step is left.

    Parameters
    ----------
    boxes : mapping of str to Box2I
        Boxes of the amplifiers.
    steps : mapping of (str, str) to float
        Right less left, for pairs as of `neighbours`; those that are no number have no say.

    Returns
    -------
    offsets : dict of str to float
        Their mean over all pixels is 0, so that the level of the CCD stays.

    Examples
    --------
    >>> solve({"A": Box2I(0, 0, 4, 9), "B": Box2I(4, 0, 4, 9)}, {("A", "B"): 3.0})
    {'A': -1.5, 'B': 1.5}
    """
    names = list(boxes)
    rows, values = [], []
    for (left, right), step in steps.items():
        if math.isfinite(step):
            row = np.zeros(len(names))
            row[names.index(right)], row[names.index(left)] = 1.0, -1.0
            rows.append(row)
            values.append(step)
    if not rows:
        return dict.fromkeys(names, 0.0)
    found = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    areas = np.array([boxes[name].area for name in names], np.float64)
    found -= (found * areas).sum() / areas.sum()
    return {name: float(np.round(value, 12)) for name, value in zip(names, found, strict=True)}


def subtract(planes: MaskedImage, box: Box2I, offset: float) -> None:
    """Subtract an offset from the pixels of a box, in place.

    Parameters
    ----------
    planes : MaskedImage of float32
        The CCD; mask and variance stay as they are.
    box : Box2I
        The pixels of one amplifier.
    offset : float
        [unit of the image]
    """
    part = writable("planes", planes.image.subset(box).array, np.float32)
    np.subtract(part, np.float32(offset), out=part)
