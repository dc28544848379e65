"""Neighbouring point-wise corrections, taken together: pixels pass the cache once for all of them.

`Immediate` does each correction when it is called; a `Batch` notes it, and does all that it has
noted at `Batch.flush`. Both have the same methods and give the same bits.
"""

__all__ = ["Batch", "Immediate"]

import math
from typing import Any

import numpy as np

from cfhtisr import _kernels
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import assembly, calibration, masking, variance
from cfhtisr.isr._arrays import readable
from cfhtisr.isr._planes import Planes, check_size, source, target
from cfhtisr.isr.parity import Parity
from cfhtisr.isr.parity import check as check_parity

_HEIGHT = 16  # rows of a band: of a MegaCam CCD, all planes of one correction fit a core's cache


class Immediate:
    """Each correction when it is called; see the functions of the same names."""

    def assemble(self, raw: MaskedImage, detector: Detector, trim: bool = True) -> MaskedImage:
        """Return the CCD, as `assembly.assemble` does."""
        return assembly.assemble(raw, detector, trim)

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

    def widen_saturation_trails(self, planes: MaskedImage, plane: str = "SAT") -> None:
        """Lengthen runs of flags, as `masking.widen_saturation_trails` does."""
        masking.widen_saturation_trails(planes.mask, plane)

    def subtract_dark(self, planes: MaskedImage, dark: MaskedImage, scale: float) -> None:
        """Subtract a dark frame, as `calibration.subtract_dark` does."""
        calibration.subtract_dark(planes, dark, scale)

    def divide_flat(self, planes: MaskedImage, flat: MaskedImage, scale: float) -> None:
        """Divide by a flat field, as `calibration.divide_flat` does."""
        calibration.divide_flat(planes, flat, scale)

    def flush(self) -> None:
        """Do what is left to do: nothing."""


class Batch(Immediate):
    """Corrections of one frame that are noted first and done together.

    Arguments are checked when a correction is noted. What one call cannot take with the others
    (another frame, a number that the correction refuses) is done at once, after the rest.

    Parameters
    ----------
    height : int, optional
        Rows that are taken through all corrections at a time; no result depends on it.

    Examples
    --------
    >>> frame = MaskedImage(np.float32([[1100, 1200]]))
    >>> batch = Batch()
    >>> batch.begin(frame)
    >>> batch.subtract_bias(frame, MaskedImage(np.float32([[100, 100]])))
    >>> batch.divide_flat(frame, MaskedImage(np.float32([[2, 1]])), 1.0)
    >>> batch.flush()
    >>> frame.image.array
    array([[ 500., 1100.]], dtype=float32)
    """

    def __init__(self, height: int = _HEIGHT) -> None:
        self._height = height
        self._frame: Planes | None = None
        self._steps: list[Any] = []

    def begin(self, frame: MaskedImage) -> None:
        """Set the frame that the next corrections, or parts of it, are of.

        Parameters
        ----------
        frame : MaskedImage, shape (rows, columns)
            If its pixels are others than those of the frame before, what was noted is done.
        """
        arrays = frame.getArrays()
        if self._frame is not None and self._corner(arrays) == (0, 0):
            if arrays[0].shape == self._frame[0].shape:
                return
        self.flush()
        usable = frame.image.dtype == np.float32 and all(a.flags.writeable for a in arrays)
        self._frame = arrays if usable else None

    def flush(self) -> None:
        """Do what was noted, in its order."""
        steps, self._steps = self._steps, []
        if steps and self._frame is not None:
            _kernels.correct_fused(self._frame, steps, self._height)

    def assemble(self, raw: MaskedImage, detector: Detector, trim: bool = True) -> MaskedImage:
        """Return the CCD, whose pixels come with `flush`."""
        ccd, parts = assembly.prepare(raw, detector, trim)
        self.flush()
        self._frame = target("ccd", ccd)
        for to, of, flip_x, flip_y in parts:
            part, read = target("ccd", to), source("raw", of)
            numbers = float(flip_x), float(flip_y)
            if not self._note("place", part, read, numbers=numbers):
                _kernels.place(part, read, flip_x, flip_y)
        return ccd

    def subtract_bias(self, planes: MaskedImage, bias: MaskedImage) -> None:
        """Note a bias frame."""
        changed, read = target("target", planes), source("bias", bias)
        check_size("bias", bias, planes)
        if not self._note("bias", changed, read):
            super().subtract_bias(planes, bias)

    def update_variance(
        self,
        planes: MaskedImage,
        gain: float,
        read_noise: float,
        bias_variance: Any = None,
        parity: Parity = "none",
    ) -> None:
        """Note that the variance is to be written."""
        name = "variance_v17" if check_parity(parity) else "variance"
        plain = bias_variance is None or (
            isinstance(bias_variance, np.ndarray)
            and bias_variance.dtype == np.float32
            and bias_variance.shape == planes.shape
        )
        fits = plain and 0 < gain < math.inf and 0 <= read_noise < math.inf
        numbers = float(gain), float(read_noise)
        bias = None
        if fits and bias_variance is not None:
            bias = readable("bias_variance", bias_variance, np.float32)
        if not self._note(name, planes.getArrays(), None, bias, numbers, fits=fits):
            super().update_variance(planes, gain, read_noise, bias_variance, parity)

    def widen_saturation_trails(self, planes: MaskedImage, plane: str = "SAT") -> None:
        """Note that runs of flags are to be lengthened."""
        numbers = float(Mask.bitmask(plane)), 0.0
        if not self._note("trails", planes.getArrays(), numbers=numbers):
            super().widen_saturation_trails(planes, plane)

    def subtract_dark(self, planes: MaskedImage, dark: MaskedImage, scale: float) -> None:
        """Note a dark frame."""
        changed, read = target("target", planes), source("dark", dark)
        check_size("dark", dark, planes)
        fits = math.isfinite(scale)
        if not self._note("dark", changed, read, numbers=(float(scale), 0.0), fits=fits):
            super().subtract_dark(planes, dark, scale)

    def divide_flat(self, planes: MaskedImage, flat: MaskedImage, scale: float) -> None:
        """Note a flat field."""
        changed, read = target("target", planes), source("flat", flat)
        check_size("flat", flat, planes)
        fits = math.isfinite(scale) and scale != 0
        if not self._note("flat", changed, read, numbers=(float(scale), 0.0), fits=fits):
            super().divide_flat(planes, flat, scale)

    def _note(
        self,
        name: str,
        changed: Planes,
        read: Planes | None = None,
        bias: Any = None,
        numbers: tuple[float, float] = (0.0, 0.0),
        *,
        fits: bool = True,
    ) -> bool:
        """Note a correction; else do what was noted before it, and return False."""
        corner = self._corner(changed) if fits else None
        if corner is None:
            self.flush()
            return False
        self._steps.append((name, (*corner, *changed[0].shape), read, bias, numbers))
        return True

    def _corner(self, part: Planes) -> tuple[int, int] | None:
        """Return row and column at which a part of the frame begins; None if it is no part."""
        if self._frame is None:
            return None
        corners = set()
        for whole, array in zip(self._frame, part, strict=True):
            down, across = whole.strides
            if array.strides != whole.strides or not 0 < across <= down or not array.size:
                return None
            offset = array.ctypes.data - whole.ctypes.data
            row, rest = divmod(offset, down)
            column, rest = divmod(rest, across)
            if (
                rest
                or row < 0
                or any(
                    first + length > full
                    for first, length, full in zip(
                        (row, column), array.shape, whole.shape, strict=True
                    )
                )
            ):
                return None
            corners.add((row, column))
        return corners.pop() if len(corners) == 1 else None
