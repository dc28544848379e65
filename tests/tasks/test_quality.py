import sys
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import small_ccd
from cfhtisr import Exposure, IsrTask, IsrTaskConfig, MaskedImage
from cfhtisr.images import Mask
from cfhtisr.tasks import viewer
from cfhtisr.tasks.thumbnails import makeThumbnail, writeThumbnail


def configured(**fields):
    config = IsrTaskConfig()
    config.doFringe = False
    config.qa.flatness.meshX = config.qa.flatness.meshY = 4
    config.qa.thumbnailBinning = 2
    for name, value in fields.items():
        part, _, field = name.rpartition("__")
        setattr(config.qa if part else config, field, value)
    return config


def run(config):
    task = IsrTask(config=config)
    inputs = small_ccd.calibrations()
    inputs.pop("fringes")
    return task, task.run(small_ccd.raw(), **inputs)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_the_background_is_noted(parity):
    task, result = run(configured(doMeasureBackground=True, parity=parity))
    header = result.exposure.metadata
    assert header["SKYLEVEL"] == pytest.approx(np.median(result.exposure.image.array), abs=2)
    assert 5 < header["SKYSIGMA"] < 25
    assert header["FLATNESS_NGRIDS"] == "10x3"
    assert (header["FLATNESS_MESHX"], header["FLATNESS_MESHY"]) == (4, 4)
    assert 0 < header["FLATNESS_RMS"] < header["FLATNESS_PP"] < 0.2
    for amp in "AB":
        level = task.metadata.getScalar(f"ISR BACKGROUND {amp} MEDIAN")
        assert level == pytest.approx(header["SKYLEVEL"], rel=0.05)
        assert task.metadata.getScalar(f"ISR BACKGROUND {amp} STDEV") > 0
    task, result = run(configured(doMeasureBackground=True, qa__saveStats=False))
    assert "ISR BACKGROUND A MEDIAN" not in task.metadata
    assert "SKYLEVEL" not in run(configured())[1].exposure.metadata


def test_the_level_is_in_the_unit_of_the_pixels():
    _, result = run(configured(doMeasureBackground=True, pixelUnit="electron"))
    exposure = result.exposure
    assert exposure.metadata["SKYLEVEL"] == pytest.approx(np.median(exposure.image.array), abs=3)


def test_a_background_without_pixels_has_no_level():
    exposure = Exposure(MaskedImage(np.full((8, 8), np.nan, np.float32)))
    task = IsrTask(config=configured())
    task.measureBackground(exposure)
    assert "SKYLEVEL" not in exposure.metadata
    task.measureBackground(exposure, task.config.qa)
    assert exposure.metadata["SKYLEVEL"] in (None, "") or not exposure.metadata["SKYLEVEL"]


def test_saturated_pixels_go_by_the_configured_name():
    Mask.add_plane("GLARE")
    image = np.ones((8, 8), np.float32)
    image[:, :4] = 100
    mask = np.where(image > 1, Mask.bitmask("GLARE"), 0)
    task = IsrTask(config=configured(saturatedMaskName="GLARE"))
    exposure = Exposure(MaskedImage(image, mask))
    task.measureBackground(exposure, task.config.qa)
    assert exposure.metadata["SKYLEVEL"] == 1


def test_thumbnails_of_a_run():
    _, result = run(configured(qa__doThumbnailOss=True, qa__doThumbnailFlattened=True))
    for thumb in (result.ossThumb, result.flattenedThumb):
        assert thumb.dtype == np.uint8
        assert thumb.shape == (6, 20, 3)
    assert (result.ossThumb != result.flattenedThumb).any()
    # Nothing after the step changes this image, so that the thumbnail is that of the result.
    wanted = makeThumbnail(result.exposure, configured().qa)
    assert_array_equal(result.flattenedThumb, wanted)
    _, result = run(configured(qa__doThumbnailOss=True, qa__thumbnailSatBorder=0))
    assert result.ossThumb is not None
    assert result.flattenedThumb is None
    assert makeThumbnail(result.exposure) is None


def shelf(**more):
    return small_ccd.Shelf(raw=small_ccd.raw(), **(small_ccd.calibrations() | more))


@pytest.mark.parametrize("as_list", [True, False])
def test_thumbnails_are_written_where_the_reference_says(tmp_path, as_list):
    paths = {
        f"{name}_filename": str(tmp_path / "new" / f"{name}.png")
        for name in ("ossThumb", "flattenedThumb")
    }
    ref = shelf(**{key: [path] if as_list else path for key, path in paths.items()})
    config = configured(qa__doThumbnailOss=True, qa__doThumbnailFlattened=True)
    IsrTask(config=config).runDataRef(ref)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "flattenedThumb.png",
        "ossThumb.png",
    ]
    assert "ossThumb" not in ref.datasets


def test_thumbnails_are_put_where_there_is_no_file_name():
    ref = shelf()
    result = IsrTask(config=configured(qa__doThumbnailOss=True)).runDataRef(ref)
    assert_array_equal(ref.datasets["ossThumb"], result.ossThumb)
    assert "flattenedThumb" not in ref.datasets


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("no folder")
    ref = shelf(ossThumb_filename=[str(tmp_path / "file" / "thumb.png")])
    with pytest.raises(OSError, match="file"):
        writeThumbnail(ref, np.zeros((2, 2, 3), np.uint8), "ossThumb")


@pytest.fixture
def seen():
    """Return what a viewer of one's own was shown."""
    shown = []
    before = viewer.register(lambda exposure, step, frame: shown.append((step, frame)))
    yield shown
    viewer.register(before)


def test_views_go_to_the_registered_viewer(seen):
    task = IsrTask(config=configured())
    exposure = Exposure(MaskedImage(np.zeros((2, 2), np.float32)))
    task.debugView(exposure, "doFlat")
    task._display = {"doFlat": 3, "doBias": None, "doDark": False}
    for step in ("doFlat", "doBias", "doDark", "doFringe"):
        task.debugView(exposure, step)
    assert seen == [("doFlat", 3)]


def test_lssts_debugging_module_is_asked(seen, monkeypatch):
    module = types.ModuleType("lsstDebug")
    module.Info = lambda name: types.SimpleNamespace(
        display={"postISRCCD": 1} if name == "cfhtisr.tasks.isr" else False
    )
    monkeypatch.setitem(sys.modules, "lsstDebug", module)
    task, _ = run(configured())
    assert seen == [("postISRCCD", 1)]
    assert task.assembleCcd._display == {}


def test_a_viewer_is_a_function():
    with pytest.raises(TypeError, match="viewer is a int"):
        viewer.register(3)


@pytest.mark.parametrize("value", [1000.0, np.nan])
def test_matplotlib_is_the_default(value, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    image = np.random.default_rng(1).normal(value, 5, (30, 40)).astype(np.float32)
    exposure = Exposure(MaskedImage(image), detector=None)
    before = image.copy()
    viewer.register(None)
    viewer.show(exposure, "doFlat", 97)
    viewer.show(exposure, "doDark", 97)
    figure = pyplot.figure(97)
    assert figure.axes[0].get_title() == "after doDark"
    pyplot.close(97)
    assert_array_equal(image, before)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    exposure = Exposure(MaskedImage(np.zeros((2, 2), np.float32)))
    with pytest.raises(ImportError, match=r"cfhtisr\[plot\]"):
        viewer.show_with_matplotlib(exposure, "doFlat", 1)
