import gzip
import warnings

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr import Detector, Exposure, MaskedImage
from cfhtisr.camera import facts, megacam
from cfhtisr.images import Box2I
from cfhtisr.isr import distortion
from oracle import distortion as oracle

CAMERA = megacam()
MODEL = CAMERA.distortion


def tan(crpix, scale=5.194e-5, crval=(150.0, 2.0)):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = crval, crpix
    wcs.wcs.cd = [[-scale, 0], [0, scale]]
    return wcs


def nominal(number):
    """Return the WCS of an assembled CCD as its raw header has it."""
    row = facts(number)
    sign = -1 if row.yaw_deg == 180 else 1
    return tan((row.crpix[0] - 32, row.crpix[1]), sign * 5.194e-5)


def grid(box, count=23):
    x = np.linspace(box.x0 - 0.5, box.x1 + 0.5, count)
    y = np.linspace(box.y0 - 0.5, box.y1 + 0.5, count)
    return tuple(each.ravel() for each in np.meshgrid(x, y))


@given(st.floats(0, 250), st.floats(0, 5e4), st.floats(0, 1e6))
def test_the_field_angle_equals_the_oracle(radius, second, third):
    coefficients = (0.0, 14805.4, second, third)
    assert_allclose(
        distortion.field_angle(radius, coefficients),
        oracle.field_angle(radius, coefficients),
        rtol=1e-13,
        atol=1e-18,
    )


@given(
    st.integers(0, 39), st.floats(-0.5, 2047.5), st.floats(-0.5, 4611.5), st.sampled_from([0, 7.5])
)
def test_a_moved_pixel_equals_the_oracle(number, x, y, more):
    detector = CAMERA[number]
    detector.yaw_deg += more
    wanted = oracle.undistorted(
        x, y, (1023.5, 2305.5), detector.offset_mm, detector.yaw_deg, 0.0135, MODEL
    )
    # 200 mm of focal plane in double precision are 1e-10 pixel
    assert_allclose(distortion.undistorted(x, y, detector, MODEL), wanted, rtol=0, atol=1e-8)


def test_nothing_moves_at_the_axis_nor_without_distortion():
    detector = CAMERA[13]
    axis = detector.to_pixels(0.0, 0.0)
    assert_allclose(distortion.undistorted(*axis, detector, MODEL), axis, atol=1e-9)
    near = detector.to_pixels([1e-3, 0.0], [0.0, -1e-3])
    assert_allclose(distortion.undistorted(*near, detector, MODEL), near, atol=1e-7)
    x, y = grid(detector.bbox)
    assert_allclose(distortion.undistorted(x, y, detector, [0.0, 3.0]), (x, y), atol=1e-8)


def test_an_anchored_ccd_keeps_its_middle_and_its_shape():
    detector, old = CAMERA[8], nominal(8)
    x, y = grid(detector.bbox)
    free = distortion.undistorted(x, y, detector, MODEL)
    held = distortion.undistorted(x, y, detector, MODEL, anchored=True)
    assert_allclose(np.ptp(np.subtract(free, held), axis=1), 0, atol=1e-9)
    middle = (1023.5, 2305.5)
    assert_allclose(distortion.undistorted(*middle, detector, MODEL, True), middle, atol=1e-9)
    fit = distortion.fit_sip(old, detector, detector.bbox, MODEL, anchored=True)
    assert fit.residual < 0.002
    assert_allclose(fit.wcs.all_pix2world(*middle, 0), old.wcs_pix2world(*middle, 0), atol=1e-7)
    wanted = distortion.pixel_to_sky(x, y, old, detector, MODEL, anchored=True)
    assert_allclose(fit.wcs.all_pix2world(x, y, 0), wanted, atol=0.002 * 5.2e-5)


def headers(shared, name):
    """Return the header of each CCD of a real exposure."""
    with gzip.open(shared / "headers" / f"{name}.fits.header.gz", "rt", errors="replace") as file:
        texts = [text.lstrip("\n") for text in file.read().split("\nEND")]
    found = [Header.fromstring(text, sep="\n") for text in texts if "CTYPE1" in text]
    return {header["EXTNAME"]: header for header in found if "EXTNAME" in header}


