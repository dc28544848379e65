"""Print docs/parity.md: for each oddity of the reference what both parities compute.

Every number comes from running the package now. ``make docs-parity`` writes the file.
"""

# ruff: noqa: D103  # what an example is stands in its row

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from cfhtisr import Amplifier, Box2I, Detector, Exposure, IsrTask, IsrTaskConfig, MaskedImage
from cfhtisr.camera import megacam
from cfhtisr.images import Mask
from cfhtisr.isr import (
    background,
    brighter_fatter,
    calibration,
    crosstalk,
    fringe,
    interpolation,
    overscan,
    saturation,
    variance,
)
from cfhtisr.tasks.cfht import CfhtIsrTask, CfhtIsrTaskConfig
from cfhtisr.tasks.fringe import FringeConfig, FringeTask

PARITIES = ("lsst-v17", "none")
HEAD = """\
# What the two parities compute

`parity = "lsst-v17"` does what the reference did, oddities included; `parity = "none"`, the
default, does what its documentation or reason asks. Each row is one oddity with the smallest
example that shows it, computed by `docs/parity.py`. Where both columns agree, the reference
crashed or harmed the caller's data, or it is harmless, so that both modes do the same.

Regenerate with `make docs-parity`; a test compares this file with what the script prints.

| oddity | example | `lsst-v17` | `none` |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """An oddity: its names, what the example is, and what computes it."""

    names: str
    text: str
    show: Callable[[str], str]


ROWS: list[Row] = []


def row(names: str, text: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Enter an example in the table."""

    def enter(show: Callable[[str], str]) -> Callable[[str], str]:
        ROWS.append(Row(names, text, show))
        return show

    return enter


def numbers(values, digits: int = 4) -> str:
    """Return numbers in one form, without a sign of zero."""
    return ", ".join(f"{float(value) + 0.0:.{digits}g}" for value in np.atleast_1d(values))


def repaired(values, bad, parity, fallback=None, noise=1.0):
    """Return image and variance of one row, repaired."""
    image = np.array([values], np.float32)
    spread = np.broadcast_to(np.asarray(noise, np.float32), image.shape).copy()
    boxes = [Box2I(column, 0, 1, 1) for column in bad]
    mask = np.zeros(image.shape, np.int32)
    interpolation.interpolate_boxes(image, mask, spread, boxes, fallback, parity=parity)
    return image[0], spread[0]


def task(parity, kind=IsrTask, config=IsrTaskConfig, **fields):
    """Return a task with some fields set."""
    made = config(parity=parity)
    for name, value in fields.items():
        setattr(made, name, value)
    return kind(config=made)


def ccd(level=50.0, columns=20, rows=12, strip=4):
    """Return a raw exposure of two amplifiers: overscan 100 ADU, then the level above it."""
    half = columns + strip
    image = np.full((rows, 2 * half), 100.0, np.float32)
    image[:, strip:-strip] += level
    amps = [
        Amplifier(
            name,
            Box2I(columns * n, 0, columns, rows),
            Box2I(half * n, 0, half, rows),
            Box2I(strip if n == 0 else half, 0, columns, rows),
            Box2I(0 if n == 0 else half + columns, 0, strip, rows),
            readout_corner="LL" if n == 0 else "LR",
            gain=2.0,
            read_noise=4.0,
        )
        for n, name in enumerate("AB")
    ]
    detector = Detector("ccd00", 0, Box2I(0, 0, 2 * columns, rows), amps)
    visit = {"exposure_time": 100.0, "dark_time": 100.0}
    return Exposure(MaskedImage(image), Header(), detector, filter="i.MP9703", visit_info=visit)


ALL_OFF = (
    "doBias doDark doFlat doFringe doDefect doAddDistortionModel doSetBadRegions doLinearize "
    "doWidenSaturationTrails"
).split()


