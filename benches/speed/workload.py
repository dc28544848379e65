"""The CCD that everybody corrects: pixels, calibrations, defects, numbers."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera import megacam, section_cards

ROWS, COLUMNS = 4612, 2048
OVER = 32  # overscan columns of each amplifier, and overscan rows
RAW_SHAPE = (ROWS + OVER, COLUMNS + 2 * OVER)
HALF = COLUMNS // 2
GAINS, READ_NOISE = (1.6, 1.7), (4.0, 5.0)  # electrons per ADU, electrons; of both amplifiers
EXPOSURE, DARK_TIME = 300.0, 1.0  # seconds; the dark frame is in ADU per second
SKY = 500.0
FULL_WELL, TOP = 55000, 65535  # signal from which on a pixel is saturated, and what it holds then
LEVEL = 60000  # any threshold between the two flags the same pixels
SAT, BAD, NAN = 1 << 1, 1 << 0, 1 << 9
FILTER, FILTER_ID, CCD = "gri.MP9605", 1323, 7

F32 = NDArray[np.float32]


@dataclass
class Workload:
    """One CCD: raw counts, and calibrations of the trimmed CCD."""

    raw: NDArray[np.uint16]
    bias: F32
    bias_variance: F32
    dark: F32
    flat: F32
    boxes: NDArray[np.int32]  # x0, y0, x1, y1 of each defect, inclusive

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def load(cls, folder: Path) -> "Workload":
        """Read the arrays again."""
        return cls(**{f.name: np.load(folder / f"{f.name}.npy") for f in fields(cls)})


def make() -> Workload:
    """Return the CCD; the same at every call."""
    random = np.random.default_rng(20260101)

    def noise(scale: float) -> F32:
        return np.float32(scale) * random.standard_normal((ROWS, COLUMNS), np.float32)

    bias = noise(0.6)
    bias_variance = np.float32(0.36) + np.abs(noise(0.02))
    dark = np.float32(0.003) + np.abs(noise(0.001))
    across = np.linspace(-1, 1, COLUMNS, dtype=np.float32)
    flat = np.float32(1.02) - np.float32(0.04) * across**2 + noise(0.01)
    light = np.float32(SKY) + _stars(random)
    light *= flat
    light += dark * np.float32(EXPOSURE)
    raw = np.empty(RAW_SHAPE, np.float32)
    rows = np.arange(RAW_SHAPE[0], dtype=np.float32)[:, None]
    middle = RAW_SHAPE[1] // 2
    levels = (1050 + 20 * np.sin(rows / 900), 1150 - rows / 200)
    for half, level, gain, read_noise in zip((0, 1), levels, GAINS, READ_NOISE, strict=True):
        part = raw[:, half * middle : (half + 1) * middle]
        part[:] = level + np.float32(read_noise / gain) * random.standard_normal(
            part.shape, np.float32
        )
    data = raw[:ROWS, OVER:-OVER]
    shot = np.sqrt(light / np.float32(np.mean(GAINS)))
    data += light + shot * noise(1.0) + bias
    data[light > FULL_WELL] = TOP
    raw = np.clip(np.rint(raw), 0, TOP).astype(np.uint16)
    # Few pixels of the light lie between; none of them may, or levels would matter.
    raw[(raw >= FULL_WELL) & (raw < TOP)] = FULL_WELL - 1
    flat[random.integers(0, ROWS, 12), random.integers(0, COLUMNS, 12)] = 0
    return Workload(raw, bias, bias_variance, dark, flat, _defects(random))


def _stars(random: np.random.Generator) -> F32:
    """Return 400 stars, 25 of which saturate and bleed along their columns."""
    light = np.zeros((ROWS, COLUMNS), np.float32)
    size = 24
    y, x = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float32)
    shape = np.exp(-(x**2 + y**2) / np.float32(2 * 2.2**2))
    for number in range(400):
        row = int(random.integers(size, ROWS - size))
        column = int(random.integers(size, COLUMNS - size))
        bright = number < 25
        peak = random.uniform(1e5, 3e6) if bright else 10 ** random.uniform(2, 4.5)
        light[row - size : row + size + 1, column - size : column + size + 1] += peak * shape
        if bright:
            length = int(random.integers(30, 400))
            half = int(random.integers(1, 4))
            light[max(row - length, 0) : row + length, column - half : column + half] = TOP
    return light


def _defects(random: np.random.Generator) -> NDArray[np.int32]:
    """Return 30 boxes: columns, parts of columns and spots."""
    boxes = []
    for number in range(30):
        width = int(random.integers(1, 4))
        height = ROWS if number < 8 else int(random.integers(2, 1500))
        x0 = int(random.integers(2, COLUMNS - 6))
        y0 = 0 if number < 8 else int(random.integers(0, ROWS - height))
        boxes.append((x0, y0, x0 + width - 1, y0 + height - 1))
    return np.array(boxes, np.int32)


def rolled(workload: Workload, ccd: int) -> Workload:
    """Return the pixels of another CCD of the exposure: moved up, in whole rows."""
    step = 97 * ccd

    def up(pixels):
        return np.roll(pixels, step, axis=0)

    raw = workload.raw.copy()
    raw[:ROWS] = up(workload.raw[:ROWS])
    frames = (workload.bias, workload.bias_variance, workload.dark, workload.flat)
    return Workload(raw, *map(up, frames), workload.boxes)


def detector():
    """Return the CCD's description, with the numbers of this module."""
    found = megacam(40)[CCD].copy()
    for amp, gain, noise in zip(found, GAINS, READ_NOISE, strict=True):
        amp.gain, amp.read_noise, amp.saturation = gain, noise, float(LEVEL)
    return found


