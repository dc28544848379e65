"""Small FITS files for the tests of reading."""

import gzip
import warnings

import numpy as np
from astropy.io import fits

ROWS, COLUMNS = 37, 101


def stars(dtype, shape=(ROWS, COLUMNS), seed=3):
    """Return simulated sky with a few bright pixels, in the whole range of an integer type."""
    rng = np.random.default_rng(seed)
    sky = rng.normal(100, 4, shape)
    sky[rng.random(shape) < 0.01] *= 2.4
    if np.issubdtype(dtype, np.floating):
        return sky.astype(dtype)
    sky = sky.astype(dtype)
    limits = np.iinfo(dtype)
    sky[3, :8] = [limits.min, limits.max, 0, 1, limits.max, limits.min, limits.max, 7]
    return sky


def save(path, *hdus, checksum=False):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, checksum=checksum)
    return path


def packed(source, target):
    target.write_bytes(gzip.compress(source.read_bytes(), 1))
    return target
