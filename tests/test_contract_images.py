"""The data model, the camera and the files, called as they are documented."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr import Amplifier, Box2I, Detector, Exposure, Mask, MaskedImage, Struct

BITS = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
    "UNMASKEDNAN": 9,
    "CROSSTALK": 10,
}
SAT, INTRP = 2, 4


def planes(rows=6, columns=20, seed=1):
    rng = np.random.default_rng(seed)
    image = rng.normal(1000, 30, (rows, columns)).astype(np.float32)
    return image, np.zeros((rows, columns), np.int32), np.full_like(image, 9.0)


def test_boxes_have_corner_and_extent_and_inclusive_ends():
    box = Box2I(3, 4, 10, 20)
    assert (box.x0, box.y0, box.x1, box.y1) == (3, 4, 12, 23)
    assert (box.width, box.height) == (10, 20)
    assert Box2I(0, 0, 0, 0).is_empty
    assert Box2I.to_array([box]).tolist() == [[3, 4, 12, 23]]


def amplifier(name="A", **changes):
    values = {
        "name": name,
        "bbox": Box2I(0, 0, 8, 10),
        "raw_bbox": Box2I(0, 0, 12, 12),
        "raw_data_bbox": Box2I(4, 0, 8, 10),
        "raw_horizontal_overscan_bbox": Box2I(0, 0, 4, 10),
    }
    return Amplifier(**(values | changes))


def test_amplifiers_take_their_arguments_in_the_documented_order():
    values = [
        "A",
        Box2I(0, 0, 8, 10),
        Box2I(0, 0, 12, 12),
        Box2I(4, 0, 8, 10),
        Box2I(0, 0, 4, 10),
        Box2I(0, 10, 12, 2),
        Box2I(0, 0, 0, 0),
        True,
        False,
        "UR",
        1.6,
        4.5,
        60000.0,
        50000.0,
        "Squared",
        (1e-6,),
    ]
    names = [
        "name",
        "bbox",
        "raw_bbox",
        "raw_data_bbox",
        "raw_horizontal_overscan_bbox",
        "raw_vertical_overscan_bbox",
        "raw_prescan_bbox",
        "raw_flip_x",
        "raw_flip_y",
        "readout_corner",
        "gain",
        "read_noise",
        "saturation",
        "suspect_level",
        "linearity_type",
        "linearity_coeffs",
    ]
    amp = Amplifier(*values)
    assert [getattr(amp, name) for name in names] == values
    plain = amplifier()
    assert plain.raw_vertical_overscan_bbox == plain.raw_prescan_bbox == Box2I(0, 0, 0, 0)
    assert (plain.raw_flip_x, plain.raw_flip_y, plain.readout_corner) == (False, False, "LL")
    assert (plain.gain, plain.read_noise, plain.linearity_type) == (1.0, 0.0, "None")
    assert tuple(plain.linearity_coeffs) == ()
    assert np.isnan([plain.saturation, plain.suspect_level]).all()
    assert amp.getName() == "A"
    assert amp.getBBox() == values[1]
    assert amp.getRawBBox() == values[2]
    assert amp.getRawDataBBox() == values[3]
    assert amp.getRawHorizontalOverscanBBox() == values[4]
    assert amp.getRawVerticalOverscanBBox() == values[5]
    assert amp.getRawPrescanBBox() == values[6]
    assert (amp.getGain(), amp.getReadNoise(), amp.getSaturation()) == (1.6, 4.5, 60000.0)
    assert (amp.getSuspectLevel(), amp.getReadoutCorner()) == (50000.0, "UR")


def test_detectors_are_iterated_and_indexed_by_name_and_number():
    amps = [amplifier(), amplifier("B", bbox=Box2I(8, 0, 8, 10))]
    matrix = np.array([[0, 1e-4], [2e-4, 0]], np.float32)
    detector = Detector("mine", 7, Box2I(0, 0, 16, 10), amps, matrix)
    assert [amp.name for amp in detector] == ["A", "B"]
    assert detector["B"] is detector[1]
    assert (detector.name, detector.id, len(detector)) == ("mine", 7, 2)
    assert (detector.getName(), detector.getId()) == ("mine", 7)
    assert detector.getBBox() == Box2I(0, 0, 16, 10)
    assert detector.crosstalk[1, 0] == np.float32(2e-4)  # target, source
    assert Detector("mine", 7, Box2I(0, 0, 16, 10), amps).crosstalk is None
    with pytest.raises(LookupError, match="'C'"):
        detector["C"]


def test_planes_are_taken_without_a_copy_and_shared_by_subsets():
    image, mask, var = planes()
    whole = MaskedImage(image, mask, var)
    for plane, array in zip(
        (whole.image, whole.mask, whole.variance), (image, mask, var), strict=True
    ):
        assert np.shares_memory(plane.array, array)
        assert np.asarray(plane) is plane.array
    part = whole[Box2I(2, 1, 5, 3)]
    assert part.image.array.shape == (3, 5)
    part.image.array[0, 0] = -7
    part.mask.array[2, 4] = SAT
    assert image[1, 2] == -7
    assert mask[3, 6] == SAT
    assert part.getBBox() == Box2I(2, 1, 5, 3)
    assert (whole.getWidth(), whole.getHeight()) == (20, 6)
    raw = MaskedImage(np.zeros((2, 3), np.uint16))
    assert (raw.image.dtype, raw.mask.dtype, raw.variance.dtype) == (
        np.uint16,
        np.int32,
        np.float32,
    )


def test_mask_bits_are_those_documented():
    for name, bit in BITS.items():
        assert Mask.getMaskPlane(name) == bit
        assert Mask.getPlaneBitMask(name) == 1 << bit
    assert Mask.getPlaneBitMask(["BAD", "SAT"]) == 3
    assert Mask.addMaskPlane("CONTRACT_TEST") >= 16
    with pytest.raises(LookupError, match="NO_SUCH"):
        Mask.getPlaneBitMask("NO_SUCH")


def exposure(**changes):
    values = {
        "masked_image": MaskedImage(*planes()),
        "metadata": {"OBJECT": "a field"},
        "detector": None,
        "wcs": None,
        "filter": "i.MP9703",
        "visit_info": {"exposure_id": 12, "exposure_time": 30.0, "dark_time": 31.0},
    } | changes
    return Exposure(*values.values())


def test_exposures_answer_to_the_names_of_lsst():
    detector = Detector("mine", 0, Box2I(0, 0, 8, 10), [amplifier()])
    each = exposure(detector=detector)
    assert each.getBBox() == Box2I(0, 0, 20, 6)
    assert (each.getWidth(), each.getHeight(), tuple(each.getDimensions())) == (20, 6, (20, 6))
    assert (each.getX0(), each.getY0(), tuple(each.getXY0())) == (0, 0, (0, 0))
    assert each.getMaskedImage() is each.masked_image
    assert each.getDetector() is detector
    assert each.getMetadata() is each.metadata
    assert each.getMetadata()["OBJECT"] == "a field"
    assert each.getFilter() == each.filter == "i.MP9703"
    assert each.getWcs() is None
    assert not each.hasWcs()
    visit = each.getInfo().getVisitInfo()
    assert visit is each.visit_info
    assert visit.getExposureId() == visit.exposure_id == 12
    assert visit.getExposureTime() == visit.exposure_time == 30.0
    assert visit.getDarkTime() == visit.dark_time == 31.0
    for name in ("Image", "Mask", "Variance"):
        plane = getattr(each, f"get{name}")()
        assert plane is getattr(each, name.lower()) is getattr(each.masked_image, f"get{name}")()
        values = np.ones_like(plane.array)
        for owner in (each, each.masked_image):
            getattr(owner, f"set{name}")(values)
            assert_array_equal(getattr(each, name.lower()), values)
    for name, value in (
        ("VisitInfo", visit),
        ("Detector", detector),
        ("ValidPolygon", [(0, 0), (1, 0), (1, 1)]),
        ("TransmissionCurve", object()),
    ):
        for owner in (each, each.getInfo()):
            getattr(owner, f"set{name}")(None)
            assert getattr(each, f"get{name}")() is None
            assert not getattr(each.getInfo(), f"has{name}")()
            getattr(owner, f"set{name}")(value)
            assert getattr(each.getInfo(), f"get{name}")() is value
            assert getattr(each.getInfo(), f"has{name}")()
    each.setFluxMag0(5)
    assert each.getFluxMag0() == each.flux_mag0 == 5.0
    each.setFilter("r.MP9602")
    each.setDetector(None)
    each.setMetadata({"A": 1})
    assert (each.filter, each.detector, each.metadata["A"]) == ("r.MP9602", None, 1)
    each.metadata.copy()  # still a header
    copied = each.clone()
    copied.image.array[:] = 0
    copied.metadata["A"] = 2
    assert each.image.array.all()
    assert each.metadata["A"] == 1


def test_structs_refuse_names_that_exist():
    struct = Struct(a=1, b=2)
    assert struct.getDict() == {"a": 1, "b": 2}
    other = struct.copy()
    other.a = 3
    assert struct.a == 1
    for name in ("copy", "getDict", "mergeItems", "__hidden"):
        with pytest.raises(RuntimeError, match=name):
            Struct(**{name: 1})
    target = Struct(z=0)
    target.mergeItems(struct)
    assert target.getDict() == {"z": 0}
    target.mergeItems(struct, "b")
    assert target.getDict() == {"z": 0, "b": 2}
    with pytest.raises(RuntimeError, match="b"):
        target.mergeItems(struct, "a", "b")
    assert target.a == 1  # what stood before the clash was taken


def test_ccddata_there_and_back():
    each = exposure()
    each.mask.array[2, 3] = SAT
    each.mask.array[2, 4] = INTRP
    ccd = each.to_ccddata()
    assert ccd.data.dtype == np.float32
    assert ccd.unit == "adu"
    assert ccd.mask[2, 3]
    assert not ccd.mask[2, 4]
    assert_array_equal(ccd.flags, each.mask.array)
    assert_array_equal(ccd.uncertainty.array, each.variance.array)
    assert type(ccd.uncertainty).__name__ == "VarianceUncertainty"
    back = Exposure.from_ccddata(ccd)
    for name in ("image", "mask", "variance"):
        assert_array_equal(getattr(back, name), getattr(each, name))
        assert getattr(back, name).dtype == getattr(each, name).dtype
    assert (back.filter, back.metadata["OBJECT"]) == ("i.MP9703", "a field")


def test_files_there_and_back(tmp_path):
    each = exposure()
    each.mask.array[0, 0] = SAT | INTRP
    each.write(tmp_path / "one.fits")
    for back in (cfhtisr.read_exposure(tmp_path / "one.fits"),):
        for name in ("image", "mask", "variance"):
            assert_array_equal(getattr(back, name), getattr(each, name))
        assert back.filter == each.filter
        assert back.visit_info.dark_time == 31.0
        assert back.visit_info.exposure_id == 12
        assert back.metadata["OBJECT"] == "a field"
    with pytest.raises(FileExistsError):
        each.write(tmp_path / "one.fits")


def test_the_camera_of_either_era():
    assert len(cfhtisr.camera.megacam()) == len(cfhtisr.camera.megacam(n_ccd=40)) == 40
    assert len(cfhtisr.camera.megacam(n_ccd=36)) == 36
    with pytest.raises(ValueError, match="37"):
        cfhtisr.camera.megacam(n_ccd=37)
    one, two = cfhtisr.camera.megacam()[7], cfhtisr.camera.megacam()["ccd07"]
    assert one is not two
    for detector in (one, two):
        assert detector.bbox == Box2I(0, 0, 2048, 4612)
        a, b = detector
        assert (a.name, b.name) == ("A", "B")
        assert (a.bbox, b.bbox) == (Box2I(0, 0, 1024, 4612), Box2I(1024, 0, 1024, 4612))
        assert a.raw_data_bbox == Box2I(32, 0, 1024, 4612)
        assert b.raw_data_bbox == Box2I(1056, 0, 1024, 4612)
        assert a.raw_horizontal_overscan_bbox == Box2I(0, 0, 32, 4612)
        assert b.raw_horizontal_overscan_bbox == Box2I(2080, 0, 32, 4612)
        assert {amp.raw_vertical_overscan_bbox.height for amp in detector} == {32}
    one[0].gain = 99.0
    assert cfhtisr.camera.megacam()[7][0].gain != 99.0


@pytest.mark.parametrize("n", [0, -1, 1.5, "2"])
def test_a_number_of_threads_without_sense_is_refused(n):
    with pytest.raises((TypeError, ValueError), match="n is"):
        cfhtisr.set_num_threads(n)
