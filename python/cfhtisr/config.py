"""The plain fields of each step, a small class for every step.

`cfhtisr.tasks.isr.IsrTaskConfig` joins them with the fields of the subtasks. Names, types
and defaults are the documented ones; where a default differs, the field's doc says why.
"""

__all__ = [
    "AmpOffsetConfig",
    "AssemblyConfig",
    "BackgroundConfig",
    "BadRegionsConfig",
    "BiasConfig",
    "BrighterFatterConfig",
    "ConversionConfig",
    "CrosstalkStepConfig",
    "DarkConfig",
    "DefectsConfig",
    "DistortionConfig",
    "FlatConfig",
    "FringeStepConfig",
    "GeneralConfig",
    "IsrQaConfig",
    "IsrQaFlatnessConfig",
    "LinearityConfig",
    "MaskingStepConfig",
    "NanConfig",
    "OutputConfig",
    "OverscanConfig",
    "ParityField",
    "PhotometryConfig",
    "SaturationConfig",
    "StrayLightStepConfig",
    "TransmissionConfig",
    "VarianceConfig",
    "VignetteStepConfig",
    "overscan_type_field",
]

import math
from typing import Any

from lsst.pex.config import (
    ChoiceField,
    Config,
    ConfigField,
    DictField,
    Field,
    ListField,
)


def _choice(doc: str, default: str, allowed: dict[str, str]) -> Any:
    """Return a field that takes one of a few strings, and never None."""
    return ChoiceField(doc=doc, dtype=str, default=default, allowed=allowed, optional=False)


def _positive(value: float) -> bool:
    return value > 0


def _not_negative(value: float) -> bool:
    return value >= 0


def _at_least_one(value: int) -> bool:
    return value >= 1


class ParityField(ChoiceField):  # type: ignore[type-arg]
    """The choice between correct and as the reference did; a change of it moves defaults."""

    def __set__(self, instance: Any, value: Any, at: Any = None, label: str = "assignment") -> None:
        super().__set__(instance, value, at=at, label=label)
        if label != "default" and hasattr(instance, "followParity"):
            instance.followParity(at)


class IsrQaFlatnessConfig(Config):
    """How flat the background is, measured on a mesh."""

    meshX = Field[int](doc="Width of a cell [pixel].", default=256)
    meshY = Field[int](doc="Height of a cell [pixel].", default=256)
    doClip = Field[bool](doc="Take the clipped mean of a cell, rather than its mean?", default=True)
    clipSigma = Field[float](
        doc="Where to clip [standard deviations]; also for statistics of overscan fits.",
        default=3.0,
    )
    nIter = Field[int](doc="How often to clip; also for statistics of overscan fits.", default=3)


class IsrQaConfig(Config):
    """What is noted and shown for quality's sake."""

    saveStats = Field[bool](
        doc="Note statistics of each amplifier in the task's metadata?", default=True
    )
    flatness: Any = ConfigField(doc="The mesh of the background.", dtype=IsrQaFlatnessConfig)
    doWriteOss = Field[bool](doc="Accepted, but without any effect.", default=False)
    doThumbnailOss = Field[bool](
        doc="Make a thumbnail after overscan subtraction and assembly?",
        default=False,
    )
    doWriteFlattened = Field[bool](doc="Accepted, but without any effect.", default=False)
    doThumbnailFlattened = Field[bool](doc="Make a thumbnail after the flat?", default=False)
    thumbnailBinning = Field[int](doc="Pixels of the image in one of a thumbnail.", default=4)
    thumbnailStdev = Field[float](
        doc="Black lies this far below the median [standard deviations].", default=3.0
    )
    thumbnailRange = Field[float](doc="Range of the stretch of a thumbnail [ADU].", default=5.0)
    thumbnailQ = Field[float](doc="Softening of the asinh stretch of a thumbnail.", default=20.0)
    thumbnailSatBorder = Field[int](
        doc="Border in which saturated areas are recoloured [pixel]; 0 for none.", default=2
    )


class GeneralConfig(Config):
    """What concerns more than one step."""

    parity = ParityField(
        doc="Whether the reference's oddities are wanted.",
        dtype=str,
        default="none",
        allowed={
            "none": "Correct: known mistakes of the reference are mended.",
            "lsst-v17": "The numbers of the reference, mistakes included.",
        },
        optional=False,
    )
    datasetType = Field[str](doc="Type of dataset that is corrected.", default="raw")
    fallbackFilterName = Field[str](
        doc="Filter to look for a calibration with when there is none of the exposure's own.",
        default=None,
        optional=True,
    )
    expectWcs = Field[bool](doc="Warn if an exposure has no WCS?", default=True)
    fwhm = Field[float](
        doc="Width of the point spread function [arcsec]. Kept for its name: interpolation "
        "does not depend on it.",
        default=1.0,
    )
    qa: Any = ConfigField(doc="What is noted and shown for quality's sake.", dtype=IsrQaConfig)


