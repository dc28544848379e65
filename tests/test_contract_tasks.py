"""The documented tasks and configurations, from outside, against plain NumPy."""

import json

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr import (
    Amplifier,
    Box2I,
    CfhtIsrTask,
    CfhtIsrTaskConfig,
    Detector,
    Exposure,
    IsrTask,
    IsrTaskConfig,
    MaskedImage,
    Struct,
)
from contract_ccd import (
    BAD,
    GAIN,
    HALF,
    INTRP,
    NAN,
    NOISE,
    ROWS,
    SAT,
    SATURATE,
    STRIP,
    calibrations,
    config,
    frame,
    raw,
    two_amplifiers,
)


def weights(neighbours, at):
    n = len(neighbours)
    x = np.array(neighbours, float)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = np.exp(-((x[:, None] - x[None, :]) ** 2) / 4)
    system[n, n] = 0
    return np.linalg.solve(system, np.append(np.exp(-((x - at) ** 2) / 4), 1))[:n]


def repair(image, variance, bad):
    """Interpolate over narrow runs of each row, away from edges or at them."""
    columns = bad.shape[1]
    for row in np.flatnonzero(bad.any(axis=1)):
        old, old_variance = image[row].copy(), variance[row].copy()
        for at in np.flatnonzero(bad[row]):
            x0, x1 = at, at
            while x0 > 0 and bad[row, x0 - 1]:
                x0 -= 1
            while x1 < columns - 1 and bad[row, x1 + 1]:
                x1 += 1
            sites = [
                x for x in (x0 - 2, x0 - 1, x1 + 1, x1 + 2) if 0 <= x < columns and not bad[row, x]
            ]
            w = weights(sites, at)
            image[row, at] = w @ old[sites]
            variance[row, at] = max(w @ old_variance[sites], old_variance[sites].min())


def recomputed(exposure, bias, dark, flat, defects):
    """Return image, mask and variance by the formulas, parity none."""
    pixels = exposure.image.array.astype(float)
    level = SATURATE if pixels.max() <= 60000 else np.nan
    width = HALF + STRIP
    image = np.empty((ROWS, 2 * HALF))
    variance = np.empty_like(image)
    mask = np.zeros(image.shape, int)
    for k in range(2):
        strip = pixels[:ROWS, :STRIP] if k == 0 else pixels[:ROWS, -STRIP:]
        far = np.abs(strip - np.median(strip)) > 1000
        rows = [np.median(line[~out]) for line, out in zip(strip, far, strict=True)]
        start = STRIP if k == 0 else width
        data = pixels[:ROWS, start : start + HALF]
        there = np.s_[:, k * HALF : (k + 1) * HALF]
        mask[there] |= np.where(data >= level, SAT, 0)
        image[there] = data - np.array(rows)[:, None]
    image -= bias.image.array
    mask |= bias.mask.array
    for k, name in enumerate("AB"):
        there = np.s_[:, k * HALF : (k + 1) * HALF]
        signal = np.maximum(image[there], 0) / GAIN[name]
        variance[there] = signal + (NOISE[name] / GAIN[name]) ** 2 + bias.variance.array[there]
    for row in range(ROWS):  # the only run of more than five pixels has nine
        run = np.flatnonzero(mask[row] & SAT)
        if len(run) > 5:
            mask[row, run[0] - 3 : run[-1] + 4] |= SAT
    scale = 121.5 / 600
    image -= scale * dark.image.array
    variance += scale**2 * dark.variance.array
    f, vf = flat.image.array.astype(float), flat.variance.array.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (image**2 * vf + f**2 * variance) / f**4
        image /= f
    bad = np.zeros(image.shape, bool)
    for box in defects:
        bad[box.y0 : box.y1 + 1, box.x0 : box.x1 + 1] = True
    repair(image, variance, bad)
    mask[bad] |= BAD | INTRP
    bad = mask & SAT != 0
    bad[1:] |= mask[:-1] & SAT != 0
    bad[:-1] |= mask[1:] & SAT != 0
    bad[:, 1:] |= mask[:, :-1] & SAT != 0
    bad[:, :-1] |= mask[:, 1:] & SAT != 0
    repair(image, variance, bad)
    mask[bad] |= SAT | INTRP
    bad = ~(np.isfinite(image) & np.isfinite(variance))
    repair(image, variance, bad)
    mask[bad] |= NAN | INTRP
    return image, mask, variance


