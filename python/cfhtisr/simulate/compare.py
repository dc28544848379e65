"""Corrected CCDs against the truth they were simulated with."""

__all__ = ["Comparison", "Product", "compare", "grid_limit", "read_product"]

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cfhtisr.errors import FileFormatError
from cfhtisr.images.mask import PLANES
from cfhtisr.simulate.truth import Truth

GRID = 16
"""Cells of the grid on each side."""

_FULL_CELL = 4612 * 2048 / GRID**2
_GRID_LIMIT = 0.2  # ADU, for a CCD of full size
_CHI2 = (0.98, 1.02)
_INJECTED = ("BAD", "SAT", "UNMASKEDNAN")


@dataclass(frozen=True, slots=True)
class Product:
    """A corrected CCD as it was read from its file.

    Attributes
    ----------
    image, variance : ndarray of float32, shape (rows, columns)
        [ADU] and [ADU^2].
    mask : ndarray of int32, shape (rows, columns)
        Flags.
    planes : mapping of str to int
        The bit of each plane.
    levels, saturations : tuple of float
        What the correction found for A and B [ADU]; NaN if the file does not say.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.int32]
    variance: NDArray[np.float32]
    planes: Mapping[str, int]
    levels: tuple[float, float] = (math.nan, math.nan)
    saturations: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How near a corrected CCD is to the truth.

    Attributes
    ----------
    ccd : int
        Number of the CCD.
    levels, true_levels : tuple of float
        Overscan levels of A and B, found and true [ADU].
    saturations, true_saturations : tuple of float
        Level from which pixels were flagged, and highest counts, of A and B [ADU].
    sky, noise : float
        Median of the good pixels and robust scatter of their residuals [ADU].
    counts : dict of str to int
        Pixels in each plane of the mask.
    missing : dict of str to int
        Injected pixels that are not in their plane.
    injected : dict of str to int
        All injected pixels.
    residual : float
        Median of the absolute medians of the residuals in 16 x 16 cells [ADU].
    limit : float
        What ``residual`` may be [ADU].
    chi2 : float
        Mean of residual^2 / variance over the good pixels.
    good : float
        Fraction of pixels that are good: without any flag, and nothing injected.
    """

    ccd: int
    levels: tuple[float, float]
    true_levels: tuple[float, float]
    saturations: tuple[float, float]
    true_saturations: tuple[float, float]
    sky: float
    noise: float
    counts: dict[str, int]
    missing: dict[str, int]
    injected: dict[str, int] = field(default_factory=dict)
    residual: float = math.nan
    limit: float = _GRID_LIMIT
    chi2: float = math.nan
    good: float = 0.0

    def problems(self, realistic: bool = False) -> list[str]:
        """Return what misses the criteria, in words; empty if nothing does.

        Parameters
        ----------
        realistic : bool, optional
            Gains, read noise and saturation are not the header's, so that neither variance
            nor SAT can be right to the last per cent: leave them out.
        """
        found = []
        if not self.residual < self.limit:
            found.append(f"residual {self.residual:.3f} ADU, limit {self.limit:.3f}")
        if not realistic and not _CHI2[0] <= self.chi2 <= _CHI2[1]:
            found.append(f"reduced chi2 {self.chi2:.4f}, wanted {_CHI2[0]} to {_CHI2[1]}")
        for plane, count in self.missing.items():
            if count and not (realistic and plane == "SAT"):
                found.append(f"{count} of {self.injected[plane]} pixels not in {plane}")
        return found


def grid_limit(rows: int, columns: int) -> float:
    """Return the limit of the residual on the grid [ADU].

    0.2 ADU for a CCD of full size. Cells of a smaller CCD have fewer pixels, so that their
    medians are the noisier.

    Examples
    --------
    >>> grid_limit(4612, 2048)
    0.2
    """
    cell = rows * columns / GRID**2
    return _GRID_LIMIT * max(1.0, math.sqrt(_FULL_CELL / cell))


