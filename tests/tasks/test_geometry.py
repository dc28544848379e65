import math

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
import small_ccd
from cfhtisr import Amplifier, Box2I, Detector, Exposure, IsrTask, IsrTaskConfig, MaskedImage
from cfhtisr.camera import megacam, megacam_like
from cfhtisr.images import Polygon
from cfhtisr.images.transmission import TransmissionCurve
from cfhtisr.isr import distortion
from cfhtisr.pipe import Task
from cfhtisr.tasks.masking import MaskingTask
from cfhtisr.tasks.stray_light import StrayLightTask
from cfhtisr.tasks.vignette import VignetteTask

FLAGS = [name for name in IsrTaskConfig._fields if name.startswith("do")]


def bare(**fields):
    """Return a configuration with every step off but these."""
    config = IsrTaskConfig()
    for name in FLAGS:
        setattr(config, name, False)
    for name, value in fields.items():
        setattr(config, name, value)
    return config


def chip(offset=(0.0, 0.0)):
    """Return the detector of the documented test: 1024 x 1048 pixels of 0.02 mm."""
    box = Box2I(0, 0, 1024, 1048)
    amp = Amplifier("A", box, box, box, Box2I(0, 0, 0, 0))
    return Detector("own", 1, box, [amp], offset_mm=offset, pixel_mm=0.02)


def science(detector=None, wcs=None):
    planes = MaskedImage(np.full((1048, 1024), 100, np.float32))
    return Exposure(planes, None, detector or chip(), wcs, visit_info={"exposure_time": 1.0})


def circle(radius, x=0.0, y=0.0, count=60):
    angles = 2 * np.pi * np.arange(count) / count
    return Polygon(np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1))


def test_a_circle_around_the_ccd_leaves_all_of_it():
    exposure = science()
    IsrTask(config=bare()).setValidPolygonIntersect(exposure, circle(2 * 1048 * 0.02))
    whole = Polygon.from_box(exposure.bbox)
    assert_allclose(exposure.valid_polygon.vertices, whole.vertices, atol=1e-9)
    assert exposure.getInfo().hasValidPolygon()


def test_a_circle_within_the_ccd_lies_within():
    exposure = science(chip(offset=(30.0, -20.0)))
    lit = circle(0.2 * 1024 * 0.02, 30.0, -20.0)
    IsrTask(config=bare()).setValidPolygonIntersect(exposure, lit)
    polygon = exposure.valid_polygon
    assert Polygon.from_box(exposure.bbox).contains(*polygon.vertices.T).all()
    assert len(polygon) == 60
    assert_allclose(polygon.center, (511.5, 523.5), atol=1e-6)
    assert_allclose(polygon.area, lit.area / 0.02**2)


def test_a_square_from_the_centre_holds_the_upper_right_quarter():
    exposure = science()
    side = 1048 * 0.02
    square = [(0.0, 0.0), (0.0, side), (side, side), (side, 0.0)]
    IsrTask(config=bare()).setValidPolygonIntersect(exposure, square)
    assert exposure.valid_polygon.contains([512.5, 1023], [524.5, 1047]).all()
    assert not exposure.valid_polygon.contains(500, 500)


def test_what_light_does_not_reach_is_an_error():
    task = IsrTask(config=bare())
    with pytest.raises(RuntimeError, match=r"own and the lit polygon: .* nothing in common"):
        task.setValidPolygonIntersect(science(), circle(1.0, 500.0))
    with pytest.raises(RuntimeError, match="no detector"):
        task.setValidPolygonIntersect(Exposure(np.zeros((2, 2), np.float32)), circle(1.0))
    with pytest.raises(TypeError, match="fpPolygon is NoneType"):
        task.setValidPolygonIntersect(science(), None)
    detector = megacam()[0]
    raw = Exposure(np.zeros(detector.raw_bbox.shape, np.uint16), detector=detector)
    with pytest.raises(RuntimeError, match="as a raw frame; wanted an assembled"):
        task.setValidPolygonIntersect(raw, circle(500.0))


def test_the_vignette_task_returns_a_circle_backwards():
    config = VignetteTask.ConfigClass()
    assert VignetteTask(config=config).run(None) is None
    config.doWriteVignettePolygon, config.numPolygonPoints = True, 8
    config.xCenter, config.yCenter, config.radius = 1.0, -2.0, 10.0
    polygon = VignetteTask(config=config).run(None)
    assert_allclose(polygon[0], (1 + 10 * math.sqrt(0.5), -2 - 10 * math.sqrt(0.5)))
    assert polygon[-1] == (11.0, -2.0)
    assert polygon.signed_area < 0
    config.radius = 0.0
    with pytest.raises(RuntimeError, match=r"vignette.radius is 0.0 mm"):
        VignetteTask(config=config).run(None)
    with pytest.raises(ValueError, match="numPolygonPoints"):
        config.numPolygonPoints = 2


