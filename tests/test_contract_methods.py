"""What every task can do: the documented methods, timers, data references, subclasses."""

import logging
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr import CfhtIsrTask, RunIsrTask
from contract_ccd import calibrations, config, raw, two_amplifiers


def test_the_documented_methods_of_a_task(caplog):
    task = CfhtIsrTask(config=config())
    assert task.canMultiprocess is True
    assert (task.getName(), task.getFullName()) == ("isr", "isr")
    assert list(task.getTaskDict()) == [
        "isr",
        "isr.assembleCcd",
        "isr.crosstalk",
        "isr.strayLight",
        "isr.fringe",
        "isr.masking",
        "isr.vignette",
    ]
    assert task.assembleCcd.getFullName() == "isr.assembleCcd"
    assert set(task.assembleCcd.getTaskDict()) == set(task.getTaskDict())
    assert task.getSchemaCatalogs() == task.getAllSchemaCatalogs() == {}
    field = CfhtIsrTask.makeField("Removes the instrument signature.")
    assert field.doc == "Removes the instrument signature."
    with pytest.raises(KeyError, match="noSuchPart"):
        task.makeSubtask("noSuchPart")
    with pytest.raises(ValueError, match="sad"), task.timer("step"):
        raise ValueError("sad")
    names = list(task.metadata.names())
    items = [
        "Utc",
        "CpuTime",
        "UserTime",
        "SystemTime",
        "MaxResidentSetSize",
        "MinorPageFaults",
        "MajorPageFaults",
        "BlockInputs",
        "BlockOutputs",
        "VoluntaryContextSwitches",
        "InvoluntaryContextSwitches",
    ]
    assert names == [f"step{when}{item}" for when in ("Start", "End") for item in items]
    full = task.getFullMetadata()
    assert isinstance(full.getScalar("isr.stepStartCpuTime"), float)
    assert "isr:assembleCcd" in full.names()
    task.fringe.emptyMetadata()
    assert list(task.metadata.names()) == []
    assert type(pickle.loads(pickle.dumps(task))) is CfhtIsrTask
    assert CfhtIsrTask(config=config(), name="mine").getFullName() == "mine"
    assert CfhtIsrTask(config=config(), log=logging.getLogger("top")).log.name == "top.isr"
    with pytest.raises(RuntimeError, match="name"):
        cfhtisr.pipe.Task(config=config())


def test_a_run_is_timed_and_counted():
    task = CfhtIsrTask(config=config())
    task.run(raw(), **calibrations())
    for name in ("runStartUtc", "runEndCpuTime"):
        assert len(task.metadata.getArray(name)) == 1
    assert task.metadata.getScalar("NUMNANS") == 1
    for amp in "AB":
        assert task.metadata.getScalar(f"ISR OSCAN {amp} MEDIAN") > 1000
        assert task.metadata.getScalar(f"ISR VARIANCE {amp} MEDIAN") > 100
        assert task.metadata.getScalar(f"ISR VARIANCE {amp} STDEV") > 0
    task.run(raw(), **calibrations())
    assert len(task.metadata.getArray("runStartUtc")) == 2


class Shelf:
    """A data reference that finds what it has in a dictionary."""

    def __init__(self, **datasets):
        self.dataId = {"visit": 1234, "ccd": 3, "filter": "i.MP9703"}
        self.datasets = datasets

    def get(self, datasetType, immediate=True):
        return self.datasets[datasetType]

    def put(self, value, datasetType):
        self.datasets[datasetType] = value

    def datasetExists(self, datasetType):
        return datasetType in self.datasets


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_data_reference_is_read_and_written(wrapped):
    frames = calibrations()
    shelf = Shelf(raw=raw(), **frames)
    if wrapped:
        made = RunIsrTask.ConfigClass()
        made.isr.retarget(CfhtIsrTask)
        made.isr.doFringe = False
        task = RunIsrTask(config=made)
        assert task.isr.getFullName() == "runIsr.isr"
    else:
        task = CfhtIsrTask(config=config())
        data = task.readIsrData(shelf, shelf.get("raw"))
        assert set(data.getDict()) == {
            "bias",
            "linearizer",
            "crosstalkSources",
            "dark",
            "flat",
            "bfKernel",
            "defects",
            "fringes",
            "opticsTransmission",
            "filterTransmission",
            "sensorTransmission",
            "atmosphereTransmission",
        }
        assert data.bias is frames["bias"]
        assert data.linearizer is None
        assert data.fringes.fringes is None
    result = task.runDataRef(shelf)
    assert shelf.datasets["postISRCCD"] is result.exposure
    direct = CfhtIsrTask(config=config()).run(raw(), **frames).exposure
    assert_array_equal(result.exposure.image, direct.image)
    del shelf.datasets["flat"]
    with pytest.raises(RuntimeError, match=r"flat.*1234"):
        task.runDataRef(shelf)


@pytest.mark.parametrize("name", ["bias", "dark", "flat", "defects"])
def test_missing_inputs_are_named_before_a_pixel_is_touched(name):
    frames = calibrations()
    del frames[name]
    exposure = raw(dtype=np.float32)
    with pytest.raises(RuntimeError, match=name):
        CfhtIsrTask(config=config()).run(exposure, **frames)
    assert_array_equal(exposure.image, raw(dtype=np.float32).image)
    assert not exposure.mask.array.any()


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_a_subclass_that_overrides_a_step_changes_the_run(parity):
    class Mine(CfhtIsrTask):
        def darkCorrection(self, exposure, darkExposure, invert=False):
            exposure.image.array[:] = 42.0

        def flatCorrection(self, exposure, flatExposure, invert=False):
            assert (exposure.image.array == 42).all()

    out = Mine(config=config(parity=parity)).run(raw(), **calibrations()).exposure
    assert_allclose(out.image.array, 42, rtol=1e-4)


def test_a_kernel_of_the_brighter_fatter_effect_is_refused_at_once():
    with pytest.raises(ValueError, match="bfKernel"):
        CfhtIsrTask(config=config()).run(None, bfKernel=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="Q"):
        CfhtIsrTask(config=config()).run(raw(detector=two_amplifiers(("A", "Q"))), **calibrations())
