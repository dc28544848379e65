import numpy as np
import pytest
from numpy.testing import assert_allclose

from cfhtisr import Struct
from cfhtisr.tasks.measure_crosstalk import (
    MeasureCrosstalkConfig,
    MeasureCrosstalkTask,
    writeCrosstalkCoeffs,
)
from crosstalk_samples import four_amplifiers


class Reference:
    """A data reference that has a corrected exposure, or none."""

    def __init__(self, stored=None):
        self.stored = stored
        self.dataId = {"visit": 1}

    def get(self, name):
        if self.stored is None:
            raise LookupError(name)
        return self.stored


def measuring(**fields):
    config = MeasureCrosstalkConfig()
    config.threshold = 12344
    for name, value in fields.items():
        setattr(config, name, value)
    return MeasureCrosstalkTask(config=config)


def test_defaults():
    config = MeasureCrosstalkConfig()
    assert (config.threshold, config.doRerunIsr, config.rejIter) == (30000.0, True, 3)
    assert (config.rejSigma, list(config.badMask)) == (2.0, ["SAT", "BAD", "INTRP"])
    assert not config.isr.doWrite
    assert config.isr.growSaturationFootprintSize == 0


@pytest.mark.parametrize("stored", [True, False])
def test_a_matrix_from_stored_or_corrected_exposures(stored):
    exposure, _, matrix = four_amplifiers()
    task = measuring(doRerunIsr=not stored)
    made = []

    def correct(dataRef):
        made.append(dataRef.dataId)
        return Struct(exposure=exposure)

    task.isr.runDataRef = correct
    ratios = task.runDataRef(Reference(exposure if stored else None))
    assert len(made) == (not stored)
    coeff, _, number = task.reduce([None, ratios, ratios])
    assert_allclose(coeff, matrix, atol=1e-6)
    assert number[0, 1] == 2 * task.reduce([ratios])[2][0, 1]


def test_what_is_not_stored_is_made():
    exposure, _, _ = four_amplifiers()
    task = measuring(doRerunIsr=False)
    task.isr.runDataRef = lambda dataRef: Struct(exposure=exposure)
    assert task.runDataRef(Reference())[0][1].size > 0


def test_no_ratios(caplog):
    with pytest.raises(RuntimeError, match="no ratios"):
        measuring().reduce([None, None])
    empty = [[None, np.empty(0)], [None, None]]
    coeff, _, _ = measuring().reduce([empty])
    assert np.isnan(coeff[0, 1])
    assert "amplifier 0 from amplifier 1" in caplog.text


def test_written_coefficients_are_yaml(tmp_path):
    yaml = pytest.importorskip("yaml")
    exposure, _, matrix = four_amplifiers()
    writeCrosstalkCoeffs(tmp_path / "a.yaml", matrix, exposure.detector, "night 1")
    text = (tmp_path / "a.yaml").read_text()
    assert text.splitlines()[2] == (
        '    "A0": {"A0": 0.0000e+00, "A1": 1.0000e-04, "A2": 2.0000e-04, "A3": 3.0000e-04}'
    )
    found = yaml.safe_load(text)["crosstalk"]["night 1"]
    names = [amp.name for amp in exposure.detector]
    assert list(found) == names
    assert_allclose([[found[i][j] for j in names] for i in names], matrix, rtol=1e-4)
    five = np.full((5, 5), np.nan)
    writeCrosstalkCoeffs(tmp_path / "a.yaml", five, indent=4)
    found = yaml.safe_load((tmp_path / "a.yaml").read_text())["crosstalk"]["Unknown"]
    assert list(found["4"]) == list("01234")
    assert np.isnan(found["4"]["0"])
    with pytest.raises(AssertionError, match="shape"):
        writeCrosstalkCoeffs(tmp_path / "b.yaml", five, exposure.detector)
    assert not (tmp_path / "b.yaml").exists()