def primary_cards(n_ccd: int, kind: str) -> dict:
    """Return the cards of a primary header."""
    cards = {"DETECTOR": "MegaCam", "INSTRUME": "MegaPrime", "TELESCOP": "CFHT 3.6m"}
    cards |= {"NEXTEND": n_ccd, "NCCDS": 40, "FILENAME": "1927963o", "OBSID": 1927963}
    return cards | _exposure_cards(kind)


def ccd_cards(ccd: int, kind: str) -> dict:
    """Return the cards of a CCD: of a raw frame, or of a trimmed master."""
    cards = {"EXTVER": ccd, "OBSID": 1927963, "CCDBIN1": 1, "CCDBIN2": 1}
    if kind == "OBJECT":
        cards |= section_cards(megacam(40)[ccd])
        cards |= {"GAINA": GAINS[0], "GAINB": GAINS[1], "GAIN": sum(GAINS) / 2, "SATURATE": TOP}
        cards |= {"RDNOISEA": READ_NOISE[0], "RDNOISEB": READ_NOISE[1]}
        cards |= {"RDNOISE": sum(READ_NOISE) / 2}
        cards |= {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 204.1, "CRVAL2": 12.4}
        cards |= {"CRPIX1": 1000.0, "CRPIX2": 2000.0, "CD1_1": -5.194e-5, "CD1_2": 0.0}
        cards |= {"CD2_1": 0.0, "CD2_2": 5.194e-5, "EQUINOX": 2000.0, "RADECSYS": "FK5"}
    else:
        for name, x0 in (("A", 0), ("B", HALF)):
            half = f"[{x0 + 1}:{x0 + HALF},1:{ROWS}]"
            cards |= {f"DSEC{name}": half, f"CSEC{name}": half, f"BSEC{name}": "[0:0,0:0]"}
    return cards | _exposure_cards(kind)


def _exposure_cards(kind: str) -> dict:
    seconds = {"OBJECT": EXPOSURE, "DARK": DARK_TIME}.get(kind, 0.0)
    cards = {"OBSTYPE": kind, "FILTER": FILTER, "FILTERID": FILTER_ID, "EXPTIME": seconds}
    cards |= {"DARKTIME": seconds, "MJD-OBS": 57520.2914642, "DATE-OBS": "2016-05-12"}
    return cards | {"UTC-OBS": "6:59:42.51"}
