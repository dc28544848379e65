"""One CCD through cfhtisr, in memory."""

import threading
from dataclasses import dataclass

import numpy as np

from benches.speed import measure, workload
from benches.speed.measure import Result
from benches.speed.workload import Workload
from cfhtisr import Box2I, CfhtIsrTask, CfhtIsrTaskConfig, Exposure, MaskedImage
from cfhtisr.images import Mask
from cfhtisr.isr.fused import Batch

SETTINGS = {  # the steps of the workload, and no others
    "doFringe": False,
    "doSuspect": False,
    "doWidenSaturationTrails": False,
    "growSaturationFootprintSize": 0,
    "doSetBadRegions": False,
}


@dataclass
class Inputs:
    """The workload in the types of cfhtisr, made before the clock runs."""

    pixels: Workload
    bias: Exposure
    dark: Exposure
    flat: Exposure
    boxes: list[Box2I]

    @classmethod
    def of(cls, pixels: Workload) -> "Inputs":
        """Wrap the arrays; none is copied."""
        bias = _exposure(MaskedImage(pixels.bias, variance=pixels.bias_variance))
        dark = _exposure(MaskedImage(pixels.dark), workload.DARK_TIME)
        boxes = [
            Box2I(x0, y0, x1 - x0 + 1, y1 - y0 + 1) for x0, y0, x1, y1 in pixels.boxes.tolist()
        ]
        return cls(pixels, bias, dark, _exposure(MaskedImage(pixels.flat)), boxes)

    def raw(self) -> Exposure:
        """Return the raw exposure; its pixels are those of the workload."""
        cards = workload.ccd_cards(workload.CCD, "OBJECT")
        return _exposure(
            MaskedImage(self.pixels.raw),
            workload.EXPOSURE,
            metadata=cards,
            detector=workload.detector(),
        )


def _exposure(planes: MaskedImage, seconds: float = 0.0, **facts) -> Exposure:
    times = {"exposure_time": seconds, "dark_time": seconds, "exposure_id": 1}
    return Exposure(planes, visit_info=times, **facts)


def bare(inputs: Inputs, out: MaskedImage | None = None) -> MaskedImage:
    """Correct the CCD with `cfhtisr.isr` alone, without task or header.

    This is the one place that decides what "the bare kernel" is.
    """
    batch, described = Batch(out=out), workload.detector()
    raw = batch.to_float(MaskedImage(inputs.pixels.raw))
    for amp in described:
        batch.threshold(raw.subset(amp.raw_bbox), amp.saturation, "SAT")
        strip = amp.raw_horizontal_overscan_bbox
        rows = Box2I(strip.x0, amp.raw_data_bbox.y0, strip.width, amp.raw_data_bbox.height)
        data, strip = raw.subset(amp.raw_data_bbox), batch.strip(raw, rows)
        batch.correct_overscan(data, strip, "MEDIAN_PER_ROW", and_mask=Mask.bitmask("SAT"))
    ccd = batch.assemble(raw, described)
    batch.subtract_bias(ccd, inputs.bias.masked_image)
    for amp in described:
        rows, columns = amp.bbox.slices
        noise = inputs.pixels.bias_variance[rows, columns]
        batch.update_variance(ccd.subset(amp.bbox), amp.gain, amp.read_noise, noise)
    batch.subtract_dark(ccd, inputs.dark.masked_image, workload.EXPOSURE / workload.DARK_TIME)
    batch.divide_flat(ccd, inputs.flat.masked_image, 1.0)
    batch.interpolate_boxes(ccd, inputs.boxes, "BAD")
    batch.interpolate_mask(ccd, "SAT")
    batch.interpolate_nans(ccd, "UNMASKEDNAN")
    return ccd


def run_task(inputs: Inputs, task: CfhtIsrTask, out: MaskedImage | None = None) -> MaskedImage:
    """Correct the CCD with the task; this is the one place that knows how ``out`` is given."""
    options = {} if out is None else {"out": out}
    frames = {"bias": inputs.bias, "dark": inputs.dark, "flat": inputs.flat}
    result = task.run(inputs.raw(), defects=inputs.boxes, **frames, **options)
    return result.exposure.masked_image


def make_task(*, fused: bool = True, every_step: bool = False) -> CfhtIsrTask:
    """Return the task with the steps of the workload, or with those that are on by default."""
    config = CfhtIsrTaskConfig()
    for name, value in SETTINGS.items() if not every_step else [("doFringe", False)]:
        setattr(config, name, value)
    config.qa.saveStats = every_step  # that of the variance takes time
    task = CfhtIsrTask(config=config)
    task.fused = fused
    return task


def planes() -> MaskedImage:
    """Return planes that a result can be written into."""
    shape = workload.ROWS, workload.COLUMNS
    return MaskedImage(
        np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.zeros(shape, np.float32)
    )


def time_bare(files, repeats: int, reuse: bool = False) -> Result:
    """Measure the bare kernel."""
    inputs = Inputs.of(Workload.load(files.arrays))
    out = planes() if reuse else None
    return measure.repeat(lambda: bare(inputs, out), repeats)


def time_task(
    files, repeats: int, reuse: bool = False, fused: bool = True, every_step: bool = False
) -> Result:
    """Measure `CfhtIsrTask.run`."""
    inputs = Inputs.of(Workload.load(files.arrays))
    task = make_task(fused=fused, every_step=every_step)
    out = planes() if reuse else None
    return measure.repeat(lambda: run_task(inputs, task, out), repeats)


def time_two_exposures(files, repeats: int, together: bool) -> Result:
    """Measure two exposures: in two Python threads of one Rust thread each, or one by one."""
    inputs = [Inputs.of(Workload.load(files.arrays)) for _ in range(2)]
    tasks = [make_task(), make_task()]

    def both() -> None:
        if not together:
            for one, task in zip(inputs, tasks, strict=True):
                run_task(one, task)
            return
        pairs = zip(inputs, tasks, strict=True)
        threads = [threading.Thread(target=run_task, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return measure.repeat(both, repeats, share=2)
