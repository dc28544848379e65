import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import small_ccd
from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, IsrTask
from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import MaskedImage
from cfhtisr.isr.fused import Batch

SWITCHES = (
    "doAssembleCcd",
    "doBias",
    "doVariance",
    "doWidenSaturationTrails",
    "doDark",
    "doFlat",
    "doDefect",
    "doMaskBleeds",
    "doEmpiricalReadNoise",
    "doSetBadRegions",
    "doNanInterpAfterFlat",
)


def corrected(cls, config, dtype, flips, fused):
    task = cls(config=config)
    task.fused = fused
    exposure = small_ccd.raw(dtype=dtype)
    rows = slice(None) if config.doAssembleCcd else slice(0, 0)
    exposure.image.array[rows, 10:19] = 65535  # a trail
    for amp, flip in zip(exposure.detector, flips, strict=True):
        amp.raw_flip_x, amp.raw_flip_y = flip
    inputs = small_ccd.calibrations()
    inputs["flat"].image.array[3, 5] = 0
    inputs["dark"].mask.array[2, :30] |= 2
    if not config.doAssembleCcd:
        config.doBias = config.doDark = config.doFlat = False
    return task.run(exposure, **inputs).exposure, task.metadata


def texts(metadata):
    """Return what a run noted, but for its times."""
    times = ("Start", "End", "Utc", "Cpu", "Wall", "User", "Sys", "Max", "Res", "pid")
    notes = metadata.toDict() if hasattr(metadata, "toDict") else dict(metadata)
    return {
        key: repr(value) for key, value in notes.items() if not any(word in key for word in times)
    }


flip = st.tuples(st.booleans(), st.booleans())


@given(
    st.fixed_dictionaries({name: st.booleans() for name in SWITCHES}),
    st.sampled_from(["none", "lsst-v17"]),
    st.sampled_from(["MEDIAN", "MEDIAN_PER_ROW", "POLY"]),
    st.sampled_from([np.uint16, np.int32, np.float32]),
    st.tuples(flip, flip),
    st.booleans(),
    st.sampled_from(["USER", "MEAN", "MEDIAN"]),
)
def test_a_run_is_the_same_both_ways(switches, parity, overscan, dtype, flips, stats, scaling):
    results = []
    for fused in (False, True):
        config = CfhtIsrTaskConfig()
        for name, value in (switches | {"doFringe": False}).items():
            setattr(config, name, value)
        config.parity, config.overscanFitType = parity, overscan
        config.qa.saveStats, config.flatScalingType = stats, scaling
        results.append(corrected(CfhtIsrTask, config, dtype, flips, fused))
    (wanted, notes), (got, others) = results
    for plane, other in zip(
        wanted.masked_image.getArrays(), got.masked_image.getArrays(), strict=True
    ):
        assert_array_equal(other.view(np.int32), plane.view(np.int32))
    assert repr(got.metadata) == repr(wanted.metadata)
    assert texts(others) == texts(notes)
    assert texts(notes).keys() >= ({"NUMNANS"} if switches["doNanInterpAfterFlat"] else set())


class Brighter(IsrTask):
    """Looks at the pixels that the steps before have left, and changes them."""

    def darkCorrection(self, exposure, darkExposure, invert=False):
        self.seen = exposure.image.array.copy()
        super().darkCorrection(exposure, darkExposure, invert)
        exposure.image.array += 1000


def plain():
    config = IsrTask.ConfigClass()
    config.doFringe = False
    return config


def test_an_overridden_step_sees_and_changes_the_pixels():
    tasks = [Brighter(config=plain()) for _ in range(2)]
    tasks[0].fused = False
    first, second = (t.run(small_ccd.raw(), **small_ccd.calibrations()).exposure for t in tasks)
    assert_array_equal(tasks[1].seen, tasks[0].seen)
    assert_array_equal(second.image.array, first.image.array)
    ordinary = IsrTask(config=plain()).run(small_ccd.raw(), **small_ccd.calibrations()).exposure
    assert np.median(second.image.array - ordinary.image.array) > 900


def test_a_step_replaced_on_the_object_sees_the_pixels():
    task, seen = IsrTask(config=plain()), []
    own = task.flatCorrection

    def watched(exposure, flat):
        seen.append(float(np.median(exposure.image.array)))
        own(exposure, flat)

    task.flatCorrection = watched
    task.run(small_ccd.raw(), **small_ccd.calibrations())
    assert 400 < seen[0] < 600


def test_a_view_sees_the_state_in_between():
    task, seen = IsrTask(config=plain()), {}
    task._display = {
        name: lambda exposure, step: seen.update({step: float(np.median(exposure.image.array))})
        for name in ("doAssembleCcd", "doBias")
    }
    task.run(small_ccd.raw(), **small_ccd.calibrations())
    assert seen["doAssembleCcd"] - seen["doBias"] == pytest.approx(3, abs=1)