def test_a_run_is_what_its_formulas_say():
    exposure, frames = raw(), calibrations()
    image, mask, variance = recomputed(exposure, **frames)
    result = CfhtIsrTask(config=config()).run(exposure, **frames)
    assert set(result.getDict()) == {"exposure", "ossThumb", "flattenedThumb"}
    assert result.ossThumb is None
    assert result.flattenedThumb is None
    out = result.exposure
    assert (out.image.dtype, out.mask.dtype, out.variance.dtype) == (
        np.float32,
        np.int32,
        np.float32,
    )
    assert_array_equal(out.mask.array, mask)
    assert_allclose(out.image.array, image, rtol=2e-5, atol=2e-3)
    assert_allclose(out.variance.array, variance, rtol=2e-5, atol=2e-3)
    assert out.flux_mag0 == pytest.approx(10 ** (0.4 * 28) * 120)


@pytest.mark.parametrize("form", [tuple, iter, Box2I.to_array])
def test_defects_come_in_any_form(form):
    frames = calibrations()
    listed = CfhtIsrTask(config=config()).run(raw(), **frames).exposure
    other = frames | {"defects": form(frames["defects"])}
    out = CfhtIsrTask(config=config()).run(raw(), **other).exposure
    assert_array_equal(out.mask, listed.mask)
    assert_array_equal(out.image, listed.image)


@pytest.mark.parametrize("name", ["i.MP9703", "i3", "Unknown"])
def test_zero_points_of_filters_by_their_name_or_short_name(name):
    made = config(fluxMag0T1={name: 5.0}, defaultFluxMag0T1=7.0)
    out = CfhtIsrTask(config=made).run(raw(), **calibrations()).exposure
    assert out.flux_mag0 == (7.0 if name == "Unknown" else 5.0) * 120


def test_nothing_that_was_given_is_changed_by_a_run():
    exposure, frames = raw(), calibrations()
    again = raw(), calibrations()
    camera = exposure.detector
    CfhtIsrTask(config=config()).run(exposure, **frames)
    for one, other in [(exposure, again[0])] + [
        (frames[k], again[1][k]) for k in ("bias", "dark", "flat")
    ]:
        for name in ("image", "mask", "variance"):
            assert_array_equal(getattr(one, name), getattr(other, name))
            assert getattr(one, name).dtype == getattr(other, name).dtype
        assert one.metadata.tostring() == other.metadata.tostring()
        assert np.isnan(one.flux_mag0)
    assert exposure.detector is camera
    assert [amp.gain for amp in camera] == [1.0, 1.0]
    assert np.isnan([amp.saturation for amp in camera]).all()
    assert_array_equal(exposure.wcs.wcs.crpix, again[0].wcs.wcs.crpix)
    assert frames["defects"] == again[1]["defects"]


def test_the_header_is_kept_in_order_and_says_what_holds_now():
    exposure = raw()
    out = CfhtIsrTask(config=config()).run(exposure, **calibrations()).exposure
    kept = [
        key
        for key in exposure.metadata
        if key not in ("DATASEC", "GAIN")  # speaks of the raw frame; comes anew at the end
    ]
    assert [key for key in out.metadata if key in kept][: len(kept)] == kept
    assert out.metadata.comments["OBJECT"] == "its comment"
    assert list(out.metadata["COMMENT"])[:2] == ["first", "second"]
    assert "DATASEC" not in out.metadata
    assert out.metadata["BUNIT"] == "adu"
    assert out.metadata["GAIN"] == pytest.approx(1.5)
    assert out.metadata["RDNOISE"] == pytest.approx(np.sqrt((16 + 25) / 2))
    # the least of the two amplifiers', above what was subtracted
    assert out.metadata["SATURATE"] == pytest.approx(SATURATE - 1220, abs=5)
    assert out.metadata["OVERSCAN"] == "Overscan corrected"
    for amp, level in (("A", 1120), ("B", 1220)):
        assert out.metadata[f"ISR_OSCAN_LEVEL{amp}"] == pytest.approx(level, abs=5)
        assert out.metadata[f"ISR_OSCAN_SIGMA{amp}"] > 0
        assert out.detector[amp].gain == GAIN[amp]
        assert out.detector[amp].read_noise == NOISE[amp]
        assert out.detector[amp].saturation == SATURATE


