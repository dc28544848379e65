"""Defects: bad rows, blocked and hot columns, clusters."""

__all__ = ["Defects", "draw_defects"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.geom import Box2I
from cfhtisr.simulate.random import stream
from cfhtisr.simulate.settings import Settings


@dataclass(frozen=True, slots=True)
class Defects:
    """Boxes of bad pixels and what they do to the charge.

    Attributes
    ----------
    boxes : tuple of Box2I
        In the assembled, trimmed CCD.
    gains : tuple of float
        What is left of the charge in each box.
    offsets : tuple of float
        What is added in each box [electron].
    """

    boxes: tuple[Box2I, ...]
    gains: tuple[float, ...]
    offsets: tuple[float, ...]

    def mask(self, rows: int, columns: int) -> NDArray[np.bool_]:
        """Return which pixels are bad, shape (rows, columns)."""
        bad = np.zeros((rows, columns), np.bool_)
        for box in self.boxes:
            bad[box.slices] = True
        return bad

    def apply(self, charge: NDArray[np.float32]) -> None:
        """Spoil the charge [electron] in place."""
        for box, gain, offset in zip(self.boxes, self.gains, self.offsets, strict=True):
            charge[box.slices] *= np.float32(gain)
            charge[box.slices] += np.float32(offset)


def draw_defects(settings: Settings, ccd: int) -> Defects:
    """Return the defects of a CCD, with the statistics of the observatory's masks.

    The first and the last row are always bad; columns run up to the last row from where they
    begin, two of them in the median CCD and 40 in the worst; clusters are 4 to 40 pixels wide.
    """
    rng = stream(settings.seed, "defects", ccd)
    rows, columns = settings.rows, settings.columns
    boxes = [Box2I(0, 0, columns, 1), Box2I(0, rows - 1, columns, 1)]
    gains, offsets = [0.3, 0.5], [0.0, 0.0]

    def add(box: Box2I, hot: bool) -> None:
        boxes.append(box)
        gains.append(1.0 if hot else rng.uniform(0, 0.8))
        offsets.append(float(np.exp(rng.uniform(np.log(50), np.log(2e4)))) if hot else 0.0)

    n_columns = min(40, int(rng.geometric(0.25)) - 1 + (30 if ccd == 28 else 0))
    n_columns = min(n_columns, columns // 32)
    while n_columns > 0:
        width = min(n_columns, int(rng.choice([1, 2, 3, 4, 8], p=[0.6, 0.29, 0.05, 0.04, 0.02])))
        x = int(rng.integers(0, columns - width))
        start = 0 if rng.random() < 0.3 else int(rng.integers(0, max(1, rows - rows // 4)))
        add(Box2I(x, start, width, rows - start), hot=bool(rng.random() < 0.3))
        n_columns -= width
    n_clusters = int(rng.poisson(9 * max(0.1, rows * columns / (4612 * 2048))))
    for _ in range(n_clusters):
        width, height = rng.integers(4, max(5, min(40, columns // 16)), 2)
        x = int(rng.integers(0, columns - width))
        y = int(rng.integers(0, rows - height))
        add(Box2I(x, y, int(width), int(height)), hot=bool(rng.random() < 0.3))
    for name, x in (("A", 0), ("B", columns // 2)):
        if settings.is_dead(ccd, name):
            boxes.append(Box2I(x, 0, columns // 2, rows))
            gains.append(0.0)
            offsets.append(0.0)
    return Defects(tuple(boxes), tuple(gains), tuple(offsets))