class ConversionConfig(Config):
    """Integer to float."""

    doConvertIntToFloat = Field[bool](doc="Convert integer pixels to float32?", default=True)


class SaturationConfig(Config):
    """Saturated and suspect pixels."""

    doSaturation = Field[bool](doc="Mask saturated pixels?", default=True)
    saturatedMaskName = Field[str](doc="Mask plane of saturated pixels.", default="SAT")
    saturation = Field[float](
        doc="Saturation level where there is no detector [ADU]; NaN for none.", default=math.nan
    )
    growSaturationFootprintSize = Field[int](
        doc="Growth of saturated areas before they are interpolated [pixel].", default=1
    )
    doSuspect = Field[bool](doc="Mask pixels above the suspect level?", default=True)
    suspectMaskName = Field[str](doc="Mask plane of suspect pixels.", default="SUSPECT")
    numEdgeSuspect = Field[int](
        doc="Width of the border that is masked as SUSPECT [pixel].", default=0
    )
    doWidenSaturationTrails = Field[bool](
        doc="Widen saturated rows according to their length?", default=True
    )
    doMaskBleeds = Field[bool](
        doc="Mask trails of saturated columns where they go on below the saturation level?",
        default=False,
    )
    bleedMaskName = Field[str](doc="Mask plane of such trails.", default="SAT")
    bleedMinLength = Field[int](
        doc="A trail is looked for where so many pixels of a column are saturated [pixel].",
        default=20,
        check=_at_least_one,
    )
    bleedNumSigma = Field[float](
        doc="A trail goes on while eight rows of it exceed the columns beside it by this "
        "[standard deviations].",
        default=3.0,
        check=_not_negative,
    )
    doSaturationInterpolation = Field[bool](
        doc="Interpolate over saturated pixels? (With parity lsst-v17, doSaturation decides.)",
        default=True,
    )


class BadRegionsConfig(Config):
    """What is left of bad areas."""

    doSetBadRegions = Field[bool](
        doc="Fill BAD pixels that were not interpolated with a typical value?", default=True
    )
    badStatistic = _choice(
        doc="The typical value. (With parity lsst-v17, always MEDIAN.)",
        default="MEANCLIP",
        allowed={"MEANCLIP": "Clipped mean of the good pixels.", "MEDIAN": "Their median."},
    )


def overscan_type_field(default: str) -> Any:
    """Return the field of the overscan's model."""
    return _choice(
        doc="How the overscan level is found.",
        default=default,
        allowed={
            "POLY": "A polynomial of the row.",
            "CHEB": "A polynomial of the row, in Chebyshev's basis.",
            "LEG": "A polynomial of the row, in Legendre's basis.",
            "NATURAL_SPLINE": "A natural cubic spline through bins of rows.",
            "CUBIC_SPLINE": "The same.",
            "AKIMA_SPLINE": "An Akima spline through bins of rows.",
            "MEAN": "One mean for the amplifier.",
            "MEANCLIP": "One clipped mean for the amplifier.",
            "MEDIAN": "One median for the amplifier.",
            "MEAN_PER_ROW": "A clipped mean for each row.",
            "MEDIAN_PER_ROW": "A median for each row.",
        },
    )


