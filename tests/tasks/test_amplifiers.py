import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import Amplifier, Box2I, Exposure, IsrTask, IsrTaskConfig, MaskedImage


def task(**fields):
    config = IsrTaskConfig()
    for name, value in fields.items():
        setattr(config, name, value)
    return IsrTask(config=config)


def floats(values, variance=None):
    return Exposure(MaskedImage(np.asarray(values, np.float32), None, variance))


def test_suspect_pixels_are_those_from_the_level_on():
    box = Box2I(-5, 7, 53, 104)
    ramp = np.linspace(0, 32000, box.area, dtype=np.float32).reshape(box.shape)
    exposure = Exposure(MaskedImage(ramp.copy(), xy0=(-5, 7)))
    amp = Amplifier("A", box, box, box, Box2I(0, 0, 0, 0), suspect_level=22400.0)
    task().suspectDetection(exposure, amp)
    assert_array_equal(exposure.mask.array == 128, ramp >= 22400)
    assert_array_equal(exposure.image.array, ramp)
    amp.suspect_level = np.nan
    exposure.mask.array[...] = 0
    task().suspectDetection(exposure, amp)
    assert not exposure.mask.array.any()
    amp.suspect_level = 22400.0
    task(suspectMaskName="BAD").suspectDetection(exposure, amp)
    assert_array_equal(exposure.mask.array == 1, ramp >= 22400)
    amp.saturation = 31000.0
    task(saturatedMaskName="CR").saturationDetection(exposure, amp)
    assert_array_equal(exposure.mask.array & 8 > 0, ramp >= 31000)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_an_amplifier_is_bad_when_one_defect_covers_it_or_no_pixel_is_good(parity):
    raw = small_ccd.raw(dtype=np.float32)
    amp = raw.detector["A"]
    amp.saturation = 1e9
    tool = task(parity=parity)
    assert not tool.maskAmplifier(raw, amp, None)
    assert not tool.maskAmplifier(raw, amp, [Box2I(0, 0, 10, 12), Box2I(10, 0, 10, 12)])
    assert not raw.mask.array.any()
    assert tool.maskAmplifier(raw, amp, [Box2I(0, 0, 1, 1), Box2I(0, 0, 21, 12)])
    assert raw.mask.count("BAD") == amp.raw_bbox.area
    raw = small_ccd.raw(dtype=np.float32)
    amp.saturation = 1400.0
    raw.image.array[:, 4:24] = 2000
    assert tool.maskAmplifier(raw, amp, [])
    assert raw.mask.count("SAT") == amp.raw_data_bbox.area
    assert raw.mask.count("BAD") == (amp.raw_bbox.area if parity == "none" else 0)
    assert not task(parity=parity, doSaturation=False).maskAmplifier(small_ccd.raw(), amp, [])


def frame(levels=(100.0, 200.0)):
    raw = small_ccd.raw(dtype=np.float32)
    raw.image.array[:, :24], raw.image.array[:, 24:] = levels
    raw.image.array[:, 4:44] += 50
    return raw


def test_thresholds_come_before_the_overscan_and_reach_over_it():
    raw = frame()
    amp = raw.detector["B"]
    amp.saturation, amp.suspect_level = 400.0, 300.0
    raw.image.array[3, 46], raw.image.array[5, 30] = 500, 400
    assert not task().maskAmplifier(raw, amp, [])
    assert raw.mask.array[3, 46] == 2 | 128
    assert raw.mask.array[5, 30] == 2 | 128
    assert not raw.mask.array[:, :24].any()


@pytest.mark.parametrize(
    "fit_type", ["MEAN", "MEDIAN", "MEANCLIP", "MEDIAN_PER_ROW", "POLY", "LEG"]
)
@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_every_kind_of_level_is_subtracted_from_data_and_overscan(fit_type, parity):
    raw = frame()
    tool = task(overscanFitType=fit_type, parity=parity)
    for amp, level in zip(raw.detector, (100.0, 200.0), strict=True):
        result = tool.overscanCorrection(raw, amp)
        data, strip = amp.raw_data_bbox, amp.raw_horizontal_overscan_bbox
        assert_allclose(raw.image.array[data.slices], 50, atol=1e-4)
        assert_allclose(raw.image.array[strip.slices], 0, atol=1e-4)
        assert raw.metadata[f"ISR_OSCAN_LEVEL{amp.name}"] == pytest.approx(level)
        assert raw.metadata[f"ISR_OSCAN_SIGMA{amp.name}"] == pytest.approx(0, abs=1e-4)
        assert result.overscanImage.shape == strip.shape
        if fit_type in ("MEAN", "MEDIAN", "MEANCLIP"):
            assert isinstance(result.imageFit, float)
            assert isinstance(result.overscanFit, float)
        else:
            assert np.broadcast_to(result.imageFit, data.shape).shape == data.shape


