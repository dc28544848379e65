"""The methods of `IsrTask` that work on one amplifier."""

__all__ = ["AmplifierMethods"]

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.images import Box2I, Exposure, Mask, MaskedImage
from cfhtisr.isr import overscan, overscan_quality, statistics, variance
from cfhtisr.pipe import Struct
from cfhtisr.tasks import overscan_steps
from cfhtisr.tasks.data import as_boxes
from cfhtisr.tasks.fused import pixelwise

_CONSTANT = ("MEAN", "MEANCLIP", "MEDIAN")


class AmplifierMethods:
    """Masks, overscan and variance of an amplifier."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        _v17: bool

    def maskAmplifier(self, ccdExposure: Exposure, amp: Amplifier, defects: Any) -> bool:
        """Find out whether an amplifier is bad; mask its saturated and suspect pixels.

        Parameters
        ----------
        ccdExposure : Exposure
            The raw exposure; its mask is changed.
        amp : Amplifier
            One of its amplifiers.
        defects : sequence of Box2I or None
            Defects of the assembled CCD.

        Returns
        -------
        badAmp : bool
            Whether the amplifier cannot be used: one defect covers it, or all its pixels are
            saturated or suspect.
        """
        config = self.config
        planes = ccdExposure.masked_image
        box = self._raw_box(ccdExposure, amp)
        corners = Box2I.to_array(() if defects is None else as_boxes(defects))
        bbox = amp.bbox
        covered = (
            (corners[:, 0] <= bbox.x0)
            & (corners[:, 1] <= bbox.y0)
            & (corners[:, 2] >= bbox.x1)
            & (corners[:, 3] >= bbox.y1)
        )
        if covered.any():
            pixelwise().flag(planes, box, "BAD")
            return True
        levels: dict[str, float] = {}
        if config.doSaturation:
            levels[config.saturatedMaskName] = amp.saturation
        if config.doSuspect:
            levels[config.suspectMaskName] = amp.suspect_level
        part = planes.subset(box)
        for plane in (config.saturatedMaskName, config.suspectMaskName):
            Mask.add_plane(plane)
        for plane, level in levels.items():
            self._threshold(part, level, plane)
        flags = Mask.bitmask([config.saturatedMaskName, config.suspectMaskName])
        data = self._data_box(ccdExposure, amp)
        if not pixelwise().all_flagged(planes.subset(data), flags):
            return False
        if not self._v17:
            pixelwise().flag(planes, box, "BAD")
        return True

    def saturationDetection(self, exposure: Exposure, amp: Amplifier) -> None:
        """Mask the saturated pixels of an amplifier in place.

        Parameters
        ----------
        exposure : Exposure
            The raw exposure.
        amp : Amplifier
            Its pixels from ``amp.saturation`` [ADU] on get the plane
            ``config.saturatedMaskName``; a level of NaN means none do.
        """
        part = exposure.masked_image.subset(self._raw_box(exposure, amp))
        self._threshold(part, amp.saturation, self.config.saturatedMaskName)

    def suspectDetection(self, exposure: Exposure, amp: Amplifier) -> None:
        """Mask the suspect pixels of an amplifier in place.

        Suspect are pixels above a level from which something unknown affects them, such as
        an unstable linearity.

        Parameters
        ----------
        exposure : Exposure
            The raw exposure.
        amp : Amplifier
            Its pixels from ``amp.suspect_level`` [ADU] on get the plane
            ``config.suspectMaskName``; a level of NaN means none do.
        """
        part = exposure.masked_image.subset(self._raw_box(exposure, amp))
        self._threshold(part, amp.suspect_level, self.config.suspectMaskName)

    def overscanCorrection(self, ccdExposure: Exposure, amp: Amplifier) -> Struct | None:
        """Subtract the overscan level of an amplifier from data and overscan, in place.

        Pixels far from the overscan's median are left out. On a device with a jump of the
        bias the two parts are corrected one by one. With ``config.overscanDirection`` BOTH the
        overscan columns come first, for the overscan rows too; then the overscan rows.

        Parameters
        ----------
        ccdExposure : Exposure
            The raw exposure; the level is noted in its header.
        amp : Amplifier
            One of its amplifiers.

        Returns
        -------
        overscanResults : Struct or None
            None if the amplifier has no overscan. Else (of the last part):

            ``imageFit``, ``overscanFit``
                What was subtracted from data and overscan [ADU]: a number, or an array that
                broadcasts against the pixels.
            ``overscanImage``
                The corrected overscan, a view of the exposure's pixels.

        Raises
        ------
        RuntimeError
            If the amplifier does not describe its raw frame.
        """
        if not amp.has_raw_info:
            raise RuntimeError(f"amplifier {amp.name} has no raw pixel information")
        direction = self.config.overscanDirection
        columns = direction != "PARALLEL" and not amp.raw_horizontal_overscan_bbox.is_empty
        rows = direction != "SERIAL" and not amp.raw_vertical_overscan_bbox.is_empty
        if not columns and not rows:
            self.log.info("Amplifier %s has no overscan: none is subtracted", amp.name)
            return None
        result: Struct | None = None
        if columns:
            box = Box2I(0, 0, 0, 0)
            for data_box, overscan_box in self._overscan_parts(ccdExposure, amp):
                result = self._correct_part(ccdExposure, amp, data_box, overscan_box)
                box = box.union(overscan_box)
            if not self._v17:
                overscan_steps.note_residual(self, ccdExposure, amp, box)
            if result is not None and rows:
                overscan_steps.level_rows(self, ccdExposure, amp, box, result)
        if rows:
            result = overscan_steps.correct_rows(self, ccdExposure, amp, result)
        return result

    def _overscan_parts(self, exposure: Exposure, amp: Amplifier) -> list[tuple[Box2I, Box2I]]:
        """Return pairs of boxes that are corrected one by one: data, and overscan as it is used."""
        config = self.config
        data, strip = amp.raw_data_bbox, amp.raw_horizontal_overscan_bbox
        lead = config.overscanNumLeadingColumnsToSkip
        trail = config.overscanNumTrailingColumnsToSkip
        # Leading columns are those next to the data. The reference compared with the prescan,
        # which MegaCam has not; the data's own position says the same and holds for all.
        right = strip.x0 > (amp.raw_prescan_bbox.x0 if self._v17 else data.x0)
        first, last = (lead, trail) if right else (trail, lead)
        x0, width = strip.x0 + first, strip.width - first - last
        if self._v17:
            # Its strip was too wide by what is skipped at the low end. It ran wherever such a
            # strip lies in the frame, over the data too.
            wide = strip.width - last
            if wide > 0 and exposure.bbox.x0 <= x0 and x0 + wide - 1 <= exposure.bbox.x1:
                width = wide
        if width < 1:
            raise RuntimeError(
                f"amplifier {amp.name} has {strip.width} overscan columns; none is left when "
                f"{lead} leading and {trail} trailing ones are skipped"
            )
        strip = Box2I(x0, strip.y0, width, strip.height)
        if not self._v17 and config.overscanSkipEdgeColumns == "auto":
            strip = overscan_steps.without_odd_edges(self, exposure, amp, strip, (first, last))
        where = config.overscanBiasJumpLocation
        key = config.overscanBiasJumpKeyword
        jumps = (
            config.overscanBiasJump
            and where != 0
            and key in exposure.metadata
            and exposure.metadata[key] in list(config.overscanBiasJumpDevices)
        )
        if not jumps:
            return [(data, strip)]
        if not 0 < where < data.height:
            raise RuntimeError(
                f"config.overscanBiasJumpLocation is {where}, wanted a row within the "
                f"{data.height} rows of amplifier {amp.name}"
            )
        lower = where if amp.readout_corner in ("LL", "LR") else data.height - where
        upper = data.height - lower
        return [
            (
                Box2I(data.x0, data.y0, data.width, lower),
                Box2I(strip.x0, strip.y0, strip.width, lower),
            ),
            (
                Box2I(data.x0, data.y0 + lower, data.width, upper),
                Box2I(strip.x0, strip.y0 + lower, strip.width, upper),
            ),
        ]

    def _correct_part(
        self, exposure: Exposure, amp: Amplifier, data_box: Box2I, strip_box: Box2I
    ) -> Struct:
        config = self.config
        fit_type = config.overscanFitType
        planes = exposure.masked_image
        if fit_type not in _CONSTANT or not self._v17:
            # One level for each row: only rows that both have. (The reference's boxes differ
            # by a row; a constant was taken from all rows.)
            rows = strip_box.clipped_to(
                Box2I(strip_box.x0, data_box.y0, strip_box.width, data_box.height)
            )
            strip_box = rows if not rows.is_empty else strip_box
        strip_box = strip_box.clipped_to(planes.bbox)
        if strip_box.is_empty:
            raise RuntimeError(
                f"the overscan of amplifier {amp.name} lies outside of the exposure's "
                f"{planes.width} x {planes.height} pixels"
            )
        # Columns that the reference counted to data and strip are corrected twice.
        shared = self._v17 and not strip_box.clipped_to(data_box).is_empty
        strip = planes.subset(strip_box) if shared else pixelwise().strip(planes, strip_box)
        overscan.flag_outliers(strip, config.overscanMaxDev, config.parity)
        names = {"SAT"} if self._v17 else {"SAT", config.saturatedMaskName}
        if fit_type.endswith("_PER_ROW") and config.overscanOutlierSigma > 0 and not self._v17:
            count = overscan_quality.flag_outlier_rows(
                strip, config.overscanOutlierSigma, Mask.bitmask(names)
            )
            if count:
                self.log.info("Amplifier %s: %d odd rows of the overscan filled", amp.name, count)
        try:
            result = pixelwise().correct_overscan(
                planes.subset(data_box),
                strip.copy() if shared else strip,
                fit_type,
                order=config.overscanOrder,
                and_mask=Mask.bitmask(names),
                n_sigma=config.overscanNumSigmaClip,
                is_int=config.overscanIsInt,
                parity=config.parity,
            )
        except ValueError as error:
            detector = exposure.detector
            where = "" if detector is None else f" of {detector.name}"
            raise RuntimeError(f"amplifier {amp.name}{where}: {error}") from error
        level = result.level
        if isinstance(level, np.ndarray):
            clip = config.qa.flatness
            column = np.asarray(level, np.float32).reshape(-1, 1)
            # The fit is constant along the short axis, so that one value of each row stands
            # for all; the clipped deviation is unbiased, hence the number of columns counts.
            across = level.size == data_box.height
            columns = strip.width if across else strip.height
            wide = np.ascontiguousarray(np.broadcast_to(column, (column.size, columns)))
            median, sigma = statistics.compute(
                wide, ("MEDIAN", "STDEVCLIP"), n_sigma=clip.clipSigma, n_iter=clip.nIter
            )
            fit: Any = column if across else column.reshape(1, -1)
        else:
            median, sigma, fit = float(level), 0.0, float(level)
        if shared:
            own = fit
            if isinstance(fit, np.ndarray) and across:
                own = fit[strip_box.y0 - data_box.y0 :][: strip_box.height]
            strip.image.array[...] -= np.float32(own)
        header = exposure.metadata
        _note(header, f"ISR_OSCAN_LEVEL{amp.name}", median, "[adu] overscan level")
        _note(header, f"ISR_OSCAN_SIGMA{amp.name}", sigma, "[adu] its scatter over rows")
        self.log.info("Amplifier %s: overscan level %.2f ADU (%s)", amp.name, median, fit_type)
        return Struct(imageFit=fit, overscanFit=fit, overscanImage=strip, level=median, sigma=sigma)

    def updateVariance(
        self,
        ampExposure: Exposure,
        amp: Amplifier,
        overscanImage: MaskedImage | None = None,
        biasVariance: Any = None,
    ) -> None:
        """Write the variance of an amplifier's pixels from their signal and the read noise.

        Parameters
        ----------
        ampExposure : Exposure
            The amplifier's part of the assembled exposure; its variance is overwritten.
        amp : Amplifier
            Its gain [electron/ADU] and read noise [electron] are used.
        overscanImage : MaskedImage, optional
            Corrected overscan, in which the read noise is measured if
            ``config.doEmpiricalReadNoise`` says so.
        biasVariance : array_like, same shape, optional
            Variance of the bias frame that was subtracted [ADU^2]. With parity lsst-v17 it is
            left out.
        """
        gain = float(amp.gain)
        if not gain > 0:
            self.log.warning("Amplifier %s: gain %s is replaced by 1.0", amp.name, gain)
            gain = 1.0
        read_noise = float(amp.read_noise)
        if self.config.doEmpiricalReadNoise:
            if overscanImage is None:
                self.log.info("Amplifier %s: no overscan, read noise as given", amp.name)
            else:
                reject = Mask.bitmask([self.config.saturatedMaskName, self.config.suspectMaskName])
                measured = variance.read_noise_of(overscanImage, reject)
                if math.isfinite(measured):
                    # measured in ADU, while the correct formula takes electrons
                    read_noise = measured if self._v17 else measured * gain
                    self.log.info("Amplifier %s: read noise %.2f ADU", amp.name, measured)
                else:
                    self.log.warning("Amplifier %s: read noise cannot be measured", amp.name)
        pixelwise().update_variance(
            ampExposure.masked_image,
            gain,
            read_noise,
            bias_variance=None if self._v17 else biasVariance,
            parity=self.config.parity,
        )

    def _threshold(self, part: MaskedImage, level: float, plane: str) -> None:
        if not math.isnan(level):
            Mask.add_plane(plane)
            pixelwise().threshold(part, level, plane)

    def _raw_box(self, exposure: Exposure, amp: Amplifier) -> Box2I:
        """Return an amplifier's box in a frame that may be raw or assembled."""
        return amp.raw_bbox if _is_raw(exposure, amp) else amp.bbox

    def _data_box(self, exposure: Exposure, amp: Amplifier) -> Box2I:
        return amp.raw_data_bbox if _is_raw(exposure, amp) else amp.bbox


def _is_raw(exposure: Exposure, amp: Amplifier) -> bool:
    """Return whether an amplifier's raw boxes speak of this frame."""
    frame, detector = exposure.bbox, exposure.detector
    if not amp.has_raw_info or not frame.contains(amp.raw_bbox):
        return False
    if detector is None or frame.contains(detector.raw_bbox):
        return True
    return frame != detector.bbox  # a part of a raw frame, rather than an assembled CCD


def _note(header: Any, key: str, value: float, comment: str) -> None:
    """Write a number to a header; FITS has no NaN."""
    from cfhtisr.tasks.record import note

    note(header, key, value, comment)