class OverscanConfig(Config):
    """The bias level of each amplifier."""

    doOverscan = Field[bool](doc="Subtract the overscan level?", default=True)
    overscanFitType = overscan_type_field("MEDIAN")
    overscanOrder = Field[int](
        doc="Degree of a polynomial, or number of bins of a spline.", default=1
    )
    overscanNumSigmaClip = Field[float](
        doc="Rejection in each row before a fit [standard deviations]. (With parity lsst-v17, "
        "always 3.)",
        default=3.0,
    )
    overscanIsInt = Field[bool](
        doc="Treat pixels as integers for MEDIAN, so that ties give fractions of 1 ADU?",
        default=True,
    )
    overscanNumLeadingColumnsToSkip = Field[int](
        doc="Columns of the overscan next to the data that are not used.", default=0
    )
    overscanNumTrailingColumnsToSkip = Field[int](
        doc="Columns of the overscan at the far side that are not used.", default=0
    )
    overscanMaxDev = Field[float](
        doc="Overscan pixels further than this from their median are ignored [ADU].",
        default=1000.0,
        check=_positive,
    )
    overscanDirection = _choice(
        doc="Which overscan is used.",
        default="SERIAL",
        allowed={
            "SERIAL": "The columns beside the data.",
            "PARALLEL": "The rows above the data.",
            "BOTH": "The columns first, for these rows too; then the rows.",
        },
    )
    parallelOverscanFitType = _choice(
        doc="How the level is found in the rows above the data.",
        default="MEDIAN_PER_COLUMN",
        allowed={
            "MEDIAN_PER_COLUMN": "A median for each column.",
            "MEDIAN": "One median for the amplifier.",
        },
    )
    overscanSkipEdgeColumns = _choice(
        doc="Whether the first and the last overscan column are skipped, beside those that are "
        "skipped by number. (With parity lsst-v17, never.)",
        default="auto",
        allowed={
            "auto": "A column that is off the others by more than 5 standard errors, and by more "
            "than a quarter of the noise of a pixel.",
            "never": "Neither is.",
        },
    )
    overscanOutlierSigma = Field[float](
        doc="For a level per row (or column): rows further than this from those around them, "
        "with samples that scatter twice as much, are filled from their neighbours [standard "
        "deviations]; 0 for none. (With parity lsst-v17, none.)",
        default=5.0,
        check=_not_negative,
    )
    overscanBiasJump = Field[bool](
        doc="Correct devices with a jump of the bias in two pieces?", default=False
    )
    overscanBiasJumpKeyword = Field[str](
        doc="Header card that names the device.", default="NO_SUCH_KEY"
    )
    overscanBiasJumpDevices: Any = ListField(
        doc="Values of that card for which there is a jump.", dtype=str, default=[]
    )
    overscanBiasJumpLocation = Field[int](
        doc="Rows between the readout edge and the jump; 0 for no jump.", default=0
    )


class AmpOffsetConfig(Config):
    """The step along the border of two amplifiers."""

    doAmpOffset = Field[bool](
        doc="Remove the step along the border of two amplifiers? It is measured and noted in any "
        "case (with parity lsst-v17, only if it is to be removed).",
        default=False,
    )
    ampOffsetWidth = Field[int](
        doc="How many columns on each side of a border are used [pixel].",
        default=64,
        check=_at_least_one,
    )
    ampOffsetMinSigma = Field[float](
        doc="A step is removed if it exceeds its error by this factor.",
        default=3.0,
        check=_not_negative,
    )


class AssemblyConfig(Config):
    """From amplifiers to a CCD."""

    doAssembleCcd = Field[bool](doc="Assemble the amplifiers to a CCD?", default=True)
    doAssembleIsrExposures = Field[bool](
        doc="Assemble calibration frames as they are read? Frames that are assembled already "
        "are left alone. (With parity lsst-v17, all are assembled.)",
        default=False,
    )
    doTrimToMatchCalib = Field[bool](
        doc="Correct only the middle of an exposure that is larger than a calibration frame?",
        default=False,
    )


class BiasConfig(Config):
    """The bias frame."""

    doBias = Field[bool](doc="Subtract a bias frame?", default=True)
    biasDataProductName = Field[str](doc="Type of dataset of bias frames.", default="bias")


class VarianceConfig(Config):
    """Photon and read noise."""

    doVariance = Field[bool](doc="Compute the variance plane?", default=True)
    gain = Field[float](
        doc="Gain where there is no detector [electron/ADU]; NaN for 1.", default=math.nan
    )
    readNoise = Field[float](doc="Read noise where there is no detector [electron].", default=0.0)
    doEmpiricalReadNoise = Field[bool](
        doc="Measure the read noise in the corrected overscan?", default=False
    )


class LinearityConfig(Config):
    """Non-linearity."""

    doLinearize = Field[bool](
        doc="Correct the linearity of detectors that declare a type, with the linearizer that "
        "they then need? (MegaCam's declare none.)",
        default=True,
    )


class CrosstalkStepConfig(Config):
    """Crosstalk within a CCD."""

    doCrosstalk = Field[bool](doc="Correct crosstalk between amplifiers?", default=False)
    doCrosstalkBeforeAssemble = Field[bool](
        doc="Correct crosstalk on the raw frame, rather than after linearization?", default=True
    )


class BrighterFatterConfig(Config):
    """The brighter-fatter effect."""

    doBrighterFatter = Field[bool](doc="Correct the brighter-fatter effect?", default=False)
    brighterFatterLevel = _choice(
        doc="What a kernel is for.",
        default="DETECTOR",
        allowed={"AMP": "An amplifier.", "DETECTOR": "A detector."},
    )
    brighterFatterKernelFile = Field[str](doc="Accepted, but without any effect.", default="")
    brighterFatterMaxIter = Field[int](doc="Most iterations.", default=10)
    brighterFatterThreshold = Field[float](
        doc="Iteration ends when the sum of changes is below this [ADU, or electron].",
        default=1000.0,
    )
    brighterFatterApplyGain = Field[bool](doc="Work in electrons?", default=True)


