import copy
import logging
import pickle

import numpy as np
import pytest
from astropy.io.fits import Header
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import (
    Box2I,
    CfhtIsrTask,
    CfhtIsrTaskConfig,
    Exposure,
    IsrTask,
    IsrTaskConfig,
    MaskedImage,
    Struct,
)
from cfhtisr.tasks.record import note

FLAGS = [name for name in IsrTaskConfig._fields if name.startswith("do")]


def configured(cls=IsrTaskConfig, **fields):
    config = cls()
    config.fringe.large, config.fringe.small, config.fringe.num = 3, 1, 200
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def nothing_on(cls=IsrTaskConfig, **fields):
    return configured(cls, **({name: False for name in FLAGS} | fields))


def run(exposure=None, task=None, **arguments):
    task = IsrTask(config=configured()) if task is None else task
    exposure = small_ccd.raw() if exposure is None else exposure
    return task.run(exposure, **(small_ccd.calibrations() | arguments))


def test_a_whole_run_with_every_step():
    raw = small_ccd.raw()
    before = raw.image.array.copy()
    task = IsrTask(config=configured())
    task.config.fringe.filters = ["i.MP9703"]
    inputs = small_ccd.calibrations()
    kept = copy.deepcopy({name: inputs[name].masked_image for name in ("bias", "dark", "flat")})
    fringe = inputs["fringes"].fringes.masked_image.copy()
    result = task.run(raw, **inputs)

    corrected = result.exposure
    assert corrected.masked_image.shape == small_ccd.SHAPE
    assert corrected.image.array.dtype == np.float32
    assert abs(np.median(corrected.image.array) - 495) < 10
    assert (corrected.variance.array > 0).all()
    assert corrected.mask.count("BAD") == 12 + 8
    assert corrected.mask.count("INTRP") == 12 + 8
    assert result.ossThumb is None
    assert result.flattenedThumb is None
    # nothing that came in has changed
    assert_array_equal(raw.image.array, before)
    assert raw.mask.count("BAD") == 0
    assert "ISR_OSCAN_LEVELA" not in raw.metadata
    for name, planes in kept.items():
        for now, then in zip(
            inputs[name].masked_image.getArrays(), planes.getArrays(), strict=True
        ):
            assert_array_equal(now, then)
    now = inputs["fringes"].fringes.masked_image
    assert_array_equal(now.image.array, fringe.image.array)
    assert_array_equal(now.mask.array, fringe.mask.array)


def test_the_numbers_of_a_run_are_those_of_its_formulas():
    config = configured(doSaturationInterpolation=False, doSetBadRegions=False)
    config.overscanFitType = "MEAN"
    for amp in (raw := small_ccd.raw()).detector:
        amp.gain, amp.read_noise = small_ccd.GAINS[amp.name], small_ccd.NOISES[amp.name]
    inputs = small_ccd.calibrations() | {"defects": [], "fringes": None}
    corrected = IsrTask(config=config).run(raw, **inputs).exposure

    pixels = raw.image.array.astype(float)
    halves = []
    gains = np.empty(small_ccd.SHAPE)
    noises = np.empty(small_ccd.SHAPE)
    for amp in raw.detector:
        strip = pixels[amp.raw_horizontal_overscan_bbox.slices].mean()
        halves.append(pixels[amp.raw_data_bbox.slices] - strip)
        gains[amp.bbox.slices], noises[amp.bbox.slices] = amp.gain, amp.read_noise
        assert corrected.metadata[f"ISR_OSCAN_LEVEL{amp.name}"] == pytest.approx(strip)
    image = np.hstack(halves) - inputs["bias"].image.array
    variance = np.maximum(image, 0) / gains + (noises / gains) ** 2 + 0.25
    scale = 101.0 / 1010.0
    image = image - scale * inputs["dark"].image.array
    variance = variance + scale**2 * np.float32(0.1)
    flat = inputs["flat"].image.array
    variance = variance / flat**2 + image**2 * np.float32(1e-4) / flat**4
    assert_allclose(corrected.image.array, image / flat, rtol=1e-5)
    assert_allclose(corrected.variance.array, variance, rtol=1e-5)


def test_a_run_with_nothing_on_changes_nothing():
    raw = small_ccd.raw(dtype=np.float32)
    before = raw.image.array.copy()
    result = IsrTask(config=nothing_on()).run(raw)
    assert result.exposure.image.array is raw.image.array
    assert_array_equal(raw.image.array, before)
    assert result.exposure.mask.count(["SAT", "INTRP", "SUSPECT", "BAD"]) == 0


