"""Weight and flag maps as SExtractor and SWarp read them."""

__all__ = ["NO_WEIGHT", "write_weight"]

import os
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.exposure import Exposure
from cfhtisr.images.mask import Mask
from cfhtisr.io._cards import Entry, cards_of, plane_entries, wcs_entries
from cfhtisr.io._hdu import Computed, image_cards, size_of, write_hdu
from cfhtisr.io._parts import canonical, position_entries
from cfhtisr.io.atomic import AtomicFile

NO_WEIGHT = ("BAD", "SAT", "CR", "NO_DATA", "UNMASKEDNAN")
"""The planes whose pixels weigh nothing unless others are named."""


def write_weight(
    exposure: Exposure,
    path_weight: str | os.PathLike[str],
    path_flag: str | os.PathLike[str] | None = None,
    *,
    reject: str | Iterable[str] = NO_WEIGHT,
    overwrite: bool = False,
    sync: bool = True,
) -> None:
    """Write the weight map of an exposure, and its flags.

    Each is one image in a primary HDU, with the WCS. The weight is 1 / variance (float32;
    ``WEIGHT_TYPE MAP_WEIGHT``), 0 where a chosen plane is set or the variance is no positive
    number. The flags are those of the mask (``FLAG_IMAGE``), as int16 if all fit, else
    int32.

    Parameters
    ----------
    exposure : Exposure
        Its mask and variance are written; it is not changed.
    path_weight, path_flag : path-like
        The files; each appears when it is complete. Without the second no flags are written.
    reject : str or iterable of str, optional
        The planes whose pixels weigh nothing.
    overwrite : bool, optional
        Whether files of these names may be replaced.
    sync : bool, optional
        Whether the bytes are on the disk on return.

    Raises
    ------
    KeyError
        If there is no plane of a name.
    FileExistsError
        If there is a file of a name and ``overwrite`` is false.
    OSError
        If the system refuses.

    Examples
    --------
    >>> import os, tempfile
    >>> from cfhtisr import MaskedImage, read_exposure
    >>> path = os.path.join(tempfile.mkdtemp(), "weight.fits")
    >>> write_weight(Exposure(MaskedImage([[5.0, 5.0]], [[0, 1]], [[4.0, 4.0]])), path)
    >>> read_exposure(path).image.array
    array([[0.25, 0.  ]], dtype=float32)
    """
    bits = np.int32(Mask.bitmask(reject))
    mask, variance = exposure.mask.array, exposure.variance.array

    def weight(rows: slice) -> NDArray[np.float32]:
        part = variance[rows]
        usable = (part > 0) & np.isfinite(part) & (mask[rows] & bits == 0)
        inverse = np.zeros(part.shape, np.float32)
        # The inverse of the smallest numbers overflows: such a variance is none.
        with np.errstate(over="ignore"):
            np.divide(np.float32(1), part, out=inverse, where=usable)
        inverse[np.isinf(inverse)] = 0
        return inverse

    where = [] if exposure.wcs is None else wcs_entries(exposure.wcs)
    where += position_entries(exposure.masked_image.xy0)
    pixels = Computed(mask.shape, np.float32, weight)
    title: Entry = ("EXTTYPE", "WEIGHT", "1 / variance; 0: not to be used")
    _write_map(path_weight, pixels, [title, *where], overwrite, sync)
    if path_flag is None:
        return
    flags, planes = canonical(mask)
    used = int(np.bitwise_or.reduce(mask, axis=None)) if mask.size else 0
    kind = np.int16 if 0 <= used < 2**15 else np.int32
    pixels = Computed(mask.shape, kind, lambda rows: flags[rows].astype(kind))
    title = ("EXTTYPE", "FLAG", "bits as in the MP_ cards")
    entries = [title, *plane_entries(planes), *where]
    _write_map(path_flag, pixels, entries, overwrite, sync)


def _write_map(
    path: str | os.PathLike[str],
    pixels: Computed,
    entries: list[Entry],
    overwrite: bool,
    sync: bool,
) -> None:
    cards = image_cards(pixels, primary=True) + cards_of(entries)
    size = size_of(cards, pixels)
    with AtomicFile(path, sync, overwrite=overwrite, size=size) as file:
        write_hdu(file, cards, pixels)