def run(parity, exposure, **fields):
    """Return an exposure corrected by few steps."""
    off = {**dict.fromkeys(ALL_OFF, False), "expectWcs": False}
    arguments = {name: fields.pop(name) for name in ("defects",) if name in fields}
    return task(parity, **{**off, **fields}).run(exposure, **arguments).exposure


def noisy(rows=40, columns=32, level=1167.0):
    """Return an overscan strip with a fixed noise."""
    rng = np.random.RandomState(5)
    return (level + rng.normal(0, 3, (rows, columns))).round().astype(np.float32)


@row("N1", "variance of a bad pixel between pixels of variance 100, 1 and 1, 100")
def n1(parity):
    return numbers(repaired(range(7), [3], parity, noise=[1, 100, 1, 1, 1, 100, 1])[1][3])


@row("N1, T14", "variance far inside a bad edge; variances are 1, the image's typical value 1000")
def t14(parity):
    return numbers(repaired([5.0] * 20, range(10), parity, 1000.0)[1][0])


@row("N2", "columns 1, 2 and 4 of 0 ... 11 are bad, column 4 holds a million: column 1 becomes")
def n2(parity):
    values = np.arange(12.0)
    values[4] = 1e6
    return numbers(repaired(values, [1, 2, 4], parity)[0][1])


@row("N3", "two bad pixels in 1, ?, -8, ?, ?, -8, ?, 1")
def n3(parity):
    return numbers(repaired([1, 0, -8, 0, 0, -8, 0, 1], [1, 3, 4, 6], parity)[0][3:5])


@row("N4", "the first 7 of 20 columns of 50 are bad; the least value afterwards")
def n4(parity):
    return numbers(min(repaired([50.0] * 20, range(7), parity, 50.0)[0]))


@row("N5", "column 0 holds 50, all others are bad, the fallback is 7: column 1 becomes")
def n5(parity):
    return numbers(repaired([50.0] + [0.0] * 19, range(1, 20), parity, 7.0)[0][1])


@row("interpolation", "weight of the next neighbour of one bad pixel, times 10000")
def weights(parity):
    return numbers(repaired([0, 0, 1e4, 0, 0, 0, 0], [3], parity)[0][3], 8)


@row("N6, T3", "`badStatistic` MEANCLIP of many 0, 0, 1: the value of a BAD pixel")
def n6(parity):
    image = np.zeros((1, 41), np.float32)
    image[0, ::3] = 1
    mask = np.zeros(image.shape, np.int32)
    mask[0, 40] = Mask.bitmask("BAD")
    exposure = Exposure(MaskedImage(image, mask))
    task(parity).setBadRegions(exposure)
    return numbers(exposure.image.array[0, 40])


@row("N7, T5", "line fitted with rejection at 1 sigma instead of 3: does the fit change?")
def n7(parity):
    image = noisy()
    fits = [overscan.fit(image, "POLY", 1, n_sigma=n, parity=parity) for n in (1.0, 3.0)]
    return "no" if np.array_equal(*fits) else "yes"


@row("N8", "one masked pixel at a quartile of a row of 32: rows flagged SUSPECT")
def n8(parity):
    image, mask = noisy(), np.zeros((40, 32), np.int32)
    mask[0, 7] = 2
    data = MaskedImage(np.zeros((40, 8), np.float32))
    strip = MaskedImage(image, mask)
    overscan.correct(data, strip, "POLY", 1, and_mask=2, parity=parity)
    return numbers((data.mask.array[:, 0] != 0).sum())


@row("N9", "12 of 60 overscan rows saturated and masked: level fitted in row 30 [ADU]")
def n9(parity):
    image = noisy(60, 9)
    image[:12] = 60000
    mask = np.where(image == 60000, 2, 0)
    return numbers(overscan.fit(image, "POLY", 1, mask, 2, parity=parity)[30])


