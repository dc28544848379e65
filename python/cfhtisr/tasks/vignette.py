"""The part of the focal plane that is lit."""

__all__ = ["VignetteConfig", "VignetteTask"]

import math
from typing import Any, ClassVar

from lsst.pex.config import Config, Field

from cfhtisr.images import Exposure, Polygon
from cfhtisr.pipe import Task


def _not_negative(value: float) -> bool:
    return value >= 0


def _corners(value: int) -> bool:
    return value >= 3


class VignetteConfig(Config):
    """The circle that light reaches."""

    xCenter = Field[float](doc="Centre of the circle in the focal plane, x [mm].", default=0.0)
    yCenter = Field[float](doc="Centre of the circle in the focal plane, y [mm].", default=0.0)
    radius = Field[float](doc="Radius of the circle [mm].", default=100.0, check=_not_negative)
    numPolygonPoints = Field[int](
        doc="Corners of the polygon in its place, at least 3.", default=100, check=_corners
    )
    doWriteVignettePolygon = Field[bool](doc="Attach the polygon to the exposure?", default=False)


class VignetteTask(Task):
    """Find the part of the focal plane that is lit."""

    ConfigClass: ClassVar[Any] = VignetteConfig
    _DefaultName = "isrVignette"

    def run(self, exposure: Exposure) -> Polygon | None:
        """Return the polygon, or None unless one is wanted.

        Nothing is masked.

        Parameters
        ----------
        exposure : Exposure
            Not looked at: the circle is the configuration's.

        Returns
        -------
        polygon : Polygon or None
            In the focal plane [mm]; clockwise, ending on the positive x axis.

        Raises
        ------
        RuntimeError
            If the circle has no area.
        """
        config = self.config
        if not config.doWriteVignettePolygon:
            return None
        count, radius = int(config.numPolygonPoints), float(config.radius)
        angles = [2 * math.pi * k / count for k in reversed(range(count))]
        try:
            return Polygon(
                [
                    (config.xCenter + radius * math.cos(a), config.yCenter + radius * math.sin(a))
                    for a in angles
                ]
            )
        except ValueError as error:
            raise RuntimeError(f"vignette.radius is {radius} mm: {error}") from None
