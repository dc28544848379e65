"""Point-wise corrections, each when it is called."""

__all__ = ["Immediate", "by_plane"]

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.images import Box2I, Mask, MaskedImage
from cfhtisr.images.streamed_frame import StreamedFrame
from cfhtisr.isr import (
    assembly,
    bad_regions,
    calibration,
    conversion,
    interpolation,
    masking,
    overscan,
    variance,
)
from cfhtisr.isr.parity import Parity


class Immediate:
    """Each correction when it is called; see the functions of the same names.

    Parameters
    ----------
    out : MaskedImage, optional
        What the first CCD that is assembled is written to.
    """

    def __init__(self, out: MaskedImage | None = None) -> None:
        self._out = out

    def to_float(self, raw: MaskedImage) -> MaskedImage:
        """Return float32 pixels, as `conversion.to_float` does."""
        return conversion.to_float(raw)

    def strip(self, planes: MaskedImage, box: Box2I) -> MaskedImage:
        """Return some of the pixels, to be looked at and changed."""
        return planes.subset(box)

    def threshold(self, planes: MaskedImage, level: float, plane: str) -> None:
        """Flag pixels from a level on, as `masking.threshold` does."""
        masking.threshold(planes.image, planes.mask, level, plane)

    def flag(self, planes: MaskedImage, box: Box2I, plane: str) -> None:
        """Flag the pixels of a box, as `masking.mask_boxes` does."""
        masking.mask_boxes(planes.mask, [box], plane)

    def all_flagged(self, planes: MaskedImage, bits: int) -> bool:
        """Return whether all pixels, and at least one, have one of these flags."""
        flags, wanted = planes.mask.array, np.int32(bits)
        # Most amplifiers have a good pixel in their first row; only then is the rest looked at.
        return bool(flags.size and (flags[0] & wanted).all() and (flags & wanted).all())

    def correct_overscan(
        self, data: MaskedImage, strip: MaskedImage, fit_type: str, **options: Any
    ) -> overscan.OverscanResult:
        """Subtract an overscan level, as `overscan.correct` does."""
        return overscan.correct(data, strip, fit_type, **options)

    def assemble(self, raw: MaskedImage, detector: Detector, trim: bool = True) -> MaskedImage:
        """Return the CCD, as `assembly.assemble` does."""
        out, self._out = self._out, None
        return assembly.assemble(raw, detector, trim, out)

    def subtract_bias(self, planes: MaskedImage, bias: MaskedImage) -> None:
        """Subtract a bias frame, as `calibration.subtract_bias` does."""
        calibration.subtract_bias(planes, bias)

    def update_variance(
        self,
        planes: MaskedImage,
        gain: float,
        read_noise: float,
        bias_variance: Any = None,
        parity: Parity = "none",
    ) -> None:
        """Write the variance of pixels, as `variance.update` does."""
        variance.update(planes.image, planes.variance, gain, read_noise, bias_variance, parity)

    def see_variance(
        self, planes: MaskedImage, use: Callable[[NDArray[np.float32]], object]
    ) -> None:
        """Call ``use`` with the variance as it is now, which is only to be looked at."""
        use(planes.variance.array)

    def widen_saturation_trails(self, planes: MaskedImage, plane: str = "SAT") -> None:
        """Lengthen runs of flags, as `masking.widen_saturation_trails` does."""
        masking.widen_saturation_trails(planes.mask, plane)

    def subtract_dark(self, planes: MaskedImage, dark: MaskedImage, scale: float) -> None:
        """Subtract a dark frame, as `calibration.subtract_dark` does."""
        calibration.subtract_dark(planes, dark, scale)

    def divide_flat(self, planes: MaskedImage, flat: MaskedImage, scale: float) -> None:
        """Divide by a flat field, as `calibration.divide_flat` does."""
        calibration.divide_flat(planes, flat, scale)

    def interpolate_boxes(
        self, planes: MaskedImage, boxes: Any, plane: str, parity: Parity = "none"
    ) -> None:
        """Flag boxes and interpolate over them, as `interpolation.interpolate_boxes` does."""
        masking.mask_boxes(planes.mask, boxes, plane)
        interpolation.interpolate_boxes(
            planes.image, planes.mask, planes.variance, boxes, parity=parity
        )

    def interpolate_mask(
        self, planes: MaskedImage, plane: str, grow: int = 0, parity: Parity = "none"
    ) -> None:
        """Interpolate over flagged pixels, as `interpolation.interpolate_mask` does."""
        interpolation.interpolate_mask(
            planes.image, planes.mask, planes.variance, plane, grow=grow, parity=parity
        )

    def interpolate_nans(self, planes: MaskedImage, plane: str, parity: Parity = "none") -> int:
        """Flag pixels without a number, interpolate over them, and return how many there were."""
        count = masking.mask_nans(planes.image, planes.mask, planes.variance, plane)
        if count > 0:
            Immediate.interpolate_mask(self, planes, plane, 0, parity)
        return count

    def count_planes(self, planes: MaskedImage) -> dict[str, int]:
        """Return how many pixels are in each plane, as `masking.count_planes` does."""
        if isinstance(planes, StreamedFrame) and planes.is_streamed:
            return by_plane(planes.seen)
        return masking.count_planes(planes.mask)

    def wants_filling(self, planes: MaskedImage) -> bool:
        """Return whether a pixel is BAD and not INTRP, as `bad_regions.needed` does."""
        if isinstance(planes, StreamedFrame) and planes.is_streamed:
            return bool(planes.seen["watched"])
        return bad_regions.needed(planes.mask)

    def flush(self) -> None:
        """Do what is left to do: nothing."""


def by_plane(seen: Any) -> dict[str, int]:
    """Return how many pixels a pass has seen in each plane."""
    return {name: int(seen["counts"][bit]) for name, bit in Mask.planes().items()}