def test_the_sky_stays_where_it_was_when_strips_are_dropped():
    exposure = raw()
    out = CfhtIsrTask(config=config()).run(exposure, **calibrations()).exposure
    before = exposure.wcs.pixel_to_world_values(STRIP + 11, 4)
    assert_allclose(out.wcs.pixel_to_world_values(11, 4), before, rtol=1e-13)
    assert (out.metadata["CRPIX1"], out.metadata["CRPIX2"]) == (30.0 - STRIP, 7.0)
    assert_allclose(WCS(out.metadata).pixel_to_world_values(11, 4), before, rtol=1e-13)
    assert out.getBBox() == Box2I(0, 0, 2 * HALF, ROWS)


def test_gains_change_the_unit_and_all_that_is_given_in_it():
    exposure, frames = raw(), calibrations()
    plain = CfhtIsrTask(config=config(doFlat=False)).run(exposure, **frames).exposure
    made = config(doFlat=False, doApplyGains=True)
    out = CfhtIsrTask(config=made).run(exposure, **frames).exposure
    factor = np.repeat([GAIN["A"], GAIN["B"]], HALF)[None, :]
    good = plain.mask.array == 0
    assert_allclose(out.image.array[good], (plain.image.array * factor)[good], rtol=1e-6)
    assert_allclose(out.variance.array[good], (plain.variance.array * factor**2)[good], rtol=1e-6)
    assert out.metadata["BUNIT"] == "electron"
    assert out.metadata["GAIN"] == 1.0
    assert out.metadata["RDNOISE"] == pytest.approx(np.sqrt((16 + 25) / 2))
    assert out.metadata["SATURATE"] == pytest.approx((SATURATE - 1220) * 1.4, rel=1e-3)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_electrons_on_request(parity):
    made = [config(parity=parity, pixelUnit=unit) for unit in ("adu", "electron")]
    adu, out = (CfhtIsrTask(config=each).run(raw(), **calibrations()).exposure for each in made)
    factor = np.repeat([GAIN["A"], GAIN["B"]], HALF)[None, :]
    assert_array_equal(out.mask, adu.mask)
    assert_allclose(out.image.array, adu.image.array * factor, rtol=1e-6)
    assert_allclose(out.variance.array, adu.variance.array * factor**2, rtol=1e-6)
    assert out.flux_mag0 == pytest.approx(adu.flux_mag0 * 1.5)
    assert (out.metadata["BUNIT"], out.metadata["GAIN"]) == ("electron", 1.0)
    assert out.metadata["SATURATE"] == pytest.approx((SATURATE - 1220) * 1.4, rel=1e-3)


def test_a_gain_that_is_not_known_is_one():
    made = IsrTaskConfig()
    made.pixelUnit = "electron"
    for flag in ("doAssembleCcd", "doBias", "doDark", "doFlat", "doFringe", "doDefect"):
        setattr(made, flag, False)
    bare = Exposure(MaskedImage(np.full((5, 7), 100, np.uint16)))
    out = IsrTask(config=made).run(bare).exposure
    assert (out.image.array == 100).all()
    assert (out.variance.array == 100).all()


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("late", [True, False])
def test_holes_of_a_fringe_frame(parity, late):
    """They are flagged and filled; the reference left the late ones as they came."""
    fringes = frame(0.0, 1.0, 0.01, 7)
    fringes.image.array[6, 4:6] = np.nan
    made = config(doFringe=True, fringeAfterFlat=late, parity=parity)
    made.fringe.large, made.fringe.num = 3, 200
    task = CfhtIsrTask(config=made)
    out = task.run(raw(), fringes=fringes, **calibrations()).exposure
    whole = np.isfinite(out.image.array)
    if late and parity == "lsst-v17":
        assert np.flatnonzero(~whole[6]).tolist() == [4, 5]
        return
    assert whole.all()
    assert (out.mask.array[6, 4:6] & (NAN | INTRP) == NAN | INTRP).all()
    # one of the flat, two of the fringes; the reference predicts a defect beside them from one
    assert task.metadata.getScalar("NUMNANS") == (3 if parity == "none" else 4)


