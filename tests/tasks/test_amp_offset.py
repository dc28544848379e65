import numpy as np
import pytest

from cfhtisr import Amplifier, Box2I, Detector, Exposure, IsrTask, IsrTaskConfig, MaskedImage

ROWS, WIDTH, STRIP = 640, 100, 8


def raw(step=6.0, seed=1):
    """Return a raw frame of two amplifiers whose levels the overscan does not tell exactly."""
    rng = np.random.default_rng(seed)
    half = WIDTH + STRIP
    image = rng.normal(1000, 3, (ROWS, 2 * half))
    image[:, STRIP : STRIP + 2 * WIDTH] += 400
    image[:, half : half + WIDTH] += step
    image[200:400, 60] = 65535
    image[400:480, 60] += 800
    amps = [
        Amplifier(
            name,
            Box2I(WIDTH * n, 0, WIDTH, ROWS),
            Box2I(half * n, 0, half, ROWS),
            Box2I(STRIP + WIDTH * n, 0, WIDTH, ROWS),
            Box2I((half + WIDTH) * n, 0, STRIP, ROWS),
            saturation=62000.0,
        )
        for n, name in enumerate("AB")
    ]
    detector = Detector("ccd", 0, Box2I(0, 0, 2 * WIDTH, ROWS), amps)
    return Exposure(MaskedImage(image.astype(np.float32)), detector=detector)


def corrected(exposure=None, **fields):
    config = IsrTaskConfig()
    for name in ("doBias", "doDark", "doFlat", "doFringe", "doDefect", "expectWcs"):
        setattr(config, name, False)
    for name, value in fields.items():
        setattr(config, name, value)
    tool = IsrTask(config=config)
    return tool, tool.run(raw() if exposure is None else exposure).exposure


def halves(exposure):
    image = exposure.image.array
    return np.median(image[:, :WIDTH]), np.median(image[:, WIDTH:])


def test_the_step_is_noted_and_stays():
    tool, exposure = corrected()
    header = exposure.metadata
    assert header["ISR_AMPSTEPAB"] == pytest.approx(6, abs=0.3)
    assert 0 < header["ISR_AMPSTEPERRAB"] < 0.1
    assert tool.metadata.getScalar("ISR AMPSTEP AB") == header["ISR_AMPSTEPAB"]
    assert header["ISRAMPOF"] is False
    left, right = halves(exposure)
    assert right - left == pytest.approx(6, abs=0.5)
    assert "ISR_AMPSTEPAB" not in corrected(parity="lsst-v17")[1].metadata


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_the_step_is_removed_when_asked(parity):
    before = halves(corrected(parity=parity)[1])
    _, exposure = corrected(doAmpOffset=True, parity=parity)
    header = exposure.metadata
    assert header["ISRAMPOF"] is True
    assert header["ISR_AMPOFFB"] == pytest.approx(3, abs=0.15)
    assert header["ISR_AMPOFFA"] == pytest.approx(-header["ISR_AMPOFFB"])
    after = halves(exposure)
    assert after[0] == pytest.approx(after[1], abs=0.4)
    assert np.mean(after) == pytest.approx(np.mean(before), abs=0.1)


def test_a_step_within_its_error_stays():
    _, exposure = corrected(raw(step=0.0), doAmpOffset=True, ampOffsetMinSigma=8.0)
    assert exposure.metadata["ISRAMPOF"] is False
    assert "ISR_AMPOFFA" not in exposure.metadata


def test_trails_below_saturation_are_masked_when_asked():
    plain = corrected()[1]
    assert plain.mask.array[430, 52] & 2 == 0
    _, exposure = corrected(doMaskBleeds=True)
    flags = exposure.mask.array[400:480, 52]
    assert ((flags & 2) != 0).all()
    assert exposure.metadata["ISR_NBLEED"] >= 80
    # as saturated pixels they are interpolated, too
    assert np.median(exposure.image.array[400:480, 52]) == pytest.approx(400, abs=5)
    assert np.median(plain.image.array[400:480, 52]) > 1000
    _, own = corrected(doMaskBleeds=True, bleedMaskName="BLEED")
    assert own.mask.count("BLEED") == own.metadata["ISR_NBLEED"]
    assert corrected(doMaskBleeds=True, bleedMinLength=300)[1].metadata["ISR_NBLEED"] == 0
