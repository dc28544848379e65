"""The sequence of `IsrTask.run`: one row for each step, in order.

Each row calls a method of the task, or a subtask of it, so that overriding the method or
retargeting the subtask changes what a run does.
"""

from __future__ import annotations

__all__ = ["INERT", "STEPS", "Step", "inert", "makes_once", "missing"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.images import Exposure, Mask
from cfhtisr.isr import bleeds, interpolation, linearity, masking, statistics
from cfhtisr.pipe import Struct
from cfhtisr.tasks.crosstalk import NullCrosstalkTask
from cfhtisr.tasks.data import IsrData
from cfhtisr.tasks.fused import pixelwise
from cfhtisr.tasks.record import note
from cfhtisr.tasks.thumbnails import makeThumbnail
from cfhtisr.tasks.variance_step import has_own_variance, write_variance

if TYPE_CHECKING:
    from cfhtisr.tasks.isr import IsrTask


@dataclass(frozen=True)
class Step:
    """One row of the sequence.

    Attributes
    ----------
    name : str
        What the step does, as `IsrData.done` notes it.
    apply : callable
        Gets task, exposure and data; returns another exposure, or None if it worked in place.
    flag : str or None
        The field that switches it on; always on without one.
    needs : str or None
        The part of the data that it cannot do without.
    when : callable or None
        A condition beside the flag.
    pointwise : tuple of str or None
        The methods and subtasks that a point-wise step calls, which only then can be done
        together with its neighbours; None for other steps.
    spares_flags : tuple of str or None
        The methods of a step that is not point-wise but changes no flag, nor lets others do so.
    spares_pixels : callable or None
        Whether a step that is not point-wise leaves the pixels alone, and looks at none but those
        along the border of amplifiers.
    """

    name: str
    apply: Callable[[IsrTask, Exposure, IsrData], Exposure | None]
    flag: str | None = None
    needs: str | None = None
    when: Callable[[IsrTask, IsrData], bool] | None = None
    pointwise: tuple[str, ...] | None = None
    spares_flags: tuple[str, ...] | None = None
    spares_pixels: Callable[[IsrTask], bool] | None = None

    def wanted(self, task: IsrTask, data: IsrData) -> bool:
        """Return whether the step is to run."""
        if self.flag is not None and not getattr(task.config, self.flag):
            return False
        return self.when is None or self.when(task, data)


def _amplifiers(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    """Mask each amplifier, and subtract its overscan."""
    stats = task.config.qa.saveStats
    overridden = not has_own_variance(task) or "updateVariance" in vars(task)
    wanted = task.config.doEmpiricalReadNoise or overridden
    for amp in data.amplifiers:
        if not exposure.bbox.contains(amp.bbox):
            task.log.info("Amplifier %s lies outside of the exposure: skipped", amp.name)
            continue
        data.overscans[amp.name] = None
        if task.maskAmplifier(exposure, amp, data.defects):
            data.bad_amplifiers.add(amp.name)
            task.log.warning("Amplifier %s is bad", amp.name)
            continue
        if not task.config.doOverscan:
            continue
        result = task.overscanCorrection(exposure, amp)
        if result is None:
            continue
        data.done["overscan"] = True
        if not hasattr(result, "level"):  # a subclass's own: documented fields only
            fit = np.asarray(getattr(result.overscanFit, "array", result.overscanFit), np.float32)
            result.level = statistics.compute(fit.ravel(), "MEDIAN")
            result.sigma = statistics.compute(fit.ravel(), "STDEVCLIP") if fit.size > 1 else 0.0
        if stats:
            _overscan_stats(task, exposure, amp.name, result)
        if not wanted:
            result.overscanImage = None
        elif result.overscanImage is not None:
            # Pixels of its own, so that the raw frame can go.
            result.overscanImage = result.overscanImage.copy()
        data.overscans[amp.name] = result


def _overscan_stats(task: IsrTask, exposure: Exposure, name: str, result: Struct) -> None:
    fit = result.overscanFit
    level, sigma = result.level, result.sigma
    constant = isinstance(fit, float | int)
    task.metadata.set(f"ISR OSCAN {name} MEDIAN", float(level))
    task.metadata.set(f"ISR OSCAN {name} STDEV", math.nan if constant else float(sigma))
    note(exposure.metadata, "OVERSCAN", "Overscan corrected", "overscan level subtracted")


def _assemble(task: IsrTask, exposure: Exposure, data: IsrData) -> Exposure:
    ccd: Exposure = task.assembleCcd.assembleCcd(exposure)
    if task.config.expectWcs and ccd.wcs is None:
        task.log.warning("The exposure has no WCS")
    return ccd


def _linearize(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    detector, frame = data.detector, exposure.detector
    if detector is None or frame is None:
        raise RuntimeError("the exposure has no detector, whose linearity could be corrected")
    if exposure.bbox != detector.bbox and not task.is_v17:
        # A frame that was not trimmed: the amplifiers' pixels lie elsewhere on it.
        detector = detector.copy()
        for amp, placed in zip(detector, frame, strict=True):
            amp.bbox = task._data_box(exposure, placed)
    result = linearity.apply(exposure.image, detector, data.linearizer, task.log)
    if isinstance(result, linearity.LinearizeResult):
        task.log.info(
            "Linearized %d of %d amplifiers, %d pixels out of range",
            result.numLinearized,
            result.numAmps,
            result.numOutOfRange,
        )


def _crosstalk(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    task.crosstalk.run(exposure, crosstalkSources=data.crosstalkSources)
    data.done["crosstalk"] = not isinstance(task.crosstalk, NullCrosstalkTask)


def _bleeds(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    config = task.config
    for plane in (config.saturatedMaskName, config.bleedMaskName):
        Mask.add_plane(plane)
    count = bleeds.mask_bleeds(
        exposure.masked_image,
        config.saturatedMaskName,
        config.bleedMaskName,
        config.bleedMinLength,
        config.bleedNumSigma,
    )
    note(exposure.metadata, "ISR_NBLEED", count, "pixels masked as trails")
    task.log.info("%d pixels masked as trails of saturated columns", count)


def _amp_offset(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    good = [amp for amp in data.amplifiers if amp.name not in data.bad_amplifiers]
    data.done["ampOffset"] = bool(task.ampOffsetCorrection(exposure, good))


def _measures_offsets(task: IsrTask, data: IsrData) -> bool:
    if task.is_v17 and not task.config.doAmpOffset:
        return False
    return data.done.get("assemble", False)


def _brighter_fatter(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    task.brighterFatterCorrection(exposure, data)


def _oss_thumb(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    data.ossThumb = makeThumbnail(exposure, task.config.qa)


def _flattened_thumb(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    data.flattenedThumb = makeThumbnail(exposure, task.config.qa)


def _background(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    task.measureBackground(exposure, task.config.qa)
    if task.config.qa.saveStats:
        task._background_stats(exposure, data.amplifiers)


def _trails(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    pixelwise().widen_saturation_trails(exposure.masked_image, "SAT")


def _fringe(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    data.done["fringe"] = bool(task.fringe.checkFilter(exposure))
    task.fringe.run(exposure, **data.fringes.getDict())
    if "ISR_FRINGE_N" in exposure.metadata:
        flat = bool(data.done.get("flat", False))
        note(exposure.metadata, "ISR_FRINGE_FLAT", flat, "flat was divided out before the fringes")
    if data.done["fringe"] and data.done.get("nan", False) and not task.is_v17:
        _fringe_nans(task, exposure)


def _fringe_nans(task: IsrTask, exposure: Exposure) -> None:
    """Repair what a fringe frame with holes took from a frame whose holes had been filled.

    The reference left such pixels without a number and without a flag.
    """
    planes = exposure.masked_image
    # A hole that the other masters had too was filled before, and is open again.
    filled = planes.mask.count("UNMASKEDNAN")
    if masking.mask_nans(planes.image, planes.mask, planes.variance):
        count = planes.mask.count("UNMASKEDNAN") - filled
        before = task.metadata.getScalar("NUMNANS") if "NUMNANS" in task.metadata else 0
        task.metadata.set("NUMNANS", int(before + count))
        task.log.warning("The fringe frame has pixels without a number, %d of them alone", count)
        interpolation.interpolate_mask(
            planes.image, planes.mask, planes.variance, "UNMASKEDNAN", parity=task.config.parity
        )


def _early_fringe(task: IsrTask, data: IsrData) -> bool:
    return not task.config.fringeAfterFlat


def _late_fringe(task: IsrTask, data: IsrData) -> bool:
    return bool(task.config.fringeAfterFlat)


def _interpolates_saturation(task: IsrTask, data: IsrData) -> bool:
    config = task.config
    wanted = config.doSaturation if task.is_v17 else config.doSaturationInterpolation
    return bool(wanted) and not data.interpolationDone


def _vignette(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    task.vignettePolygon = task.vignette.run(exposure)
    if task.vignette.config.doWriteVignettePolygon:
        task.setValidPolygonIntersect(exposure, task.vignettePolygon)


def _transmission(task: IsrTask, exposure: Exposure, data: IsrData) -> None:
    task.attachTransmissionCurve(
        exposure,
        opticsTransmission=data.opticsTransmission,
        filterTransmission=data.filterTransmission,
        sensorTransmission=data.sensorTransmission,
        atmosphereTransmission=data.atmosphereTransmission,
    )


_AMPLIFIER_METHODS = (
    "maskAmplifier",
    "saturationDetection",
    "suspectDetection",
    "overscanCorrection",
    "_overscan_parts",
    "_correct_part",
    "_threshold",
    "_raw_box",
    "_data_box",
)

STEPS: tuple[Step, ...] = (
    Step(
        "convert",
        lambda t, e, d: t.convertIntToFloat(e),
        "doConvertIntToFloat",
        pointwise=("convertIntToFloat",),
    ),
    Step("amplifiers", _amplifiers, pointwise=_AMPLIFIER_METHODS),
    Step(
        "crosstalk",
        _crosstalk,
        "doCrosstalk",
        when=lambda t, d: bool(t.config.doCrosstalkBeforeAssemble),
    ),
    Step("assemble", _assemble, "doAssembleCcd", pointwise=("assembleCcd",)),
    Step("ossThumb", _oss_thumb, when=lambda t, d: bool(t.config.qa.doThumbnailOss)),
    Step(
        "bias",
        lambda t, e, d: t.biasCorrection(e, d.bias),
        "doBias",
        "bias",
        pointwise=("biasCorrection", "_matched"),
    ),
    Step("variance", write_variance, "doVariance", pointwise=("updateVariance", "amplifierBox")),
    Step("linearize", _linearize, when=lambda t, d: t.doLinearize(d.detector)),
    Step(
        "crosstalk",
        _crosstalk,
        "doCrosstalk",
        when=lambda t, d: not t.config.doCrosstalkBeforeAssemble,
    ),
    Step("bleeds", _bleeds, "doMaskBleeds"),
    Step("trails", _trails, "doWidenSaturationTrails", pointwise=()),
    Step("brighterFatter", _brighter_fatter, "doBrighterFatter", "bfKernel"),
    Step(
        "dark",
        lambda t, e, d: t.darkCorrection(e, d.dark),
        "doDark",
        "dark",
        pointwise=("darkCorrection", "_matched"),
    ),
    Step("fringe", _fringe, "doFringe", when=_early_fringe),
    Step("strayLight", lambda t, e, d: t.strayLight.run(e), "doStrayLight"),
    Step(
        "flat",
        lambda t, e, d: t.flatCorrection(e, d.flat),
        "doFlat",
        "flat",
        pointwise=("flatCorrection", "_matched"),
    ),
    Step("gains", lambda t, e, d: t.applyGains(e, d.amplifiers), "doApplyGains"),
    Step(
        "defects",
        lambda t, e, d: t.maskAndInterpDefect(e, d.defects),
        "doDefect",
        "defects",
        when=lambda t, d: not d.interpolationDone,
        pointwise=("maskAndInterpDefect",),
    ),
    Step(
        "saturation",
        lambda t, e, d: t.saturationInterpolation(e),
        when=_interpolates_saturation,
        pointwise=("saturationInterpolation",),
    ),
    Step(
        "nan",
        lambda t, e, d: t.maskAndInterpNan(e),
        when=lambda t, d: bool(t.config.doNanInterpAfterFlat) or not d.interpolationDone,
        pointwise=("maskAndInterpNan",),
    ),
    Step("fringe", _fringe, "doFringe", when=_late_fringe),
    Step(
        "ampOffset",
        _amp_offset,
        when=_measures_offsets,
        spares_flags=("ampOffsetCorrection",),
        spares_pixels=lambda t: not t.config.doAmpOffset,
    ),
    Step(
        "badRegions",
        lambda t, e, d: t.setBadRegions(e),
        "doSetBadRegions",
        pointwise=("setBadRegions",),
    ),
    Step(
        "flattenedThumb",
        _flattened_thumb,
        when=lambda t, d: bool(t.config.qa.doThumbnailFlattened),
    ),
    Step("masking", lambda t, e, d: t.masking.run(e), "doCameraSpecificMasking"),
    Step(
        "zeroPoint",
        lambda t, e, d: t.roughZeroPoint(e),
        spares_flags=("roughZeroPoint",),
        spares_pixels=lambda t: True,
    ),
    Step("vignette", _vignette, "doVignette"),
    Step(
        "transmission",
        _transmission,
        "doAttachTransmissionCurve",
        spares_pixels=lambda t: True,
    ),
    Step(
        "distortion",
        lambda t, e, d: t.addDistortionModel(e, d.camera),
        "doAddDistortionModel",
        spares_pixels=lambda t: True,
    ),
    Step(
        "electrons",
        lambda t, e, d: t.toElectrons(e, d.amplifiers),
        when=lambda t, d: t.config.pixelUnit == "electron" and not t.config.doApplyGains,
    ),
    # Last, so that the level is in the unit of the pixels.
    Step("background", _background, "doMeasureBackground"),
)
"""The sequence."""


def makes_once(task: IsrTask, exposure: Exposure) -> bool:
    """Return whether a run makes the pixels of the assembled CCD in one pass.

    What comes after looks at no more than the border of amplifiers, so that the rows may go to
    a file as they are finished.
    """
    config = task.config
    if exposure.detector is None or not (config.doAssembleCcd and task.assembleCcd.config.doTrim):
        return False
    data = IsrData(detector=exposure.detector, done={"assemble": True})
    first = next(index for index, step in enumerate(STEPS) if step.name == "assemble")
    return all(
        step.pointwise is not None or (step.spares_pixels is not None and step.spares_pixels(task))
        for step in STEPS[first:]
        if step.wanted(task, data)
    )


INERT = (
    "fwhm",
    "qa.doWriteOss",
    "qa.doWriteFlattened",
    "brighterFatterKernelFile",
    "doTweakFlat",
    "strayLight.doRotatorAngleCorrection",
    "masking.doSpecificMasking",
)
"""Documented fields that the reference never read, or that have no effect there nor here."""


def inert(config: Any) -> list[str]:
    """Return the fields of `INERT` that are not at their default."""
    found = []
    for name in INERT:
        *path, last = name.split(".")
        owner = config
        for part in path:
            owner = getattr(owner, part)
            owner = getattr(owner, "value", owner)  # of a subtask
        field = getattr(owner, "_fields", {}).get(last)  # a retargeted task may lack it
        if field is not None and getattr(owner, last) != field.default:
            found.append(name)
    return found


def missing(task: IsrTask, data: IsrData) -> str | None:
    """Return why the data do not suffice for the configured steps, or None.

    The order is that of the documentation.
    """
    config = task.config
    text = "Must supply {} if config.{}=True."
    if config.doBias and data.bias is None:
        return text.format("a bias", "doBias")
    if data.linearizer is None and task.doLinearize(data.detector):
        return text.format("a linearizer", "doLinearize") + " (The detector declares a type.)"
    if config.doBrighterFatter and data.bfKernel is None:
        return text.format("a bfKernel", "doBrighterFatter")
    if config.doDark and data.dark is None:
        return text.format("a dark", "doDark")
    if config.doFringe and not isinstance(data.fringes, Struct):
        kind = type(data.fringes).__name__
        return text.format("fringes as a Struct", "doFringe") + f" (It is a {kind}.)"
    if config.doFlat and data.flat is None:
        return text.format("a flat", "doFlat")
    if config.doDefect and data.defects is None:
        return text.format("defects", "doDefect") + " (An empty list will do.)"
    if config.doAddDistortionModel and data.camera is None:
        return text.format("a camera", "doAddDistortionModel")
    return None
