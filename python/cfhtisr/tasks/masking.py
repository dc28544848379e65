"""Masks of a camera's own: a place for its task."""

__all__ = ["MaskingConfig", "MaskingTask"]

from typing import Any, ClassVar

from lsst.pex.config import Config, Field

from cfhtisr.images import Exposure
from cfhtisr.pipe import Task


class MaskingConfig(Config):
    """How a camera masks what is its own."""

    doSpecificMasking = Field[bool](doc="Accepted, but without any effect.", default=False)


class MaskingTask(Task):
    """Do nothing, until a camera's own task takes this one's place."""

    ConfigClass: ClassVar[Any] = MaskingConfig
    _DefaultName = "isrMasking"

    def run(self, exposure: Exposure) -> None:
        """Leave the exposure as it is."""
        self.log.info("The default masking task does nothing")