class DefectsConfig(Config):
    """Defects."""

    doDefect = Field[bool](doc="Mask defects, and interpolate over them?", default=True)


class DarkConfig(Config):
    """The dark frame."""

    doDark = Field[bool](doc="Subtract a dark frame, scaled by dark time?", default=True)
    darkDataProductName = Field[str](doc="Type of dataset of dark frames.", default="dark")


class StrayLightStepConfig(Config):
    """Stray light."""

    doStrayLight = Field[bool](
        doc="Run the stray-light subtask (which does nothing unless retargeted)?", default=False
    )


class FlatConfig(Config):
    """The flat field, or gains in its place."""

    doFlat = Field[bool](doc="Divide by a flat field?", default=True)
    flatDataProductName = Field[str](doc="Type of dataset of flat fields.", default="flat")
    flatScalingType = _choice(
        doc="By what a flat field is divided before use.",
        default="USER",
        allowed={
            "USER": "By flatUserScale.",
            "MEAN": "By its mean.",
            "MEDIAN": "By its median.",
        },
    )
    flatUserScale = Field[float](doc="Scale of a flat field for USER [its unit].", default=1.0)
    doTweakFlat = Field[bool](doc="Accepted, but without any effect.", default=False)
    doApplyGains = Field[bool](
        doc="Multiply each amplifier by its gain, in place of the flat field?",
        default=False,
    )
    normalizeGains = Field[bool](
        doc="Then make the medians of the amplifiers equal?", default=False
    )


class FringeStepConfig(Config):
    """Fringes."""

    doFringe = Field[bool](
        doc="Subtract fringes from exposures in the filters of fringe.filters?", default=True
    )
    fringeAfterFlat = Field[bool](
        doc="Subtract fringes after the flat field, rather than before?", default=True
    )


class NanConfig(Config):
    """Pixels without a number."""

    doNanInterpAfterFlat = Field[bool](
        doc="Interpolate over NaN after the flat even if the brighter-fatter step did it before?",
        default=False,
    )


class DistortionConfig(Config):
    """The camera's distortion."""

    doAddDistortionModel = Field[bool](
        doc="Put the camera's distortion into the WCS, as SIP polynomials? Off, though the "
        "documented default is on: an exposure without a WCS that is a plain TAN is refused, and "
        "the nominal WCS of raw headers places the CCDs as if it knew of the distortion. For such "
        "a WCS leave this off and call cfhtisr.isr.distortion.add_model with anchored=True, which "
        "keeps the middle of each CCD where it is.",
        default=False,
    )


class BackgroundConfig(Config):
    """Sky level and flatness."""

    doMeasureBackground = Field[bool](
        doc="Measure level and flatness of the background?", default=False
    )


class MaskingStepConfig(Config):
    """Masks of a camera's own."""

    doCameraSpecificMasking = Field[bool](
        doc="Run the masking subtask (which does nothing unless retargeted)?", default=False
    )


class PhotometryConfig(Config):
    """The rough zero point."""

    fluxMag0T1: Any = DictField(
        doc="Counts of a source of magnitude 0 in 1 s, by filter [ADU].",
        keytype=str,
        itemtype=float,
        default={"Unknown": math.pow(10.0, 0.4 * 28.0)},
    )
    defaultFluxMag0T1 = Field[float](
        doc="Counts of a source of magnitude 0 in 1 s for all other filters [ADU].",
        default=math.pow(10.0, 0.4 * 28.0),
    )


class VignetteStepConfig(Config):
    """The part of the focal plane that is lit."""

    doVignette = Field[bool](
        doc="Run the vignette subtask, and attach the polygon of the lit area if "
        "vignette.doWriteVignettePolygon says so?",
        default=False,
    )


class TransmissionConfig(Config):
    """Throughput over wavelength."""

    doAttachTransmissionCurve = Field[bool](
        doc="Attach the throughput to the exposure?", default=False
    )
    doUseOpticsTransmission = Field[bool](doc="Use the throughput of the optics?", default=True)
    doUseFilterTransmission = Field[bool](doc="Use the throughput of the filter?", default=True)
    doUseSensorTransmission = Field[bool](doc="Use the throughput of the CCD?", default=True)
    doUseAtmosphereTransmission = Field[bool](
        doc="Use the throughput of the atmosphere?", default=True
    )


class OutputConfig(Config):
    """What is stored."""

    doWrite = Field[bool](doc="Store the corrected exposure?", default=True)
    pixelUnit = _choice(
        doc="Unit of the corrected pixels; every step works in ADU.",
        default="adu",
        allowed={"adu": "Counts.", "electron": "Electrons: each amplifier times its gain."},
    )
