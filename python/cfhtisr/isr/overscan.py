"""Overscan: the bias level that every row was read out with."""

__all__ = [
    "FIT_TYPES",
    "Found",
    "OverscanResult",
    "correct",
    "find",
    "fit",
    "flag_outliers",
    "row_median",
]

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Image
from cfhtisr.isr import parity as parities
from cfhtisr.isr import statistics
from cfhtisr.isr._arrays import readable, writable
from cfhtisr.isr.parity import Parity

_SCALARS = ("MEAN", "MEANCLIP", "MEDIAN")
_PER_ROW = ("MEAN_PER_ROW", "MEDIAN_PER_ROW")
_POLYNOMIALS = ("POLY", "CHEB", "LEG")
_SPLINES = ("NATURAL_SPLINE", "CUBIC_SPLINE", "AKIMA_SPLINE")
FIT_TYPES = (*_SCALARS, *_PER_ROW, *_POLYNOMIALS, *_SPLINES)
"""Every way to find a level."""

_REFERENCE_SIGMA = 3.0
_MOST_BINS = 1 << 20


@dataclass(frozen=True, eq=False)
class OverscanResult:
    """What `correct` subtracted.

    Parameters
    ----------
    level : float or ndarray of float32, shape (lines,)
        The level [unit of the image]: one number, or one for each line of the data.
    sigma : float
        Clipped standard deviation of the level along the lines; 0 of one number.
    overscan : MaskedImage
        The overscan that was passed in, corrected: its scatter is the read noise.
    """

    level: float | NDArray[np.float32]
    sigma: float
    overscan: MaskedImage


def row_median(image: ArrayLike, mask: ArrayLike, reject: int = 0) -> NDArray[np.float32]:
    """Return the median level of each overscan row.

    Parameters
    ----------
    image : array_like of float32, shape (rows, columns)
        Overscan pixels [ADU].
    mask : array_like of int32, shape (rows, columns)
        Mask plane of the same pixels.
    reject : int, optional
        Bits of ``mask`` that exclude a pixel.

    Returns
    -------
    level : ndarray of float32, shape (rows,)
        Level of each row [ADU]; NaN where no pixel is usable.

    Raises
    ------
    ValueError
        If ``mask`` and ``image`` differ in shape.

    Examples
    --------
    >>> row_median([[1, 9, 3]], [[0, 2, 0]], reject=2)
    array([2.], dtype=float32)
    """
    return _kernels.row_median(np.asarray(image, np.float32), np.asarray(mask, np.int32), reject)


