"""The method of `IsrTask` that balances the amplifiers of a CCD."""

__all__ = ["AmpOffsetMethods"]

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.images import Exposure
from cfhtisr.isr import amp_offset
from cfhtisr.tasks.record import note

_FEW_BANDS = 36  # are enough for a note, and take a quarter of the time


class AmpOffsetMethods:
    """Steps along the borders of amplifiers."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        amplifierBox: Any

    def ampOffsetCorrection(self, exposure: Exposure, amplifiers: Sequence[Amplifier]) -> bool:
        """Measure the step along each border of two amplifiers; remove it in place if asked.

        Parameters
        ----------
        exposure : Exposure
            An assembled exposure. Steps and their errors are noted in its header; its image
            changes if ``config.doAmpOffset`` is set, and the offsets are noted too.
        amplifiers : sequence of Amplifier
            Those that stand side by side have a border.

        Returns
        -------
        removed : bool
            Whether offsets were subtracted: ``config.doAmpOffset`` is set, and some step exceeds
            ``config.ampOffsetMinSigma`` times its error.
        """
        config, header, planes = self.config, exposure.metadata, exposure.masked_image
        boxes = {}
        for amp in amplifiers:
            box = self.amplifierBox(exposure, amp)
            if planes.bbox.contains(box):
                boxes[amp.name] = box
        unit = "electron" if config.doApplyGains else "adu"
        steps = {}
        for left, right in amp_offset.neighbours(boxes):
            width = min(config.ampOffsetWidth, boxes[left].width, boxes[right].width)
            if width < 4:
                continue
            found = amp_offset.measure(
                planes,
                boxes[left],
                boxes[right],
                width,
                max_bands=None if config.doAmpOffset else _FEW_BANDS,
            )
            note(header, f"ISR_AMPSTEP{left}{right}", found.step, f"[{unit}] right less left")
            note(header, f"ISR_AMPSTEPERR{left}{right}", found.error, f"[{unit}] its error")
            if config.qa.saveStats:
                self.metadata.set(f"ISR AMPSTEP {left}{right}", found.step)
                self.metadata.set(f"ISR AMPSTEP {left}{right} ERROR", found.error)
            self.log.info(
                "Step from amplifier %s to %s: %.2f +- %.2f %s (%d bands)",
                *(left, right, found.step, found.error, unit, found.n_bands),
            )
            if math.isfinite(found.step):
                sure = abs(found.step) > config.ampOffsetMinSigma * found.error
                steps[left, right] = (found.step, sure)
        if not config.doAmpOffset or not any(sure for _, sure in steps.values()):
            return False
        # An uncertain step counts as it was measured: it ties the amplifiers beside it together.
        offsets = amp_offset.solve(boxes, {pair: step for pair, (step, _) in steps.items()})
        for name, offset in offsets.items():
            amp_offset.subtract(planes, boxes[name], offset)
            note(header, f"ISR_AMPOFF{name}", offset, f"[{unit}] offset subtracted")
        return True
