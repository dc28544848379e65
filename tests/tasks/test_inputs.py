import numpy as np
import pytest
from numpy.testing import assert_array_equal

import small_ccd
from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, IsrTask, IsrTaskConfig, RunIsrTask


def shelf(**changes):
    frames = small_ccd.calibrations()
    fringe = frames.pop("fringes").fringes
    return small_ccd.Shelf(
        **({"raw": small_ccd.raw(), "fringe": fringe, "ccdExposureId": 36007} | frames | changes)
    )


def configured(cls=IsrTaskConfig, **fields):
    config = cls()
    config.fringe.large, config.fringe.small, config.fringe.num = 3, 1, 200
    config.fringe.filters = ["i3"]
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def test_a_reference_is_read_corrected_and_stored():
    ref = shelf()
    task = IsrTask(config=configured())
    result = task.runDataRef(ref)
    assert ref.datasets["postISRCCD"] is result.exposure
    assert {"runDataRefStartUtc", "runDataRefEndUtc", "runStartUtc"} <= set(task.metadata)
    frames = small_ccd.calibrations()
    frames["fringes"].seed = 36007
    direct = IsrTask(config=configured()).run(small_ccd.raw(), **frames).exposure
    assert_array_equal(result.exposure.image.array, direct.image.array)
    again = IsrTask(config=configured(doWrite=False)).run(other := shelf())
    assert_array_equal(again.exposure.image.array, direct.image.array)
    assert "postISRCCD" not in other.datasets


def test_the_wrapper_runs_the_configured_task():
    config = RunIsrTask.ConfigClass()
    config.isr.retarget(CfhtIsrTask)
    config.isr = configured(CfhtIsrTaskConfig)
    result = RunIsrTask(config=config).runDataRef(ref := shelf())
    assert ref.datasets["postISRCCD"] is result.exposure
    assert result.exposure.detector["A"].gain == 1.6


def test_all_that_is_enabled_is_read_and_nothing_else():
    data = IsrTask(config=configured()).readIsrData(shelf(), small_ccd.raw()).getDict()
    assert {name for name, value in data.items() if value is not None} == {
        "bias",
        "dark",
        "flat",
        "defects",
        "fringes",
    }
    assert data["fringes"].seed == 36007
    off = {f"do{name}": False for name in ("Bias", "Dark", "Flat", "Defect", "Fringe")}
    data = IsrTask(config=configured(**off)).readIsrData(small_ccd.Shelf(), small_ccd.raw())
    assert data.fringes.fringes is None
    assert all(value is None for name, value in data.getDict().items() if name != "fringes")
    ref = small_ccd.Shelf(transmission_optics=1, transmission_filter=2, transmission_sensor=3)
    config = configured(doAttachTransmissionCurve=True, doUseAtmosphereTransmission=False, **off)
    data = IsrTask(config=config).readIsrData(ref, small_ccd.raw())
    assert (data.opticsTransmission, data.filterTransmission, data.sensorTransmission) == (1, 2, 3)
    assert data.atmosphereTransmission is None


@pytest.mark.parametrize("name", ["bias", "dark", "flat", "defects", "fringe"])
def test_what_is_not_there_is_named_with_the_data_id(name):
    ref = shelf()
    del ref.datasets[name]
    with pytest.raises(RuntimeError, match=rf"cannot retrieve {name} for .*'visit': 1000"):
        IsrTask(config=configured()).runDataRef(ref)


def test_another_filter_can_stand_in():
    ref = shelf()
    flat = ref.datasets.pop("flat")
    ref.datasets["flat", "r.MP9602"] = flat
    task = IsrTask(config=configured(fallbackFilterName="r.MP9602"))
    assert task.getIsrExposure(ref, "flat") is flat
    with pytest.raises(RuntimeError, match=r"nor with filter r\.MP9602"):
        task.getIsrExposure(ref, "sky")


def test_frames_in_raw_geometry_are_assembled_as_they_are_read():
    raw = small_ccd.raw(dtype=np.float32)
    ref = shelf(bias=raw)
    task = IsrTask(config=configured(doAssembleIsrExposures=True))
    bias = task.getIsrExposure(ref, "bias")
    assert_array_equal(bias.image.array, raw.image.array[:, 4:44])
    assert task.getIsrExposure(ref, "dark") is ref.datasets["dark"]
    assert IsrTask(config=configured()).getIsrExposure(ref, "bias") is raw
    ref.datasets["bias"] = small_ccd.raw()
    bias = task.getIsrExposure(ref, "bias")
    assert bias.image.dtype == np.float32
    assert not bias.variance.array.any()


def test_a_plain_get_will_do():
    class Plain:
        dataId = "one"

        def get(self, name):
            return {"bias": small_ccd.frame(1.0)}[name]

    frame = IsrTask(config=configured()).getIsrExposure(Plain(), "bias")
    assert frame.masked_image.shape == small_ccd.SHAPE


def test_no_camera_is_an_error_only_where_it_is_needed():
    with pytest.raises(RuntimeError, match="no camera"):
        IsrTask(config=configured(doAddDistortionModel=True)).runDataRef(shelf())
