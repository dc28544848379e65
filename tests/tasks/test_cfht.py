import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import small_ccd
from cfhtisr import (
    Amplifier,
    Box2I,
    CfhtIsrTask,
    CfhtIsrTaskConfig,
    Detector,
    Exposure,
    MaskedImage,
)
from cfhtisr.tasks import presets


def configured(**fields):
    config = CfhtIsrTaskConfig()
    config.fringe.large, config.fringe.num = 3, 200
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def run(exposure, config=None, **arguments):
    task = CfhtIsrTask(config=configured() if config is None else config)
    return task.run(exposure, **(small_ccd.calibrations() | arguments)).exposure


def test_electronics_come_from_header_and_pixels():
    raw = small_ccd.raw()
    raw.image.array[5, 10:13] = 65535
    corrected = run(raw)
    for amp in corrected.detector:
        assert amp.gain == small_ccd.GAINS[amp.name]
        assert amp.read_noise == small_ccd.NOISES[amp.name]
        assert amp.saturation == 62206
    assert raw.detector["A"].gain == 1.0  # the detector that came is as it was
    header = corrected.metadata
    assert header["SATURATE"] == pytest.approx(62206 - 1200, abs=3)
    assert header["GAIN"] == pytest.approx(1.55)
    assert header["RDNOISE"] == pytest.approx(np.sqrt((16 + 25) / 2))
    assert header["ISR_SATURATIONA"] == 62206
    assert "BSECA" not in header
    # three pixels, two more on either side, one above and below each of the three
    assert corrected.mask.count("SAT") == 3 + 2 + 6


def test_levels_that_no_pixel_reaches_come_from_the_header():
    assert run(small_ccd.raw()).detector["A"].saturation == 61000
    raw = small_ccd.raw()
    del raw.metadata["SATURATE"]
    with pytest.raises(LookupError, match="SATURATE"):
        run(raw)
    raw.image.array[5, 10] = 65535
    run(raw)


def test_old_headers_with_an_impossible_read_noise():
    raw = small_ccd.raw()
    raw.metadata["RDNOISEA"] = 65535.0
    raw.metadata["RDNOISEB"] = 60000.0
    corrected = run(raw)
    assert corrected.detector["A"].read_noise == 4.5
    assert corrected.detector["B"].read_noise == 60000.0
    del raw.metadata["RDNOISE"]
    with pytest.raises(LookupError, match="ccd00 has no card RDNOISE"):
        run(raw)


@pytest.mark.parametrize("card", ["GAINA", "GAINB", "RDNOISEA", "RDNOISEB"])
def test_cards_that_are_missing_are_named(card):
    raw = small_ccd.raw()
    del raw.metadata[card]
    with pytest.raises(LookupError, match=f"ccd00 has no card {card}"):
        run(raw)
    raw.metadata[card] = "many"
    with pytest.raises(ValueError, match=f"card {card} of ccd00 is 'many'"):
        run(raw)


def test_refusals():
    with pytest.raises(ValueError, match="bfKernel"):
        run(small_ccd.raw(), bfKernel=np.zeros((3, 3)))
    raw = small_ccd.raw()
    raw.detector.amplifiers[1].name = "C"
    with pytest.raises(ValueError, match="an amplifier 'C'"):
        run(raw)
    raw.detector = None
    with pytest.raises(RuntimeError, match="no detector"):
        run(raw)
    with pytest.raises(RuntimeError, match="doBrighterFatter"):
        run(small_ccd.raw(), configured(doBrighterFatter=True))


def test_fringes_come_as_a_frame_a_list_or_a_struct():
    frame = small_ccd.calibrations()["fringes"].fringes
    results = [run(small_ccd.raw(), fringes=fringes) for fringes in (frame, [frame])]
    assert_array_equal(results[0].image.array, results[1].image.array)
    assert results[0].metadata["ISRFRNG"] is True
    none = run(small_ccd.raw(), configured(doFringe=False), fringes=frame)
    assert (none.image.array != results[0].image.array).any()


def test_a_raw_frame_as_calibration_is_refused_with_a_hint():
    with pytest.raises(RuntimeError, match=r"48 x 12 pixels, wanted 40 x 12.*assembleCcd first"):
        run(small_ccd.raw(), bias=small_ccd.raw(dtype=np.float32))


def test_an_overscan_without_a_usable_pixel_names_its_amplifier():
    raw = small_ccd.raw(dtype=np.float32)
    raw.image.array[:, :4] = np.nan
    with pytest.raises(RuntimeError, match="amplifier A of ccd00: overscan has no usable pixel"):
        run(raw)


