"""A correction in a few lines of NumPy, to test what compares corrections with the truth."""

import numpy as np
from astropy.io import fits

from cfhtisr.images.geom import Box2I
from cfhtisr.simulate.check import product_path
from cfhtisr.simulate.truth import read_truth

PLANES = {"BAD": 0, "SAT": 1, "INTRP": 2, "UNMASKEDNAN": 9}


def correct(files, folder, ccds=None):
    folder.mkdir(parents=True, exist_ok=True)
    for ccd in files.settings.ccds if ccds is None else ccds:
        correct_ccd(files, folder, ccd)


def correct_ccd(files, folder, ccd):
    name, planes = f"ccd{ccd:02d}", {}
    for kind in ("raw", "bias", "dark", "flat", "fringe"):
        with fits.open(files.paths[kind]) as hdus:
            header = hdus[name].header
            planes[kind] = np.asarray(hdus[name].data, np.float64)
            if kind == "raw":
                raw = header.copy()
    image, variance, mask, levels = [], [], [], []
    for amp in "AB":
        data = Box2I.from_section(raw[f"DSEC{amp}"]).slices
        overscan = Box2I.from_section(raw[f"BSEC{amp}"]).slices
        level = np.median(planes["raw"][overscan], axis=1)[data[0]]
        levels.append(float(np.median(level)))
        counts = planes["raw"][data] - level[:, None] - planes["bias"][data]
        flat, gain = planes["flat"][data], raw[f"GAIN{amp}"]
        noise = np.maximum(counts, 0) / gain + (raw[f"RDNOISE{amp}"] / gain) ** 2
        counts -= planes["dark"][data] * raw["DARKTIME"] / 1800
        fringe = planes["fringe"][data] * read_truth(files.truth, ccd).fringe_scale
        image.append(counts / flat - fringe)
        variance.append(noise / flat**2)
        mask.append((planes["raw"][data] >= 0.95 * 61000) * 2)
    image, variance = np.hstack(image), np.hstack(variance)
    mask = np.hstack(mask).astype(np.int32)
    wide = mask > 0
    for axis in (0, 1):
        for step in (1, -1):
            mask[np.roll(wide, step, axis)] |= 2
    with fits.open(files.defects) as hdus:
        for x0, y0, width, height in hdus[name].data:
            mask[y0 : y0 + height, x0 : x0 + width] |= 1
    mask[~np.isfinite(image)] |= 1 << 9
    image[mask != 0] = 0
    variance[mask != 0] = 1
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for amp, level in zip("AB", levels, strict=True):
        hdus[0].header[f"HIERARCH ISR_OSCAN_LEVEL{amp}"] = level
        hdus[0].header[f"HIERARCH ISR_SATURATION{amp}"] = 0.95 * 61000
    hdus.append(fits.ImageHDU(image.astype(np.float32), name="IMAGE"))
    hdus.append(fits.ImageHDU(mask, name="MASK"))
    hdus.append(fits.ImageHDU(variance.astype(np.float32), name="VARIANCE"))
    for plane, bit in PLANES.items():
        hdus["MASK"].header[f"HIERARCH MP_{plane}"] = bit
    hdus.writeto(product_path(folder, files.raw, ccd), overwrite=True)
