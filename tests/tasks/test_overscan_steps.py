import numpy as np
import pytest
from numpy.testing import assert_allclose

from cfhtisr import Amplifier, Box2I, Detector, Exposure, IsrTask, IsrTaskConfig, MaskedImage

ROWS, WIDTH, STRIP = 200, 60, 32


def task(**fields):
    config = IsrTaskConfig()
    config.overscanFitType = "MEDIAN_PER_ROW"
    for name, value in fields.items():
        setattr(config, name, value)
    return IsrTask(config=config)


def raw(corner=True, seed=1):
    """Return an amplifier with overscan columns at the left and rows at the top; the truth is 0.

    Every row and every column has a level of its own, and the overscan rows share both.
    """
    rng = np.random.default_rng(seed)
    height = ROWS + STRIP
    row = 1000 + 10 * np.sin(np.arange(height) / 20)
    column = np.r_[np.zeros(STRIP), 6 * np.cos(np.arange(WIDTH) / 5)]
    image = row[:, None] + column + rng.normal(0, 1, (height, STRIP + WIDTH))
    amp = Amplifier(
        "A",
        Box2I(0, 0, WIDTH, ROWS),
        Box2I(0, 0, STRIP + WIDTH, height if corner else ROWS),
        Box2I(STRIP, 0, WIDTH, ROWS),
        Box2I(0, 0, STRIP, ROWS),
        Box2I(STRIP, ROWS, WIDTH, STRIP),
    )
    detector = Detector("ccd", 0, amp.bbox, [amp])
    return Exposure(MaskedImage(image.astype(np.float32)), detector=detector), amp


def left(exposure, amp):
    """Return the means of the rows and of the columns that are left in the data."""
    data = exposure.image.array[amp.raw_data_bbox.slices]
    return data.mean(axis=1), data.mean(axis=0)


def test_columns_first_and_then_rows():
    exposure, amp = raw()
    result = task(overscanDirection="BOTH").overscanCorrection(exposure, amp)
    rows, columns = left(exposure, amp)
    assert np.abs(rows).max() < 1.2
    assert np.abs(columns).max() < 1.0
    assert np.broadcast_to(result.imageFit, amp.bbox.shape).shape == amp.bbox.shape
    assert result.overscanImage.width == STRIP
    header = exposure.metadata
    assert header["ISR_OSCAN_LEVELA"] == pytest.approx(1000, abs=8)
    assert header["ISR_PSCAN_LEVELA"] == pytest.approx(0, abs=2)
    assert header["ISR_PSCAN_SIGMAA"] == pytest.approx(6 / np.sqrt(2), rel=0.2)
    assert result.level == pytest.approx(header["ISR_OSCAN_LEVELA"] + header["ISR_PSCAN_LEVELA"])


def test_columns_alone_leave_the_columns_as_they_are():
    exposure, amp = raw()
    task().overscanCorrection(exposure, amp)
    rows, columns = left(exposure, amp)
    assert np.ptp(rows) < 3
    assert np.ptp(columns) > 10
    assert "ISR_PSCAN_LEVELA" not in exposure.metadata


@pytest.mark.parametrize("fit_type", ["MEDIAN_PER_COLUMN", "MEDIAN"])
def test_rows_alone(fit_type):
    exposure, amp = raw()
    tool = task(overscanDirection="PARALLEL", parallelOverscanFitType=fit_type)
    result = tool.overscanCorrection(exposure, amp)
    rows, columns = left(exposure, amp)
    assert np.ptp(rows) > 18
    assert (np.ptp(columns) < 4) == (fit_type == "MEDIAN_PER_COLUMN")
    assert result.overscanImage.height == STRIP
    assert "ISR_OSCAN_LEVELA" not in exposure.metadata


@pytest.mark.parametrize("fit_type", ["MEDIAN", "POLY", "MEDIAN_PER_ROW"])
def test_rows_lose_the_level_of_columns_without_a_corner_too(fit_type):
    exposure, amp = raw(corner=False)
    result = task(overscanDirection="BOTH", overscanFitType=fit_type).overscanCorrection(
        exposure, amp
    )
    assert abs(exposure.metadata["ISR_PSCAN_LEVELA"]) < 15
    data = exposure.image.array[amp.raw_data_bbox.slices]
    before = raw()[0].image.array[amp.raw_data_bbox.slices]
    assert_allclose(before - data, np.broadcast_to(result.imageFit, data.shape), atol=2e-4)


def test_an_amplifier_without_rows_needs_none():
    exposure, amp = raw()
    bare = amp.copy(raw_vertical_overscan_bbox=Box2I(0, 0, 0, 0))
    assert task(overscanDirection="PARALLEL").overscanCorrection(exposure, bare) is None
    assert task(overscanDirection="BOTH").overscanCorrection(exposure, bare) is not None
    gone = amp.copy(raw_vertical_overscan_bbox=Box2I(STRIP, 9000, WIDTH, STRIP))
    with pytest.raises(RuntimeError, match="overscan rows of amplifier A lie outside"):
        task(overscanDirection="PARALLEL").overscanCorrection(exposure, gone)
    exposure.mask.array[...] = 2
    with pytest.raises(RuntimeError, match="amplifier A of ccd: overscan has no usable pixel"):
        task(overscanDirection="PARALLEL").overscanCorrection(exposure, amp)


def test_odd_columns_are_skipped_unless_told_otherwise():
    for fields, skipped, width in (
        ({}, "both", STRIP - 2),
        ({"overscanNumLeadingColumnsToSkip": 1}, "first", STRIP - 2),
        ({"overscanSkipEdgeColumns": "never"}, None, STRIP),
        ({"parity": "lsst-v17", "overscanFitType": "MEAN"}, None, STRIP),
    ):
        exposure, amp = raw()
        exposure.image.array[:, 0] -= 8
        exposure.image.array[:, STRIP - 1] += 12
        result = task(**fields).overscanCorrection(exposure, amp)
        assert exposure.metadata.get("ISR_OSCAN_SKIPA") == skipped
        assert result.overscanImage.width == width


def test_what_is_left_is_noted_in_header_and_metadata():
    exposure, amp = raw()
    exposure.image.array[50, :STRIP] += np.linspace(400, 0, STRIP, dtype=np.float32)
    tool = task()
    tool.overscanCorrection(exposure, amp)
    header = exposure.metadata
    assert header["ISR_OSCAN_NOISEA"] == pytest.approx(1, rel=0.1)
    assert header["ISR_OSCAN_RESIDA"] == pytest.approx(0, abs=0.1)
    assert header["ISR_OSCAN_ROWSA"] < 0.3
    assert header["ISR_OSCAN_NREJA"] == STRIP  # the odd row, filled from its neighbours
    assert tool.metadata.getScalar("ISR OSCAN A REJECTED") == STRIP
    assert tool.metadata.getScalar("ISR OSCAN A NOISE") == header["ISR_OSCAN_NOISEA"]
    assert abs(left(exposure, amp)[0][50]) < 2
    exposure, amp = raw()
    exposure.image.array[50, :STRIP] += np.linspace(400, 0, STRIP, dtype=np.float32)
    task(overscanOutlierSigma=0.0).overscanCorrection(exposure, amp)
    assert left(exposure, amp)[0][50] < -100
