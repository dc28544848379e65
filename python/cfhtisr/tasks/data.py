"""What a run needs beside the exposure, and what its steps leave for later ones."""

__all__ = ["FakeAmp", "IsrData", "as_boxes"]

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Box2I, Exposure
from cfhtisr.pipe import Struct


def as_boxes(defects: Any) -> Any:
    """Return defects as boxes: those of LSST's defect objects, all else as it is."""
    if defects is None or isinstance(defects, np.ndarray):
        return defects
    return [
        defect if isinstance(defect, Box2I) or not hasattr(defect, "getBBox") else defect.getBBox()
        for defect in defects
    ]


class FakeAmp(Amplifier):
    """What stands in for an amplifier where an exposure has no detector.

    Parameters
    ----------
    exposure : Exposure
        The whole of its box is the amplifier's; there is no overscan.
    config : IsrTaskConfig
        Has ``gain``, ``readNoise`` and ``saturation``.
    """

    def __init__(self, exposure: Exposure, config: Any) -> None:
        box = exposure.bbox
        super().__init__(
            "0",
            box,
            raw_bbox=box,
            raw_data_bbox=box,
            raw_horizontal_overscan_bbox=Box2I(0, 0, 0, 0),
            gain=float(config.gain),
            read_noise=float(config.readNoise),
            saturation=float(config.saturation),
            suspect_level=math.nan,
        )


@dataclass
class IsrData:
    """The arguments of `IsrTask.run` beside the exposure, and the state of a run.

    Attributes
    ----------
    amplifiers : sequence of Amplifier
        Those of the exposure as it came in.
    overscans : dict of str to Struct or None
        What `IsrTask.overscanCorrection` returned for each amplifier that was looked at.
    interpolationDone : bool
        Whether defects and saturation have been interpolated over before their steps.
    """

    camera: Any = None
    bias: Any = None
    linearizer: Any = None
    crosstalkSources: Any = None
    dark: Any = None
    flat: Any = None
    bfKernel: Any = None
    defects: Any = None
    fringes: Struct = field(default_factory=lambda: Struct(fringes=None))
    opticsTransmission: Any = None
    filterTransmission: Any = None
    sensorTransmission: Any = None
    atmosphereTransmission: Any = None

    detector: Detector | None = None
    amplifiers: Sequence[Amplifier] = ()
    overscans: dict[str, Struct | None] = field(default_factory=dict)
    bad_amplifiers: set[str] = field(default_factory=set)
    interpolationDone: bool = False
    done: dict[str, bool] = field(default_factory=dict)
    ossThumb: Any = None
    flattenedThumb: Any = None