def test_a_hole_that_all_masters_have_is_filled_again_after_a_late_fringe():
    fringes, given = frame(0.0, 1.0, 0.01, 7), calibrations()
    fringes.image.array[6, 4:6] = given["flat"].image.array[6, 4:6] = np.nan
    made = config(doFringe=True, fringeAfterFlat=True)
    made.fringe.large, made.fringe.num = 3, 200
    task = CfhtIsrTask(config=made)
    out = task.run(raw(), fringes=fringes, **given).exposure
    assert np.isfinite(out.image.array).all()
    assert np.isfinite(out.variance.array).all()
    assert task.metadata.getScalar("NUMNANS") == out.mask.count("UNMASKEDNAN") == 3


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_threads_do_not_change_a_run(parity):
    made = config(parity=parity)
    results = []
    try:
        for n in (1, 2, 3):
            cfhtisr.set_num_threads(n)
            results.append(CfhtIsrTask(config=made).run(raw(), **calibrations()).exposure)
    finally:
        cfhtisr.set_num_threads(None)
    for other in results[1:]:
        for name in ("image", "mask", "variance"):
            assert_array_equal(getattr(other, name), getattr(results[0], name))
        assert other.metadata.tostring() == results[0].metadata.tostring()


def test_the_documented_call_at_full_size():
    detector = cfhtisr.camera.megacam()[7]
    rng = np.random.default_rng(6)
    image = rng.integers(1100, 1110, (4644, 2112), np.uint16)
    image[:4612, 32:2080] += 400
    header = Header({f"{k}{a}": v for a in "AB" for k, v in (("GAIN", 1.5), ("RDNOISE", 4.0))})
    header["SATURATE"] = 61000
    facts = {"exposure_id": 7, "exposure_time": 60.0, "dark_time": 60.0}
    exposure = Exposure(MaskedImage(image), header, detector, filter="i.MP9703", visit_info=facts)
    shape = (4612, 2048)

    def full(value):
        return Exposure(
            MaskedImage(np.full(shape, value, np.float32)), visit_info={"dark_time": 60.0}
        )

    fr = full(0.0)
    fr.image.array[:] = rng.normal(0, 1, shape)
    made = CfhtIsrTaskConfig()
    made.fringe.num = 500
    b, d, f = full(1.0), full(2.0), full(1.0)
    for fringes in (fr, [fr], Struct(fringes=fr)):
        result = CfhtIsrTask(config=made).run(
            exposure, bias=b, dark=d, flat=f, defects=[Box2I(3, 0, 1, 4612)], fringes=fringes
        )
        out = result.exposure
        assert out.masked_image.shape == shape
        assert np.median(out.image.array) == pytest.approx(397, abs=1)
        assert (out.mask.array[:, 3] == BAD | INTRP).all()
        assert np.count_nonzero(out.mask.array) == 4612
        if fringes is not fr:
            break
    assert CfhtIsrTaskConfig().parity == "none"


@pytest.mark.parametrize(("parity", "rows"), [("none", 4612), ("lsst-v17", 4613)])
def test_the_strips_of_the_reference_are_a_row_too_high(parity, rows):
    image = np.full((4644, 2112), 1000, np.uint16)
    image[4612] = 1500
    header = Header({f"{k}{a}": v for a in "AB" for k, v in (("GAIN", 1.5), ("RDNOISE", 4.0))})
    header["SATURATE"] = 61000
    detector = cfhtisr.camera.megacam()[7]
    made = config(parity=parity, overscanFitType="MEAN")
    made.doBias = made.doDark = made.doFlat = made.doDefect = False
    out = CfhtIsrTask(config=made).run(Exposure(image, header, detector)).exposure
    for amp in "AB":
        mean = 1000 if rows == 4612 else 1000 + 500 / 4613
        assert out.metadata[f"ISR_OSCAN_LEVEL{amp}"] == pytest.approx(mean, rel=1e-13)
        assert detector[amp].raw_horizontal_overscan_bbox.height == 4612