def fit(
    overscan: ArrayLike | Image | MaskedImage,
    fit_type: str,
    order: int = 1,
    mask: ArrayLike | None = None,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    is_int: bool = True,
    parity: Parity = "none",
) -> float | NDArray[np.float32]:
    """Return the bias level that an overscan strip shows.

    ============================== ========================================================
    MEAN, MEANCLIP, MEDIAN         one number: a statistic of all usable pixels
    MEDIAN_PER_ROW, MEAN_PER_ROW   median or clipped mean of each row
    POLY, CHEB, LEG                polynomial of degree ``order`` through the lines
    NATURAL_SPLINE, CUBIC_SPLINE   natural cubic spline through ``order`` bins of lines, at
                                   least 3 of them with usable lines
    AKIMA_SPLINE                   Akima spline, at least 5 bins
    ============================== ========================================================

    Parameters
    ----------
    overscan : array_like, Image or MaskedImage, shape (rows, columns)
        Overscan pixels [ADU]. Pixels that are not finite are not used.
    fit_type : str
        One of `FIT_TYPES`.
    order : int, optional
        Degree of the polynomial (0 to 99), or number of bins of the spline.
    mask : array_like of int32, same shape, optional
        Mask plane; that of a masked image if it is left out.
    and_mask : int, optional
        Bits of the mask that exclude a pixel.
    n_sigma : float, optional
        Rejection within each line, and of MEANCLIP [standard deviations].
    is_int : bool, optional
        Whether MEDIAN rounds pixels to whole numbers and spreads ties over one unit.
    parity : {"none", "lsst-v17"}, optional
        See the notes.

    Returns
    -------
    level : float or ndarray of float32
        One number [ADU], or one for each line. Lines are rows, and columns when the strip is
        not taller than wide; for the types per row they are always rows.

    Raises
    ------
    UnknownChoiceError
        If ``fit_type`` or ``parity`` is unknown.
    ValueError
        If no pixel is usable, the shapes differ, or ``order`` or ``n_sigma`` makes no sense.

    Notes
    -----
    Within a line, samples further than ``n_sigma`` times 0.74 interquartile ranges from its
    median are rejected and the others averaged. A line that loses all of them has no say in
    a curve; in the types per row it takes the median of the five usable lines on each side.

    With ``lsst-v17`` the rejection is at 3 standard deviations whatever ``n_sigma`` says, the
    quartiles include masked samples, a masked sample in one of six columns voids its line,
    and polynomials include void lines with their plain mean and pass through all lines when
    ``order`` is too high for them. A scalar of no usable pixel is NaN there, and samples that
    are not finite are left out of everything in both modes.

    Examples
    --------
    >>> fit([[5, 6, 7], [6, 7, 8], [7, 8, 9], [8, 9, 10]], "POLY").tolist()
    [6.0, 7.0, 8.0, 9.0]
    >>> fit([[5, 6, 6], [6, 6, 7]], "MEDIAN")
    6.0
    """
    order = _check(fit_type, order)
    reference = parities.check(parity) and fit_type not in _PER_ROW
    pixels, flags = _strip(overscan, mask)
    sigma = _REFERENCE_SIGMA if reference else n_sigma
    if fit_type in _SCALARS:
        return _scalar(pixels, flags, fit_type, and_mask, sigma, is_int, reference)
    if not _lines_are_rows(pixels.shape, fit_type):
        pixels, flags = pixels.T, None if flags is None else flags.T
    return _kernels.overscan_fit(pixels, flags, and_mask, sigma, fit_type, order, reference)[0]


def correct(
    data: MaskedImage,
    overscan: MaskedImage | Image | NDArray[np.float32],
    fit_type: str,
    order: int = 1,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    is_int: bool = True,
    parity: Parity = "none",
) -> OverscanResult:
    """Subtract the level of an overscan strip from the data and from the strip, in place.

    Parameters
    ----------
    data : MaskedImage of float32
        Pixels of one amplifier [ADU].
    overscan : MaskedImage, Image or ndarray of float32
        Its overscan [ADU], beside the data or above them; they must not share pixels.
    fit_type, order, and_mask, n_sigma, is_int, parity
        As for `fit`.

    Returns
    -------
    result : OverscanResult
        The level, and the corrected overscan.

    Raises
    ------
    UnknownChoiceError
        If ``fit_type`` or ``parity`` is unknown; nothing has been changed.
    TypeError
        If the images do not hold float32.
    ValueError
        If no pixel is usable, the strip has no line in common with the data, or both share
        pixels; nothing has been changed.

    Notes
    -----
    A constant is found from the strip as it is. Anything else is fitted to the lines that the
    strip has in common with the data: by their number when there are equally many, else by
    their place in the parent frame. Where the data reach beyond the strip, the level of the
    nearest common line is taken and the data are flagged as SUSPECT; a strip that is longer
    takes the levels of its own lines in the types per row, else that of the nearest line.

    Lines at either end whose samples were all rejected are extrapolated, and the data there
    become SUSPECT. With ``lsst-v17`` one line more is flagged at the far end, if any is.
    """
    strip = overscan if isinstance(overscan, MaskedImage) else MaskedImage(overscan)
    target = writable("data", data.image.array, np.float32)
    pixels = writable("overscan", strip.image.array, np.float32)
    if np.shares_memory(target, pixels):
        raise ValueError("overscan shares pixels with data, which would be corrected twice")
    found = find(data, strip, fit_type, order, and_mask, n_sigma, is_int, parity)
    found.apply_to_strip(strip)
    found.apply_to_data(target, data.mask.array)
    return OverscanResult(found.level, found.sigma, strip)


