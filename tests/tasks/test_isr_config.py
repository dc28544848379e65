import math

import pytest

from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, IsrTaskConfig, RunIsrTask, config_files
from cfhtisr.tasks import presets

DOCUMENTED = """
datasetType fallbackFilterName expectWcs fwhm qa doConvertIntToFloat doSaturation
saturatedMaskName saturation growSaturationFootprintSize doSuspect suspectMaskName
numEdgeSuspect doSetBadRegions badStatistic doOverscan overscanFitType overscanOrder
overscanNumSigmaClip overscanIsInt overscanNumLeadingColumnsToSkip
overscanNumTrailingColumnsToSkip overscanMaxDev overscanBiasJump overscanBiasJumpKeyword
overscanBiasJumpDevices overscanBiasJumpLocation doAssembleCcd assembleCcd
doAssembleIsrExposures doTrimToMatchCalib doBias biasDataProductName doVariance gain readNoise
doEmpiricalReadNoise doLinearize doCrosstalk doCrosstalkBeforeAssemble crosstalk
doWidenSaturationTrails doBrighterFatter brighterFatterLevel brighterFatterKernelFile
brighterFatterMaxIter brighterFatterThreshold brighterFatterApplyGain doDefect
doSaturationInterpolation doDark darkDataProductName doStrayLight strayLight doFlat
flatDataProductName flatScalingType flatUserScale doTweakFlat doApplyGains normalizeGains
doFringe fringe fringeAfterFlat doNanInterpAfterFlat doAddDistortionModel doMeasureBackground
doCameraSpecificMasking masking fluxMag0T1 defaultFluxMag0T1 doVignette vignette
doAttachTransmissionCurve doUseOpticsTransmission doUseFilterTransmission
doUseSensorTransmission doUseAtmosphereTransmission doWrite
""".split()


OURS = """
parity pixelUnit overscanDirection parallelOverscanFitType overscanSkipEdgeColumns
overscanOutlierSigma doAmpOffset ampOffsetWidth ampOffsetMinSigma doMaskBleeds bleedMaskName
bleedMinLength bleedNumSigma
""".split()


def test_every_documented_field_is_there():
    assert set(IsrTaskConfig._fields) == {*DOCUMENTED, *OURS}
    assert set(CfhtIsrTaskConfig._fields) == {*DOCUMENTED, *OURS, "safe"}


def test_documented_defaults_of_subtasks():
    config = IsrTaskConfig()
    assert config.fringe.toDict() == {
        "filters": [],
        "num": 30000,
        "small": 3,
        "large": 30,
        "iterations": 20,
        "clip": 3.0,
        "pedestal": False,
        "stats": {
            "badMaskPlanes": ["SAT"],
            "stat": 32,
            "clip": 3.0,
            "iterations": 3,
            "rngSeedOffset": 0,
        },
    }
    assert config.assembleCcd.toDict() == {"doTrim": True, "keysToRemove": []}
    assert config.crosstalk.minPixelToMask == 45000.0
    assert config.crosstalk.crosstalkMaskPlane == "CROSSTALK"
    assert config.vignette.toDict() == {
        "xCenter": 0.0,
        "yCenter": 0.0,
        "radius": 100.0,
        "numPolygonPoints": 100,
        "doWriteVignettePolygon": False,
    }
    with pytest.raises(ValueError, match="radius"):
        config.vignette.radius = -1.0
    assert math.isnan(config.gain)
    assert math.isnan(config.saturation)
    assert CfhtIsrTaskConfig().safe == 0.95


def test_flat_and_gains_exclude_each_other():
    config = IsrTaskConfig()
    config.doApplyGains = True
    with pytest.raises(ValueError, match="exclude each other"):
        config.validate()
    config.doFlat = False
    config.validate()


def test_the_overscan_default_follows_the_parity_until_it_is_set():
    config = CfhtIsrTaskConfig()
    assert config.overscanFitType == "MEDIAN_PER_ROW"
    config.parity = "lsst-v17"
    assert config.overscanFitType == "MEDIAN"
    config.parity = "none"
    assert config.overscanFitType == "MEDIAN_PER_ROW"
    config.overscanFitType = "MEDIAN_PER_ROW"
    config.parity = "lsst-v17"
    assert config.overscanFitType == "MEDIAN_PER_ROW"
    assert CfhtIsrTaskConfig(parity="lsst-v17").overscanFitType == "MEDIAN"
    base = IsrTaskConfig()
    assert base.overscanFitType == "MEDIAN"
    base.parity = "lsst-v17"
    assert base.overscanFitType == "MEDIAN"
    with pytest.raises(ValueError, match="parity"):
        base.parity = "v18"


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_overscan_default_survives_a_round_trip(tmp_path, by_hand):
    config = CfhtIsrTaskConfig()
    if by_hand:
        config.overscanFitType = "MEDIAN_PER_ROW"
    config.parity = "lsst-v17"
    config_files.save(config, tmp_path / "isr.py")
    again = CfhtIsrTaskConfig()
    config_files.apply(again, tmp_path / "isr.py")
    assert again.compare(config)


def test_the_preset_sets_what_cfht_loaded():
    config = CfhtIsrTaskConfig()
    presets.apply(config, "lsst-v17")
    assert config.parity == "lsst-v17"
    assert config.overscanFitType == "MEDIAN"
    switches = ("doBias", "doDark", "doFlat", "doFringe", "fringeAfterFlat", "doWrite")
    assert not any(getattr(config, name) for name in switches)
    assert config.doAssembleIsrExposures
    assert list(config.fringe.filters) == ["i", "i2", "z"]
    assert (config.fringe.pedestal, config.fringe.small, config.fringe.large) == (True, 1, 50)
    config.validate()
    outer = RunIsrTask.ConfigClass()
    presets.apply(outer, "lsst-v17")
    assert outer.isr.target is CfhtIsrTask
    assert outer.isr.value.compare(config)
    with pytest.raises(ValueError, match="'lsst-v18'"):
        presets.apply(config, "lsst-v18")


def test_a_saved_configuration_of_the_wrapper_keeps_its_retarget(tmp_path):
    config = RunIsrTask.ConfigClass()
    config.isr.retarget(CfhtIsrTask)
    config.isr.safe = 0.9
    config_files.save(config, tmp_path / "runIsr.py")
    again = RunIsrTask.ConfigClass()
    config_files.apply(again, tmp_path / "runIsr.py")
    assert again.isr.target is CfhtIsrTask
    assert again.isr.safe == 0.9
    assert isinstance(RunIsrTask(config=again).isr, CfhtIsrTask)


def test_an_unknown_field_is_refused_with_a_hint():
    with pytest.raises(AttributeError) as caught:
        config_files.apply_item(CfhtIsrTaskConfig(), "doDefects=False")
    assert str(caught.value) == (
        "doDefects=False: CfhtIsrTaskConfig has no field 'doDefects'; did you mean doDefect?"
    )
