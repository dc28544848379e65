"""Crosstalk between the amplifiers of a CCD: the documented configuration; not available yet."""

__all__ = ["CrosstalkConfig", "CrosstalkTask", "NullCrosstalkTask"]

from typing import Any, ClassVar

from lsst.pex.config import Config, Field, ListField

from cfhtisr.images import Exposure
from cfhtisr.pipe import Task


class CrosstalkConfig(Config):
    """How crosstalk is corrected."""

    minPixelToMask = Field[float](
        doc="The victims of pixels from this level on are masked [ADU].", default=45000.0
    )
    crosstalkMaskPlane = Field[str](doc="Mask plane of the victims.", default="CROSSTALK")
    useConfigCoefficients = Field[bool](
        doc="Take crosstalkValues rather than the detector's coefficients?", default=False
    )
    crosstalkValues: Any = ListField(
        doc="Coefficients row by row, [target, source].", dtype=float, default=[0.0]
    )
    crosstalkShape: Any = ListField(
        doc="Rows and columns of crosstalkValues.", dtype=int, default=[1, 1]
    )


class CrosstalkTask(Task):
    """Subtract what one amplifier's signal left on the others."""

    ConfigClass: ClassVar[Any] = CrosstalkConfig
    _DefaultName = "isrCrosstalk"

    def prepCrosstalk(self, dataRef: Any) -> Any:
        """Return sources of crosstalk on other CCDs: none."""
        return None

    def run(self, exposure: Exposure, crosstalkSources: Any = None) -> None:
        """Correct an exposure in place.

        Raises
        ------
        RuntimeError
            Always: this step is not available yet.
        """
        raise RuntimeError("config.doCrosstalk is set, but crosstalk correction is not available")


class NullCrosstalkTask(CrosstalkTask):
    """Do nothing."""

    def run(self, exposure: Exposure, crosstalkSources: Any = None) -> None:
        """Leave the exposure as it is."""
        self.log.info("Not correcting crosstalk")