@pytest.mark.parametrize("write", [True, False])
def test_a_run_attaches_the_lit_polygon_which_a_file_keeps(tmp_path, write):
    config = bare(doVignette=True)
    config.vignette.doWriteVignettePolygon = write
    config.vignette.radius, config.vignette.xCenter = 15.0, 5.0
    task = IsrTask(config=config)
    corrected = task.run(science()).exposure
    if not write:
        assert task.vignettePolygon is None
        assert corrected.valid_polygon is None
        return
    assert len(task.vignettePolygon) == 100
    polygon = corrected.valid_polygon
    assert 0 < polygon.area < corrected.bbox.area
    corrected.write(tmp_path / "lit.fits")
    again = cfhtisr.read_exposure(tmp_path / "lit.fits")
    assert again.valid_polygon == polygon
    assert again.detector.outline() == corrected.detector.outline()


def test_a_run_attaches_the_throughput():
    curve = TransmissionCurve([400, 900], [0.5, 0.25])
    task = IsrTask(config=bare(doAttachTransmissionCurve=True))
    made = task.run(science(), opticsTransmission=curve, atmosphereTransmission=curve).exposure
    assert_allclose(made.getTransmissionCurve().sample([400, 900]), [0.25, 0.0625])
    assert task.run(science()).exposure.transmission_curve.sample(500) == 1
    no_detector = science()
    no_detector.detector = None
    with pytest.raises(RuntimeError, match="no detector"):
        task.run(no_detector)


@pytest.mark.parametrize("part", ["Optics", "Filter", "Sensor", "Atmosphere"])
def test_throughputs_are_fetched_as_they_are_wanted(part):
    names = ["optics", "filter", "sensor", "atmosphere"]
    curves = {f"transmission_{name}": TransmissionCurve([400], [0.5]) for name in names}
    shelf = small_ccd.Shelf(**curves)
    config = bare(doAttachTransmissionCurve=True)
    for each in ("Optics", "Filter", "Sensor", "Atmosphere"):
        setattr(config, f"doUse{each}Transmission", each != part)
    data = IsrTask(config=config).readIsrData(shelf, small_ccd.raw())
    for name in names:
        found = getattr(data, f"{name}Transmission")
        wanted = None if name == part.lower() else curves[f"transmission_{name}"]
        assert found is wanted
    off = IsrTask(config=bare(**{f"doUse{part}Transmission": True}))
    assert off.readIsrData(shelf, small_ccd.raw()).opticsTransmission is None


def tan():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = (36.0, 71.0), (50, 100)
    wcs.wcs.cd = [[-1 / 3600, 0], [0, 1 / 3600]]
    return wcs


def test_a_run_adds_the_distortion_which_a_file_keeps(tmp_path):
    task = IsrTask(config=bare(doAddDistortionModel=True))
    with pytest.raises(RuntimeError, match=r"Must supply a camera if config\.doAddDistortionModel"):
        task.run(science(wcs=tan()))
    with pytest.raises(RuntimeError, match="no WCS"):
        task.run(science(), camera=megacam())
    nowhere = science(wcs=tan())
    nowhere.detector = None
    with pytest.raises(RuntimeError, match="no detector"):
        task.run(nowhere, camera=megacam())
    first = science(chip(offset=(40.0, 40.0)), tan())
    made = task.run(first, camera=megacam()).exposure
    header = made.metadata
    assert header["ISRDISTO"] is True
    assert 0 < header["ISR_SIP_RESIDUAL"] < 0.01
    other = science(chip(offset=(40.0, 40.0)), tan())
    distortion.add_model(other, megacam())
    x, y = np.array([0.0, 511.5, 1023.0]), np.array([0.0, 523.5, 1047.0])
    wanted = np.array(other.wcs.all_pix2world(x, y, 0))
    assert_array_equal(made.wcs.all_pix2world(x, y, 0), wanted)
    assert np.abs(np.array(tan().all_pix2world(x, y, 0)) - wanted).max() > 1 / 3600
    made.write(tmp_path / "sip.fits")
    again = cfhtisr.read_exposure(tmp_path / "sip.fits")
    assert_array_equal(again.wcs.all_pix2world(x, y, 0), wanted)
    with fits.open(tmp_path / "sip.fits") as file:
        plain = WCS(file["IMAGE"].header)
    assert_array_equal(plain.all_pix2world(x, y, 0), wanted)
    off = IsrTask(config=bare()).run(science(wcs=tan())).exposure
    assert_array_equal(off.wcs.all_pix2world(x, y, 0), tan().all_pix2world(x, y, 0))
    assert off.metadata["ISRDISTO"] is False


