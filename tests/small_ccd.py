"""A CCD of 12 x (4 + 20 | 20 + 4) pixels in MegaCam's layout, with its calibration frames."""

import numpy as np
from astropy.io.fits import Header

from cfhtisr import Amplifier, Box2I, Detector, Exposure, MaskedImage, Struct

ROWS, WIDTH, STRIP = 12, 20, 4
SHAPE = (ROWS, 2 * WIDTH)
RAW_SHAPE = (ROWS, 2 * (WIDTH + STRIP))
LEVELS = {"A": 1100.0, "B": 1200.0}
GAINS = {"A": 1.6, "B": 1.5}
NOISES = {"A": 4.0, "B": 5.0}


def detector(name="ccd00"):
    right = WIDTH + STRIP
    return Detector(
        name,
        0,
        Box2I(0, 0, 2 * WIDTH, ROWS),
        [
            Amplifier(
                "A",
                Box2I(0, 0, WIDTH, ROWS),
                Box2I(0, 0, right, ROWS),
                Box2I(STRIP, 0, WIDTH, ROWS),
                Box2I(0, 0, STRIP, ROWS),
            ),
            Amplifier(
                "B",
                Box2I(WIDTH, 0, WIDTH, ROWS),
                Box2I(right, 0, right, ROWS),
                Box2I(right, 0, WIDTH, ROWS),
                Box2I(right + WIDTH, 0, STRIP, ROWS),
                readout_corner="LR",
            ),
        ],
    )


def header():
    cards = Header()
    cards["OBJECT"] = ("a field", "what it shows")
    cards["DATASEC"] = "[5:44,1:12]"
    cards["GAIN"] = 1.55
    for amp in "AB":
        cards[f"GAIN{amp}"] = GAINS[amp]
        cards[f"RDNOISE{amp}"] = NOISES[amp]
        cards[f"BSEC{amp}"] = "[1:4,1:12]"
    cards["RDNOISE"] = 4.5
    cards["SATURATE"] = 61000
    cards["CRPIX1"], cards["CRPIX2"] = 104.0, 6.0
    cards["HISTORY"] = "made for a test"
    cards["ZLAST"] = True
    return cards


def raw(signal=500.0, dtype=np.uint16, seed=1):
    """Return a raw exposure: overscan levels, and a signal with its noise."""
    rng = np.random.default_rng(seed)
    image = np.empty(RAW_SHAPE)
    half = RAW_SHAPE[1] // 2
    image[:, :half], image[:, half:] = LEVELS["A"], LEVELS["B"]
    image += rng.normal(0, 2, RAW_SHAPE)
    image[:, STRIP:-STRIP] += signal + rng.normal(0, 10, SHAPE)
    return Exposure(
        MaskedImage(np.round(image).astype(dtype)),
        header(),
        detector(),
        filter="i.MP9703",
        visit_info={"exposure_id": 36007, "exposure_time": 100.0, "dark_time": 101.0},
    )


def frame(value, variance=0.0, dark_time=np.nan, seed=2, scatter=0.0):
    rng = np.random.default_rng(seed)
    image = (value + scatter * rng.normal(0, 1, SHAPE)).astype(np.float32)
    return Exposure(
        MaskedImage(image, None, np.full(SHAPE, variance, np.float32)),
        detector=detector(),
        filter="i.MP9703",
        visit_info={"exposure_time": 0.0, "dark_time": dark_time},
    )


def calibrations():
    """Return the arguments of a run with all steps on."""
    return {
        "bias": frame(3.0, 0.25, scatter=0.5),
        "dark": frame(20.0, 0.1, dark_time=1010.0, seed=3, scatter=1.0),
        "flat": frame(1.0, 1e-4, seed=4, scatter=0.02),
        "defects": [Box2I(7, 0, 1, ROWS), Box2I(25, 3, 2, 4)],
        "fringes": Struct(fringes=frame(0.0, seed=5, scatter=1.0), seed=7),
    }


class Shelf:
    """A data reference that finds its datasets in a dictionary."""

    def __init__(self, **datasets):
        self.dataId = {"visit": 1000, "ccd": 7, "filter": "i.MP9703"}
        self.datasets = datasets

    def get(self, datasetType, **dataId):
        dataId.pop("immediate", None)
        key = (datasetType, dataId["filter"]) if "filter" in dataId else datasetType
        return self.datasets[key]

    def put(self, value, datasetType):
        self.datasets[datasetType] = value

    def datasetExists(self, datasetType):
        return datasetType in self.datasets
