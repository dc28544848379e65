"""The same steps by a careful user of NumPy: float32, in place, one array of scratch."""

import numpy as np

from benches.speed import measure, workload
from benches.speed.workload import BAD, HALF, NAN, OVER, ROWS, SAT, Workload


def correct(ccd: Workload):
    """Return image, mask and variance of the corrected CCD."""
    counts = ccd.raw[:ROWS, OVER:-OVER]
    mask = np.zeros(counts.shape, np.int32)
    mask[counts >= workload.LEVEL] = SAT
    image = counts.astype(np.float32)
    halves = slice(0, HALF), slice(HALF, None)
    strips = ccd.raw[:ROWS, :OVER], ccd.raw[:ROWS, -OVER:]
    for half, strip in zip(halves, strips, strict=True):
        image[:, half] -= np.median(strip, axis=1).astype(np.float32)[:, None]
    image -= ccd.bias
    variance = np.maximum(image, 0)
    for half, gain, noise in zip(halves, workload.GAINS, workload.READ_NOISE, strict=True):
        part = variance[:, half]
        part /= np.float32(gain)
        part += np.float32((noise / gain) ** 2)
    variance += ccd.bias_variance
    scratch = ccd.dark * np.float32(workload.EXPOSURE / workload.DARK_TIME)
    image -= scratch
    with np.errstate(divide="ignore", invalid="ignore"):
        image /= ccd.flat
        np.multiply(ccd.flat, ccd.flat, out=scratch)
        variance /= scratch
    lost = np.isfinite(image)
    lost &= np.isfinite(variance)
    mask[~lost] |= NAN
    for x0, y0, x1, y1 in ccd.boxes:
        mask[y0 : y1 + 1, x0 : x1 + 1] |= BAD
    _interpolate(image, mask, variance)
    return image, mask, variance


def _interpolate(image, mask, variance) -> None:
    """Replace flagged pixels by the line between their good neighbours in the row."""
    columns = image.shape[1]
    bad = np.flatnonzero(mask)
    first = np.r_[True, (np.diff(bad) > 1) | (bad[1:] % columns == 0)]
    starts = np.flatnonzero(first)
    ends = np.r_[starts[1:], bad.size] - 1
    run = np.cumsum(first) - 1
    left, right = bad[starts] - 1, bad[ends] + 1
    no_left, no_right = bad[starts] % columns == 0, bad[ends] % columns == columns - 1
    left, right = np.where(no_left, right, left), np.where(no_right, left, right)
    span = np.maximum(right - left, 1)
    weight = ((bad - left[run]) / span[run]).astype(np.float32)
    weight[(no_left | no_right)[run]] = 0
    for plane in (image.ravel(), variance.ravel()):
        low, high = plane[left][run], plane[right][run]
        plane[bad] = low + weight * (high - low)


def time_numpy(files, repeats: int) -> measure.Result:
    """Measure `correct`."""
    ccd = Workload.load(files.arrays)
    return measure.repeat(lambda: correct(ccd), repeats)