@row("N10, T11", "the last 2 overscan rows are lost: rows flagged SUSPECT")
def n10(parity):
    image, mask = noisy(), np.zeros((40, 32), np.int32)
    mask[38:] = 2
    data = MaskedImage(np.zeros((40, 8), np.float32))
    overscan.correct(data, MaskedImage(image, mask), "POLY", 1, and_mask=2, parity=parity)
    return numbers((data.mask.array[:, 0] != 0).sum())


@row("N11, T1", "a strip of 4 columns, 1 leading and 1 trailing skipped: columns used")
def n11(parity):
    exposure = ccd()
    tool = task(parity, overscanNumLeadingColumnsToSkip=1, overscanNumTrailingColumnsToSkip=1)
    used = tool.overscanCorrection(exposure, exposure.detector["A"]).overscanImage
    return f"{used.bbox.x0} to {used.bbox.x1}"


@row("N12, T15", "`normalizeGains` of halves with 50 and 60 ADU, gain 2: their levels")
def n12(parity):
    exposure = ccd()
    exposure.image.array[:, 24:-4] += 10
    fields = {"doApplyGains": True, "normalizeGains": True, "doVariance": False}
    image = run(parity, exposure, **fields).image.array
    return numbers([image[5, 3], image[5, -3]])


@row("gains", "`normalizeGains` with halves of levels 0 and 400, gain 1: the second becomes")
def gains_of_an_empty_half(parity):
    return numbers([_normalised(parity, 0.0, 400.0).image.array[5, -1]])


@row("gains", "`normalizeGains` with one pixel of NaN in the first half: pixels of NaN, of 80")
def gains_with_a_pixel_without_a_number(parity):
    return numbers(np.isnan(_normalised(parity, 100.0, 400.0, np.nan).image.array).sum())


def _normalised(parity, first, second, odd=None):
    """Return an exposure of two halves of 5 columns and 8 rows after the step."""
    image = np.full((8, 10), first, np.float32)
    image[:, 5:] = second
    if odd is not None:
        image[3, 3] = odd
    boxes = [Box2I(0, 0, 5, 8), Box2I(5, 0, 5, 8)]
    amps = [Amplifier(n, b, b, b, b) for n, b in zip("AB", boxes, strict=True)]
    exposure = Exposure(image, detector=Detector("ccd00", 0, Box2I(0, 0, 10, 8), amps))
    task(parity, normalizeGains=True).applyGains(exposure)
    return exposure


@row(
    "N13, T16",
    "crosstalk 0.01 on A from B, 11 columns of 1050 and 9 of 150 ADU: A of 150 becomes [ADU]",
)
def n13(parity):
    exposure = ccd(rows=12)
    exposure.image.array[:, 33:-4] = 1050
    crosstalk.subtract(exposure, [[0, 0.01], [0, 0]], parity=parity)
    return numbers(exposure.image.array[5, [4, 23]], 6)


@row("N14, T26", "brighter-fatter with a 3 x 3 kernel: first and last corrected row of 12")
def n14(parity):
    rng = np.random.RandomState(1)
    image = (1000 + 300 * rng.random_sample((12, 12))).astype(np.float32)
    kernel = np.zeros((3, 3))
    kernel[1, 1], kernel[0, 1], kernel[2, 1], kernel[1, 0], kernel[1, 2] = 4e-7, *[1e-7] * 4
    done = image.copy()
    brighter_fatter.correct(done, kernel, 10, 1.0, parity=parity)
    rows = np.nonzero((done != image).any(axis=1))[0]
    return f"{rows[0]}, {rows[-1]}"


@row("N15, T26", "brighter-fatter with a threshold above the sum of the image: rounds")
def n15(parity):
    image = np.full((12, 12), 100, np.float32)
    kernel = np.zeros((3, 3))
    kernel[1, 1] = 1e-7
    return numbers(brighter_fatter.correct(image, kernel, 10, 1e3, parity=parity))


@row("N16, T21", "no position is usable: amounts of 3 fringe frames")
def n16(parity):
    logging.disable(logging.WARNING)
    try:
        return numbers(fringe.solve([np.nan] * 5, np.ones((3, 5)), parity=parity))
    finally:
        logging.disable(logging.NOTSET)


