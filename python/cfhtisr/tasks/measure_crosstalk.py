"""Measure the crosstalk of a camera, and write the coefficients down."""

__all__ = ["MeasureCrosstalkConfig", "MeasureCrosstalkTask", "writeCrosstalkCoeffs"]

import json
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import Config, ConfigurableField, Field, ListField
from numpy.typing import ArrayLike, NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.images import Exposure
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.isr.crosstalk_ratios import extractCrosstalkRatios, measureCrosstalkCoefficients
from cfhtisr.pipe import Task
from cfhtisr.tasks.isr import IsrTask

_PER_LINE = 4


class MeasureCrosstalkConfig(Config):
    """How crosstalk is measured."""

    isr: Any = ConfigurableField(doc="Corrects the exposures first.", target=IsrTask)
    threshold = Field[float](
        doc="Pixels from this level on are looked at for crosstalk [ADU].", default=30000.0
    )
    doRerunIsr = Field[bool](
        doc="Correct exposures anew, even where they are stored as postISRCCD?", default=True
    )
    badMask: Any = ListField(
        doc="Mask planes of pixels that are not looked at.",
        dtype=str,
        default=["SAT", "BAD", "INTRP"],
    )
    rejIter = Field[int](doc="Most rounds of clipping.", default=3)
    rejSigma = Field[float](doc="Half width of the clip [standard deviations].", default=2.0)

    def setDefaults(self) -> None:
        """Keep bright pixels as they are, and store nothing."""
        super().setDefaults()
        self.isr.doWrite = False
        self.isr.growSaturationFootprintSize = 0


class MeasureCrosstalkTask(Task):
    """Measure how much of each amplifier's signal appears on the others."""

    ConfigClass: ClassVar[Any] = MeasureCrosstalkConfig
    _DefaultName = "measureCrosstalk"

    isr: IsrTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.makeSubtask("isr")

    def runDataRef(self, dataRef: Any) -> Any:
        """Return the ratios of one CCD of one exposure, corrected first where it has to be.

        Parameters
        ----------
        dataRef : object with ``get`` and ``dataId``
            The exposure's.
        """
        exposure = None
        if not self.config.doRerunIsr:
            try:
                exposure = dataRef.get("postISRCCD")
            except Exception as error:
                self.log.info("No postISRCCD for %s (%s): made anew", dataRef.dataId, error)
        if exposure is None:
            exposure = self.isr.runDataRef(dataRef).exposure
        return self.run(exposure, dataId=dataRef.dataId)

    def run(self, exposure: Exposure, dataId: Any = None) -> Any:
        """Return the ratios of an assembled CCD, ``[target][source]``.

        Parameters
        ----------
        exposure : Exposure
            Corrected; its bright pixels get the flag DETECTED.
        dataId : mapping, optional
            For the log.
        """
        ratios = extractCrosstalkRatios(exposure, self.config.threshold, list(self.config.badMask))
        count = sum(len(values) for row in ratios for values in row if values is not None)
        self.log.info("%d ratios from %s", count, dataId)
        return ratios

    def reduce(
        self, ratioList: Iterable[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return coefficients, their scatter, and numbers, from the ratios of many CCDs.

        Parameters
        ----------
        ratioList : iterable
            What `run` returned for each; None is passed over.

        Raises
        ------
        RuntimeError
            If there is nothing but None.
        """
        given = [ratios for ratios in ratioList if ratios is not None]
        if not given:
            raise RuntimeError("there are no ratios to measure crosstalk from")
        n = len(given[0])
        joined: list[list[Any]] = [[None] * n for _ in range(n)]
        for i in range(n):
            for j in range(n):
                parts = [ratios[i][j] for ratios in given if ratios[i][j] is not None]
                values = np.concatenate(parts) if parts else np.empty(0)
                if i != j and values.size == 0:
                    self.log.warning("No ratios of amplifier %d from amplifier %d", i, j)
                joined[i][j] = values
        return measureCrosstalkCoefficients(joined, self.config.rejIter, self.config.rejSigma)


def writeCrosstalkCoeffs(
    outputFileName: str | os.PathLike[str],
    coeff: ArrayLike,
    det: Detector | None = None,
    crosstalkName: str = "Unknown",
    indent: int = 2,
) -> None:
    """Write coefficients to a text file that reads as YAML.

    Parameters
    ----------
    outputFileName : path
        Replaced if it is there.
    coeff : array_like of float, shape (n, n)
        Fractions, ``[target, source]``.
    det : Detector, optional
        Names its amplifiers; else they are called ``0``, ``1`` and so on.
    crosstalkName : str, optional
        What the matrix is of.
    indent : int, optional
        Spaces that each level is indented by.

    Raises
    ------
    AssertionError
        If the matrix is not one of the detector's amplifiers.
    """
    matrix = np.asarray(coeff, np.float64)
    n = len(matrix) if det is None else len(det)
    if matrix.shape != (n, n):
        raise AssertionError(f"coefficients have shape {matrix.shape}, wanted {(n, n)}")
    names = [json.dumps(str(k) if det is None else det[k].name) for k in range(n)]
    step = " " * indent
    lines = ["crosstalk:", f"{step}{json.dumps(crosstalkName)}:"]
    for name, row in zip(names, matrix, strict=True):
        start = f"{step * 2}{name}: {{"
        entries = [f"{source}: {_number(c)}" for source, c in zip(names, row, strict=True)]
        groups = _groups(entries)
        lines.append(start + (",\n" + " " * len(start)).join(map(", ".join, groups)) + "}")
    # one atomic write: a reader finds the old file or the whole new one
    with AtomicFile(outputFileName, overwrite=True) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _groups(entries: Sequence[str]) -> list[Sequence[str]]:
    return [entries[k : k + _PER_LINE] for k in range(0, len(entries), _PER_LINE)]


def _number(value: float) -> str:
    """Return a number as YAML has it."""
    return ".nan" if math.isnan(value) else f"{value:.4e}"
