"""Level and flatness of the background, on a mesh."""

__all__ = ["Background", "measure"]

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import statistics
from cfhtisr.isr._planes import source


@dataclass(frozen=True, eq=False)
class Background:
    """What `measure` found.

    Attributes
    ----------
    level, sigma : float
        Median and clipped standard deviation of the whole image, in its unit.
    cells : ndarray of float64, shape (rows of cells, columns of cells)
        Level of each cell of the mesh; NaN where no pixel is usable.
    mesh_x, mesh_y : int
        Size of a cell [pixel].
    peak_to_peak, rms : float
        Largest difference, and standard deviation, of the levels of the cells relative to
        their median; NaN without a level.
    """

    level: float
    sigma: float
    cells: NDArray[np.float64]
    mesh_x: int
    mesh_y: int
    peak_to_peak: float
    rms: float


def measure(
    masked_image: MaskedImage,
    mesh_x: int,
    mesh_y: int,
    clip: bool = True,
    planes: Iterable[str] = ("BAD", "SAT", "DETECTED"),
    n_sigma: float = 3.0,
    n_iter: int = 3,
) -> Background:
    """Measure the level of the background, and how flat it is.

    Parameters
    ----------
    masked_image : MaskedImage, shape (rows, columns)
        The image; it is not changed.
    mesh_x, mesh_y : int
        Size of a cell of the mesh [pixel]. Cells begin at the first pixel. One that reaches
        over the edge is cut there if at least half of it lies on the image, else left out; one
        of odd size leaves out its last row or column.
    clip : bool, optional
        Whether the level of a cell is its clipped mean, rather than its mean.
    planes : iterable of str, optional
        Planes of the mask that exclude a pixel.
    n_sigma : float, optional
        Half width of the clip in standard deviations.
    n_iter : int, optional
        Rounds of clipping.

    Returns
    -------
    background : Background
        Levels in the unit of the image, flatness relative.

    Raises
    ------
    ValueError
        If a cell has less than 2 pixels on a side, or there is no pixel.
    KeyError
        If there is no plane of that name.

    Notes
    -----
    The reference failed where a cell reached over the edge.

    Examples
    --------
    >>> image = np.repeat(np.float32([[100, 102], [98, 100]]), 4, axis=0).repeat(4, axis=1)
    >>> background = measure(MaskedImage(image), 4, 4)
    >>> background.cells
    array([[100., 102.],
           [ 98., 100.]])
    >>> background.level, round(background.peak_to_peak, 12)
    (100.0, 0.04)
    """
    image, mask, _ = source("masked_image", masked_image)
    sizes = []
    for name, mesh in (("mesh_x", mesh_x), ("mesh_y", mesh_y)):
        sizes.append(operator.index(mesh))
        if mesh < 2:
            raise ValueError(f"{name} is {mesh}, wanted at least 2 pixels")
    size_x, size_y = sizes
    reject = Mask.bitmask(list(planes))
    options: Any = {"and_mask": reject, "n_sigma": n_sigma, "n_iter": n_iter}
    level, sigma = statistics.compute(image, ("MEDIAN", "STDEVCLIP"), mask, **options)
    rows, columns = _starts(image.shape[0], size_y), _starts(image.shape[1], size_x)
    size = min(size_y // 2 * 2, image.shape[0]), min(size_x // 2 * 2, image.shape[1])
    clipping = reject, n_sigma, n_iter
    cells = _kernels.mesh_levels(image, mask, (rows, columns), size, clipping, clip)
    return Background(level, sigma, cells, size_x, size_y, *_flatness(cells))


def _starts(length: int, mesh: int) -> NDArray[np.int64]:
    return np.array(range(0, (length + mesh // 2) // mesh * mesh, mesh), np.int64)


def _flatness(cells: NDArray[np.float64]) -> tuple[float, float]:
    levels = cells[np.isfinite(cells)]
    if levels.size == 0:
        return np.nan, np.nan
    middle = np.median(levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        flatness = (levels - middle) / middle
        return float(flatness.max() - flatness.min()), float(flatness.std())
