"""Stray light: a place for a camera's own task."""

__all__ = ["StrayLightConfig", "StrayLightTask"]

from typing import Any, ClassVar

from lsst.pex.config import Config, Field

from cfhtisr.images import Exposure
from cfhtisr.pipe import Task


class StrayLightConfig(Config):
    """How stray light is corrected."""

    doRotatorAngleCorrection = Field[bool](doc="Accepted, but without any effect.", default=False)


class StrayLightTask(Task):
    """Do nothing, until a camera's own task takes this one's place."""

    ConfigClass: ClassVar[Any] = StrayLightConfig
    _DefaultName = "isrStrayLight"

    def run(self, exposure: Exposure, **kwargs: Any) -> None:
        """Leave the exposure as it is."""
        self.log.info("The default stray-light task does nothing")
