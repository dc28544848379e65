"""The task of CFHT's MegaCam."""

__all__ = ["CfhtIsrTask", "CfhtIsrTaskConfig"]

import math
from typing import Any, ClassVar

from lsst.pex.config import Field

from cfhtisr.camera.detector import Detector
from cfhtisr.camera.filters import FRINGE_FILTERS
from cfhtisr.camera.mosaic import megacam
from cfhtisr.config import overscan_type_field
from cfhtisr.images import Exposure
from cfhtisr.isr import saturation
from cfhtisr.pipe import Struct
from cfhtisr.tasks.isr import IsrTask, IsrTaskConfig
from cfhtisr.tasks.record import note

_OVERSCAN = {"none": "MEDIAN_PER_ROW", "lsst-v17": "MEDIAN"}
_RAW_SECTIONS = [f"{kind}SEC{amp}" for kind in "ABCDT" for amp in "AB"]
_BOXES = (
    "bbox",
    "raw_bbox",
    "raw_data_bbox",
    "raw_horizontal_overscan_bbox",
    "raw_vertical_overscan_bbox",
)
_IMPLAUSIBLE = 60000  # old headers have a read noise of 65535


class CfhtIsrTaskConfig(IsrTaskConfig):
    """Every field of the ISR task, with what holds for MegaCam."""

    safe = Field[float](
        doc="The saturation level is this fraction of the level at which pixels pile up.",
        default=0.95,
    )
    overscanFitType = overscan_type_field("MEDIAN_PER_ROW")

    def setDefaults(self) -> None:
        """Set what is true of MegaCam: its fringes, its cards, its calibration frames."""
        super().setDefaults()
        self.fringe.filters = list(FRINGE_FILTERS)
        self.fringe.pedestal = True
        self.fringe.small = 1
        self.fringe.large = 50
        self.assembleCcd.keysToRemove = _RAW_SECTIONS
        self.doAssembleIsrExposures = True

    def followParity(self, at: Any = None) -> None:
        """Move the overscan's default to that of the parity, unless it was set by hand."""
        label = self._history["overscanFitType"][-1][2]
        if label in ("default", "parity"):
            value = _OVERSCAN.get(self.parity, "MEDIAN_PER_ROW")
            self.__setattr__("overscanFitType", value, at=at, label="parity")


