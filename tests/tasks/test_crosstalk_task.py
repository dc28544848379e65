import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, IsrTask, IsrTaskConfig
from cfhtisr.isr.linearity import LinearizeLookupTable, LinearizeSquared
from cfhtisr.tasks.crosstalk import CrosstalkConfig, CrosstalkTask, NullCrosstalkTask

MATRIX = np.float32([[0, 1e-3], [2e-3, 0]])
FLAGS = [name for name in IsrTaskConfig._fields if name.startswith("do")]


def configured(cls=IsrTaskConfig, on=(), **fields):
    config = cls()
    for name in FLAGS:
        setattr(config, name, name in (*on, "doConvertIntToFloat", "doOverscan", "doAssembleCcd"))
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def run(config, raw, cls=IsrTask, **inputs):
    return cls(config=config).run(raw, **inputs).exposure


def bright_raw():
    raw = small_ccd.raw()
    raw.detector.crosstalk = MATRIX
    raw.image.array[3, small_ccd.STRIP + 5] = 60000  # of amplifier A, sixth in its readout
    return raw


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("before", [True, False])
def test_crosstalk_before_and_after_assembly(parity, before):
    plain = run(configured(parity=parity), bright_raw())
    config = configured(on=["doCrosstalk"], parity=parity, doCrosstalkBeforeAssemble=before)
    assert config.doCrosstalkBeforeAssemble == before
    corrected = run(config, bright_raw())
    lost = plain.image.array - corrected.image.array
    victim = (3, 2 * small_ccd.WIDTH - 6)  # B is read out from the other side
    source = plain.image.array[3, 5]
    sky = np.median(plain.image.array[:, : small_ccd.WIDTH])
    if before and parity == "lsst-v17":  # its sky holds overscan pixels too
        sky = 0
    assert lost[victim] == pytest.approx(2e-3 * (source - sky), abs=2)
    assert corrected.mask.array[victim] & 1 << 10
    assert corrected.mask.count("CROSSTALK") == 1
    assert corrected.metadata["ISRXTALK"] is True
    assert plain.metadata["ISRXTALK"] is False


def test_both_places_give_the_same_pixels():
    early = run(configured(on=["doCrosstalk", "doCrosstalkBeforeAssemble"]), bright_raw())
    late = run(configured(on=["doCrosstalk"]), bright_raw())
    assert_array_equal(early.image.array, late.image.array)
    assert_array_equal(early.mask.array, late.mask.array)


def test_coefficients_may_come_from_the_configuration():
    config = configured(CfhtIsrTaskConfig, on=["doCrosstalk"])
    config.crosstalk.useConfigCoefficients = True
    config.crosstalk.crosstalkValues = [0, 1e-3, 2e-3, 0]
    config.crosstalk.crosstalkShape = [2, 2]
    raw = bright_raw()
    wanted = run(configured(CfhtIsrTaskConfig, on=["doCrosstalk"]), raw, CfhtIsrTask)
    raw.detector.crosstalk = None
    assert_array_equal(run(config, raw, CfhtIsrTask).image.array, wanted.image.array)


def test_what_is_missing_is_found_before_a_pixel_changes():
    raw = small_ccd.raw(dtype=np.float32)
    before = raw.image.array.copy()
    config = configured(on=["doCrosstalk"])
    with pytest.raises(RuntimeError, match="no crosstalk coefficients"):
        run(config, raw)
    config.crosstalk.useConfigCoefficients = True
    with pytest.raises(AssertionError, match="shape"):
        run(config, raw)
    config.crosstalk.crosstalkShape = [2, 2]
    with pytest.raises(ValueError, match=r"crosstalkShape is \[2, 2\] for 1"):
        run(config, raw)
    assert_array_equal(raw.image.array, before)


def test_another_task_can_take_its_place():
    raw = small_ccd.raw()  # without coefficients
    config = configured(on=["doCrosstalk"])
    config.crosstalk.retarget(NullCrosstalkTask)
    exposure = run(config, raw)
    assert_array_equal(exposure.image.array, run(configured(), small_ccd.raw()).image.array)
    assert exposure.metadata["ISRXTALK"] is False

    class Mine(CrosstalkTask):
        def run(self, exposure, crosstalkSources=None):
            exposure.image.array[...] = 7

    config.crosstalk.retarget(Mine)
    assert (run(config, raw).image.array == 7).all()


def test_the_task_on_its_own(caplog):
    task = CrosstalkTask(config=CrosstalkConfig())
    assert task.prepCrosstalk(None) is None
    exposure = IsrTask(config=configured()).convertIntToFloat(bright_raw())
    task.run(exposure, crosstalkSources=[exposure])
    assert "not used" in caplog.text
    assert exposure.mask.count("CROSSTALK") == 1
    exposure.detector = None
    with pytest.raises(RuntimeError, match="no detector"):
        task.run(exposure)


def linear_raw(kind, *coefficients):
    raw = small_ccd.raw()
    for amp, coeffs in zip(raw.detector, coefficients, strict=True):
        amp.linearity_type, amp.linearity_coeffs = kind, coeffs
    return raw


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_linearity_is_corrected_after_assembly(parity):
    plain = run(configured(parity=parity), small_ccd.raw())
    config = configured(on=["doLinearize"], parity=parity)
    raw = linear_raw("Squared", (1e-5,), (0.0,))
    exposure = run(config, raw, linearizer=LinearizeSquared())
    x = plain.image.array.astype(float)
    wanted = x.copy()
    wanted[:, : small_ccd.WIDTH] += 1e-5 * x[:, : small_ccd.WIDTH] ** 2
    assert_allclose(exposure.image.array, wanted, rtol=1e-6)
    assert exposure.metadata["ISRLIN"] is True
    assert plain.metadata["ISRLIN"] is False


def test_a_frame_that_keeps_its_overscan_is_linearized_where_its_pixels_are():
    config = configured(on=["doLinearize"])
    config.assembleCcd.doTrim = False
    raw = linear_raw("LookupTable", (0, 0), (1, 0))
    table = np.repeat(np.float32([[100], [200]]), 9000, axis=1)
    exposure = run(config, raw, linearizer=LinearizeLookupTable(table, raw.detector))
    plain = configured()
    plain.assembleCcd.doTrim = False
    added = exposure.image.array - run(plain, small_ccd.raw()).image.array
    strip, width = small_ccd.STRIP, small_ccd.WIDTH
    assert_allclose(added[:, strip : strip + width], 100, atol=1e-3)
    assert_allclose(added[:, strip + width : strip + 2 * width], 200, atol=1e-3)
    assert not added[:, :strip].any()
    assert not added[:, strip + 2 * width :].any()


def test_a_linearizer_is_fetched_with_the_other_data():
    class Reference:
        def __init__(self):
            self.dataId = {"visit": 1, "ccd": 0}

        def get(self, name, **options):
            return {"linearizer": "that one"}[name]

    task = IsrTask(config=configured(on=["doLinearize"]))
    data = task.readIsrData(Reference(), linear_raw("Squared", (1,), (1,)))
    assert data.linearizer == "that one"
    assert task.readIsrData(Reference(), small_ccd.raw()).linearizer is None