@row("fringe", "one of 100 positions lacks one of two frames: amounts (1 and 1 are true)")
def any_finite(parity):
    rng = np.random.RandomState(3)
    columns = rng.normal(0, 1, (2, 100))
    science = columns.sum(axis=0)
    columns[1, 4] = np.nan
    logging.disable(logging.WARNING)
    try:
        return numbers(fringe.solve(science, columns, parity=parity))
    finally:
        logging.disable(logging.NOTSET)


@row(
    "fringe",
    "left 280 of 512 columns BAD and filled with 0: scatter of the fringes left in the others",
)
def positions_on_bad_pixels(parity):
    wave = np.add.outer(np.sin(np.arange(512) / 5.0), np.sin(np.arange(512) / 7.0))
    science, frame = (Exposure(MaskedImage(wave.astype(np.float32)), filter="i2") for _ in "ab")
    science.image.array[:, :280] = 0
    science.mask.array[:, :280] = Mask.bitmask("BAD")
    tool = task(parity)
    tool.fringe.config.filters = ["i2"]
    tool.fringe.config.num, tool.fringe.config.small, tool.fringe.config.large = 3000, 1, 30
    logging.disable(logging.WARNING)
    try:
        tool.fringe.run(science, frame)
    finally:
        logging.disable(logging.NOTSET)
    return numbers(round(float(science.image.array[:, 280:].std()), 3), 2)


@row(
    "N17, T12",
    "background cells of 256 on a frame of 400 x 300 (the reference raised): rows, columns",
)
def n17(parity):
    frame = MaskedImage(np.full((300, 400), 7, np.float32))
    return numbers(background.measure(frame, 256, 256).cells.shape)


@row("N18, T2", "`doSaturationInterpolation=False`, one saturated pixel: SAT, INTRP afterwards")
def n18(parity):
    exposure = ccd()
    exposure.detector["A"].saturation = 5000.0
    exposure.image.array[5, 10] = 6000
    mask = run(parity, exposure, doSaturationInterpolation=False).mask
    return f"{mask.count('SAT')}, {mask.count('INTRP')}"


@row("T4", "1000 ADU, gain 2, read noise 4 electrons: variance [ADU^2] (1000 / 2 + (4 / 2)^2)")
def t4(parity):
    planes = MaskedImage(np.full((1, 1), 1000, np.float32))
    variance.update(planes.image, planes.variance, 2.0, 4.0, parity=parity)
    return numbers(planes.variance.array[0, 0])


@row("variance", "-40 ADU, gain 2, read noise 4 electrons: variance [ADU^2]")
def below_zero(parity):
    planes = MaskedImage(np.full((1, 1), -40, np.float32))
    variance.update(planes.image, planes.variance, 2.0, 4.0, parity=parity)
    return numbers(planes.variance.array[0, 0])


@row("variance", "a bias frame of variance 9 [ADU^2]: what is left of it behind the variance step")
def bias_variance(parity):
    bias = Exposure(MaskedImage(np.zeros((12, 40), np.float32), None, np.full((12, 40), 9.0)))
    levels = []
    for frame in (None, bias):
        fields = {**dict.fromkeys(ALL_OFF, False), "expectWcs": False}
        fields["doBias"] = frame is not None
        result = task(parity, **fields).run(ccd(), bias=frame).exposure
        levels.append(result.variance.array[5, 5])
    return numbers(levels[1] - levels[0])


@row("T6", "rows of the overscan box of a real CCD, and of its data box")
def t6(parity):
    amp = megacam(36, parity)[0]["A"]
    return f"{amp.raw_horizontal_overscan_bbox.height}, {amp.raw_data_bbox.height}"


@row("T7", "`doTrimToMatchCalib` with a frame of equal size: pixels corrected of 100")
def t7(parity):
    target = MaskedImage(np.zeros((10, 10), np.float32))
    return numbers(calibration.trim_to_match(target, target.copy(), parity).image.array.size)


