"""A small CCD in MegaCam's layout, its frames and a configuration, for tests from outside."""

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from cfhtisr import Amplifier, Box2I, CfhtIsrTaskConfig, Detector, Exposure, MaskedImage

BAD, SAT, INTRP, SUSPECT, NAN = 1, 2, 4, 128, 512
ROWS, HALF, STRIP, TOP = 14, 20, 6, 3  # data rows, columns of an amplifier, overscan
RAW = (ROWS + TOP, 2 * (HALF + STRIP))
GAIN, NOISE = {"A": 1.6, "B": 1.4}, {"A": 4.0, "B": 5.0}
SATURATE = 58000


def two_amplifiers(names=("A", "B"), flip=False, **electronics):
    """Return a detector in MegaCam's layout: strips at the outer sides, rows at the top."""
    width = HALF + STRIP
    amps = [
        Amplifier(
            names[0],
            Box2I(0, 0, HALF, ROWS),
            Box2I(0, 0, width, ROWS + TOP),
            Box2I(STRIP, 0, HALF, ROWS),
            Box2I(0, 0, STRIP, ROWS),
            Box2I(0, ROWS, width, TOP),
            **electronics,
        ),
        Amplifier(
            names[1],
            Box2I(HALF, 0, HALF, ROWS),
            Box2I(width, 0, width, ROWS + TOP),
            Box2I(width, 0, HALF, ROWS),
            Box2I(width + HALF, 0, STRIP, ROWS),
            Box2I(width, ROWS, width, TOP),
            raw_flip_x=flip,
            readout_corner="LR",
            **electronics,
        ),
    ]
    return Detector("ccd03", 3, Box2I(0, 0, 2 * HALF, ROWS), amps)


def cards():
    header = Header()
    header["OBJECT"] = ("a field", "its comment")
    header["DATASEC"] = "[7:46,1:14]"
    header["GAIN"] = 1.5
    for amp in "AB":
        header[f"GAIN{amp}"], header[f"RDNOISE{amp}"] = GAIN[amp], NOISE[amp]
    header["RDNOISE"], header["SATURATE"] = 4.4, SATURATE
    header["CRPIX1"], header["CRPIX2"] = 30.0, 7.0
    header["CRVAL1"], header["CRVAL2"] = 150.0, 2.0
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CD1_1"], header["CD2_2"] = -5e-5, 5e-5
    header["CD1_2"], header["CD2_1"] = 0.0, 0.0
    header["COMMENT"] = "first"
    header["COMMENT"] = "second"
    header["HISTORY"] = "done before"
    header["LAST"] = True
    return header


def raw(seed=1, detector=None, dtype=np.uint16):
    rng = np.random.default_rng(seed)
    level = 1000 + np.repeat([100, 200], RAW[1] // 2)[None, :] + 3 * np.arange(RAW[0])[:, None]
    image = level + rng.normal(0, 2.5, RAW)
    image[:ROWS, STRIP:-STRIP] += rng.normal(700, 20, (ROWS, 2 * HALF))
    image[3, STRIP + 10] = 60000  # one saturated pixel
    image[8, STRIP + 22 : STRIP + 31] = 59000  # a trail of nine
    image[5, 2] = 3500  # an outlier of the overscan
    header = cards()
    return Exposure(
        MaskedImage(np.round(image).astype(dtype)),
        header,
        two_amplifiers() if detector is None else detector,
        WCS(header),
        "i.MP9703",
        {"exposure_id": 123403, "exposure_time": 120.0, "dark_time": 121.5},
    )


def frame(level, scatter, variance, seed, dark_time=np.nan):
    rng = np.random.default_rng(seed)
    shape = (ROWS, 2 * HALF)
    return Exposure(
        MaskedImage(
            rng.normal(level, scatter, shape).astype(np.float32),
            None,
            np.full(shape, variance, np.float32),
        ),
        filter="i.MP9703",
        visit_info={"exposure_id": 0, "exposure_time": 0.0, "dark_time": dark_time},
    )


def calibrations():
    flat = frame(1.0, 0.03, 1e-4, 4)
    flat.image.array[11, 30] = 0.0  # becomes infinite
    bias = frame(5.0, 0.5, 0.3, 2)
    bias.mask.array[0, 0] = 16
    return {
        "bias": bias,
        "dark": frame(12.0, 1.0, 0.2, 3, dark_time=600.0),
        "flat": flat,
        "defects": [Box2I(3, 0, 1, ROWS), Box2I(36, 2, 2, 3)],
    }


def config(**changes):
    made = CfhtIsrTaskConfig()
    made.doFringe = False
    for name, value in changes.items():
        setattr(made, name, value)
    return made