def test_rows_of_the_overscan_are_followed():
    raw = small_ccd.raw(dtype=np.float32)
    raw.image.array[4] += 300
    corrected = run(raw, configured(doFringe=False), defects=[])
    assert abs(np.median(corrected.image.array[4]) - np.median(corrected.image.array[5])) < 15


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("filter", ["i.MP9701", "r.MP9601"])
def test_both_ways_of_computing_agree_where_nothing_is_odd(parity, filter):
    raw = small_ccd.raw()
    raw.filter = filter
    corrected = run(raw, configured(parity=parity), defects=[Box2I(7, 0, 1, 12)])
    assert abs(np.median(corrected.image.array) - 495) < 12
    assert np.isfinite(corrected.image.array).all()
    assert corrected.metadata["ISRFRNG"] is (filter == "i.MP9701")


def test_electrons_on_request():
    adu = run(small_ccd.raw())
    electrons = run(small_ccd.raw(), configured(pixelUnit="electron"))
    gains = np.repeat(np.float32([1.6, 1.5]), 20)
    assert_allclose(electrons.image.array, adu.image.array * gains, rtol=1e-6)
    assert_allclose(electrons.variance.array, adu.variance.array * gains**2, rtol=1e-6)
    assert electrons.flux_mag0 == pytest.approx(adu.flux_mag0 * 1.55)
    header = electrons.metadata
    assert (header["BUNIT"], header["GAIN"]) == ("electron", 1.0)
    assert header["SATURATE"] == pytest.approx((61000 - 1200) * 1.5, abs=5)
    assert (adu.metadata["BUNIT"], adu.metadata["GAIN"]) == ("adu", pytest.approx(1.55))


def golden_boxes(corners):
    return [Box2I(x0, y0, x1 - x0 + 1, y1 - y0 + 1) for x0, y0, x1, y1 in corners.tolist()]


def test_the_reference_pipeline(shared):
    sample = np.load(shared / "golden" / "pipeline.npz")
    names = ("amp_bbox", "amp_raw_bbox", "amp_raw_data_bbox", "amp_overscan_bbox")
    columns = [golden_boxes(sample[name]) for name in names]
    amps = [Amplifier(name, *row) for name, *row in zip("AB", *columns, strict=True)]
    header = json.loads(str(sample["header_json"]))
    raw = Exposure(
        MaskedImage(sample["raw"]),
        header,
        Detector("ccd00", 0, Box2I(0, 0, 80, 66), amps),
        filter=header["FILTER"],
        visit_info={
            "exposure_time": header["EXPTIME"],
            "dark_time": float(sample["exposure_dark_time"]),
        },
    )
    config = CfhtIsrTaskConfig()
    presets.apply(config, "lsst-v17")
    assert json.loads(str(sample["cfht_default__config_json"])) == {}
    defects = golden_boxes(sample["cfht_default__defects"])
    corrected = CfhtIsrTask(config=config).run(raw, defects=defects).exposure

    assert_array_equal(corrected.mask.array, sample["cfht_default__out_mask"])
    for plane in ("image", "variance"):
        found = getattr(corrected, plane).array
        assert_allclose(found, sample[f"cfht_default__out_{plane}"], rtol=1e-6, atol=1e-3)
    notes = json.loads(str(sample["cfht_default__metadata_json"]))
    assert corrected.detector["A"].saturation == notes.pop("saturate")
    for key, value in notes.items():
        wanted = value if isinstance(value, str) else pytest.approx(value, rel=1e-12)
        assert corrected.metadata[key] == wanted
    assert [amp.read_noise for amp in corrected.detector] == [4.4, 4.9]


def test_each_amplifier_saturates_at_its_own_level():
    raw = small_ccd.raw()
    raw.image.array[5, 10:13] = 61800
    raw.image.array[7, 30:33] = 65535
    corrected = run(raw)
    header = corrected.metadata
    low, high = (amp.saturation for amp in corrected.detector)
    assert low == pytest.approx(0.95 * 61800, abs=25)
    assert high == 62206
    assert [header[f"ISR_SATURATION{amp}"] for amp in "AB"] == [low, high]
    assert [header[f"ISR_SATFROM{amp}"] for amp in "AB"] == ["amplifier", "amplifier"]
    assert [header[f"ISR_SATPILE{amp}"] for amp in "AB"] == [3, 3]
    assert header["ISR_SATCONFA"] == 0.75  # three clipped pixels
    assert header["ISR_SATCONFB"] == 1.0  # the ceiling of the converter
    assert "ISR_SATFROMA" not in raw.metadata
    reference = run(raw, configured(parity="lsst-v17"))
    assert len({amp.saturation for amp in reference.detector}) == 1
    assert "ISR_SATFROMA" not in reference.metadata


def test_a_few_bright_pixels_saturate_nothing():
    raw = small_ccd.raw()
    raw.metadata["SATURATE"] = 65535
    raw.image.array[5, 10:13] = 60100, 60900, 62345
    corrected = run(raw)
    assert corrected.mask.count("SAT") == 0
    assert corrected.metadata["ISR_SATFROMA"] == "header"
    assert corrected.metadata["ISR_SATCONFA"] < 0.5
    assert run(raw, configured(parity="lsst-v17")).mask.count("SAT") > 0
