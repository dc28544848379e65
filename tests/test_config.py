import math

import pytest
from lsst.pex.config import Config

from cfhtisr import config as plain

DOCUMENTED = {
    "ConversionConfig": {"doConvertIntToFloat": True},
    "BiasConfig": {"doBias": True, "biasDataProductName": "bias"},
    "DarkConfig": {"doDark": True, "darkDataProductName": "dark"},
    "FlatConfig": {
        "doFlat": True,
        "flatDataProductName": "flat",
        "flatScalingType": "USER",
        "flatUserScale": 1.0,
        "doTweakFlat": False,
        "doApplyGains": False,
        "normalizeGains": False,
    },
    "OverscanConfig": {
        "doOverscan": True,
        "overscanFitType": "MEDIAN",
        "overscanOrder": 1,
        "overscanNumSigmaClip": 3.0,
        "overscanIsInt": True,
        "overscanNumLeadingColumnsToSkip": 0,
        "overscanNumTrailingColumnsToSkip": 0,
        "overscanMaxDev": 1000.0,
        "overscanDirection": "SERIAL",
        "parallelOverscanFitType": "MEDIAN_PER_COLUMN",
        "overscanSkipEdgeColumns": "auto",
        "overscanOutlierSigma": 5.0,
        "overscanBiasJump": False,
        "overscanBiasJumpKeyword": "NO_SUCH_KEY",
        "overscanBiasJumpDevices": [],
        "overscanBiasJumpLocation": 0,
    },
    "BadRegionsConfig": {"doSetBadRegions": True, "badStatistic": "MEANCLIP"},
    "PhotometryConfig": {
        "fluxMag0T1": {"Unknown": math.pow(10.0, 0.4 * 28)},
        "defaultFluxMag0T1": math.pow(10.0, 0.4 * 28),
    },
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_defaults_are_the_documented_ones(name):
    assert getattr(plain, name)().toDict() == DOCUMENTED[name]


@pytest.mark.parametrize(
    "name", [name for name in plain.__all__ if isinstance(getattr(plain, name), type)]
)
def test_every_field_has_a_doc_and_refuses_the_wrong_type(name):
    cls = getattr(plain, name)
    if not issubclass(cls, Config):
        return
    for field in cls._fields.values():
        assert field.doc.endswith((".", "?", ")"))
        with pytest.raises((TypeError, ValueError)):
            setattr(cls(), field.name, object())
    cls().validate()


def test_choices_and_checks():
    config = plain.OverscanConfig()
    for good in ("POLY", "CHEB", "AKIMA_SPLINE", "MEAN_PER_ROW", "MEDIAN_PER_ROW"):
        config.overscanFitType = good
    with pytest.raises(ValueError, match="CUBIC is not allowed"):
        config.overscanFitType = "CUBIC"
    with pytest.raises(ValueError, match="not a valid value"):
        config.overscanMaxDev = 0.0
    with pytest.raises(AttributeError, match="doOverscann"):
        config.doOverscann = True
    config.overscanFitType = None
    with pytest.raises(ValueError, match="cannot be None"):
        config.validate()