def test_header_is_kept_in_order_and_says_what_was_done():
    raw = small_ccd.raw()
    corrected = run(raw).exposure
    old = [card for card in raw.metadata if card not in ("DATASEC", "GAIN")]
    new = list(corrected.metadata)
    assert [card for card in new if card in old] == old
    assert list(raw.metadata) == list(small_ccd.header())
    header = corrected.metadata
    assert "DATASEC" not in header
    assert header["CRPIX1"] == 104.0 - small_ccd.STRIP
    assert header["BUNIT"] == "adu"
    assert header["ISRBIAS"] is True
    assert header["ISRFRNG"] is False
    assert header["ISR_NPIX_BAD"] == 20
    assert header["OVERSCAN"] == "Overscan corrected"
    assert header.comments["OBJECT"] == "what it shows"
    assert all(len(card.image) == 80 for card in header.cards)  # no warning of a cut comment
    assert header["ISR_OSCAN_LEVELA"] == pytest.approx(1100, abs=2)


def test_metadata_of_the_task():
    task = IsrTask(config=configured())
    run(task=task)
    names = set(task.metadata)
    for amp in "AB":
        for what in ("OSCAN", "VARIANCE"):
            assert {f"ISR {what} {amp} MEDIAN", f"ISR {what} {amp} STDEV"} <= names
    assert task.metadata["NUMNANS"] == 0
    assert {"runStartCpuTime", "runEndCpuTime", "darkStartCpuTime"} <= names
    assert "isr:fringe" in task.getFullMetadata()


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_a_subclass_that_overrides_a_method_changes_the_run(parity):
    class Brighter(IsrTask):
        def darkCorrection(self, exposure, darkExposure, invert=False):
            exposure.image.array += 1000

        def updateVariance(self, ampExposure, amp, overscanImage=None):
            ampExposure.variance.array[...] = 7

    config = configured(parity=parity, doFlat=False)
    plain = run(task=IsrTask(config=config), dark=small_ccd.frame(0, dark_time=1.0)).exposure
    other = run(task=Brighter(config=config)).exposure
    assert_allclose(other.image.array - plain.image.array, 1000, atol=0.01)
    wanted = 7 if parity == "lsst-v17" else 7.25  # with the bias frame's variance
    good = other.mask.array == 0
    assert_allclose(other.variance.array[good], wanted, rtol=1e-6)


def test_the_same_run_twice_gives_the_same_bits():
    one, other = run().exposure, run().exposure
    for a, b in zip(one.masked_image.getArrays(), other.masked_image.getArrays(), strict=True):
        assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("flag", "argument", "text"),
    [
        ("doBias", "bias", "Must supply a bias if config.doBias=True."),
        ("doDark", "dark", "Must supply a dark if config.doDark=True."),
        ("doFlat", "flat", "Must supply a flat if config.doFlat=True."),
        ("doDefect", "defects", "Must supply defects if config.doDefect=True."),
    ],
)
def test_a_missing_calibration_is_named_before_a_pixel_is_touched(flag, argument, text):
    raw = small_ccd.raw(dtype=np.float32)
    before = raw.masked_image.copy()
    with pytest.raises(RuntimeError, match=text):
        run(raw, **{argument: None})
    for now, then in zip(raw.masked_image.getArrays(), before.getArrays(), strict=True):
        assert_array_equal(now, then)
    run(raw, task=IsrTask(config=configured(**{flag: False})), **{argument: None})


def test_missing_calibrations_are_found_in_the_documented_order():
    with pytest.raises(RuntimeError, match="a bias"):
        IsrTask(config=configured()).run(small_ccd.raw())


def test_fringes_have_to_be_a_struct_and_there_where_they_are_needed():
    with pytest.raises(RuntimeError, match="fringes as a Struct"):
        run(fringes=small_ccd.frame(0))
    config = configured()
    config.fringe.filters = ["i3"]
    task = IsrTask(config=config)
    for nothing in (None, Struct(fringes=None), Struct(fringes=[])):
        with pytest.raises(RuntimeError, match="Must supply fringes"):
            run(task=task, fringes=nothing)
    wrong = Exposure(np.zeros((5, 6), np.float32))
    with pytest.raises(RuntimeError, match="the fringe 2 frame has 6 x 5"):
        run(task=task, fringes=Struct(fringes=[small_ccd.frame(0), wrong]))


@pytest.mark.parametrize("name", ["bias", "dark", "flat"])
def test_a_calibration_of_the_wrong_size_is_refused_with_both_sizes(name):
    wrong = Exposure(np.zeros((5, 6), np.float32), visit_info={"dark_time": 1.0})
    raw = small_ccd.raw(dtype=np.float32)
    before = raw.image.array.copy()
    with pytest.raises(RuntimeError, match=f"the {name} frame has 6 x 5 pixels, wanted 40 x 12"):
        run(raw, **{name: wrong})
    assert_array_equal(raw.image.array, before)


