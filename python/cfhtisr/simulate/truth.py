"""The truth of a simulated exposure: what a perfect correction returns, and what was put in."""

__all__ = ["Truth", "read_truth", "truth_hdus", "truth_primary"]

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cfhtisr.errors import FileFormatError
from cfhtisr.images.mask import PLANES
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.simulate.ccd import SimulatedCcd
from cfhtisr.simulate.mef import Card, Literal, image_hdu
from cfhtisr.simulate.settings import Settings

_STEP = 1 / 64  # ADU; Rice compression then takes some 3 bits a pixel
_TILE_ROWS = 32
_PLANES = ("BAD", "SAT", "CR", "SUSPECT", "UNMASKEDNAN")


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth of one CCD.

    Attributes
    ----------
    image : ndarray of float32, shape (rows, columns)
        Sky and stars without noise, fringes and flat field [ADU].
    mask : ndarray of int32, shape (rows, columns)
        BAD: in the table of defects. SAT: the light reaches the ceiling of the amplifier. CR: hit
        by a cosmic ray. SUSPECT: holds charge that bled from others. UNMASKEDNAN: dead.
    levels : tuple of float
        Mean overscan level of A and B [ADU].
    gains : tuple of float
        [electron/ADU]
    read_noises : tuple of float
        [electron]
    saturations : tuple of float
        Highest raw counts [ADU].
    fringe_scale : float
        Factor of the master fringe.
    detsec : str
        Place in the mosaic; runs backwards for a CCD that is upside down.
    """

    image: NDArray[np.float32]
    mask: NDArray[np.int32]
    levels: tuple[float, float]
    gains: tuple[float, float]
    read_noises: tuple[float, float]
    saturations: tuple[float, float]
    fringe_scale: float
    detsec: str


def truth_primary(settings: Settings, name: str) -> list[Card]:
    """Return the cards of the primary header of a file of truth."""
    return [
        ("SIMPLE", True, "Standard FITS"),
        ("BITPIX", 8, "No pixels here"),
        ("NAXIS", 0, "No pixels here"),
        ("EXTEND", True, "There are extensions"),
        ("FILENAME", name, "Name of the file when it was made"),
        ("OBSTYPE", "TRUTH", "What a perfect correction returns"),
        ("OBSID", settings.obsid, "Number of the exposure"),
        ("FILTER", settings.filter, "Filter"),
        ("EXPTIME", settings.exposure_time, "Exposure time [s]"),
        ("SEED", settings.seed, "Seed of the simulation"),
        ("NCCDS", settings.n_ccd, "Number of CCDs of the camera"),
        ("REALISTI", settings.realistic, "Gains and read noise differ from the header's"),
    ]


def truth_hdus(simulated: SimulatedCcd, detsec: str) -> bytes:
    """Return the two HDUs of a CCD, image and mask."""
    a, b = simulated.amplifiers
    name = simulated.detector.name
    ccd = simulated.detector.id
    facts: list[Card] = [
        ("CCD", ccd, "Number of the CCD"),
        ("DETSEC", detsec, "Place in the mosaic"),
        ("LEVELA", round(simulated.levels[0], 3), "Mean overscan level, A [ADU]"),
        ("LEVELB", round(simulated.levels[1], 3), "Mean overscan level, B [ADU]"),
        ("GAINA", round(a.gain, 6), "True gain, A [e/ADU]"),
        ("GAINB", round(b.gain, 6), "True gain, B [e/ADU]"),
        ("RDNOISEA", a.read_noise, "True read noise, A [e]"),
        ("RDNOISEB", b.read_noise, "True read noise, B [e]"),
        ("SATURATA", a.saturation, "Highest raw count, A [ADU]"),
        ("SATURATB", b.saturation, "Highest raw count, B [ADU]"),
        ("FRSCALE", simulated.fringe_scale, "Factor of the master fringe"),
    ]
    stored = np.rint(simulated.truth * np.float32(1 / _STEP)).astype(np.int32)
    image = image_hdu(
        stored,
        [
            ("EXTNAME", name, "Light without noise"),
            ("BUNIT", "adu", ""),
            ("BZERO", Literal("0.0"), ""),
            ("BSCALE", Literal(repr(_STEP)), ""),
            *facts,
        ],
        "RICE_1",
        tile_rows=_TILE_ROWS,
    )
    planes: list[Card] = [
        (f"MP_{plane}"[:8], PLANES[plane], f"Bit of {plane}") for plane in _PLANES
    ]
    # Flags are few, and GZIP makes nothing of empty rows.
    mask = image_hdu(
        simulated.mask.astype(np.int16),
        [("EXTNAME", f"{name}_MASK", "What was put in"), *planes],
        "GZIP_1",
        tile_rows=_TILE_ROWS,
    )
    return image + mask


def read_truth(path: str | os.PathLike[str], ccd: int) -> Truth:
    """Read the truth of one CCD.

    Parameters
    ----------
    path : path-like
        A file ``truth-*`` of `cfhtisr.simulate.exposure`.
    ccd : int
        Number of the CCD.

    Raises
    ------
    FileFormatError
        If the file has no truth of this CCD.
    """
    name = f"ccd{ccd:02d}"
    with FitsFile(path) as file:
        found = {hdu.name.lower(): hdu for hdu in file.hdus}
        if name not in found or f"{name}_mask" not in found:
            raise FileFormatError(f"{os.fspath(path)} has no truth of {name}")
        image = file.read(found[name].index)
        mask = file.read(found[f"{name}_mask"].index)
        header = found[name].header

    def both(key: str) -> tuple[float, float]:
        return (float(header[f"{key}A"]), float(header[f"{key}B"]))

    return Truth(
        np.asarray(image, np.float32),
        np.asarray(mask, np.int32),
        levels=both("LEVEL"),
        gains=both("GAIN"),
        read_noises=both("RDNOISE"),
        saturations=both("SATURAT"),
        fringe_scale=float(header["FRSCALE"]),
        detsec=str(header["DETSEC"]),
    )
