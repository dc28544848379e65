"""Crosstalk between the amplifiers of a CCD."""

__all__ = ["CrosstalkConfig", "CrosstalkTask", "NullCrosstalkTask"]

import math
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import Config, Field, ListField
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.images import Exposure
from cfhtisr.isr import crosstalk
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

    def validate(self) -> None:
        """Check all fields, and that values and shape agree if they are used.

        Raises
        ------
        ValueError
            If they do not.
        """
        super().validate()
        shape = list(self.crosstalkShape)
        if self.useConfigCoefficients and (
            len(shape) != 2 or min(shape) < 1 or math.prod(shape) != len(self.crosstalkValues)
        ):
            raise ValueError(
                f"crosstalkShape is {shape} for {len(self.crosstalkValues)} crosstalkValues, "
                "wanted rows and columns whose product is that number"
            )


class CrosstalkTask(Task):
    """Subtract what one amplifier's signal left on the others."""

    ConfigClass: ClassVar[Any] = CrosstalkConfig
    _DefaultName = "isrCrosstalk"

    def prepCrosstalk(self, dataRef: Any) -> Any:
        """Return sources of crosstalk on other CCDs: none."""
        return None

    def coefficients(self, detector: Detector | None) -> NDArray[np.float32]:
        """Return the matrix that holds for a detector, ``[target, source]``.

        Raises
        ------
        RuntimeError
            If there is no detector, or it has no coefficients and the configuration is not
            to give them.
        AssertionError
            If the matrix is not one of its amplifiers, or its diagonal is not 0.
        ValueError
            If values and shape of the configuration do not agree, or a value is not finite.
        """
        if detector is None:
            raise RuntimeError("the exposure has no detector, which config.doCrosstalk=True needs")
        given = None
        if self.config.useConfigCoefficients:
            self.config.validate()
            values = np.array(list(self.config.crosstalkValues), np.float32)
            given = values.reshape(tuple(self.config.crosstalkShape))
        return crosstalk.coefficients_of(detector, given)

    def run(self, exposure: Exposure, crosstalkSources: Any = None) -> None:
        """Correct an exposure in place.

        Parameters
        ----------
        exposure : Exposure
            A raw frame without its overscan level, or an assembled CCD, of float32 [ADU].
        crosstalkSources : list, optional
            Exposures of other CCDs. Crosstalk between CCDs is for tasks of a camera's own:
            here they are passed over, with a warning.

        Raises
        ------
        RuntimeError
            If there are no coefficients, or the amplifiers do not fit the exposure.
        """
        if crosstalkSources is not None:
            self.log.warning("Sources of crosstalk on other CCDs are not used")
        matrix = self.coefficients(exposure.detector)
        self.log.info("Correcting crosstalk")
        crosstalk.subtract(
            exposure,
            matrix,
            minPixelToMask=self.config.minPixelToMask,
            crosstalkMaskPlane=self.config.crosstalkMaskPlane,
            parity=getattr(getattr(self._parentTask, "config", None), "parity", "none"),
        )


class NullCrosstalkTask(CrosstalkTask):
    """Do nothing."""

    def run(self, exposure: Exposure, crosstalkSources: Any = None) -> None:
        """Leave the exposure as it is."""
        self.log.info("Not correcting crosstalk")
