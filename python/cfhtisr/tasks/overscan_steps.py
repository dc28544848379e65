"""Steps of the overscan correction beyond the documented ones, each for one amplifier."""

__all__ = ["correct_rows", "level_rows", "note_residual", "without_odd_edges"]

from typing import Any

import numpy as np

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.images import Box2I, Exposure, Mask
from cfhtisr.isr import overscan, overscan_quality, parallel_overscan, statistics
from cfhtisr.pipe import Struct
from cfhtisr.tasks.fused import pixelwise
from cfhtisr.tasks.record import note

_SKIPPED = {(False, False): "none", (True, False): "first", (False, True): "last"}


def without_odd_edges(
    task: Any, exposure: Exposure, amp: Amplifier, strip: Box2I, skipped: tuple[int, int]
) -> Box2I:
    """Return an overscan box without its first and last column, where the pixels ask for it.

    A side from which columns are skipped by number is left as it is. What was found is noted in
    the header; first is the column of the lowest index.
    """
    box = strip.clipped_to(exposure.bbox)
    if box.is_empty:
        return strip
    first, last, skip_first, skip_last = overscan_quality.odd_edges(
        pixelwise().strip(exposure.masked_image, box), _unusable(task)
    )
    skip_first, skip_last = skip_first and not skipped[0], skip_last and not skipped[1]
    header = exposure.metadata
    note(header, f"ISR_OSCAN_FIRST{amp.name}", first, "[adu] first column against inner ones")
    note(header, f"ISR_OSCAN_LAST{amp.name}", last, "[adu] last column against inner ones")
    what = _SKIPPED.get((skip_first, skip_last), "both")
    note(header, f"ISR_OSCAN_SKIP{amp.name}", what, "edge columns that were not used")
    if what != "none":
        task.log.info(
            "Amplifier %s: overscan columns skipped: %s (off by %.2f and %.2f ADU)",
            *(amp.name, what, first, last),
        )
    width = strip.width - skip_first - skip_last
    return Box2I(strip.x0 + skip_first, strip.y0, width, strip.height)


def note_residual(task: Any, exposure: Exposure, amp: Amplifier, columns: Box2I) -> None:
    """Note what is left in the overscan columns, in header and metadata."""
    box = columns.clipped_to(exposure.bbox)
    if box.is_empty:
        return
    strip = pixelwise().strip(exposure.masked_image, box)
    found = overscan_quality.residual_of(strip, _unusable(task))
    header, name = exposure.metadata, amp.name
    note(header, f"ISR_OSCAN_RESID{name}", found.level, "[adu] what is left in the overscan")
    note(header, f"ISR_OSCAN_NOISE{name}", found.noise, "[adu] noise of an overscan pixel")
    note(header, f"ISR_OSCAN_ROWS{name}", found.row_scatter, "[adu] scatter of row means left")
    note(header, f"ISR_OSCAN_NREJ{name}", found.n_rejected, "overscan pixels not used")
    if task.config.qa.saveStats:
        task.metadata.set(f"ISR OSCAN {name} RESIDUAL", found.level)
        task.metadata.set(f"ISR OSCAN {name} NOISE", found.noise)
        task.metadata.set(f"ISR OSCAN {name} ROWS", found.row_scatter)
        task.metadata.set(f"ISR OSCAN {name} REJECTED", found.n_rejected)


def level_rows(task: Any, exposure: Exposure, amp: Amplifier, strip: Box2I, result: Struct) -> None:
    """Subtract the level of the overscan columns from the overscan rows, in place.

    A level per row comes from the corner that columns and rows have in common; a curve goes on
    with the level of its last row; a constant is the same.
    """
    rows = amp.raw_vertical_overscan_bbox
    planes = exposure.masked_image
    target = planes.subset(rows.clipped_to(planes.bbox))
    corner = Box2I(strip.x0, rows.y0, strip.width, rows.height)
    fit_type = task.config.overscanFitType
    known = planes.bbox.contains(corner) and amp.raw_bbox.contains(corner)
    if fit_type.endswith("_PER_ROW") and known:
        pixels = planes.subset(corner)
        overscan.flag_outliers(pixels, task.config.overscanMaxDev)
        try:
            overscan.correct(
                target,
                pixels,
                fit_type,
                and_mask=_unusable(task),
                n_sigma=task.config.overscanNumSigmaClip,
            )
        except ValueError as error:
            raise _refusal(exposure, amp, error) from error
        return
    fit = np.asarray(result.imageFit, np.float32)
    above = rows.y0 > amp.raw_data_bbox.y0
    if fit.ndim == 2 and fit.shape[1] == 1:
        fit = fit[-1 if above else 0]
    target.image.array[...] -= fit


def correct_rows(task: Any, exposure: Exposure, amp: Amplifier, before: Struct | None) -> Struct:
    """Subtract the level of the overscan rows from data and these rows, in place.

    Returns
    -------
    result : Struct
        As of `IsrTask.overscanCorrection`, both levels together where there are two.
    """
    config, planes = task.config, exposure.masked_image
    rows = amp.raw_vertical_overscan_bbox.clipped_to(planes.bbox)
    if rows.is_empty:
        raise RuntimeError(
            f"the overscan rows of amplifier {amp.name} lie outside of the exposure's "
            f"{planes.width} x {planes.height} pixels"
        )
    strip = planes.subset(rows)
    overscan.flag_outliers(strip, config.overscanMaxDev)
    try:
        found = parallel_overscan.correct(
            planes.subset(amp.raw_data_bbox),
            strip,
            config.parallelOverscanFitType,
            _unusable(task),
            config.overscanOutlierSigma,
        )
    except ValueError as error:
        raise _refusal(exposure, amp, error) from error
    fit: Any = found.level
    level, sigma = float(fit) if np.ndim(fit) == 0 else 0.0, found.sigma
    if np.ndim(fit):
        level = float(statistics.compute(fit[np.newaxis], "MEDIAN"))
        fit = fit[np.newaxis]
    header = exposure.metadata
    note(header, f"ISR_PSCAN_LEVEL{amp.name}", level, "[adu] level of the overscan rows")
    note(header, f"ISR_PSCAN_SIGMA{amp.name}", sigma, "[adu] its scatter over columns")
    task.log.info("Amplifier %s: level of the overscan rows %.2f ADU", amp.name, level)
    if before is None:
        return Struct(imageFit=fit, overscanFit=fit, overscanImage=strip, level=level, sigma=sigma)
    return Struct(
        imageFit=before.imageFit + fit,
        overscanFit=before.overscanFit,
        overscanImage=before.overscanImage,
        level=before.level + level,
        sigma=before.sigma,
    )


def _unusable(task: Any) -> int:
    return Mask.bitmask({"SAT", task.config.saturatedMaskName})


def _refusal(exposure: Exposure, amp: Amplifier, error: ValueError) -> RuntimeError:
    detector = exposure.detector
    where = "" if detector is None else f" of {detector.name}"
    return RuntimeError(f"amplifier {amp.name}{where}: {error}")