@dataclass(frozen=True, eq=False)
class Found:
    """A level that is still to be subtracted.

    Parameters
    ----------
    level : float or ndarray of float32, shape (lines,)
        That of the data [unit of the image]: one number, or one for each line.
    own : float or ndarray of float32, shape (lines,)
        That of the strip.
    sigma : float
        Clipped standard deviation of the level along the lines; 0 of one number.
    rows : bool
        Whether lines are rows.
    suspect : (int, int)
        How many lines at the low and at the high end of the data are extrapolated.
    """

    level: float | NDArray[np.float32]
    own: float | NDArray[np.float32]
    sigma: float
    rows: bool = True
    suspect: tuple[int, int] = (0, 0)

    def apply_to_strip(self, strip: MaskedImage) -> None:
        """Subtract the level from the strip, in place."""
        self._subtract(strip.image.array, self.own)

    def apply_to_data(self, pixels: NDArray[np.float32], flags: NDArray[np.int32]) -> None:
        """Subtract the level from the data and flag what was extrapolated, in place."""
        lines = flags if self.rows else flags.T
        low, high = self.suspect
        bit = np.int32(Mask.bitmask("SUSPECT"))
        lines[:low] |= bit
        lines[len(lines) - high :] |= bit
        self._subtract(pixels, self.level)

    def _subtract(self, pixels: NDArray[np.float32], level: float | NDArray[np.float32]) -> None:
        if isinstance(level, np.ndarray):
            lines = pixels if self.rows else pixels.T
            np.subtract(lines, level[:, np.newaxis], out=lines)
        else:
            np.subtract(pixels, np.float32(level), out=pixels)


def find(
    data: MaskedImage,
    strip: MaskedImage,
    fit_type: str,
    order: int = 1,
    and_mask: int = 0,
    n_sigma: float = 3.0,
    is_int: bool = True,
    parity: Parity = "none",
) -> Found:
    """Return what `correct` would subtract; of the data only place and size matter.

    Parameters and errors are those of `correct`.
    """
    order = _check(fit_type, order)
    per_row = fit_type in _PER_ROW
    # The reference knows no level per row: there is nothing of it to repeat.
    reference = parities.check(parity) and not per_row
    pixels = writable("overscan", strip.image.array, np.float32)
    flags = readable("overscan mask", strip.mask, np.int32)
    sigma = _REFERENCE_SIGMA if reference else n_sigma
    if fit_type in _SCALARS:
        constant = _scalar(pixels, flags, fit_type, and_mask, sigma, is_int, reference)
        return Found(constant, constant, 0.0)

    rows = _lines_are_rows(pixels.shape, fit_type, data.shape)
    starts = (data.bbox.y0, strip.bbox.y0) if rows else (data.bbox.x0, strip.bbox.x0)
    length = data.shape[0] if rows else data.shape[1]
    if not rows:
        pixels, flags = pixels.T, flags.T
    ours, theirs = _common(starts, (length, len(pixels)))
    fitted = slice(None) if per_row else theirs
    found, lost = _kernels.overscan_fit(
        pixels[fitted], flags[fitted], and_mask, sigma, fit_type, order, reference
    )
    own = found if per_row else _extend(found, theirs, len(pixels))
    level = _extend(found[theirs] if per_row else found, ours, length)
    low, high = _lost_ends(lost[theirs] if per_row else lost, reference)
    low, high = ours.start + low, length - ours.stop + high
    scatter = statistics.compute(level, "STDEVCLIP")
    return Found(level, own, 0.0 if np.isnan(scatter) else scatter, rows, (low, high))


def flag_outliers(overscan: MaskedImage, max_deviation: float, parity: Parity = "none") -> int:
    """Flag as SAT the overscan pixels that lie too far from the median.

    Parameters
    ----------
    overscan : MaskedImage
        Overscan pixels [ADU]; the mask is changed in place.
    max_deviation : float
        Largest distance from the median of the pixels without any flag [ADU].
    parity : {"none", "lsst-v17"}, optional
        With ``lsst-v17`` an outlier loses the other flags that it had.

    Returns
    -------
    count : int
        Number of outliers; 0 when every pixel is flagged or not finite.

    Examples
    --------
    >>> strip = MaskedImage(np.float32([[1000, 1001, 9000]]))
    >>> flag_outliers(strip, 100), strip.mask.array
    (1, array([[0, 0, 2]], dtype=int32))
    """
    reference = parities.check(parity)
    pixels, marks = overscan.image.array, overscan.mask.array
    if pixels.size == 0:
        return 0
    if pixels.dtype == np.float32 and marks.flags.writeable:
        values = readable("overscan", pixels, np.float32)
        bit = Mask.bitmask("SAT")
        return _kernels.flag_overscan_outliers(values, marks, max_deviation, bit, reference)
    middle = statistics.compute(pixels.astype(np.float32, copy=False), "MEDIAN", marks, -1)
    with np.errstate(invalid="ignore"):
        outliers = np.abs(pixels.astype(np.float64) - middle) > max_deviation
    flag = np.int32(Mask.bitmask("SAT"))
    marks[outliers] = flag if reference else marks[outliers] | flag
    return int(np.count_nonzero(outliers))


