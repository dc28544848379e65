"""A whole CCD, 2112 x 4644, in memory: the task beside ccdproc on the same frames.

Quote the ratio of the two, not the times: they are of one run on one machine.
"""

import astropy.units as u
import ccdproc
import numpy as np
import pytest
from astropy.nddata import CCDData, StdDevUncertainty

from cfhtisr import Box2I, CfhtIsrTask, CfhtIsrTaskConfig, Exposure, MaskedImage, camera

GAIN, READ_NOISE = 1.6, 4.0
DEFECTS = [Box2I(60 * i + 5, 0, 1 + i % 3, 4612) for i in range(30)]


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(20260101)
    raw = (1100 + 500 + rng.normal(0, 18, (4644, 2112))).astype(np.uint16)
    raw[:, :32], raw[:, 2080:] = 1100, 1100
    shape = (4612, 2048)
    bias = rng.normal(0, 0.5, shape).astype(np.float32)
    dark = np.full(shape, 0.9, np.float32)
    flat = rng.normal(1, 0.01, shape).astype(np.float32)
    return raw, bias, dark, flat


def exposure(pixels, **facts):
    times = {"exposure_time": 300.0, "dark_time": 300.0, "exposure_id": 1}
    return Exposure(MaskedImage(pixels), visit_info=times, **facts)


def test_task(benchmark, frames):
    raw, bias, dark, flat = frames
    config = CfhtIsrTaskConfig()
    config.doFringe = False
    task = CfhtIsrTask(config=config)
    header = {"SATURATE": 65535, "GAINA": GAIN, "GAINB": GAIN, "RDNOISEA": 4, "RDNOISEB": 4}
    detector = camera.megacam(40)[7]

    def correct():
        science = exposure(raw, metadata=header, detector=detector)
        calibrations = {"bias": exposure(bias), "dark": exposure(dark), "flat": exposure(flat)}
        return task.run(science, defects=DEFECTS, **calibrations).exposure

    result = benchmark(correct)
    assert np.isfinite(result.image.array).all()


def test_ccdproc(benchmark, frames):
    raw, bias, dark, flat = frames
    halves = ("[1:32,1:4644]", "[33:1056,1:4612]"), ("[2081:2112,1:4644]", "[1057:2080,1:4612]")
    masters = [CCDData(frame, unit=u.adu) for frame in (bias, dark, flat)]

    def correct():
        parts = []
        for strip, data in halves:
            ccd = CCDData(raw.astype(np.float32), unit=u.adu)
            ccd = ccdproc.subtract_overscan(ccd, fits_section=strip, median=True)
            parts.append(ccdproc.trim_image(ccd, fits_section=data).data)
        ccd = CCDData(np.hstack(parts), unit=u.adu)
        noise = np.sqrt(np.clip(ccd.data, 0, None) / GAIN + (READ_NOISE / GAIN) ** 2)
        ccd.uncertainty = StdDevUncertainty(noise)
        ccd = ccdproc.subtract_bias(ccd, masters[0])
        times = {"dark_exposure": 300 * u.s, "data_exposure": 300 * u.s}
        ccd = ccdproc.subtract_dark(ccd, masters[1], **times)
        return ccdproc.flat_correct(ccd, masters[2])

    result = benchmark(correct)
    assert np.isfinite(result.data).all()