def test_a_strip_taller_than_the_data_is_cut():
    raw = frame()
    raw.image.array[11, :4] = 130.0
    amp = raw.detector["A"].copy(bbox=Box2I(0, 0, 20, 11), raw_data_bbox=Box2I(4, 0, 20, 11))
    task(overscanFitType="POLY").overscanCorrection(raw, amp)
    assert_allclose(raw.image.array[:11, 4:24], 50, atol=1e-4)


@pytest.mark.parametrize(("name", "near", "far"), [("A", 3, 0), ("B", 44, 47)])
def test_skipped_columns_are_those_next_to_the_data_or_far_from_them(name, near, far):
    for fields, column in (
        ({"overscanNumLeadingColumnsToSkip": 1}, near),
        ({"overscanNumTrailingColumnsToSkip": 1}, far),
    ):
        raw = frame()
        raw.image.array[:, column] = 1000.0
        level = 100.0 if name == "A" else 200.0
        result = task(overscanFitType="MEAN", overscanMaxDev=1e6, **fields).overscanCorrection(
            raw, raw.detector[name]
        )
        assert result.imageFit == pytest.approx(level)
        assert result.overscanImage.width == 3
    with pytest.raises(RuntimeError, match="none is left"):
        task(
            overscanNumTrailingColumnsToSkip=2, overscanNumLeadingColumnsToSkip=2
        ).overscanCorrection(raw, raw.detector[name])


@pytest.mark.parametrize(
    ("name", "lead", "trail", "first", "width"),
    [
        ("A", 1, 0, 0, 3),
        ("A", 1, 1, 1, 3),  # one column too wide
        ("B", 0, 2, 44, 2),
        ("B", 1, 1, 45, 3),
        ("B", 2, 2, 46, 2),
        ("B", 1, 0, 45, 3),  # would leave the frame, where the reference failed
    ],
)
def test_the_reference_skips_too_few_columns_where_its_strip_is_in_the_frame(
    name, lead, trail, first, width
):
    raw = frame()
    amp = raw.detector[name]
    tool = task(
        overscanNumLeadingColumnsToSkip=lead,
        overscanNumTrailingColumnsToSkip=trail,
        parity="lsst-v17",
    )
    used = tool.overscanCorrection(raw, amp).overscanImage
    assert (used.bbox.x0, used.width) == (first, width)


