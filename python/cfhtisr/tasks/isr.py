"""The documented task: instrument signature removal of one CCD."""

__all__ = ["IsrTask", "IsrTaskConfig"]

import logging
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import ConfigurableField

from cfhtisr import config as plain
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import Box2I, Exposure, MaskedImage
from cfhtisr.images.stored_image import StoredImage
from cfhtisr.images.streamed_frame import StreamedFrame
from cfhtisr.isr import parity as _parity
from cfhtisr.isr.raw_frame import RawFrame
from cfhtisr.pipe import CmdLineTask, Struct, timeMethod
from cfhtisr.tasks import brighter_fatter, steps
from cfhtisr.tasks.amp_offset import AmpOffsetMethods
from cfhtisr.tasks.amplifiers import AmplifierMethods
from cfhtisr.tasks.assemble import AssembleCcdTask
from cfhtisr.tasks.brighter_fatter import BrighterFatterMethods
from cfhtisr.tasks.crosstalk import CrosstalkTask
from cfhtisr.tasks.data import FakeAmp, IsrData
from cfhtisr.tasks.frames import FrameMethods
from cfhtisr.tasks.fringe import FringeTask
from cfhtisr.tasks.fused import FusedSteps
from cfhtisr.tasks.geometry import GeometryMethods
from cfhtisr.tasks.inputs import InputMethods
from cfhtisr.tasks.masking import MaskingTask
from cfhtisr.tasks.quality import QualityMethods
from cfhtisr.tasks.record import record
from cfhtisr.tasks.stray_light import StrayLightTask
from cfhtisr.tasks.vignette import VignetteTask


class IsrTaskConfig(
    plain.OutputConfig,
    plain.TransmissionConfig,
    plain.VignetteStepConfig,
    plain.PhotometryConfig,
    plain.MaskingStepConfig,
    plain.BackgroundConfig,
    plain.DistortionConfig,
    plain.NanConfig,
    plain.FringeStepConfig,
    plain.FlatConfig,
    plain.StrayLightStepConfig,
    plain.DarkConfig,
    plain.DefectsConfig,
    plain.BrighterFatterConfig,
    plain.CrosstalkStepConfig,
    plain.LinearityConfig,
    plain.VarianceConfig,
    plain.BiasConfig,
    plain.AssemblyConfig,
    plain.AmpOffsetConfig,
    plain.OverscanConfig,
    plain.BadRegionsConfig,
    plain.SaturationConfig,
    plain.ConversionConfig,
    plain.GeneralConfig,
):
    """Every documented field of the ISR task."""

    assembleCcd: Any = ConfigurableField(doc="Assembles the CCD.", target=AssembleCcdTask)
    crosstalk: Any = ConfigurableField(doc="Corrects crosstalk.", target=CrosstalkTask)
    strayLight: Any = ConfigurableField(doc="Corrects stray light.", target=StrayLightTask)
    fringe: Any = ConfigurableField(doc="Subtracts fringes.", target=FringeTask)
    masking: Any = ConfigurableField(doc="Masks what is a camera's own.", target=MaskingTask)
    vignette: Any = ConfigurableField(doc="Finds the lit area.", target=VignetteTask)

    def validate(self) -> None:
        """Check all fields, and that they agree.

        Raises
        ------
        ValueError
            If a field's value is not allowed, or both doFlat and doApplyGains are set.
        """
        super().validate()
        if self.doFlat and self.doApplyGains:
            raise ValueError("doFlat and doApplyGains exclude each other, and both are set")