def _strip(
    overscan: ArrayLike | Image | MaskedImage, mask: ArrayLike | None
) -> tuple[NDArray[np.float32], NDArray[np.int32] | None]:
    if isinstance(overscan, MaskedImage):
        mask = overscan.mask if mask is None else mask
        overscan = overscan.image
    pixels: NDArray[np.float32] = readable("overscan", overscan, np.float32)
    if mask is None:
        return pixels, None
    flags: NDArray[np.int32] = readable("mask", mask, np.int32)
    if flags.shape != pixels.shape:
        raise ValueError(f"mask has shape {flags.shape}, wanted {pixels.shape} as the overscan")
    return pixels, flags


def _check(fit_type: str, order: int) -> int:
    """Return the order of a fit that exists."""
    if fit_type not in FIT_TYPES:
        known = ", ".join(FIT_TYPES)
        raise UnknownChoiceError(f"fit_type is {fit_type!r}, wanted one of {known}")
    number = operator.index(order)
    if fit_type in (*_POLYNOMIALS, *_SPLINES) and not 0 <= number <= _MOST_BINS:
        raise ValueError(f"order is {number}, wanted a number from 0 to {_MOST_BINS}")
    return max(0, min(number, _MOST_BINS))


def _scalar(
    pixels: NDArray[np.float32],
    flags: NDArray[np.int32] | None,
    fit_type: str,
    and_mask: int,
    n_sigma: float,
    is_int: bool,
    reference: bool,
) -> float:
    if fit_type == "MEDIAN" and is_int:
        level = _kernels.overscan_integer_median(pixels, flags, and_mask)
    else:
        level = statistics.compute(pixels, fit_type, flags, and_mask, n_sigma)
    if np.isnan(level) and not reference:
        raise ValueError("overscan has no usable pixel, wanted at least one")
    return level


def _lines_are_rows(
    shape: tuple[int, ...], fit_type: str, data: tuple[int, ...] | None = None
) -> bool:
    """Whether the level runs along the rows: they are the long side of the strip.

    Beside data, a strip that is not taller than wide may still be a short amplifier's: then
    the side that has the data's length decides.
    """
    height, width = shape
    if height > width:
        return True
    if data is None:
        return fit_type in _PER_ROW
    if fit_type in _PER_ROW and height == data[0]:
        return True
    return width != data[1] and (height == data[0] or fit_type in _PER_ROW)


def _common(starts: tuple[int, int], lengths: tuple[int, int]) -> tuple[slice, slice]:
    """Return the lines of the data and of the strip that lie side by side."""
    if lengths[0] == lengths[1]:
        return slice(0, lengths[0]), slice(0, lengths[1])
    first = max(starts)
    last = min(start + length for start, length in zip(starts, lengths, strict=True))
    if first >= last:
        raise ValueError(
            f"overscan has lines {starts[1]}..{starts[1] + lengths[1] - 1}, "
            f"wanted some of {starts[0]}..{starts[0] + lengths[0] - 1} as the data"
        )
    ours, theirs = (slice(first - start, last - start) for start in starts)
    return ours, theirs


def _extend(level: NDArray[np.float32], place: slice, length: int) -> NDArray[np.float32]:
    """Return levels for all lines, those beyond the ends as the nearest."""
    return np.pad(level, (place.start, length - place.stop), mode="edge")


def _lost_ends(lost: NDArray[np.bool_], one_more: bool) -> tuple[int, int]:
    """Return how many lines are lost at the near and at the far end."""
    if lost.all():
        return len(lost), len(lost)
    low, high = int(np.argmin(lost)), int(np.argmin(lost[::-1]))
    # The reference counted its far end from 1 (quirk N10).
    return low, high + 1 if one_more and high else high
