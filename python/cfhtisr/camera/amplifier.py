"""An amplifier: where its pixels lie and how it digitises them."""

__all__ = ["Amplifier"]

import math
from dataclasses import dataclass, field, replace
from typing import Any

from cfhtisr.images.geom import Box2I

_CORNERS = ("LL", "LR", "UR", "UL")
_NONE = Box2I(0, 0, 0, 0)


@dataclass(slots=True)
class Amplifier:
    """Geometry and electronics of one amplifier.

    Parameters
    ----------
    name : str
        ``A`` or ``B`` for MegaCam.
    bbox : Box2I
        Its pixels in the assembled, trimmed CCD.
    raw_bbox : Box2I
        All its pixels in the raw frame, overscan included.
    raw_data_bbox : Box2I
        Its light-sensitive pixels in the raw frame.
    raw_horizontal_overscan_bbox, raw_vertical_overscan_bbox, raw_prescan_bbox : Box2I
        Its overscan columns, overscan rows and prescan in the raw frame; may be empty.
    raw_flip_x, raw_flip_y : bool, optional
        Whether the raw pixels run backwards against the assembled CCD.
    readout_corner : {"LL", "LR", "UR", "UL"}, optional
        The corner of the assembled pixels that is read out first.
    gain : float, optional
        Gain [electron/ADU].
    read_noise : float, optional
        Read noise [electron].
    saturation, suspect_level : float, optional
        Raw level from which a pixel is saturated, or suspect [ADU]; NaN for none.
    linearity_type : str, optional
        Name of the linearity correction; ``None`` for none.
    linearity_coeffs : sequence of float, optional
        Its coefficients.
    raw_xy_offset : (int, int), optional
        Shift of the raw pixels when a CCD is assembled without trimming.
    """

    name: str
    bbox: Box2I
    raw_bbox: Box2I
    raw_data_bbox: Box2I
    raw_horizontal_overscan_bbox: Box2I
    raw_vertical_overscan_bbox: Box2I = field(default=_NONE)
    raw_prescan_bbox: Box2I = field(default=_NONE)
    raw_flip_x: bool = False
    raw_flip_y: bool = False
    readout_corner: str = "LL"
    gain: float = 1.0
    read_noise: float = 0.0
    saturation: float = math.nan
    suspect_level: float = math.nan
    linearity_type: str = "None"
    linearity_coeffs: tuple[float, ...] = ()
    raw_xy_offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        if self.readout_corner not in _CORNERS:
            raise ValueError(
                f"readout_corner of amplifier {self.name} is {self.readout_corner!r}, "
                f"wanted one of {', '.join(_CORNERS)}"
            )
        if self.bbox.shape != self.raw_data_bbox.shape:
            raise ValueError(
                f"amplifier {self.name} has {self.raw_data_bbox.shape} raw pixels "
                f"for {self.bbox.shape} assembled ones (rows, columns)"
            )
        self.linearity_coeffs = tuple(float(value) for value in self.linearity_coeffs)

    @property
    def has_raw_info(self) -> bool:
        """Whether the raw frame is described."""
        return not self.raw_bbox.is_empty

    def copy(self, **changes: Any) -> "Amplifier":
        """Return an amplifier with some fields changed."""
        return replace(self, **changes)

    # LSST's names

    def getName(self) -> str:
        """Return the name."""
        return self.name

    def getBBox(self) -> Box2I:
        """Return its pixels in the assembled CCD."""
        return self.bbox

    def getRawBBox(self) -> Box2I:
        """Return all its pixels in the raw frame."""
        return self.raw_bbox

    def getRawDataBBox(self) -> Box2I:
        """Return its light-sensitive pixels in the raw frame."""
        return self.raw_data_bbox

    def getRawHorizontalOverscanBBox(self) -> Box2I:
        """Return its overscan columns in the raw frame."""
        return self.raw_horizontal_overscan_bbox

    def getRawVerticalOverscanBBox(self) -> Box2I:
        """Return its overscan rows in the raw frame."""
        return self.raw_vertical_overscan_bbox

    def getRawPrescanBBox(self) -> Box2I:
        """Return its prescan in the raw frame."""
        return self.raw_prescan_bbox

    def getRawFlipX(self) -> bool:
        """Return whether raw columns run backwards."""
        return self.raw_flip_x

    def getRawFlipY(self) -> bool:
        """Return whether raw rows run backwards."""
        return self.raw_flip_y

    def getRawXYOffset(self) -> tuple[int, int]:
        """Return the shift of raw pixels in an untrimmed CCD."""
        return self.raw_xy_offset

    def getHasRawInfo(self) -> bool:
        """Return whether the raw frame is described."""
        return self.has_raw_info

    def getReadoutCorner(self) -> str:
        """Return the corner that is read out first."""
        return self.readout_corner

    def getGain(self) -> float:
        """Return the gain [electron/ADU]."""
        return self.gain

    def setGain(self, gain: float) -> None:
        """Set the gain [electron/ADU]."""
        self.gain = float(gain)

    def getReadNoise(self) -> float:
        """Return the read noise [electron]."""
        return self.read_noise

    def setReadNoise(self, read_noise: float) -> None:
        """Set the read noise [electron]."""
        self.read_noise = float(read_noise)

    def getSaturation(self) -> float:
        """Return the saturation level [ADU]."""
        return self.saturation

    def setSaturation(self, saturation: float) -> None:
        """Set the saturation level [ADU]."""
        self.saturation = float(saturation)

    def getSuspectLevel(self) -> float:
        """Return the level from which a pixel is suspect [ADU]."""
        return self.suspect_level

    def setSuspectLevel(self, level: float) -> None:
        """Set the level from which a pixel is suspect [ADU]."""
        self.suspect_level = float(level)

    def getLinearityType(self) -> str:
        """Return the name of the linearity correction."""
        return self.linearity_type

    def getLinearityCoeffs(self) -> tuple[float, ...]:
        """Return the coefficients of the linearity correction."""
        return self.linearity_coeffs