class IsrTask(
    AmplifierMethods,
    AmpOffsetMethods,
    BrighterFatterMethods,
    FrameMethods,
    GeometryMethods,
    InputMethods,
    QualityMethods,
    CmdLineTask,
):
    """Remove the instrument signature from one CCD.

    The steps and their order are in `cfhtisr.tasks.steps`. All pixels are in ADU, all work
    is done in place where it can be.

    Parameters
    ----------
    *args, **kwargs
        As for `cfhtisr.pipe.Task`.

    Attributes
    ----------
    fused : bool
        Whether neighbouring point-wise steps are done together, which changes no pixel, flag or
        card. Set it to False to have each done at its own time.
    keepsStatistics : bool
        Whether ``config.qa.saveStats`` holds for the variance too, whose statistics go nowhere
        but into the metadata of the task, and take some looks at all pixels.
    """

    ConfigClass: ClassVar[Any] = IsrTaskConfig
    _DefaultName = "isr"
    canMultiprocess = True
    fused = True
    keepsStatistics = True

    assembleCcd: AssembleCcdTask
    crosstalk: CrosstalkTask
    strayLight: StrayLightTask
    fringe: FringeTask
    masking: MaskingTask
    vignette: VignetteTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("assembleCcd", "crosstalk", "strayLight", "fringe", "masking", "vignette"):
            self.makeSubtask(name)
        self.vignettePolygon: Any = None
        self._scratch: list[Any] = []  # planes of a run that the next one need not make anew

    @property
    def is_v17(self) -> bool:
        """Whether the reference's oddities are wanted."""
        return _parity.check(self.config.parity)

    @property
    def _v17(self) -> bool:  # type: ignore[override]
        return self.is_v17

    def amplifierBox(self, exposure: Exposure, amp: Amplifier) -> Box2I:
        """Return the box of an amplifier in the exposure as it is after assembly.

        Without trimming it is where the raw pixels went. (With parity lsst-v17 it is the box
        of the trimmed CCD all the same.)
        """
        detector = exposure.detector
        if self.is_v17 or detector is None or exposure.bbox == detector.bbox:
            return amp.bbox
        return self._raw_box(exposure, detector[amp.name])

    @timeMethod
    def run(
        self,
        ccdExposure: Any,
        camera: Any = None,
        bias: Exposure | None = None,
        linearizer: Any = None,
        crosstalkSources: Any = None,
        dark: Exposure | None = None,
        flat: Exposure | None = None,
        bfKernel: Any = None,
        defects: Any = None,
        fringes: Any = None,
        opticsTransmission: Any = None,
        filterTransmission: Any = None,
        sensorTransmission: Any = None,
        atmosphereTransmission: Any = None,
        out: MaskedImage | Exposure | None = None,
    ) -> Struct:
        """Remove the instrument signature from an exposure.

        Parameters
        ----------
        ccdExposure : Exposure
            A raw exposure. Integer pixels are not changed, pixels of float32 are.
        camera : sequence of Detector, optional
            The camera.
        bias, dark, flat : Exposure, optional
            Calibration frames of the size of the assembled CCD [ADU; flat: relative].
        linearizer : callable, optional
            Called with image, detector and log, to correct the linearity in place.
        crosstalkSources : list, optional
            Sources of crosstalk on other CCDs.
        bfKernel : ndarray, optional
            Kernel of the brighter-fatter effect.
        defects : sequence of Box2I, optional
            Defects of the assembled CCD [pixel].
        fringes : Struct, optional
            ``fringes``, the fringe frame or a list of them, and perhaps ``seed``.
        opticsTransmission, filterTransmission, sensorTransmission, atmosphereTransmission
            Throughputs over wavelength.
        out : MaskedImage or Exposure, optional
            Planes of the result's size, float32, int32 and float32, that become its pixels:
            those of an earlier result that is not needed any more, which is faster than new
            memory. What they held is lost, also if the run fails.

        Returns
        -------
        result : Struct
            ``exposure``, corrected, with a header of its own; ``ossThumb`` and
            ``flattenedThumb``, arrays of uint8 of shape (rows, columns, 3) if the
            configuration asks for them, else None.

        Raises
        ------
        RuntimeError
            If an input is missing or of the wrong size. All this
            is found before a pixel is changed.
        AssertionError
            If the exposure has no detector, and is to be assembled.
        NotImplementedError
            If kernels of amplifiers are asked for.
        TypeError, ValueError
            If ``out`` has pixels of another type, or shares memory with an input.
        ShapeMismatchError
            If ``out`` has another size than the result.
        """
        if not isinstance(ccdExposure, Exposure):
            if hasattr(ccdExposure, "get") and hasattr(ccdExposure, "dataId"):
                return self.runDataRef(ccdExposure)
            raise TypeError(f"ccdExposure is {type(ccdExposure).__name__}, wanted an Exposure")
        if fringes is None:
            fringes = Struct(fringes=None)
        if isinstance(defects, Box2I):
            defects = [defects]
        elif defects is not None and not isinstance(defects, Sequence | np.ndarray):
            defects = list(defects)  # they are read more than once, which an iterator cannot be
        data = IsrData(
            camera=camera,
            bias=bias,
            linearizer=linearizer,
            crosstalkSources=crosstalkSources,
            dark=dark,
            flat=flat,
            bfKernel=bfKernel,
            defects=defects,
            fringes=fringes,
            opticsTransmission=opticsTransmission,
            filterTransmission=filterTransmission,
            sensorTransmission=sensorTransmission,
            atmosphereTransmission=atmosphereTransmission,
            detector=ccdExposure.detector,
        )
        exposure = ccdExposure.with_header()
        del ccdExposure
        self._prepare(exposure, data)
        planes = self._planes_of(out, exposure, data)
        with FusedSteps(self, IsrTask, planes) as together:
            for step in steps.STEPS:
                if not step.wanted(self, data):
                    continue
                name = step.name
                with self.timer(name, logging.DEBUG), together.step(step, exposure):
                    changed = step.apply(self, exposure, data)
                exposure = exposure if changed is None else changed
                data.done.setdefault(name, True)
                self.debugView(exposure, step.flag or name)
            counts = together.counts(exposure)
        if isinstance(exposure.masked_image, RawFrame):  # of a frame that was not assembled
            exposure = exposure.with_pixels(exposure.masked_image.planes)
        if planes is not None and not _is_in(exposure.masked_image, planes):
            exposure = exposure.with_pixels(_copied(exposure.masked_image, planes))
        record(exposure, data, self.config.parity, counts)
        self.debugView(exposure, "postISRCCD")
        return Struct(exposure=exposure, ossThumb=data.ossThumb, flattenedThumb=data.flattenedThumb)

    def _planes_of(
        self, out: MaskedImage | Exposure | None, exposure: Exposure, data: IsrData
    ) -> MaskedImage | None:
        """Return the planes that the result is to be written to, if any were given."""
        if out is None:
            return None
        planes = out.masked_image if isinstance(out, Exposure) else out
        if not isinstance(planes, MaskedImage):
            raise TypeError(f"out is {type(out).__name__}, wanted a MaskedImage or an Exposure")
        if planes.dtype != np.float32:
            raise TypeError(f"out.image holds {planes.dtype}, wanted float32")
        frames = {"exposure": exposure, "bias": data.bias, "dark": data.dark, "flat": data.flat}
        for name, frame in frames.items():
            if isinstance(frame, Exposure) and any(
                np.may_share_memory(plane, other)
                for plane in _in_memory(planes)
                for other in _in_memory(frame.masked_image)
            ):
                raise ValueError(f"out shares memory with the {name}, which it would overwrite")
        return planes

    def _prepare(self, exposure: Exposure, data: IsrData) -> None:
        """Refuse what cannot end well, before a pixel is touched."""
        detector = exposure.detector
        visit = exposure.visit_info
        self.log.info(
            "Correcting exposure %s, %s",
            "?" if visit is None else visit.exposure_id,
            "no detector" if detector is None else detector.name,
        )
        if detector is None:
            if self.config.doAssembleCcd:
                raise AssertionError(
                    "the exposure has no detector, which config.doAssembleCcd=True needs"
                )
            data.amplifiers = [FakeAmp(exposure, self.config)]
        else:
            data.amplifiers = list(detector)
        reason = steps.missing(self, data)
        if reason is not None:
            raise RuntimeError(reason)
        for name in steps.inert(self.config):
            self.log.info("config.%s is set, but has no effect, as in the reference", name)
        self._check_geometry(exposure, data.camera)
        if self.config.doCrosstalk and type(self.crosstalk).run is CrosstalkTask.run:
            self.crosstalk.coefficients(detector)
        self._check_sizes(exposure, data, detector)

    def _check_sizes(self, exposure: Exposure, data: IsrData, detector: Detector | None) -> None:
        """Compare every frame with the pixels it will meet."""
        config = self.config
        shape = exposure.masked_image.shape
        if config.doBrighterFatter:
            trims = config.doAssembleCcd and self.assembleCcd.config.doTrim
            assembled = detector.bbox.shape if trims and detector is not None else shape
            brighter_fatter.check(config, data.bfKernel, assembled)
        if config.doAssembleCcd and detector is not None:
            for amp in detector:
                if not exposure.bbox.contains(amp.raw_data_bbox):
                    raise RuntimeError(
                        f"the exposure has {exposure.width} x {exposure.height} pixels, but "
                        f"amplifier {amp.name} of {detector.name} needs "
                        f"{amp.raw_data_bbox.to_section()}"
                    )
            if not self.assembleCcd.config.doTrim:
                return
            shape = detector.bbox.shape
        frames: dict[str, Any] = {}
        for name, flag in (("bias", "doBias"), ("dark", "doDark"), ("flat", "doFlat")):
            if getattr(config, flag):
                frames[name] = getattr(data, name)
        if config.doFringe and self.fringe.checkFilter(exposure):
            given = self.fringe.frames(data.fringes.getDict().get("fringes"))
            names = [f"fringe {number}" for number in range(1, len(given) + 1)]
            frames |= zip(names if len(given) > 1 else ["fringe"], given, strict=True)
        for name, frame in frames.items():
            if not isinstance(frame, Exposure):
                raise TypeError(f"{name} is {type(frame).__name__}, wanted an Exposure")
            if config.doTrimToMatchCalib and not name.startswith("fringe"):
                continue
            if frame.masked_image.shape != shape:
                raw = detector is not None and frame.masked_image.shape == detector.raw_bbox.shape
                hint = "; it is a raw frame, pass it through assembleCcd first" if raw else ""
                raise RuntimeError(
                    f"the {name} frame has {frame.width} x {frame.height} pixels, wanted "
                    f"{shape[1]} x {shape[0]} as the assembled exposure{hint}"
                )
        if config.doDark:
            for what, each in (("exposure", exposure), ("dark frame", data.dark)):
                visit = None if each is None else each.visit_info
                if visit is None or math.isnan(visit.dark_time):
                    raise RuntimeError(f"the dark time of the {what} is not known")


def _is_in(planes: MaskedImage, out: MaskedImage) -> bool:
    """Return whether a frame has the pixels of the planes that were given."""
    return planes is out or planes.image.array is out.image.array


def _in_memory(planes: MaskedImage) -> list[Any]:
    """Return the pixels of planes that are there."""
    if isinstance(planes, StreamedFrame) and not planes.is_made:
        return []
    image = planes.image
    pending = isinstance(image, StoredImage) and image.is_pending
    arrays = [*([] if pending else [image.array]), *planes.extras()]
    return [array for array in arrays if array is not None]


def _copied(planes: MaskedImage, out: MaskedImage) -> MaskedImage:
    """Copy planes that a step has made into those that were given."""
    if out.shape != planes.shape:
        raise ShapeMismatchError(
            f"out has {out.width} x {out.height} pixels, "
            f"wanted {planes.width} x {planes.height} as the result"
        )
    for to, of in zip(out.getArrays(), planes.getArrays(), strict=True):
        to[...] = of
    return MaskedImage(*out.getArrays(), xy0=planes.xy0)