class CfhtIsrTask(IsrTask):
    """Remove the instrument signature of MegaCam from one CCD.

    Saturation comes from the pixels, gain and read noise from the header; all else is as in
    `IsrTask`.
    """

    ConfigClass: ClassVar[Any] = CfhtIsrTaskConfig

    def run(  # type: ignore[override]  # the documented order of arguments differs
        self,
        ccdExposure: Any,
        bias: Exposure | None = None,
        linearizer: Any = None,
        dark: Exposure | None = None,
        flat: Exposure | None = None,
        defects: Any = None,
        fringes: Any = None,
        bfKernel: Any = None,
        camera: Any = None,
        **kwds: Any,
    ) -> Struct:
        """Remove the instrument signature from an exposure.

        Parameters
        ----------
        ccdExposure : Exposure
            A raw exposure of one CCD. Integer pixels are not changed, pixels of float32 are.
        bias, dark, flat : Exposure, optional
            Calibration frames of the size of the assembled CCD [ADU; flat: relative].
        linearizer : callable, optional
            Corrects the linearity; MegaCam declares none.
        defects : sequence of Box2I, optional
            Defects of the assembled CCD [pixel].
        fringes : Exposure, list of Exposure, or Struct, optional
            The fringe frames.
        bfKernel : None
            Not supported.
        camera : sequence of Detector, optional
            The camera; the packaged one by default.
        **kwds
            Further arguments of `IsrTask.run`, such as ``out``.

        Returns
        -------
        struct : Struct
            ``exposure``, corrected, with a header and a detector of its own.

        Raises
        ------
        ValueError
            If there is a ``bfKernel``, or an amplifier is called neither A nor B.
        LookupError
            If the header lacks a card: GAINA, GAINB, RDNOISEA, RDNOISEB; RDNOISE and SATURATE
            where they are needed.
        RuntimeError
            As for `IsrTask.run`.
        """
        if bfKernel is not None:
            raise ValueError("bfKernel is given, but MegaCam has no brighter-fatter correction")
        if not isinstance(ccdExposure, Exposure):
            return super().run(ccdExposure)
        detector = ccdExposure.detector
        if detector is None:
            raise RuntimeError("the exposure has no detector, which MegaCam's correction needs")
        exposure = ccdExposure.with_header()
        exposure.detector = self._described(exposure, detector)
        if isinstance(fringes, Exposure | list | tuple):
            fringes = Struct(fringes=fringes)
        return super().run(
            exposure,
            camera=megacam() if camera is None else camera,
            bias=bias,
            linearizer=linearizer,
            dark=dark,
            flat=flat,
            defects=defects,
            fringes=fringes,
            **kwds,
        )

    def _described(self, exposure: Exposure, detector: Detector) -> Detector:
        """Return a detector with the electronics of this very exposure.

        It is a copy: many exposures may share the one that came.
        """
        for amp in detector:
            if amp.name not in ("A", "B"):
                raise ValueError(
                    f"{detector.name} has an amplifier {amp.name!r}, wanted A and B as MegaCam's"
                )
        header = exposure.metadata

        def card(key: str) -> float:
            if key not in header:
                raise KeyError(f"the header of {detector.name} has no card {key}")
            value = header[key]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"card {key} of {detector.name} is {value!r}, wanted a number")
            return float(value)

        described = detector.copy()
        if self.is_v17:
            _take_reference_boxes(described)
        for amp in described:
            amp.gain = card(f"GAIN{amp.name}")
            amp.read_noise = card(f"RDNOISE{amp.name}")
            if amp.read_noise > _IMPLAUSIBLE:
                amp.read_noise = card("RDNOISE")
        self._saturate(exposure, described, card)
        return described

    def _saturate(self, exposure: Exposure, detector: Detector, card: Any) -> None:
        """Set the level at which the pixels of each amplifier saturate [ADU]."""
        given = card("SATURATE") if "SATURATE" in exposure.metadata else math.nan
        pixels, safe = exposure.image.array, self.config.safe
        if self.is_v17:
            level = saturation.estimate_level(pixels, safe, given, parity="lsst-v17")
            if math.isnan(level):
                card("SATURATE")  # refuses, as no pixel tells the level
            self.log.info("%s: saturation level %g ADU", detector.name, level)
            for amp in detector:
                amp.saturation = float(level)
            return
        boxes = {amp.name: amp.raw_bbox.clipped_to(exposure.bbox) for amp in detector}
        found = saturation.measure_boxes(exposure.image, boxes, safe, given)
        for amp in detector:
            level, confidence, count, source = found[amp.name]
            if math.isnan(level):
                card("SATURATE")
            amp.saturation = level
            self.log.info(
                "%s, amplifier %s: saturation level %g ADU of the %s (confidence %.2f, %d pixels)",
                *(detector.name, amp.name, level, source, confidence, count),
            )
            header = exposure.metadata
            note(header, f"ISR_SATCONF{amp.name}", confidence, "confidence of the pixels' level")
            note(header, f"ISR_SATPILE{amp.name}", count, "pixels at saturation")
            note(header, f"ISR_SATFROM{amp.name}", source, "where the saturation level is from")


def _take_reference_boxes(detector: Detector) -> None:
    """Give a CCD of the real size the reference's overscan boxes, one row too high.

    A CCD with boxes of its own keeps them, and so do CCDs that the reference does not know.
    """
    if not 0 <= detector.id < 36:
        return
    real, reference = megacam(36)[detector.id], megacam(36, "lsst-v17")[detector.id]
    if [amp.name for amp in detector] != [amp.name for amp in real] or any(
        getattr(amp, box) != getattr(real[amp.name], box) for amp in detector for box in _BOXES
    ):
        return
    for amp in detector:
        for box in _BOXES:
            setattr(amp, box, getattr(reference[amp.name], box))
