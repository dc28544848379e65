"""The part of the focal plane that is lit: the documented configuration; not available yet."""

__all__ = ["VignetteConfig", "VignetteTask"]

from typing import Any, ClassVar

from lsst.pex.config import Config, Field

from cfhtisr.images import Exposure
from cfhtisr.pipe import Task


def _not_negative(value: float) -> bool:
    return value >= 0


class VignetteConfig(Config):
    """The circle that light reaches."""

    xCenter = Field[float](doc="Centre of the circle in the focal plane, x [mm].", default=0.0)
    yCenter = Field[float](doc="Centre of the circle in the focal plane, y [mm].", default=0.0)
    radius = Field[float](doc="Radius of the circle [mm].", default=100.0, check=_not_negative)
    numPolygonPoints = Field[int](doc="Corners of the polygon in its place.", default=100)
    doWriteVignettePolygon = Field[bool](doc="Attach the polygon to the exposure?", default=False)


class VignetteTask(Task):
    """Find the part of the focal plane that is lit."""

    ConfigClass: ClassVar[Any] = VignetteConfig
    _DefaultName = "isrVignette"

    def run(self, exposure: Exposure) -> Any:
        """Return the polygon, or None unless one is wanted.

        Raises
        ------
        RuntimeError
            If a polygon is wanted: this step is not available yet.
        """
        if not self.config.doWriteVignettePolygon:
            return None
        raise RuntimeError("vignette.doWriteVignettePolygon is set, but is not available yet")
