import numpy as np
import pytest
from numpy.testing import assert_array_equal

import small_ccd
from cfhtisr import Exposure, MaskedImage
from cfhtisr.tasks.fringe import FringeConfig, FringeTask


def pattern(fx=np.pi / 10, px=1.0, fy=np.pi / 15, py=0.5, size=256):
    x = np.arange(size)
    image = np.sin(fx * x + px)[None, :] + np.sin(fy * x + py)[:, None]
    return Exposure(MaskedImage(image.astype(np.float32)), filter="FILTER")


def task(**fields):
    config = FringeConfig(num=500, small=1, large=60)
    config.filters = ["FILTER"]
    for name, value in fields.items():
        setattr(config, name, value)
    return FringeTask(config=config)


def test_a_fringe_is_subtracted_from_itself():
    science, fringe = pattern(), pattern()
    before = fringe.masked_image.copy()
    task().run(science, fringe)
    assert science.image.array.std() < 1e-4
    assert_array_equal(fringe.image.array, before.image.array)
    assert_array_equal(fringe.mask.array, before.mask.array)


def test_a_pedestal_is_taken_off_first():
    science, fringe = pattern(), pattern()
    fringe.image.array[...] += 10000
    kept = fringe.image.array.copy()
    task(pedestal=True).run(science, [fringe])
    assert science.image.array.std() < 1e-3
    assert abs(science.image.array.mean()) < 0.1
    assert_array_equal(fringe.image.array, kept)


def test_the_same_seed_gives_the_same_bits():
    results = []
    for seed in (1, 1, 2):
        science = pattern()
        science.image.array[...] += np.random.default_rng(0).normal(0, 1, (256, 256))
        task().run(science, pattern(), seed=seed)
        results.append(science.image.array)
    assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_an_exposure_without_good_pixels_is_left_alone():
    science = pattern()
    science.image.array[...] = 0
    science.mask.array[...] = 1
    tool = task()
    tool.config.stats.badMaskPlanes = ["BAD"]
    tool.run(science, pattern())
    assert not science.image.array.any()


def test_only_configured_filters_are_touched():
    science = pattern()
    before = science.image.array.copy()
    for name in ("OTHER", None):
        science.filter = name
        task().run(science, None)
        assert_array_equal(science.image.array, before)
    science.filter = "i.MP9702"
    tool = task()
    for names, wanted in ((["i2"], True), (["i.MP9702"], True), (["i"], False)):
        tool.config.filters = names
        assert tool.checkFilter(science) is wanted


def test_through_a_data_reference():
    direct, science = pattern(), pattern()
    fringe = pattern(px=1.1)
    task().run(direct, fringe, seed=1000)
    shelf = small_ccd.Shelf(fringe=fringe, ccdExposureId=1000)
    task().runDataRef(science, shelf)
    assert_array_equal(science.image.array, direct.image.array)
    found = task().readFringes(shelf)
    assert (found.fringes, found.seed) == (fringe, 1000)
    with pytest.raises(RuntimeError, match=r"cannot retrieve fringe for .*'ccd': 7"):
        task().readFringes(small_ccd.Shelf())


def test_refusals():
    with pytest.raises(RuntimeError, match="Must supply fringes"):
        task().run(pattern(), None)
    with pytest.raises(RuntimeError, match="more than one"):
        task().run(pattern(), [pattern(), pattern()])
    with pytest.raises(RuntimeError, match="256 x 256"):
        task().run(pattern(), pattern(size=200))
    with pytest.raises(RuntimeError, match="do not fit"):
        task(large=128).run(pattern(), pattern())
    tool = task()
    tool.config.stats.stat = 1
    with pytest.raises(RuntimeError, match="stat is 1"):
        tool.run(pattern(), pattern())
    with pytest.raises(RuntimeError, match="2 scales for 1"):
        task().subtract(pattern(), [pattern()], np.zeros(2))