def test_the_reference_end_to_end(shared):
    with np.load(shared / "golden" / "pipeline.npz") as golden:
        stored = {key: golden[key] for key in golden.files}
    header = json.loads(str(stored["header_json"]))
    boxes = {
        key: [Box2I(x0, y0, x1 - x0 + 1, y1 - y0 + 1) for x0, y0, x1, y1 in stored[key].tolist()]
        for key in (
            "amp_bbox",
            "amp_raw_bbox",
            "amp_raw_data_bbox",
            "amp_overscan_bbox",
            "cfht_default__defects",
        )
    }
    amps = [
        Amplifier(*values)
        for values in zip(
            "AB",
            boxes["amp_bbox"],
            boxes["amp_raw_bbox"],
            boxes["amp_raw_data_bbox"],
            boxes["amp_overscan_bbox"],
            strict=True,
        )
    ]
    exposure = Exposure(
        MaskedImage(stored["raw"]),
        header,
        Detector("ccd00", 0, Box2I(0, 0, 80, 66), amps),
        filter="i",
        visit_info={"exposure_id": 1, "exposure_time": 120.0, "dark_time": 120.0},
    )
    made = CfhtIsrTaskConfig()
    made.parity = "lsst-v17"
    made.doBias = made.doDark = made.doFlat = made.doFringe = made.doWrite = False
    out = CfhtIsrTask(config=made).run(exposure, defects=boxes["cfht_default__defects"]).exposure
    assert_array_equal(out.mask.array, stored["cfht_default__out_mask"])
    for name in ("image", "variance"):
        wanted = stored[f"cfht_default__out_{name}"]
        assert_allclose(getattr(out, name).array, wanted, rtol=1e-6, atol=1e-3)
    for key, value in json.loads(str(stored["cfht_default__metadata_json"])).items():
        if key != "saturate":
            assert out.metadata[key] == value
    assert out.detector["A"].saturation == 60762.0


def test_a_detector_of_ones_own():
    detector = two_amplifiers(
        ("left", "right"), flip=True, gain=2.0, read_noise=6.0, saturation=58000.0
    )
    exposure = raw(detector=detector)
    frames = calibrations()
    made = IsrTaskConfig()
    made.doFringe = False
    task = IsrTask(config=made)
    out = task.run(exposure, None, frames["bias"], None, None, frames["dark"], frames["flat"],
                   None, frames["defects"]).exposure  # fmt: skip
    pixels = exposure.image.array[:ROWS].astype(float)
    level = cfhtisr.isr.overscan.fit(exposure.image.array[:ROWS, -STRIP:].astype(np.float32),
                                     "MEDIAN")  # fmt: skip
    assert out.metadata["ISR_OSCAN_LEVELright"] == level
    assert out.metadata["ISR_OSCAN_SIGMAright"] == 0.0
    right = pixels[:, HALF + STRIP : -STRIP][:, ::-1] - level
    right -= frames["bias"].image.array[:, HALF:]
    right -= 121.5 / 600 * frames["dark"].image.array[:, HALF:]
    with np.errstate(divide="ignore", invalid="ignore"):
        right /= frames["flat"].image.array[:, HALF:]
    good = out.mask.array[:, HALF:] == 0
    assert good.sum() > 200
    assert_allclose(out.image.array[:, HALF:][good], right[good], rtol=1e-5, atol=1e-3)


def test_a_brighter_fatter_correction_without_its_kernel_is_refused():
    exposure = raw()
    with pytest.raises(RuntimeError, match=r"Must supply a bfKernel.*doBrighterFatter"):
        CfhtIsrTask(config=config(doBrighterFatter=True)).run(exposure, **calibrations())
    assert_array_equal(exposure.image, raw().image)