@pytest.mark.parametrize("fit_type", ["MEAN", "POLY"])
def test_columns_that_the_reference_counts_to_the_strip_are_corrected_twice(fit_type):
    raw = frame()
    raw.image.array[:, 4] = 100.0  # the first column of the data is as dark as the strip
    tool = task(overscanNumTrailingColumnsToSkip=1, overscanFitType=fit_type, parity="lsst-v17")
    tool.overscanCorrection(raw, raw.detector["A"])
    assert_allclose(raw.image.array[:, 4], -100.0, atol=1e-4)
    assert_allclose(raw.image.array[:, 5:24], 50.0, atol=1e-4)
    wanted = np.broadcast_to([100.0, 0.0, 0.0, 0.0], (12, 4))
    assert_allclose(raw.image.array[:, :4], wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_outliers_of_the_overscan_are_left_out(parity):
    raw = frame()
    raw.image.array[4, 1] = 5000.0
    raw.mask.array[4, 1] = 8
    raw.mask.array[5, 2] = 8
    result = task(overscanFitType="MEAN", parity=parity).overscanCorrection(raw, raw.detector["A"])
    assert result.imageFit == pytest.approx(100.0)
    assert raw.mask.array[4, 1] == (2 if parity == "lsst-v17" else 2 | 8)
    assert raw.mask.array[5, 2] == 8


@pytest.mark.parametrize(("corner", "lower"), [("LL", 5), ("UL", 7)])
def test_a_jump_of_the_bias_is_corrected_in_two_parts(corner, lower):
    raw = frame()
    raw.image.array[lower:, :24] += 30
    amp = raw.detector["A"].copy(readout_corner=corner)
    raw.metadata["DEVICE"] = "odd"
    tool = task(
        overscanBiasJump=True,
        overscanBiasJumpKeyword="DEVICE",
        overscanBiasJumpDevices=["odd"],
        overscanBiasJumpLocation=5,
    )
    result = tool.overscanCorrection(raw, amp)
    assert result.imageFit == 130.0
    assert_allclose(raw.image.array[:, 4:24], 50)
    raw.metadata["DEVICE"] = "even"
    assert tool.overscanCorrection(raw, amp).imageFit == 0.0


def test_no_overscan():
    raw = frame()
    amp = raw.detector["A"]
    assert (
        task().overscanCorrection(raw, amp.copy(raw_horizontal_overscan_bbox=Box2I(0, 0, 0, 0)))
        is None
    )
    nothing = Box2I(0, 0, 0, 0)
    with pytest.raises(RuntimeError, match="no raw pixel information"):
        task().overscanCorrection(raw, amp.copy(raw_bbox=nothing))
    assert_array_equal(raw.image.array, frame().image.array)


@pytest.mark.parametrize("gain", [-1.0, 0.0, np.nan, 1.0])
def test_a_gain_without_sense_is_one(gain, caplog):
    exposure = floats(np.full((4, 5), 10))
    box = exposure.bbox
    amp = Amplifier("A", box, box, box, Box2I(0, 0, 0, 0), gain=gain, read_noise=1.0)
    for parity in ("none", "lsst-v17"):
        task(parity=parity).updateVariance(exposure, amp)
        assert_allclose(exposure.variance.array, 11)
    assert ("replaced" in caplog.text) == (gain != 1.0)


def test_read_noise_is_in_electrons_or_measured_in_adu():
    exposure = floats(np.full((4, 5), 10))
    box = exposure.bbox
    amp = Amplifier("A", box, box, box, Box2I(0, 0, 0, 0), gain=2.0, read_noise=4.0)
    task().updateVariance(exposure, amp, biasVariance=np.full((4, 5), 0.5, np.float32))
    assert_allclose(exposure.variance.array, 5 + 4 + 0.5)
    task(parity="lsst-v17").updateVariance(exposure, amp, biasVariance=np.ones((4, 5)))
    assert_allclose(exposure.variance.array, 5 + 16)
    noise = np.random.default_rng(3).normal(0, 3, (50, 20)).astype(np.float32)
    noise[0, 0] = 1e6
    mask = np.zeros((50, 20), np.int32)
    mask[0, 0] = 2
    for parity in ("none", "lsst-v17"):
        tool = task(parity=parity, doEmpiricalReadNoise=True)
        tool.updateVariance(exposure, amp, MaskedImage(noise, mask))
        assert_allclose(exposure.variance.array, 5 + 9, rtol=0.08)
        tool.updateVariance(exposure, amp)
        assert_allclose(exposure.variance.array, 5 + (4 if parity == "none" else 16))


def test_empirical_variance_end_to_end():
    """The reference's own small run: two halves with ramps, noise in the overscan only."""
    rng = np.random.default_rng(12345)
    width, height, strip = 123, 234, 16
    image = np.empty((height, 2 * (width + strip)), np.float32)
    rows = np.arange(height, dtype=np.float32)[:, None]
    half = width + strip
    image[:, :half], image[:, half:] = 100 + rows, 100 - rows
    image[:, :strip] += rng.normal(0, 1.234, (height, strip))
    image[:, -strip:] += rng.normal(0, 1.234, (height, strip))
    from cfhtisr import Detector

    electronics = {"gain": 1.0, "read_noise": 123456789.0, "saturation": 987654321.0}
    detector = Detector(
        "two",
        0,
        Box2I(0, 0, 2 * width, height),
        [
            Amplifier(
                "left",
                Box2I(0, 0, width, height),
                Box2I(0, 0, half, height),
                Box2I(strip, 0, width, height),
                Box2I(0, 0, strip, height),
                **electronics,
            ),
            Amplifier(
                "right",
                Box2I(width, 0, width, height),
                Box2I(half, 0, half, height),
                Box2I(half, 0, width, height),
                Box2I(half + width, 0, strip, height),
                **electronics,
            ),
        ],
    )
    variance = np.full(image.shape, np.nan, np.float32)
    exposure = Exposure(MaskedImage(image, None, variance), detector=detector)
    config = IsrTaskConfig()
    for name in ("doBias", "doDark", "doFlat", "doFringe", "doDefect"):
        setattr(config, name, False)
    config.overscanFitType, config.overscanOrder = "CHEB", 1
    config.doEmpiricalReadNoise = True
    config.doSaturationInterpolation = config.doSetBadRegions = False
    corrected = IsrTask(config=config).run(exposure).exposure
    assert not corrected.mask.array.any()
    # the noise of a fit over 16 columns allows a little at the ends of the ramp
    assert_allclose(corrected.image.array, 0, atol=0.1)
    assert_allclose(corrected.variance.array, 1.234**2, rtol=0.12)
