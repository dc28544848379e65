"""The step that writes the variance, and the statistics of it."""

__all__ = ["has_own_variance", "write_variance"]

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images import Exposure
from cfhtisr.isr import statistics
from cfhtisr.tasks.data import IsrData
from cfhtisr.tasks.fused import pixelwise

if TYPE_CHECKING:
    from cfhtisr.tasks.isr import IsrTask


def write_variance(task: "IsrTask", exposure: Exposure, data: IsrData) -> None:
    """Write the variance, that of a bias frame included, which is lost in the reference."""
    bias = (
        None if task.is_v17 or not data.done.get("bias", False) else _bias_variance(exposure, data)
    )
    parts = []
    ours = has_own_variance(task)
    for amp in data.amplifiers:
        if not exposure.bbox.contains(amp.bbox):
            continue
        result = data.overscans.get(amp.name)
        overscan = None if result is None else result.overscanImage
        place = task.amplifierBox(exposure, amp)
        part = exposure.subset(place)
        box = place.shifted_by(-exposure.bbox.x0, -exposure.bbox.y0)
        extra = None if bias is None else bias[box.slices]
        if ours:
            task.updateVariance(part, amp, overscan, biasVariance=extra)
        else:
            task.updateVariance(part, amp, overscan)
            if extra is not None:
                part.variance.array += extra
        parts.append((amp, part))
    if task.config.qa.saveStats and task.keepsStatistics:
        for amp, part in parts:
            pixelwise().see_variance(part.masked_image, partial(_note_statistics, task, amp.name))


def _note_statistics(task: "IsrTask", name: str, variance: NDArray[np.float32]) -> None:
    median, sigma = statistics.compute(variance, ("MEDIAN", "STDEVCLIP"))
    task.metadata.set(f"ISR VARIANCE {name} MEDIAN", median)
    task.metadata.set(f"ISR VARIANCE {name} STDEV", sigma)


def has_own_variance(task: "IsrTask") -> bool:
    """Return whether the variance is written by the method as it came."""
    from cfhtisr.tasks.isr import IsrTask

    return type(task).updateVariance is IsrTask.updateVariance


def _bias_variance(exposure: Exposure, data: IsrData) -> Any:
    """Return the variance of the bias frame, of the size of the exposure."""
    if data.bias is None:
        return None
    _, variance = data.bias.masked_image.extras()
    if variance is None:
        return None
    shape = exposure.masked_image.shape
    if variance.shape == shape:
        return variance
    y, x = ((size - inner) // 2 for size, inner in zip(shape, variance.shape, strict=True))
    whole = np.zeros(shape, np.float32)  # the border that a smaller frame does not correct
    whole[y : y + variance.shape[0], x : x + variance.shape[1]] = variance
    return whole
