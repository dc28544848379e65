"""One library for every processor: the same bits at every level of instructions."""

import hashlib
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from astropy.io import fits

import cfhtisr
from cfhtisr import Box2I, MaskedImage, _kernels
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.isr import (
    amp_offset,
    calibration,
    masking,
    overscan,
    overscan_quality,
    saturation,
    statistics,
    variance,
)

LEVELS = ("baseline", "avx2", "avx512")


def digest():
    """Return a digest of what kernels make of awkward pixels."""
    rng = np.random.default_rng(5)
    made = hashlib.sha256()

    def frame(loc, scale, shape=(67, 203)):
        pixels = rng.normal(loc, scale, shape).astype(np.float32)
        pixels[rng.random(shape) < 0.01] = rng.choice(
            np.float32([np.nan, np.inf, -np.inf, 0, -0.0, 1e-42, 3e38])
        )
        flags = rng.integers(0, 8, shape, dtype=np.int32)
        return MaskedImage(pixels, flags, np.abs(pixels))

    target, bias, dark, flat = frame(1000, 30), frame(2, 1), frame(0.1, 1), frame(1, 0.1)
    with np.errstate(all="ignore"):
        calibration.subtract_bias(target, bias)
        variance.update(target.image, target.variance, 1.6, 4.0, bias.variance.array)
        masking.threshold(target.image, target.mask, 1040.0, "SAT")
        masking.widen_saturation_trails(target.mask, "SAT")
        calibration.subtract_dark(target, dark, 0.7)
        calibration.divide_flat(target, flat, 1.1)
    for array in target.getArrays():
        made.update(array.tobytes())
    for array in (*target.getArrays(), np.rint(bias.image.array)):
        dither = None if array.dtype == np.int32 else "SUBTRACTIVE_DITHER_1"
        for coding in (("RICE_1", dither, 4.0, 7), ("GZIP_2", None, 0.0, 1)):
            for part in _kernels.encode_rows(array.reshape(-1), array.shape[1], 0, coding):
                made.update(part.tobytes())
    image = frame(1200, 9).image.array
    strip = frame(1000, 3, (300, 32))
    large = frame(1200, 9, (300, 900)).image.array
    whole = np.nan_to_num(large, nan=7, posinf=7, neginf=7).clip(-9e8, 9e8).astype(np.int32)
    raw = rng.integers(59000, 65536, (67, 203), np.uint16)
    boxes = Box2I(0, 0, 450, 300), Box2I(450, 0, 450, 300)
    numbers = [
        *statistics.compute(image, statistics.STATISTICS),
        *statistics.compute(large, statistics.STATISTICS),
        *statistics.compute(whole, statistics.STATISTICS),
        *statistics.compute(raw, statistics.STATISTICS),
        *saturation.measure_level(raw),
        *_kernels.count_planes(target.mask.array),
        masking.any_without(target.mask, 1, 6),
        *overscan.row_median(strip.image.array, strip.mask.array, 2).tolist(),
        *overscan_quality.odd_edges(strip, 2),
        overscan_quality.flag_outlier_rows(strip, 5.0, 2),
        *overscan_quality.residual_of(strip, 2),
        *amp_offset.measure(MaskedImage(large), *boxes),
        *overscan.fit(image, "MEDIAN_PER_ROW").tolist(),
        *overscan.fit(image, "AKIMA_SPLINE", 6).tolist(),
    ]
    made.update(np.float64(numbers).tobytes())
    for part in decoded(rng):
        made.update(part)
    return made.hexdigest()


def decoded(rng):
    """Yield what files of noisy pixels are read as, and their sums."""
    noise = rng.normal(1000, 20, (9, 333))
    noise[rng.random(noise.shape) < 0.02] *= 30
    with tempfile.TemporaryDirectory() as folder:
        for number, kind in enumerate((None, "RICE_1", "GZIP_2")):
            for name in ("u1", "i2", "u2", "i4", "f4"):
                image = noise.clip(0, 255 if name == "u1" else 30000).astype(name)
                hdu = (
                    fits.CompImageHDU(image, compression_type=kind, dither_seed=7) if kind else None
                )
                path = os.path.join(folder, f"{number}{name}.fits")
                fits.HDUList([fits.PrimaryHDU(), hdu or fits.ImageHDU(image)]).writeto(path)
                with FitsFile(path) as file:
                    yield file.read(1).tobytes()
                    if kind != "GZIP_2":  # whose code has the time in it
                        yield file.data_sum(1).to_bytes(4, "big")


def at_level(level):
    """Return the level that a process ran at, and its digest."""
    code = "import cfhtisr, test_cpu_levels as t; print(cfhtisr.get_cpu_level(), t.digest())"
    here = os.path.dirname(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])}
    if level is not None:
        environment["CFHTISR_CPU"] = level
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_gives_the_same_bits(level):
    ran, made = at_level(level)
    highest = at_level(None)[0]
    assert LEVELS.index(ran) == min(LEVELS.index(level), LEVELS.index(highest))
    assert made == digest()


def test_a_level_that_does_not_exist_is_passed_over():
    assert at_level("sse9")[0] == at_level(None)[0]


def test_the_level_is_one_of_three():
    assert cfhtisr.get_cpu_level() in LEVELS
