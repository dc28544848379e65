"""The brighter-fatter step of `IsrTask`."""

__all__ = ["BrighterFatterMethods", "check"]

from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.images import Exposure
from cfhtisr.isr import brighter_fatter
from cfhtisr.tasks.data import IsrData
from cfhtisr.tasks.record import note


def check(config: Any, kernel: Any, shape: tuple[int, int]) -> None:
    """Refuse a kernel that could not be used, before a pixel is touched.

    Raises
    ------
    NotImplementedError
        If kernels of amplifiers are asked for.
    ValueError
        If the kernel is not square, not finite, or larger than the exposure.
    """
    if config.brighterFatterLevel != "DETECTOR":
        raise NotImplementedError(
            f"config.brighterFatterLevel is {config.brighterFatterLevel!r}, "
            "but there are kernels of a DETECTOR only"
        )
    rounds = min(0, config.brighterFatterMaxIter)  # none, but a negative number is refused
    blank = np.zeros(shape, np.float32)
    brighter_fatter.correct(blank, kernel, rounds, config.brighterFatterThreshold)


class BrighterFatterMethods:
    """Correction of the brighter-fatter effect."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        amplifierBox: Any
        flatContext: Any
        maskAndInterpDefect: Any
        maskAndInterpNan: Any
        saturationInterpolation: Any

    def brighterFatterCorrection(self, exposure: Exposure, data: IsrData) -> None:
        """Correct the brighter-fatter effect, in place.

        The correction acts on counts as they were collected, but must not see holes, and
        these are best filled in a flattened image. So dark and flat are applied; defects,
        saturated pixels (if ``config.doSaturationInterpolation`` says so) and pixels without
        a number are interpolated over; flat and dark are taken back; then follows the
        correction. Later steps do not interpolate again.

        Parameters
        ----------
        exposure : Exposure
            The assembled exposure [ADU]. Its header tells the number of iterations.
        data : IsrData
            Kernel, flat, dark and defects; what was interpolated is noted in it.
        """
        config = self.config
        with self.flatContext(exposure, data.flat, data.dark):
            if config.doDefect:
                self.maskAndInterpDefect(exposure, data.defects)
                data.done["defects"] = True
            if config.doSaturationInterpolation:
                self.saturationInterpolation(exposure)
                data.done["saturation"] = True
            self.maskAndInterpNan(exposure)
            data.done["nan"] = True
        data.interpolationDone = True
        gains = None
        if config.brighterFatterApplyGain:
            boxes = ((self.amplifierBox(exposure, amp), float(amp.gain)) for amp in data.amplifiers)
            gains = [(box, gain if gain > 0 else 1.0) for box, gain in boxes]
        most = config.brighterFatterMaxIter
        iterations = brighter_fatter.correct(
            exposure.image,
            data.bfKernel,
            most,
            config.brighterFatterThreshold,
            gains,
            config.parity,
        )
        note(exposure.metadata, "ISR_BF_NITER", iterations, "brighter-fatter iterations")
        self.metadata.set("BRIGHTER FATTER ITERATIONS", iterations)
        self.log.info("Brighter-fatter correction took %d of %d iterations", iterations, most)
