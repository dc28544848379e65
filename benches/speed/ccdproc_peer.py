"""The same steps by ccdproc, in its float64; interpolation, if wanted, by astropy."""

import warnings

import astropy.units as u
import ccdproc
import numpy as np
from astropy.convolution import Gaussian2DKernel, interpolate_replace_nans
from astropy.nddata import CCDData, StdDevUncertainty

from benches.speed import measure, workload
from benches.speed.workload import Workload

_HALVES = (("[1:32,1:4644]", "[33:1056,1:4612]"), ("[2081:2112,1:4644]", "[1057:2080,1:4612]"))


def masters(ccd: Workload):
    """Return bias, dark and flat as ccdproc takes them."""
    bias, dark, flat = (CCDData(frame, unit=u.adu) for frame in (ccd.bias, ccd.dark, ccd.flat))
    bias.uncertainty = StdDevUncertainty(np.sqrt(ccd.bias_variance))
    return bias, dark, flat


def correct(raw, boxes, bias, dark, flat, interpolate: bool) -> CCDData:
    """Return the corrected CCD; ``flags`` of SAT and BAD are its mask."""
    parts = []
    for strip, data in _HALVES:
        part = CCDData(raw.astype(np.float64), unit=u.adu)
        part = ccdproc.subtract_overscan(part, fits_section=strip, median=True)
        parts.append(ccdproc.trim_image(part, fits_section=data).data)
    over = workload.OVER
    mask = raw[: workload.ROWS, over:-over] >= workload.LEVEL
    for x0, y0, x1, y1 in boxes:
        mask[y0 : y1 + 1, x0 : x1 + 1] = True
    ccd = CCDData(np.hstack(parts), unit=u.adu, mask=mask)
    halves = slice(0, workload.HALF), slice(workload.HALF, None)
    noise = np.clip(ccd.data, 0, None)
    for half, gain, read_noise in zip(halves, workload.GAINS, workload.READ_NOISE, strict=True):
        noise[:, half] = np.sqrt(noise[:, half] / gain + (read_noise / gain) ** 2)
    ccd.uncertainty = StdDevUncertainty(noise)
    ccd = ccdproc.subtract_bias(ccd, bias)
    times = {"dark_exposure": workload.DARK_TIME * u.s, "data_exposure": workload.EXPOSURE * u.s}
    ccd = ccdproc.subtract_dark(ccd, dark, scale=True, **times)
    # Its default divides by the mean of the flat, and multiplies with it.
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")
        ccd = ccdproc.flat_correct(ccd, flat, norm_value=1.0)
        if interpolate:
            ccd.data[ccd.mask | ~np.isfinite(ccd.data)] = np.nan
            ccd.data = interpolate_replace_nans(ccd.data, Gaussian2DKernel(1))
    return ccd


def time_ccdproc(files, repeats: int, interpolate: bool) -> measure.Result:
    """Measure `correct`."""
    ccd = Workload.load(files.arrays)
    frames = masters(ccd)
    return measure.repeat(lambda: correct(ccd.raw, ccd.boxes, *frames, interpolate), repeats)
