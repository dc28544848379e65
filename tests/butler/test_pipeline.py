"""What a pipeline takes, and what it refuses before anything is done."""

import pytest

pytest.importorskip("lsst.pipe.base", reason="needs the extra [pipeline]")

from cfhtisr.butler import NoResults
from cfhtisr.butler.pipeline import CfhtIsrConnections, CfhtIsrPipelineConfig, _QuantumRef

REFUSED = [
    ("doWrite", False, "isr.doWrite is False"),
    ("doBrighterFatter", True, "isr.doBrighterFatter is True, wanted False"),
    ("doAttachTransmissionCurve", True, "isr.doAttachTransmissionCurve is True, wanted False"),
    ("fallbackFilterName", "i2", "isr.fallbackFilterName is 'i2', wanted None"),
    ("datasetType", "calexp", r"isr.datasetType is 'calexp', wanted 'raw'.*connections\.raw"),
    ("biasDataProductName", "b", r"biasDataProductName is 'b', wanted 'bias'.*connections\.bias"),
    ("darkDataProductName", "d", r"darkDataProductName is 'd', wanted 'dark'.*connections\.dark"),
    ("flatDataProductName", "f", r"flatDataProductName is 'f', wanted 'flat'.*connections\.flat"),
]


def test_the_defaults_are_taken():
    CfhtIsrPipelineConfig().validate()


@pytest.mark.parametrize(("field", "value", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_a_pipeline_cannot_do_is_refused(field, value, text):
    config = CfhtIsrPipelineConfig()
    setattr(config.isr, field, value)
    with pytest.raises(ValueError, match=text):
        config.validate()


def test_connections_follow_the_switches():
    config = CfhtIsrPipelineConfig()
    asked = set(CfhtIsrConnections(config=config).prerequisiteInputs)
    assert {"bias", "flat", "fringe", "defects"} <= asked
    for name in ("doBias", "doFlat", "doFringe", "doDefect"):
        setattr(config.isr, name, False)
    less = set(CfhtIsrConnections(config=config).prerequisiteInputs)
    assert asked - less == {"bias", "flat", "fringe", "defects"}


def test_an_input_is_of_the_quantum_only():
    ref = _QuantumRef({"visit": 1, "ccd": 2, "filter": "i2"}, {"flat": "of i2", "dark": None})
    assert ref.get("flat") == ref.get("flat", filter="i2", immediate=True) == "of i2"
    for name, more in (("flat", {"filter": "r2"}), ("flat", {"ccd": 3}), ("dark", {})):
        with pytest.raises(NoResults, match=f"the pipeline has no {name}"):
            ref.get(name, **more)
