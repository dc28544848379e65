"""Parallel overscan: the level of each column, from rows that saw no light."""

__all__ = ["FIT_TYPES", "correct"]

import numpy as np

from cfhtisr import _kernels
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.isr import overscan as serial
from cfhtisr.isr import statistics
from cfhtisr.isr._arrays import writable
from cfhtisr.isr.overscan_quality import flag_outlier_rows

FIT_TYPES = ("MEDIAN_PER_COLUMN", "MEDIAN")
"""Every way to find a level."""


def correct(
    data: MaskedImage,
    overscan: MaskedImage,
    fit_type: str = "MEDIAN_PER_COLUMN",
    and_mask: int = 0,
    outlier_sigma: float = 5.0,
) -> serial.OverscanResult:
    """Subtract the level of overscan rows from the data and from those rows, in place.

    Where there are overscan columns as well, they come first, for these rows too.

    Parameters
    ----------
    data : MaskedImage of float32, shape (rows, columns)
        Pixels of one amplifier [ADU].
    overscan : MaskedImage of float32, shape (overscan rows, columns)
        Its overscan rows [ADU], of the same columns; they must not share pixels.
    fit_type : {"MEDIAN_PER_COLUMN", "MEDIAN"}, optional
        One median for each column, or one for all pixels.
    and_mask : int, optional
        Bits of the mask that exclude a pixel.
    outlier_sigma : float, optional
        Columns into which charge has bled are left out, as of
        `cfhtisr.isr.overscan_quality.flag_outlier_rows`; 0 for none.

    Returns
    -------
    result : OverscanResult
        The level, one number or one for each column; its scatter; and the corrected rows.

    Raises
    ------
    UnknownChoiceError
        If ``fit_type`` is unknown; nothing has been changed.
    TypeError
        If the images do not hold float32.
    ValueError
        If no pixel is usable, the columns differ, or both share pixels; nothing has been
        subtracted.

    Notes
    -----
    A column without a usable pixel takes the median of the five usable ones on each side, and
    its data are flagged as SUSPECT. The median of 32 rows of read noise 3 ADU is good to
    0.7 ADU, which every pixel of the column then shares: ask for a level per column only where
    columns differ by more than that.

    Examples
    --------
    >>> data = MaskedImage(np.full((3, 2), 10, np.float32))
    >>> correct(data, MaskedImage(np.float32([[4, 6], [4, 6]]))).level
    array([4., 6.], dtype=float32)
    >>> data.image.array[0]
    array([6., 4.], dtype=float32)
    """
    if fit_type not in FIT_TYPES:
        raise UnknownChoiceError(f"fit_type is {fit_type!r}, wanted one of {', '.join(FIT_TYPES)}")
    target = writable("data", data.image.array, np.float32)
    pixels = writable("overscan", overscan.image.array, np.float32)
    if target.shape[1] != pixels.shape[1]:
        raise ValueError(
            f"overscan has {pixels.shape[1]} columns, wanted {target.shape[1]} as the data"
        )
    if np.shares_memory(target, pixels):
        raise ValueError("overscan shares pixels with data, which would be corrected twice")
    if fit_type == "MEDIAN":
        return serial.correct(data, overscan, "MEDIAN", and_mask=and_mask)
    turned = MaskedImage(
        np.ascontiguousarray(pixels.T), np.ascontiguousarray(overscan.mask.array.T)
    )
    if outlier_sigma > 0 and flag_outlier_rows(turned, outlier_sigma, and_mask):
        overscan.mask.array |= turned.mask.array.T
        and_mask |= Mask.bitmask("SAT")
    level, lost = _kernels.overscan_fit(
        turned.image.array, turned.mask.array, and_mask, 3.0, "MEDIAN_PER_ROW", 0, False
    )
    data.mask.array[:, lost] |= np.int32(Mask.bitmask("SUSPECT"))
    target -= level
    pixels -= level
    scatter = float(statistics.compute(level[:, np.newaxis], "STDEVCLIP"))
    return serial.OverscanResult(level, 0.0 if np.isnan(scatter) else scatter, overscan)