def test_the_model_against_the_solution_of_a_real_exposure(shared):
    """The figures that `add_model` states."""
    raws, solved = headers(shared, "1927963o"), headers(shared, "1927963p")
    places = {"truth": [], "nominal": [], "model": [], "anchored": []}
    x, y = (np.array(side) for side in ([0, 2047, 1023.5, 0, 2047], [0, 0, 2305.5, 4611, 4611]))
    plane = tan((1, 1), 1 / 3600, (raws["ccd00"]["CRVAL1"], raws["ccd00"]["CRVAL2"]))
    for name, header in raws.items():
        detector = CAMERA[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old cards
            old, truth = WCS(header, naxis=2), WCS(solved[name], naxis=2)
        for wcs in (old, truth):
            wcs.wcs.crpix -= (32, 0)
        skies = {
            "truth": truth.wcs_pix2world(x, y, 0),
            "nominal": old.wcs_pix2world(x, y, 0),
            "model": distortion.pixel_to_sky(x, y, old, detector, MODEL),
            "anchored": distortion.pixel_to_sky(x, y, old, detector, MODEL, anchored=True),
        }
        for what, sky in skies.items():
            places[what].append(np.array(plane.wcs_world2pix(*sky, 0)))
    truth = np.concatenate(places.pop("truth"), axis=1).T
    rms = {}
    for what, found in places.items():
        columns = np.vstack([np.concatenate(found, axis=1), np.ones(len(truth))]).T
        rest = truth - columns @ np.linalg.lstsq(columns, truth, rcond=None)[0]
        rms[what] = round(float(np.sqrt((rest**2).sum(axis=1).mean())), 1)
    assert rms == {"nominal": 5.0, "model": 4.7, "anchored": 3.0}


@pytest.mark.parametrize("number", range(40))
def test_the_new_wcs_holds_over_the_whole_ccd(number):
    detector, old = CAMERA[number], nominal(number)
    fit = distortion.fit_sip(old, detector, detector.bbox, MODEL)
    # the bounds that the documentation states; ccd13 and ccd22 lie beside the axis
    bound = 0.05 if number in (13, 22) else 0.002
    assert fit.residual < bound
    x, y = grid(detector.bbox)
    found = np.array(fit.wcs.all_pix2world(x, y, 0))
    wanted = np.array(distortion.pixel_to_sky(x, y, old, detector, MODEL))
    error = (found - wanted) * [[np.cos(np.radians(2))], [1]]
    assert np.hypot(*error).max() / 5.194e-5 < bound * 1.01
    back = fit.wcs.all_world2pix(*found, 0, tolerance=1e-6, maxiter=50)
    assert_allclose(back, (x, y), atol=1e-4)
    assert_array_equal(fit.wcs.wcs.crpix, old.wcs.crpix)
    assert_array_equal(fit.wcs.wcs.cd, old.wcs.cd)
    assert not fit.wcs.sip.a[0, 0]
    assert old.sip is None


def chip(**more):
    """Return the CCD of the documented test: 1000 x 1022 pixels from (-10, 10) on."""
    return Detector("own", 0, Box2I(-10, 10, 1000, 1022), [], offset_mm=(60.0, -40.0), **more)


@pytest.mark.parametrize("yaw", [0.0, 180.0, 33.0])
def test_a_reference_pixel_off_the_axis(yaw):
    detector = chip(yaw_deg=yaw, pixel_mm=0.02)
    planes = MaskedImage(np.zeros((1022, 1000), np.float32), xy0=(-10, 10))
    old = tan((50, 100), 1 / 3600, (36.0, 71.0))
    exposure = Exposure(planes, detector=detector, wcs=old)
    fit = distortion.add_model(exposure, CAMERA)
    assert exposure.wcs is fit.wcs is not old
    assert fit.residual < 1e-3
    x, y = grid(detector.bbox)
    found = exposure.wcs.all_pix2world(x + 10, y - 10, 0)
    wanted = distortion.pixel_to_sky(x, y, old, detector, MODEL, xy0=(-10, 10))
    assert_allclose(found, wanted, atol=2e-3 / 3600 / np.cos(np.radians(71)))
    plain = old.wcs_pix2world(x + 10, y - 10, 0)
    assert np.abs(np.array(plain) - found).max() > 1 / 3600


def test_refusals_come_in_the_documented_order():
    exposure = Exposure(np.zeros((4, 4), np.float32))
    with pytest.raises(RuntimeError, match="no WCS"):
        distortion.add_model(exposure, None)
    exposure.wcs = tan((1, 1))
    with pytest.raises(RuntimeError, match="no camera"):
        distortion.add_model(exposure, None)
    with pytest.raises(RuntimeError, match="no detector"):
        distortion.add_model(exposure, CAMERA)
    exposure.detector = Detector("own", 0, Box2I(0, 0, 4, 4), [])
    with pytest.raises(RuntimeError, match="is not known"):
        distortion.add_model(exposure, [exposure.detector])
    with pytest.raises(RuntimeError, match="own lies in the focal plane is not known"):
        distortion.add_model(exposure, CAMERA)
    exposure.detector = CAMERA[5]
    distortion.add_model(exposure, CAMERA)
    with pytest.raises(RuntimeError, match="RA---TAN-SIP, DEC--TAN-SIP, wanted a plain TAN"):
        distortion.add_model(exposure, CAMERA)


@pytest.mark.parametrize(
    "coefficients", [(), (1.0, 2.0), (0.0, -1.0), (0.0, 100.0, -1e5), (0.0, np.nan)]
)
def test_a_polynomial_that_is_no_radius_is_refused(coefficients):
    with pytest.raises(ValueError, match="distortion"):
        distortion.field_angle([1.0, 50.0], coefficients)


def test_an_impossible_order_is_refused():
    with pytest.raises(ValueError, match="order is 1"):
        distortion.fit_sip(tan((1, 1)), CAMERA[0], CAMERA[0].bbox, MODEL, order=1)
