import numpy as np
import pytest
from numpy.testing import assert_array_equal

import small_ccd
from cfhtisr import Exposure, MaskedImage, read_exposure
from cfhtisr.isr import calibration
from cfhtisr.tasks.fringe import FringeConfig, FringeTask

THREE = (
    {"fx": 0.1, "px": 0.0, "fy": 0.09, "py": 0.3},
    {"fx": 0.13, "px": 0.1, "fy": 0.12, "py": 0.2},
    {"fx": 0.06, "px": 0.2, "fy": 0.07, "py": 0.1},
)


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


def test_a_dead_half_does_not_outvote_the_other():
    science = pattern(size=512)
    science.image.array[:, :280] = 3  # as interpolated
    science.mask.array[:, :280] = 1
    task().run(science, pattern(size=512))
    # Windows that reach into the dead half err; they are outvoted in turn.
    assert science.image.array[:, 280:].std() < 0.05


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
    with pytest.raises(RuntimeError, match="Must supply fringes"):
        task().run(pattern(), [pattern(), None])
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


def three(amounts=(0.33, 0.33, 0.33), noise=0.0, size=512):
    """Return a science exposure, and the three frames that it is made of."""
    frames = [pattern(size=size, **wave) for wave in THREE]
    science = pattern(size=size)
    image = sum(a * frame.image.array for a, frame in zip(amounts, frames, strict=True))
    image = image + noise * np.random.default_rng(4).normal(0, 1, image.shape)
    science.image.array[...] = image
    return science, frames


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("pedestal", [0, 10000])
def test_the_documented_properties_of_one_and_of_three_frames(pedestal, parity):
    tool = task(num=5000, large=128, pedestal=pedestal > 0)
    tool.__class__ = type("InParity", (FringeTask,), {"_parity": parity})
    science, fringe = pattern(size=512), pattern(size=512)
    fringe.image.array[...] += pedestal
    tool.run(science, fringe)
    assert science.image.array.std() < (1e-3 if pedestal else 1e-4)
    science, frames = three()
    for frame in frames:
        frame.image.array[...] += pedestal
    tool.run(science, frames)
    assert science.image.array.std() < 1e-2


def test_scales_uncertainties_and_templates_are_recorded():
    amounts = (0.5, -1.25, 2.0)
    science, frames = three(amounts, noise=0.1)
    for number, frame in enumerate(frames):
        frame.metadata["FILENAME"] = f"fringe{number}.fits"
    tool = task(num=5000, large=100)
    tool.config.stats.stat = 4  # means, which unlike medians are linear in the amounts
    tool.run(science, frames)
    header = science.metadata
    assert header["ISR_FRINGE_N"] == 3
    for number, amount in enumerate(amounts, 1):
        scale, sigma = header[f"ISR_FRINGE_SCALE{number}"], header[f"ISR_FRINGE_SIGMA{number}"]
        assert scale == tool.metadata.getScalar(f"FRINGE SCALE {number}")
        assert abs(scale - amount) < 6 * sigma < 0.1
        assert header[f"ISR_FRINGE_TEMPLATE{number}"].startswith(f"fringe{number - 1}.fits sha256:")
    assert len({header[f"ISR_FRINGE_TEMPLATE{number}"] for number in (1, 2, 3)}) == 3


def test_a_frame_twice_has_no_uncertainty():
    science = pattern()
    task().run(science, [pattern(), pattern()])
    assert science.metadata["ISR_FRINGE_SCALE1"] == pytest.approx(0.5)
    assert not isinstance(science.metadata["ISR_FRINGE_SIGMA1"], float)


@pytest.mark.parametrize("pedestal", [False, True])
def test_undo_restores_what_was_read_from_a_file(tmp_path, pedestal):
    science, frames = three((0.37, -0.11, 1.7), noise=3.0, size=256)
    science.image.array[...] += 900
    science.variance.array[...] = 9
    for frame in frames:
        frame.variance.array[...] = 0.5
    before = science.masked_image.copy()
    tool = task(pedestal=pedestal)
    tool.run(science, frames)
    done = science.image.array.copy()
    assert abs(done - before.image.array).max() > 1
    science.write(tmp_path / "product.fits")
    back = read_exposure(tmp_path / "product.fits")
    assert_array_equal(back.image.array, done)
    tool.undo(back, frames)
    # three frames, each a difference and a sum: half a unit in the last place of all that is met
    largest = np.abs(before.image.array).max() + 10
    assert np.abs(back.image.array - before.image.array).max() <= 6 * 2.0**-24 * largest
    np.testing.assert_allclose(back.variance.array, 9, rtol=1e-6)
    assert back.metadata["ISRFRNG"] is False
    with pytest.raises(RuntimeError, match="tells of no fringes"):
        tool.undo(back, frames)


def test_undo_refuses_what_it_cannot_undo():
    science, frames = three(size=256)
    tool = task()
    tool.run(science, frames)
    kept = science.image.array.copy()
    for given, text in (
        (frames[:2], "2 fringe frames, but 3"),
        (frames[::-1], "frame 1 is unnamed sha256:.* was subtracted"),
    ):
        with pytest.raises(RuntimeError, match=text):
            tool.undo(science, given)
    science.metadata["BUNIT"] = "electron"
    with pytest.raises(RuntimeError, match="in electron"):
        tool.undo(science, frames)
    science.metadata["BUNIT"] = "adu"
    science.metadata["ISRFLAT"], science.metadata["HIERARCH ISR_FRINGE_FLAT"] = True, False
    with pytest.raises(RuntimeError, match="the flat is needed"):
        tool.undo(science, frames)
    assert_array_equal(science.image.array, kept)


def test_undo_through_a_flat():
    science, frames = three(size=256)
    science.image.array[...] += 100
    before = science.image.array.copy()
    flat = pattern(size=256)
    flat.image.array[...] = 1 + 0.1 * flat.image.array
    tool = task()
    tool.run(science, frames)
    calibration.divide_flat(science.masked_image, flat.masked_image)
    science.metadata["ISRFLAT"], science.metadata["HIERARCH ISR_FRINGE_FLAT"] = True, False
    flattened = MaskedImage(before.copy())
    calibration.divide_flat(flattened, flat.masked_image)
    tool.undo(science, frames, flat)
    np.testing.assert_allclose(science.image.array, flattened.image.array, rtol=1e-6)