def test_only_trimmed_ccds_have_a_place():
    config = bare(doAddDistortionModel=True, doAssembleCcd=True)
    config.assembleCcd.doTrim = False
    raw = small_ccd.raw()
    raw.wcs, raw.detector.offset_mm = tan(), (0.0, 0.0)
    with pytest.raises(RuntimeError, match=r"assembleCcd.doTrim is off"):
        IsrTask(config=config).run(raw, camera=megacam())


def test_a_small_camera_has_the_same_optics():
    small = megacam_like(40, 20)
    assert small.distortion == megacam().distortion
    assert small[3].outline().area == pytest.approx(40 * 20 * 0.0135**2)


class OwnStrayLight(StrayLightTask):
    def run(self, exposure, **kwargs):
        exposure.image.array[...] -= 7


class OwnMasking(MaskingTask):
    def run(self, exposure):
        exposure.mask.array[0, 0] |= 8


class OwnVignette(Task):
    """A user's own, with a configuration of its own."""

    ConfigClass = VignetteTask.ConfigClass
    _DefaultName = "ownVignette"

    def run(self, exposure):
        return Polygon([(-1, -1), (1, -1), (0, 1)])


def test_retargeted_subtasks_run():
    config = bare(doStrayLight=True, doCameraSpecificMasking=True, doVignette=True)
    plain = IsrTask(config=config).run(science()).exposure
    assert (plain.image.array == 100).all()
    assert not plain.mask.array.any()
    config.strayLight.retarget(OwnStrayLight)
    config.masking.retarget(OwnMasking)
    config.vignette.retarget(OwnVignette)
    config.vignette.doWriteVignettePolygon = True
    task = IsrTask(config=config)
    own = task.run(science()).exposure
    assert (own.image.array == 93).all()
    assert own.mask.array[0, 0] == 8
    assert len(own.valid_polygon) == 3
    config.doStrayLight = config.doCameraSpecificMasking = config.doVignette = False
    off = IsrTask(config=config).run(science()).exposure
    assert (off.image.array == 100).all()
    assert not off.mask.array.any()


def test_an_overridden_method_is_used():
    class Own(IsrTask):
        def addDistortionModel(self, exposure, camera):
            exposure.wcs = camera

    task = Own(config=bare(doAddDistortionModel=True))
    assert task.run(science(), camera="own").exposure.wcs == "own"


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
def test_an_exposure_without_a_detector_takes_every_step_that_it_can(parity):
    config = IsrTaskConfig()
    config.parity = parity
    config.doAssembleCcd = config.doFringe = config.doSetBadRegions = False
    config.gain, config.readNoise, config.saturation = 2.0, 6.0, 900.0
    image = np.full((12, 40), 500, np.uint16)
    image[4, 7] = 1000
    exposure = Exposure(MaskedImage(image), visit_info={"exposure_time": 2.0, "dark_time": 2.0})
    frames = small_ccd.calibrations()
    result = IsrTask(config=config).run(
        exposure,
        bias=frames["bias"],
        dark=frames["dark"],
        flat=frames["flat"],
        defects=[Box2I(20, 0, 1, 12)],
    )
    corrected = result.exposure
    assert corrected.mask.array[4, 7] & 2
    assert (corrected.mask.array[:, 20] & 5 == 5).all()
    assert corrected.image.array[4, 7] < 600
    good = corrected.mask.array == 0
    noise = 36 if parity == "lsst-v17" else 9
    assert_allclose(np.median(corrected.variance.array[good]), 500 / 2 + noise, rtol=0.1)
    assert corrected.metadata["ISR_GAIN0"] == 2.0


def test_gains_without_a_detector_are_the_configured_one():
    config = bare(doApplyGains=True, gain=2.5)
    exposure = science()
    exposure.detector = None
    assert (IsrTask(config=config).run(exposure).exposure.image.array == 250).all()
