"""The methods of `IsrTask` that work on a whole CCD."""

__all__ = ["FrameMethods"]

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.camera import filters
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Exposure, Mask, MaskedImage
from cfhtisr.isr import bad_regions, calibration, masking, statistics
from cfhtisr.tasks.data import as_boxes
from cfhtisr.tasks.fused import pixelwise


class FrameMethods:
    """Conversion, calibration frames, interpolation and the zero point."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        amplifierBox: Any
        _v17: bool

    def convertIntToFloat(self, exposure: Exposure) -> Exposure:
        """Return an exposure of float32 pixels.

        Parameters
        ----------
        exposure : Exposure
            Raw exposure of integers or floats.

        Returns
        -------
        newexposure : Exposure
            The same object if its pixels are float32; else one with pixels of its own, no
            flags, and a variance of 1.

        Raises
        ------
        RuntimeError
            If the pixels are of a type that cannot be converted.
        """
        try:
            planes = pixelwise().to_float(exposure.masked_image)
        except TypeError as error:
            raise RuntimeError(f"cannot convert the exposure to float: {error}") from None
        if planes is exposure.masked_image:
            return exposure
        return exposure.with_pixels(planes)

    def doLinearize(self, detector: Detector | None) -> bool:
        """Return whether a detector's linearity is to be corrected.

        Parameters
        ----------
        detector : Detector
            The linearity type of its first amplifier counts.
        """
        if not self.config.doLinearize or detector is None or len(detector) == 0:
            return False
        return detector[0].linearity_type != "None"

    def biasCorrection(self, exposure: Exposure, biasExposure: Exposure) -> None:
        """Subtract a bias frame in place; masks are joined, variances added.

        Raises
        ------
        RuntimeError
            If the frame has another size.
        """
        target = self._matched(exposure, biasExposure, "bias")
        pixelwise().subtract_bias(target, biasExposure.masked_image)

    def darkCorrection(
        self, exposure: Exposure, darkExposure: Exposure, invert: bool = False
    ) -> None:
        """Subtract a dark frame, scaled by the dark times, in place.

        Parameters
        ----------
        exposure : Exposure
            The exposure, with a dark time.
        darkExposure : Exposure
            A dark frame of the same size, with a dark time.
        invert : bool, optional
            Add the dark frame again.

        Raises
        ------
        RuntimeError
            If a dark time is missing, or the frame has another size.
        """
        times = []
        for what, frame in (("exposure", exposure), ("dark frame", darkExposure)):
            visit = frame.visit_info
            time = math.nan if visit is None else float(visit.dark_time)
            if math.isnan(time):
                raise RuntimeError(f"the dark time of the {what} is not known")
            times.append(time)
        if not self._v17 and times[1] == 0:
            raise RuntimeError("the dark time of the dark frame is 0 s, it cannot be scaled")
        scale = times[0] / times[1] if times[1] else math.inf
        target = self._matched(exposure, darkExposure, "dark")
        if invert:
            calibration.subtract_dark(target, darkExposure.masked_image, scale, invert=True)
        else:
            pixelwise().subtract_dark(target, darkExposure.masked_image, scale)
        self.log.debug("Dark frame scaled by %g s / %g s", *times)

    def flatCorrection(
        self, exposure: Exposure, flatExposure: Exposure, invert: bool = False
    ) -> None:
        """Divide by a flat field in place.

        Parameters
        ----------
        exposure : Exposure
            The exposure.
        flatExposure : Exposure
            A flat field of the same size; it is scaled as ``config.flatScalingType`` says.
        invert : bool, optional
            Multiply by the flat field again.

        Raises
        ------
        RuntimeError
            If the flat field has another size.
        """
        flat = flatExposure.masked_image
        scale = calibration.flat_scale(flat, self.config.flatScalingType, self.config.flatUserScale)
        target = self._matched(exposure, flatExposure, "flat")
        if invert:
            calibration.divide_flat(target, flat, scale, invert=True)
        else:
            pixelwise().divide_flat(target, flat, scale)

    @contextlib.contextmanager
    def flatContext(
        self, exp: Exposure, flat: Exposure | None, dark: Exposure | None = None
    ) -> Iterator[Exposure]:
        """Apply dark frame and flat field for a while, as far as the configuration says so.

        The image comes back, to the accuracy of float32 that `cfhtisr.isr.undo` states, also
        if the block or the flat field raises. Flags stay, and the frames' variances are added
        twice.

        Parameters
        ----------
        exp : Exposure
            The exposure, changed in place.
        flat : Exposure
            Flat field of the same size.
        dark : Exposure, optional
            Dark frame of the same size.

        Yields
        ------
        exp : Exposure
            The corrected exposure.
        """
        with_dark = bool(self.config.doDark and dark is not None)
        with_flat = bool(self.config.doFlat)
        if with_flat and flat is None:
            raise RuntimeError("Must supply a flat if config.doFlat=True.")
        # What has been done is undone in reverse, even if what follows fails.
        with contextlib.ExitStack() as back:
            if with_dark and dark is not None:
                self.darkCorrection(exp, dark)
                back.callback(self.darkCorrection, exp, dark, invert=True)
            if with_flat and flat is not None:
                self.flatCorrection(exp, flat)
                back.callback(self.flatCorrection, exp, flat, invert=True)
            yield exp

    def maskAndInterpDefect(self, ccdExposure: Exposure, defectBaseList: Any) -> None:
        """Mask defects as BAD and interpolate over them in place.

        To be called after assembly, since defects may reach over amplifiers.

        Parameters
        ----------
        ccdExposure : Exposure
            The assembled exposure.
        defectBaseList : sequence of Box2I
            Defects of the CCD; what lies outside of it is ignored.
        """
        planes = ccdExposure.masked_image
        boxes = as_boxes(defectBaseList)
        if len(boxes):
            pixelwise().interpolate_boxes(planes, boxes, "BAD", self.config.parity)
        if self.config.numEdgeSuspect > 0:
            pixelwise().flush()  # the edges are flagged on pixels that are there
            masking.mask_edges(planes.mask, self.config.numEdgeSuspect, "SUSPECT")

    def saturationInterpolation(self, ccdExposure: Exposure) -> None:
        """Interpolate over saturated pixels in place.

        To be called after assembly, since saturated areas may reach over amplifiers. They
        are grown first, by ``config.growSaturationFootprintSize`` [pixel].

        Parameters
        ----------
        ccdExposure : Exposure
            The assembled exposure.
        """
        plane = self.config.saturatedMaskName
        grow = max(0, self.config.growSaturationFootprintSize)
        Mask.add_plane(plane)
        pixelwise().interpolate_mask(ccdExposure.masked_image, plane, grow, self.config.parity)

    def maskAndInterpNan(self, exposure: Exposure) -> None:
        """Mask pixels without a number as UNMASKEDNAN and interpolate over them in place.

        All of them are, whatever other flags they have; the name is historical. Infinite
        values count too. Their number is noted as ``NUMNANS`` in the task's metadata.

        Parameters
        ----------
        exposure : Exposure
            The exposure.
        """
        Mask.add_plane("UNMASKEDNAN")
        count = pixelwise().interpolate_nans(
            exposure.masked_image, "UNMASKEDNAN", self.config.parity
        )
        self.metadata.set("NUMNANS", int(count))
        if count > 0:
            self.log.warning("There were %d pixels without a number", count)

    def setBadRegions(self, exposure: Exposure) -> None:
        """Give BAD pixels that were not interpolated a typical value, in place."""
        planes = exposure.masked_image
        if not pixelwise().wants_filling(planes):
            return  # nothing to fill: spare the statistic of the whole frame
        statistic = "MEDIAN" if self._v17 else self.config.badStatistic
        count, value = bad_regions.fill(planes.image, planes.mask, statistic)
        if count:
            self.log.info("Set %d BAD pixels to %.2f ADU", count, value)

    def illuminationCorrection(
        self, exposure: Exposure, illumExposure: Exposure, illumScale: float = 1.0
    ) -> None:
        """Divide by an illumination correction in place.

        No step of `run` does so: it is for those who correct the flat field's illumination.

        Parameters
        ----------
        exposure : Exposure
            The exposure.
        illumExposure : Exposure
            The correction, of the same size.
        illumScale : float, optional
            Its level that counts as no change.

        Raises
        ------
        RuntimeError
            If the correction has another size.
        """
        calibration.divide_illumination(
            exposure.masked_image, illumExposure.masked_image, illumScale
        )

    def applyGains(
        self, exposure: Exposure, amplifiers: Any = None, normalizeGains: bool | None = None
    ) -> None:
        """Multiply each amplifier by its gain, in place: the variance, by its square.

        Parameters
        ----------
        exposure : Exposure
            The assembled exposure.
        amplifiers : sequence of Amplifier, optional
            Those of the exposure's detector by default.
        normalizeGains : bool, optional
            Whether to make the medians of the amplifiers equal then; ``config.normalizeGains``
            by default. Pixels without a number, and amplifiers whose median is 0, are left out
            of that. (With parity lsst-v17, one pixel without a number spoils all.)

        Raises
        ------
        RuntimeError
            If there are no amplifiers.
        """
        if amplifiers is None:
            amplifiers = exposure.detector
        if amplifiers is None:
            raise RuntimeError("the exposure has no detector, whose gains could be applied")
        if normalizeGains is None:
            normalizeGains = bool(self.config.normalizeGains)
        planes = exposure.masked_image
        parts = [planes.subset(self.amplifierBox(exposure, amp)) for amp in amplifiers]
        for part, amp in zip(parts, amplifiers, strict=True):
            self._scale(part, self._gain(amp))
        if not normalizeGains:
            return
        levels = [self._median(part.image.array) for part in parts]
        usable = levels if self._v17 else [x for x in levels if x != 0 and math.isfinite(x)]
        common = float(np.median(usable)) if usable else math.nan
        for part, level in zip(parts, levels, strict=True):
            if level != 0 and (self._v17 or math.isfinite(level)):
                self._scale(part, common / level)

    def _median(self, image: Any) -> float:
        """Return the median of an amplifier; NaN if it has no pixels."""
        if not image.size:
            return math.nan
        return float(np.median(image)) if self._v17 else statistics.compute(image, "MEDIAN")

    def toElectrons(self, exposure: Exposure, amplifiers: Any) -> None:
        """Turn ADU into electrons, in place; the zero point follows the mean gain."""
        for amp in amplifiers:
            part = exposure.masked_image.subset(self.amplifierBox(exposure, amp))
            self._scale(part, self._gain(amp))
        exposure.flux_mag0 *= float(np.mean([self._gain(amp) for amp in amplifiers]))

    def _gain(self, amp: Amplifier) -> float:
        """Return the gain; 1 where there is none, as for the variance."""
        gain = float(amp.gain)
        return gain if gain > 0 or self._v17 else 1.0

    @staticmethod
    def _scale(part: MaskedImage, gain: float) -> None:
        factor = np.float32(gain)
        part.image.array *= factor
        part.variance.array *= factor * factor

    def roughZeroPoint(self, exposure: Exposure) -> None:
        """Set the counts of a source of magnitude 0, from filter and exposure time.

        Parameters
        ----------
        exposure : Exposure
            Its ``flux_mag0`` is set; without an exposure time it is left alone.
        """
        name, known = exposure.filter, self.config.fluxMag0T1
        info = None if name is None else filters.lookup(name)
        names = [name] if info is None else [name, info.name, info.short_name]
        found = next((each for each in names if each is not None and each in known), None)
        if found is not None:
            flux = known[found]
        else:
            self.log.debug("No zero point for filter %s, taking the default", name)
            flux = self.config.defaultFluxMag0T1
        time = math.nan if exposure.visit_info is None else exposure.visit_info.exposure_time
        if not time > 0:
            self.log.warning("The exposure time is %s s: no rough zero point", time)
            return
        exposure.flux_mag0 = flux * time
        self.log.debug("Rough zero point: %.3f mag", 2.5 * math.log10(exposure.flux_mag0))

    def _matched(self, exposure: Exposure, frame: Exposure, what: str) -> MaskedImage:
        """Return the pixels that a calibration frame is for."""
        target, other = exposure.masked_image, frame.masked_image
        if self.config.doTrimToMatchCalib:
            pixelwise().flush()  # the border is flagged on pixels that are there
            target = calibration.trim_to_match(target, other, self.config.parity)
        if target.shape != other.shape:
            raise RuntimeError(
                f"the {what} frame has {other.width} x {other.height} pixels, "
                f"wanted {target.width} x {target.height} as the exposure"
            )
        return target