def test_calibrations_smaller_by_a_border_are_accepted_on_request():
    config = configured(doTrimToMatchCalib=True, doDark=False, doFlat=False, doFringe=False)
    small = Exposure(np.full((8, 36), 5, np.float32))
    small.variance.array[...] = 0.5
    corrected = run(task=IsrTask(config=config), bias=small, defects=[]).exposure
    config.doBias = False
    plain = run(task=IsrTask(config=config), defects=[]).exposure
    change = plain.image.array - corrected.image.array
    assert_allclose(change[2:-2, 2:-2], 5, atol=1e-3)
    assert not change[:2].any()
    assert corrected.mask.count("EDGE") == 12 * 40 - 8 * 36


def test_a_detector_with_a_linearity_needs_a_linearizer_which_is_called():
    raw = small_ccd.raw()
    raw.detector.amplifiers[0].linearity_type = "Squared"
    with pytest.raises(RuntimeError, match="a linearizer"):
        run(raw)
    calls = []
    run(raw, linearizer=lambda image, detector, log: calls.append(detector.name))
    assert calls == ["ccd00"]


def test_no_detector():
    raw = small_ccd.raw()
    raw.detector = None
    with pytest.raises(AssertionError, match="no detector"):
        run(raw)
    flat_image = Exposure(
        MaskedImage(np.full(small_ccd.SHAPE, 100, np.uint16)), visit_info={"dark_time": 101.0}
    )
    config = configured(
        doAssembleCcd=False, gain=2.0, readNoise=4.0, saturation=90.0, doSetBadRegions=False
    )
    config.growSaturationFootprintSize = 0
    bare = run(flat_image, IsrTask(config=nothing_on(doAssembleCcd=False)), defects=[])
    assert_array_equal(bare.exposure.image.array, 100)
    task = IsrTask(config=nothing_on(doConvertIntToFloat=True, doVariance=True, gain=2.0))
    task.config.readNoise = 4.0
    made = task.run(flat_image).exposure
    assert_allclose(made.variance.array, 100 / 2 + 4)


def test_what_is_no_exposure_is_refused():
    with pytest.raises(TypeError, match="ndarray"):
        IsrTask(config=configured()).run(np.zeros((3, 3)))
    with pytest.raises(RuntimeError, match="amplifier B of ccd00 needs"):
        run(Exposure(np.zeros((12, 40)), detector=small_ccd.detector()))


def test_bad_amplifiers_get_no_overscan_correction(caplog):
    raw = small_ccd.raw()
    result = run(raw, defects=[Box2I(0, 0, 20, 12)])
    header = result.exposure.metadata
    assert "ISR_OSCAN_LEVELA" not in header
    assert "ISR_OSCAN_LEVELB" in header
    assert (result.exposure.mask.array[:, :20] & 1).all()
    assert "Amplifier A is bad" in caplog.text
    caplog.clear()
    run(task=IsrTask(config=configured(doOverscan=False)))
    assert "is bad" not in caplog.text


def test_debug_views_see_the_state_in_between():
    task = IsrTask(config=configured())
    seen = {}
    for step in ("doAssembleCcd", "doFlat", "postISRCCD"):
        task._display[step] = lambda exposure, name: seen.update({name: exposure.width})
    run(task=task)
    assert seen == {"doAssembleCcd": 40, "doFlat": 40, "postISRCCD": 40}


def test_tasks_are_pickled_with_their_configuration():
    task = pickle.loads(pickle.dumps(CfhtIsrTask(config=configured(CfhtIsrTaskConfig, safe=0.9))))
    assert task.config.safe == 0.9
    assert task.fringe.getFullName() == "isr.fringe"
    assert task.getAllSchemaCatalogs() == {}
    names = ["assembleCcd", "crosstalk", "strayLight", "fringe", "masking", "vignette"]
    assert list(task.getTaskDict()) == ["isr", *(f"isr.{name}" for name in names)]


def test_cameras_own_tasks_do_nothing_by_default(caplog):
    caplog.set_level(logging.INFO)
    config = configured(doStrayLight=True, doCameraSpecificMasking=True, doVignette=True)
    run(task=IsrTask(config=config))
    assert "does nothing" in caplog.text


def test_gains_take_the_place_of_the_flat():
    config = nothing_on(doConvertIntToFloat=True, doAssembleCcd=True)
    for amp in (raw := small_ccd.raw(signal=0)).detector:
        amp.gain = small_ccd.GAINS[amp.name]
    plain = IsrTask(config=config).run(raw).exposure
    config.doApplyGains = True
    scaled = IsrTask(config=config).run(raw).exposure
    assert_allclose(scaled.image.array[:, :20], plain.image.array[:, :20] * np.float32(1.6))
    assert_allclose(scaled.variance.array[:, 20:], 1.5**2, rtol=1e-6)
    config.normalizeGains = True
    equal = IsrTask(config=config).run(raw).exposure.image.array
    assert np.median(equal[:, :20]) == pytest.approx(np.median(equal[:, 20:]), rel=1e-6)