@row("T8", "statistics of an amplifier without overscan (the reference raised)")
def t8(parity):
    exposure = ccd()
    exposure.detector["A"].raw_horizontal_overscan_bbox = Box2I(0, 0, 0, 0)
    image = run(parity, exposure).image.array
    return f"levels {numbers([image[5, 3], image[5, -3]])}"


@row(
    "T9", "amplifier A is bad: variance of B (from its own overscan strip, `doEmpiricalReadNoise`)"
)
def t9(parity):
    exposure = ccd()
    exposure.image.array[:, -4:] += np.tile(np.float32([-3, 3]), 24).reshape(12, 4)
    boxes = [Box2I(0, 0, 20, 12)]
    logging.disable(logging.WARNING)
    try:
        done = run(parity, exposure, doEmpiricalReadNoise=True, doDefect=True, defects=boxes)
    finally:
        logging.disable(logging.NOTSET)
    return numbers(done.variance.array[5, -3])


@row("T10", "an exposure without a detector, gain 2 (the reference raised): its variance")
def t10(parity):
    exposure = Exposure(
        MaskedImage(np.full((4, 4), 50, np.float32)), Header(), visit_info={"exposure_time": 1}
    )
    done = run(parity, exposure, doAssembleCcd=False, gain=2.0, doOverscan=False)
    return numbers(done.variance.array[0, 0])


@row("T13", "`fwhm` 1 or 9: is a repaired pixel another?")
def t13(parity):
    results = []
    for fwhm in (1.0, 9.0):
        exposure = ccd()
        exposure.image.array += np.arange(48, dtype=np.float32) ** 2
        fields = {"fwhm": fwhm, "doDefect": True, "defects": [Box2I(7, 3, 2, 2)]}
        results.append(run(parity, exposure, **fields).image.array)
    return "no" if np.array_equal(*results) else "yes"


@row("T17", "amplifier A is saturated all over: its BAD pixels")
def t17(parity):
    exposure = ccd()
    exposure.detector["A"].saturation = 140.0
    exposure.image.array[:, :24] = 150
    logging.disable(logging.WARNING)
    try:
        return numbers(run(parity, exposure).mask.count("BAD"))
    finally:
        logging.disable(logging.NOTSET)


@row("T18", "a mask that was never interpolated (the reference raised): INTRP pixels")
def t18(parity):
    mask = np.zeros((1, 7), np.int32)
    planes = MaskedImage(np.arange(7, dtype=np.float32)[None], mask)
    boxes = [Box2I(3, 0, 1, 1)]
    interpolation.interpolate_boxes(
        planes.image, planes.mask, planes.variance, boxes, parity=parity
    )
    return numbers(planes.mask.count("INTRP"))


@row("T19", "an overscan outlier flagged CR (8): its mask afterwards")
def t19(parity):
    exposure = ccd()
    exposure.image.array[4, 1], exposure.mask.array[4, 1] = 5000, 8
    task(parity).overscanCorrection(exposure, exposure.detector["A"])
    return numbers(exposure.mask.array[4, 1])


@row("T20", "a fringe frame after its use: has the caller's frame changed?")
def t20(parity):
    wave = np.add.outer(np.sin(np.arange(64) / 3.0), np.sin(np.arange(64) / 5.0))
    science, frame = (
        Exposure(MaskedImage((wave + add).astype(np.float32)), filter="i2") for add in (0, 50)
    )
    science.mask.array[3, 3] = 1
    before = frame.masked_image.copy()
    config = FringeConfig(num=100, small=1, large=10, pedestal=True)
    config.filters = ["i2"]
    FringeTask(config=config).run(science, frame)
    same = all(map(np.array_equal, before.getArrays(), frame.masked_image.getArrays()))
    return "no" if same else "yes"