def test_neighbours_are_done_in_one_call(monkeypatch):
    calls = []
    flush = Batch._flush

    def counted(batch):
        if batch._steps:
            calls.append([step[0] for step in batch._steps])
        return flush(batch)

    monkeypatch.setattr(Batch, "_flush", counted)
    config = plain()
    IsrTask(config=config).run(small_ccd.raw(), **small_ccd.calibrations())
    first = ["raw", "raw", "bias", "variance", "variance"]
    rest = ["trails", "dark", "flat", "boxes", "grown", "nans"]
    assert calls == [[*first, "keep", "keep", *rest]]
    config.qa.saveStats = False
    calls.clear()
    IsrTask(config=config).run(small_ccd.raw(), **small_ccd.calibrations())
    assert calls == [[*first, *rest]]


def outputs(exposure):
    return MaskedImage(*(np.full_like(array, 77) for array in exposure.masked_image.getArrays()))


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("assembled", [True, False])
def test_a_result_goes_where_it_is_wanted(fused, assembled):
    config = plain()
    config.doAssembleCcd = assembled
    if not assembled:
        config.doBias = config.doDark = config.doFlat = config.doDefect = False
    task = IsrTask(config=config)
    task.fused = fused
    wanted = task.run(small_ccd.raw(), **small_ccd.calibrations()).exposure
    out = outputs(wanted)
    for target in (out, wanted.with_pixels(out)):
        result = task.run(small_ccd.raw(), **small_ccd.calibrations(), out=target).exposure
        planes = zip(*(p.masked_image.getArrays() for p in (result, wanted)), strict=True)
        for array, (got, value) in zip(out.getArrays(), planes, strict=True):
            assert np.shares_memory(got, array)
            assert_array_equal(got, value)
        assert repr(result.metadata) == repr(wanted.metadata)


def test_a_result_goes_nowhere_else():
    task, inputs = IsrTask(config=plain()), small_ccd.calibrations()
    good = task.run(small_ccd.raw(), **inputs).exposure
    with pytest.raises(ValueError, match="shares memory with the bias"):
        task.run(small_ccd.raw(), **inputs, out=inputs["bias"])
    with pytest.raises(ShapeMismatchError, match="out has 3 x 2 pixels, wanted"):
        task.run(small_ccd.raw(), **inputs, out=MaskedImage(np.zeros((2, 3), np.float32)))
    with pytest.raises(TypeError, match=r"out\.image holds float64"):
        task.run(small_ccd.raw(), **inputs, out=MaskedImage(good.image.array.astype(float)))
    with pytest.raises(TypeError, match="out is ndarray"):
        task.run(small_ccd.raw(), **inputs, out=good.image.array)


def test_statistics_that_nobody_sees_are_spared():
    kept, spared = (IsrTask(config=plain()) for _ in range(2))
    spared.keepsStatistics = False
    first, second = (
        task.run(small_ccd.raw(), **small_ccd.calibrations()).exposure for task in (kept, spared)
    )
    assert repr(second.metadata) == repr(first.metadata)
    for got, wanted in zip(
        second.masked_image.getArrays(), first.masked_image.getArrays(), strict=True
    ):
        assert_array_equal(got, wanted)
    names = {name for name in texts(kept.metadata) if "VARIANCE" in name}
    assert len(names) == 4
    assert not names & set(texts(spared.metadata))


def test_statistics_are_of_the_pixels_between_two_steps():
    tasks = [IsrTask(config=plain()) for _ in range(2)]
    tasks[0].fused = False
    for task in tasks:
        task.run(small_ccd.raw(), **small_ccd.calibrations())
    wanted, got = (texts(task.metadata) for task in tasks)
    assert got == wanted
    assert sum("VARIANCE" in name for name in got) == 4


def test_planes_of_a_run_serve_the_next():
    task, notes, planes = IsrTask(config=plain()), [], []
    for _ in range(2):
        task.run(small_ccd.raw(), **small_ccd.calibrations())
        notes.append(texts(task.metadata))
        planes.append({id(plane) for plane in task._scratch})
        for plane in task._scratch:
            plane[...] = np.nan
    assert notes[1] == notes[0]
    assert planes[1] == planes[0]
    assert len(planes[0]) == 2
    task._scratch = [np.zeros((1, 1), np.float32)]
    task.run(small_ccd.raw(), **small_ccd.calibrations())
    assert texts(task.metadata) == notes[0]


def test_a_frame_that_is_not_assembled_is_an_ordinary_one():
    config = plain()
    config.doAssembleCcd = config.doBias = config.doDark = config.doFlat = config.doDefect = False
    result = IsrTask(config=config).run(small_ccd.raw(), **small_ccd.calibrations()).exposure
    assert type(result.masked_image) is MaskedImage
