"""Real pixels of another two-amplifier camera, with a detector table of our own making."""

import numpy as np
import pytest
from astropy.io import fits

from cfhtisr import Amplifier, Box2I, Detector, Exposure, IsrTask, IsrTaskConfig, MaskedImage

ROWS = 350


def kast():
    """Return the detector: both overscans stand at the right."""
    rows = {"gain": (1.23, 1.26), "read_noise": (3.5, 3.4)}
    amps = [
        Amplifier(
            f"{number + 1}",
            Box2I(1024 * number, 0, 1024, ROWS),
            Box2I(1024 * number, 0, 1024, ROWS),
            Box2I(1024 * number, 0, 1024, ROWS),
            Box2I(2048 + 32 * number, 0, 32, ROWS),
            readout_corner=("LL", "LR")[number],
            gain=rows["gain"][number],
            read_noise=rows["read_noise"][number],
            saturation=65535.0,
        )
        for number in range(2)
    ]
    return Detector("kast-blue", 0, Box2I(0, 0, 2048, ROWS), amps)


def read(folder, name):
    with fits.open(folder / "pixels" / "kast_blue" / f"{name}.fits.gz") as hdus:
        image, header = hdus[0].data.astype(np.uint16), hdus[0].header.copy()
    time = float(header["EXPTIME"])
    visit = {"exposure_time": time, "dark_time": time}
    return Exposure(MaskedImage(image), header, kast(), visit_info=visit)


def task(**fields):
    config = IsrTaskConfig()
    for name in ("doBias", "doDark", "doFlat", "doFringe", "doDefect"):
        setattr(config, name, False)
    config.expectWcs = False
    for name, value in fields.items():
        setattr(config, name, value)
    return IsrTask(config=config)


LEVELS = {
    "b21": (943, 965),
    "b11": (949, 981),
    "b1": (945, 967),
    "b24": (942, 964),
    "b27": (941, 962),
}


@pytest.mark.parametrize("name", LEVELS)
def test_overscan_levels_are_those_that_were_measured(shared, name):
    header = task().run(read(shared, name)).exposure.metadata
    levels = [header[f"ISR_OSCAN_LEVEL{amp}"] for amp in "12"]
    assert levels == pytest.approx(LEVELS[name], abs=1.5)


@pytest.mark.parametrize("name", LEVELS)
def test_odd_edge_columns_are_found_and_skipped(shared, name):
    """Column 2048 is 7 ADU below the others and column 2111 is 12 below."""
    header = task(overscanFitType="MEAN").run(read(shared, name)).exposure.metadata
    assert (header["ISR_OSCAN_SKIP1"], header["ISR_OSCAN_SKIP2"]) == ("first", "last")
    assert header["ISR_OSCAN_FIRST1"] == pytest.approx(-7.5, abs=0.6)
    assert header["ISR_OSCAN_LAST2"] == pytest.approx(-12.6, abs=0.4)
    levels = [header[f"ISR_OSCAN_LEVEL{amp}"] for amp in "12"]
    assert levels == pytest.approx(LEVELS[name], abs=1.0)
    noises = [header[f"ISR_OSCAN_NOISE{amp}"] for amp in "12"]
    # in a flat the level moves along the rows, which one number does not follow
    assert noises == pytest.approx([2.86, 2.70], rel=0.06 if name == "b21" else 0.2)
    # a mean over all columns is biased by a thirty-second of what they are off
    plain = task(overscanFitType="MEAN", overscanSkipEdgeColumns="never")
    biased = plain.run(read(shared, name)).exposure.metadata
    assert "ISR_OSCAN_SKIP1" not in biased
    for amp, off in (("1", 7.5), ("2", 12.6)):
        shift = header[f"ISR_OSCAN_LEVEL{amp}"] - biased[f"ISR_OSCAN_LEVEL{amp}"]
        assert shift == pytest.approx(off / 32, abs=0.06)
    assert biased["ISR_OSCAN_NOISE2"] > header["ISR_OSCAN_NOISE2"]


def test_the_empirical_read_noise_is_that_of_the_bias_pairs(shared):
    corrected = task(doEmpiricalReadNoise=True).run(read(shared, "b21")).exposure
    for amp, noise in zip(corrected.detector, (2.86, 2.70), strict=True):
        floor = float(corrected.variance.array[amp.bbox.slices].min())
        assert np.sqrt(floor) == pytest.approx(noise, rel=0.15)


def master(frames, variance_of=None):
    """Return the mean of frames; a stand-in for a master, good enough for this test."""
    stack = np.stack([frame.image.array for frame in frames])
    variance = stack.var(axis=0, ddof=1).mean() / len(frames)
    return frames[0].with_pixels(
        MaskedImage(
            stack.mean(axis=0).astype(np.float32),
            None,
            np.full(stack.shape[1:], variance, np.float32),
        )
    )


def test_a_science_frame_is_reduced_with_bias_and_flat(shared):
    bias = master([task().run(read(shared, f"b{n}")).exposure for n in (21, 22, 23)])
    flats = [task(doBias=True).run(read(shared, f"b{n}"), bias=bias).exposure for n in (11, 12, 13)]
    flat = master(flats)
    smooth = np.median(flat.image.array, axis=0, keepdims=True)
    flat.image.array[...] = np.where(smooth > 100, flat.image.array / smooth, 1.0)
    flat.variance.array[...] = 0
    result = task(doBias=True, doFlat=True, doDefect=True).run(
        read(shared, "b27"), bias=bias, flat=flat, defects=[]
    )
    corrected = result.exposure
    assert corrected.masked_image.shape == (ROWS, 2048)
    assert np.isfinite(corrected.image.array).all()
    assert (corrected.variance.array > 0).all()
    # away from the object there is but a faint sky
    plain = task(doBias=True).run(read(shared, "b27"), bias=bias).exposure
    skies = [np.median(plain.image.array[a.bbox.slices][:60, 200:800]) for a in plain.detector]
    assert all(-3 < sky < 40 for sky in skies), skies
    assert corrected.metadata["OBJECT"] == read(shared, "b27").metadata["OBJECT"]

    # two flats differ by their noise alone, which the variance plane knows
    one, other = flats[:2]
    ratio = np.median(one.image.array) / np.median(other.image.array)
    chi = (one.image.array - ratio * other.image.array) / np.sqrt(
        one.variance.array + ratio**2 * other.variance.array
    )
    bright = (one.image.array > 5000) & (one.mask.array == 0) & (other.mask.array == 0)
    assert np.median(np.abs(chi[bright])) * 1.4826 == pytest.approx(1, abs=0.08)
