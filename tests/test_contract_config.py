"""Every documented field of the ISR configuration: default, type, choices and checks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cfhtisr import CfhtIsrTaskConfig, IsrTaskConfig

ISR_FIELDS = {
    "datasetType": "raw",
    "fallbackFilterName": None,
    "expectWcs": True,
    "fwhm": 1.0,
    "doConvertIntToFloat": True,
    "doSaturation": True,
    "saturatedMaskName": "SAT",
    "saturation": np.nan,
    "growSaturationFootprintSize": 1,
    "doSuspect": True,
    "suspectMaskName": "SUSPECT",
    "numEdgeSuspect": 0,
    "doSetBadRegions": True,
    "badStatistic": "MEANCLIP",
    "doOverscan": True,
    "overscanFitType": "MEDIAN",
    "overscanOrder": 1,
    "overscanNumSigmaClip": 3.0,
    "overscanIsInt": True,
    "overscanNumLeadingColumnsToSkip": 0,
    "overscanNumTrailingColumnsToSkip": 0,
    "overscanMaxDev": 1000.0,
    "overscanBiasJump": False,
    "overscanBiasJumpKeyword": "NO_SUCH_KEY",
    "overscanBiasJumpDevices": [],
    "overscanBiasJumpLocation": 0,
    "doAssembleCcd": True,
    "assembleCcd.doTrim": True,
    "assembleCcd.keysToRemove": [],
    "doAssembleIsrExposures": False,
    "doTrimToMatchCalib": False,
    "doBias": True,
    "biasDataProductName": "bias",
    "doVariance": True,
    "gain": np.nan,
    "readNoise": 0.0,
    "doEmpiricalReadNoise": False,
    "doLinearize": True,
    "doCrosstalk": False,
    "doCrosstalkBeforeAssemble": True,
    "crosstalk.minPixelToMask": 45000.0,
    "crosstalk.crosstalkMaskPlane": "CROSSTALK",
    "doWidenSaturationTrails": True,
    "doBrighterFatter": False,
    "brighterFatterLevel": "DETECTOR",
    "brighterFatterKernelFile": "",
    "brighterFatterMaxIter": 10,
    "brighterFatterThreshold": 1000.0,
    "brighterFatterApplyGain": True,
    "doDefect": True,
    "doSaturationInterpolation": True,
    "doDark": True,
    "darkDataProductName": "dark",
    "doStrayLight": False,
    "strayLight.doRotatorAngleCorrection": False,
    "doFlat": True,
    "flatDataProductName": "flat",
    "flatScalingType": "USER",
    "flatUserScale": 1.0,
    "doTweakFlat": False,
    "doApplyGains": False,
    "normalizeGains": False,
    "doFringe": True,
    "fringe.filters": [],
    "fringe.num": 30000,
    "fringe.small": 3,
    "fringe.large": 30,
    "fringe.iterations": 20,
    "fringe.clip": 3.0,
    "fringe.pedestal": False,
    "fringe.stats.badMaskPlanes": ["SAT"],
    "fringe.stats.stat": 32,
    "fringe.stats.clip": 3.0,
    "fringe.stats.iterations": 3,
    "fringe.stats.rngSeedOffset": 0,
    "fringeAfterFlat": True,
    "doNanInterpAfterFlat": False,
    # documented as on; off, since it refuses an exposure without a plain TAN WCS
    "doAddDistortionModel": False,
    "doMeasureBackground": False,
    "doCameraSpecificMasking": False,
    "masking.doSpecificMasking": False,
    "fluxMag0T1": {"Unknown": 10 ** (0.4 * 28)},
    "defaultFluxMag0T1": 10 ** (0.4 * 28),
    "doVignette": False,
    "vignette.xCenter": 0.0,
    "vignette.yCenter": 0.0,
    "vignette.radius": 100.0,
    "vignette.numPolygonPoints": 100,
    "vignette.doWriteVignettePolygon": False,
    "doAttachTransmissionCurve": False,
    "doUseOpticsTransmission": True,
    "doUseFilterTransmission": True,
    "doUseSensorTransmission": True,
    "doUseAtmosphereTransmission": True,
    "doWrite": True,
    "qa.saveStats": True,
    "qa.flatness.meshX": 256,
    "qa.flatness.meshY": 256,
    "qa.flatness.doClip": True,
    "qa.flatness.clipSigma": 3.0,
    "qa.flatness.nIter": 3,
    "qa.doWriteOss": False,
    "qa.doThumbnailOss": False,
    "qa.doWriteFlattened": False,
    "qa.doThumbnailFlattened": False,
    "qa.thumbnailBinning": 4,
    "qa.thumbnailStdev": 3.0,
    "qa.thumbnailRange": 5.0,
    "qa.thumbnailQ": 20.0,
    "qa.thumbnailSatBorder": 2,
    "parity": "none",
}
CHOICES = {
    "overscanFitType": (
        "POLY", "CHEB", "LEG", "NATURAL_SPLINE", "CUBIC_SPLINE", "AKIMA_SPLINE", "MEAN",
        "MEANCLIP", "MEDIAN", "MEDIAN_PER_ROW",
    ),
    "badStatistic": ("MEANCLIP", "MEDIAN"),
    "brighterFatterLevel": ("AMP", "DETECTOR"),
    "flatScalingType": ("USER", "MEAN", "MEDIAN"),
    "parity": ("none", "lsst-v17"),
}  # fmt: skip


def parent(made, field):
    *path, name = field.split(".")
    for part in path:
        made = getattr(made, part)
    return made, name


@pytest.mark.parametrize("field", ISR_FIELDS)
def test_every_documented_field_has_its_default_and_its_type(field):
    made = IsrTaskConfig()
    owner, name = parent(made, field)
    value, wanted = getattr(owner, name), ISR_FIELDS[field]
    if isinstance(wanted, list):
        assert list(value) == wanted
    elif isinstance(wanted, dict):
        assert dict(value) == wanted
    elif isinstance(wanted, float):
        assert_array_equal(value, wanted)
        setattr(owner, name, 7)  # whole numbers are numbers
        assert getattr(owner, name) == 7.0
    else:
        assert value == wanted
        assert type(value) is type(wanted)
    wrong = 5 if wanted is None or isinstance(wanted, str | list) else "text"
    with pytest.raises((TypeError, ValueError)):
        setattr(owner, name, wrong)


def test_the_fields_of_megacam():
    made = CfhtIsrTaskConfig()
    assert made.safe == 0.95
    assert made.overscanFitType == "MEDIAN_PER_ROW"
    made.parity = "lsst-v17"
    assert made.overscanFitType == "MEDIAN"
    assert made.doWrite
    assert made.doBias


@pytest.mark.parametrize("field", CHOICES)
def test_choices_are_closed(field):
    made = IsrTaskConfig()
    for choice in CHOICES[field]:
        setattr(made, field, choice)
    with pytest.raises(ValueError, match="NO_SUCH_CHOICE"):
        setattr(made, field, "NO_SUCH_CHOICE")


def test_what_a_configuration_refuses():
    made = CfhtIsrTaskConfig()
    with pytest.raises(AttributeError, match="doFlatt"):
        made.doFlatt = True
    for field, value in (("overscanMaxDev", 0.0), ("overscanMaxDev", -1.0)):
        with pytest.raises(ValueError, match=field):
            setattr(made, field, value)
    made.validate()
    made.doApplyGains = True
    with pytest.raises(ValueError, match=r"doFlat.*doApplyGains|doApplyGains.*doFlat"):
        made.validate()
    made.doFlat = False
    made.validate()
    with pytest.raises(ValueError, match="radius"):
        made.vignette.radius = -1.0