@row("T22", "one pixel grown by 2 and by 3 before its repair: pixels (diamonds, not discs)")
def t22(parity):
    counts = []
    for radius in (2, 3):
        image, mask = np.zeros((9, 9), np.float32), np.zeros((9, 9), np.int32)
        mask[4, 4] = Mask.bitmask("SAT")
        spread = np.ones((9, 9), np.float32)
        interpolation.interpolate_mask(image, mask, spread, "SAT", grow=radius, parity=parity)
        counts.append((mask != 0).sum())
    return numbers(counts)


@row("T23", "gain of the caller's detector, 2, after a header said 1.5")
def t23(parity):
    exposure = ccd()
    for amp in "AB":
        exposure.metadata[f"GAIN{amp}"], exposure.metadata[f"RDNOISE{amp}"] = 1.5, 5.0
    exposure.metadata["SATURATE"] = 60000
    tool = task(parity, CfhtIsrTask, CfhtIsrTaskConfig, expectWcs=False)
    for name in ALL_OFF:
        setattr(tool.config, name, False)
    tool.run(exposure)
    return numbers(exposure.detector["A"].gain)


def wide_strip():
    """Return a raw exposure of one amplifier with 32 overscan columns."""
    data, strip = Box2I(32, 0, 20, 64), Box2I(0, 0, 32, 64)
    amp = Amplifier("A", Box2I(0, 0, 20, 64), data.union(strip), data, strip)
    image = MaskedImage(np.full((64, 52), 1000, np.float32))
    return Exposure(image, detector=Detector("one", 0, amp.bbox, [amp]))


@row("T24", "no pixel saturates, SATURATE is 61000, `safe` 0.95: level [ADU]")
def t24(parity):
    image = np.full((10, 10), 1000, np.uint16)
    return numbers(saturation.estimate_level(image, 0.95, 61000.0, parity=parity), 6)


@row("T24", "300 of 10000 pixels at 65535, SATURATE is 65535, `safe` 0.95: level [ADU]")
def t24_peak(parity):
    image = np.full((100, 100), 1000, np.uint16)
    image[:3] = 65535
    return numbers(saturation.estimate_level(image, 0.95, 65535.0, parity=parity), 6)


@row("saturation", "one pixel at 60001, SATURATE is 62000, `safe` 0.95: level [ADU]")
def saturation_of_one_pixel(parity):
    image = np.full((100, 100), 1000, np.uint16)
    image[0, 0] = 60001
    return numbers(saturation.estimate_level(image, 0.95, 62000.0, parity=parity), 6)


@row("saturation", "a flat of 59500 +- 300 ADU, SATURATE is 65535, `safe` 0.95: level [ADU]")
def saturation_of_a_flat(parity):
    image = np.random.default_rng(1).normal(59500, 300, (100, 100)).astype(np.uint16)
    return numbers(saturation.estimate_level(image, 0.95, 65535.0, parity=parity), 6)


@row(
    "overscan", "the first of 32 overscan columns is 16 ADU too high: mean level less the true one"
)
def odd_column(parity):
    exposure, strip = wide_strip(), 32
    exposure.image.array[:, :strip] = 1000 + np.random.default_rng(1).normal(0, 2, (64, strip))
    exposure.image.array[:, 0] += 16
    found = task(parity, overscanFitType="MEAN").overscanCorrection(exposure, exposure.detector[0])
    return numbers(found.level - 1000, 1)


@row("T25", "`doTweakFlat`: does it change a pixel? (accepted, and it says that it does nothing)")
def t25(parity):
    results = [run(parity, ccd(), doTweakFlat=tweak).image.array for tweak in (False, True)]
    return "no" if np.array_equal(*results) else "yes"


def text() -> str:
    """Return the page."""
    lines = []
    for one in ROWS:
        values = " | ".join(one.show(parity) for parity in PARITIES)
        lines.append(f"| {one.names} | {one.text} | {values} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text(), "utf-8")
    else:
        sys.stdout.write(text())