@pytest.mark.parametrize("fields", [{"doAssembleCcd": False}, {}])
def test_an_untrimmed_frame_has_its_variance_everywhere(fields):
    config = nothing_on(doConvertIntToFloat=True, doVariance=True, doAssembleCcd=True)
    for name, value in fields.items():
        setattr(config, name, value)
    config.assembleCcd.doTrim = False
    raw = small_ccd.raw()
    for amp in raw.detector:
        amp.gain, amp.read_noise = small_ccd.GAINS[amp.name], small_ccd.NOISES[amp.name]
    made = IsrTask(config=config).run(raw).exposure
    gain = np.repeat([1.6, 1.5], 24)
    noise = np.repeat([4.0, 5.0], 24)
    assert_allclose(made.variance.array, raw.image.array / gain + (noise / gain) ** 2, rtol=1e-6)


@given(
    npst.arrays(np.uint16, small_ccd.RAW_SHAPE, elements=st.integers(0, 30000)),
    st.integers(0, 30000),
    st.sampled_from(["none", "lsst-v17"]),
)
def test_a_constant_under_the_whole_frame_changes_nothing(pixels, pedestal, parity):
    """Whatever level the electronics add to data and overscan alike is found and removed."""
    task = IsrTask(config=configured(parity=parity, overscanFitType="MEDIAN"))
    results = []
    for image in (pixels, pixels + np.uint16(pedestal)):
        raw = small_ccd.raw()
        raw.image.array[...] = image
        results.append(run(raw, task).exposure)
    one, other = (result.masked_image for result in results)
    assert_array_equal(one.mask.array, other.mask.array)
    assert_allclose(one.image.array, other.image.array, rtol=1e-5, atol=0.02)
    assert np.isfinite(one.image.array).all()


@given(
    st.one_of(st.floats(), st.booleans(), st.integers(-(2**53), 2**53)), st.text("abc ", min_size=9)
)
def test_notes_fit_into_a_card(value, comment):
    header = Header()
    for key in ("ISRBIAS", "ISR_OSCAN_LEVELA"):
        note(header, key, value, comment * 9)
        note(header, key, value, comment)
    again = Header.fromstring(header.tostring())
    for key in ("ISRBIAS", "ISR_OSCAN_LEVELA"):
        if isinstance(value, float) and not np.isfinite(value):
            assert not isinstance(again[key], float)
        else:
            assert again[key] == pytest.approx(value, rel=1e-12)
    assert len(again) == 2


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_who_decides_on_the_interpolation_of_saturation(parity):
    """The reference looked at doSaturation; the field of that name decides now."""
    raw = small_ccd.raw()
    raw.detector["A"].saturation = 5000.0
    raw.image.array[5, 10] = 6000
    counts = {}
    for name in ("doSaturation", "doSaturationInterpolation"):
        config = configured(parity=parity, **{name: False})
        mask = run(raw, IsrTask(config=config), defects=[]).exposure.mask
        counts[name] = (mask.count("SAT"), mask.count("INTRP"))
    kept = (5, 5) if parity == "lsst-v17" else (1, 0)  # grown to a diamond, or not
    assert counts == {"doSaturation": (0, 0), "doSaturationInterpolation": kept}


def test_an_amplifier_without_overscan_is_no_trouble_for_statistics():
    raw = small_ccd.raw()
    raw.detector.amplifiers[0].raw_horizontal_overscan_bbox = Box2I(0, 0, 0, 0)
    task = IsrTask(config=configured(doEmpiricalReadNoise=True))
    corrected = run(raw, task).exposure
    assert "ISR OSCAN A MEDIAN" not in task.metadata
    assert "ISR OSCAN B MEDIAN" in task.metadata
    assert np.median(corrected.image.array[:, :20]) > 1500


def test_defects_may_be_boxes_corners_or_objects_with_a_box():
    class Defect:
        def __init__(self, box):
            self.box = box

        def getBBox(self):
            return self.box

    boxes = small_ccd.calibrations()["defects"]
    wanted = run(defects=boxes).exposure
    for defects in ([Defect(box) for box in boxes], Box2I.to_array(boxes), tuple(boxes)):
        found = run(defects=defects).exposure
        assert_array_equal(found.image.array, wanted.image.array)
        assert_array_equal(found.mask.array, wanted.mask.array)