def compare(product: Product, truth: Truth, ccd: int) -> Comparison:
    """Compare a corrected CCD with the truth.

    Pixels count as good when the product flags nothing and the simulation put in no cosmic
    ray and no charge of another pixel: correcting those is not asked of it.

    Parameters
    ----------
    product : Product
        The corrected CCD.
    truth : Truth
        What it was simulated with.
    ccd : int
        Its number.

    Raises
    ------
    ValueError
        If the two differ in shape.
    """
    if product.image.shape != truth.image.shape:
        raise ValueError(
            f"corrected ccd{ccd:02d} has shape {product.image.shape}, its truth "
            f"{truth.image.shape} (rows, columns)"
        )
    good = (product.mask == 0) & (truth.mask == 0)
    residual = product.image - truth.image
    n_good = int(good.sum())
    chi2 = math.nan
    if n_good:
        with np.errstate(divide="ignore", invalid="ignore"):
            pull = residual * residual
            pull /= product.variance
        chi2 = float(pull[good].mean(dtype=np.float64))
        del pull
    some = residual[::3, ::3][good[::3, ::3]]
    centre = float(np.median(some)) if some.size else math.nan
    noise = 1.4826 * float(np.median(np.abs(some - centre))) if some.size else math.nan
    sample = product.image[::3, ::3][good[::3, ::3]]
    missing, injected = {}, {}
    for plane in _INJECTED:
        put = (truth.mask >> PLANES[plane]) & 1 == 1
        bit = product.planes.get(plane)
        flags = product.mask[put]
        injected[plane] = len(flags)
        missing[plane] = (
            len(flags) if bit is None else int(((flags >> bit) & 1 == 0).sum(dtype=np.int64))
        )
    flagged = product.mask[product.mask != 0]
    counts = {
        plane: int(((flagged >> bit) & 1).sum(dtype=np.int64))
        for plane, bit in sorted(product.planes.items(), key=lambda item: item[1])
    }
    rows, columns = product.image.shape
    return Comparison(
        ccd,
        levels=product.levels,
        true_levels=truth.levels,
        saturations=product.saturations,
        true_saturations=truth.saturations,
        sky=float(np.median(sample)) if sample.size else math.nan,
        noise=noise,
        counts=counts,
        missing=missing,
        injected=injected,
        residual=_grid_residual(residual, good),
        limit=grid_limit(rows, columns),
        chi2=chi2,
        good=n_good / good.size,
    )


def _grid_residual(residual: NDArray[np.float32], good: NDArray[np.bool_]) -> float:
    """Return the median over the cells of the grid of |median of the good residuals|."""
    rows, columns = residual.shape
    ys = np.linspace(0, rows, GRID + 1).astype(int)
    xs = np.linspace(0, columns, GRID + 1).astype(int)
    medians = []
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            values = residual[y0:y1, x0:x1][good[y0:y1, x0:x1]]
            if values.size:
                medians.append(abs(float(np.median(values))))
    return float(np.median(medians)) if medians else math.nan


def read_product(path: str | os.PathLike[str]) -> Product:
    """Read a corrected CCD, with astropy and nothing of ours: as other software would.

    Raises
    ------
    FileFormatError
        If a plane is missing.
    """
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        try:
            image, mask, variance = hdus["IMAGE"], hdus["MASK"], hdus["VARIANCE"]
        except KeyError as missing:
            raise FileFormatError(f"{os.fspath(path)} has no plane: {missing}") from None
        header = hdus[0].header
        planes = {
            key[3:]: int(value) for key, value in mask.header.items() if key.startswith("MP_")
        }

        def both(key: str) -> tuple[float, float]:
            a, b = (header.get(f"{key}{name}") for name in ("A", "B"))
            return (
                math.nan if a is None else float(a),
                math.nan if b is None else float(b),
            )

        return Product(
            np.asarray(image.data, np.float32),
            np.asarray(mask.data, np.int32),
            np.asarray(variance.data, np.float32),
            planes,
            levels=both("ISR_OSCAN_LEVEL"),
            saturations=both("ISR_SATURATION"),
        )
