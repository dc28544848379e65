"""The table of CCDs: against its own arithmetic everywhere, against the facts where they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import Box2I
from cfhtisr.camera import corners_mm, exposure_number, facts, megacam, megacam_like
from cfhtisr.camera.mosaic import ccd_number, table
from cfhtisr.errors import UnknownChoiceError


@pytest.mark.parametrize("camera", [megacam(), megacam(36), megacam_like(12, 6, 36)])
def test_amplifiers_tile_the_ccd_and_the_raw_frame(camera):
    for detector in camera:
        for kind in ("bbox", "raw_bbox"):
            boxes = [getattr(amplifier, kind) for amplifier in detector]
            whole = boxes[0].union(boxes[1])
            assert sum(box.area for box in boxes) == whole.area
        for amplifier in detector:
            parts = [
                amplifier.raw_data_bbox,
                amplifier.raw_horizontal_overscan_bbox,
                amplifier.raw_vertical_overscan_bbox,
            ]
            assert all(amplifier.raw_bbox.contains(part) for part in parts)
            assert not any(a.overlaps(b) for a in parts for b in parts if a is not b)
            # Only the corner above the overscan columns belongs to none of the three.
            corner = parts[1].width * parts[2].height
            assert amplifier.raw_bbox.area - sum(part.area for part in parts) == corner


def test_boxes_are_those_of_the_headers():
    first, second = megacam()[11]
    assert first.raw_horizontal_overscan_bbox == Box2I(0, 0, 32, 4612)
    assert first.raw_vertical_overscan_bbox == Box2I(32, 4612, 1024, 32)
    assert second.raw_horizontal_overscan_bbox == Box2I(2080, 0, 32, 4612)
    assert second.raw_data_bbox.to_section() == "[1057:2080,1:4612]"
    assert math.isnan(first.suspect_level)
    assert (first.saturation, first.linearity_type) == (65535.0, "None")


def test_boxes_of_the_reference_differ_by_one():
    ours, theirs = megacam(36)[11], megacam(36, "lsst-v17")[11]
    assert theirs["B"].raw_horizontal_overscan_bbox == Box2I(2080, 0, 32, 4613)
    assert theirs["B"].raw_vertical_overscan_bbox == Box2I(1056, 4612, 1023, 31)
    assert (theirs["B"].read_noise, facts(11).amplifiers["B"].header_read_noise) == (6.0, 6)
    assert ours["A"].raw_data_bbox == theirs["A"].raw_data_bbox


def test_a_detector_is_a_copy():
    camera = megacam()
    camera[3]["A"].setGain(9.0)
    for detector in camera:
        detector["B"].setGain(8.0)
    assert camera[3]["A"].gain == 1.58
    assert megacam()["ccd03"]["B"].gain == 1.68


def test_names_numbers_and_slices():
    camera = megacam(36)
    assert [detector.id for detector in camera] == list(range(36))
    assert camera[-1].name == "ccd35"
    assert [detector.name for detector in camera[34:]] == ["ccd34", "ccd35"]
    assert camera["8352-15-3"].id == camera["8352153"].id == ccd_number("02") == 2
    assert repr(camera) == "Camera(MegaCam, 36 CCDs)"
    with pytest.raises(IndexError, match="no CCD 36, MegaCam has 0 to 35"):
        camera[36]
    with pytest.raises(KeyError, match="no CCD 'ccd36', wanted 0 to 35"):
        camera["ccd36"]
    with pytest.raises(TypeError, match="ccd is True"):
        ccd_number(True)


def test_serials_are_unique_and_old_names_run_through():
    rows = [facts(ccd) for ccd in range(40)]
    assert len({row.serial for row in rows}) == 40
    names = sorted(amplifier.old_name for row in rows for amplifier in row.amplifiers.values())
    assert names == [f"amp{number:02d}" for number in range(80)]


def test_header_read_noise_is_cut_not_rounded():
    for ccd in range(40):
        for amplifier in facts(ccd).amplifiers.values():
            assert amplifier.header_read_noise == int(amplifier.read_noise)


def test_place_in_the_focal_plane_follows_from_the_mosaic():
    """The centre of DETSEC against the offset; half a pixel aside as the origin says."""
    camera = table()["camera"]
    for detector in megacam():
        box = detector.detsec
        x = ((box.x0 + box.x1) / 2 + 1 - camera["centre"][0]) * camera["pixel_mm"]
        y = ((box.y0 + box.y1) / 2 + 1 - camera["centre"][1]) * camera["pixel_mm"]
        assert detector.offset_mm == pytest.approx((x, y), abs=1e-9)
        assert (detector.yaw_deg == 180.0) == (detector.id < 18 or detector.id in (36, 37))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((38,), "n_ccd is 38"), ((40, "lsst-v17"), "knows 36 CCDs")],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        megacam(*arguments)
    with pytest.raises(UnknownChoiceError, match="parity is 'v18'"):
        megacam(36, "v18")


@pytest.mark.parametrize("size", [(0, 4), (3, 5), (3, 0)])
def test_small_camera_refuses(size):
    with pytest.raises(ValueError, match="wanted an even number"):
        megacam_like(*size)


def test_table_equals_the_facts(shared):
    yaml = pytest.importorskip("yaml")
    known = yaml.safe_load((shared / "megacam_geometry.yaml").read_text())
    camera, theirs = megacam(), megacam(36, "lsst-v17")
    common = known["common_amplifiers"]

    def box(row):
        return Box2I(row["x0"], row["y0"], row["nx"], row["ny"])

    assert len(known["detectors"]) == 40
    for row in known["detectors"]:
        detector, ours = camera[row["id"]], facts(row["id"])
        assert (detector.name, detector.serial) == (row["name"], row["serial"])
        assert (ours.serial, ours.nickname) == (row["ccdname"], row["nickname"])
        assert (*detector.offset_mm, detector.yaw_deg) == (*row["offset_mm"], row["yaw_deg"])
        assert ours.mosaic == row["detsec_fits"]
        assert ours.crpix == (row["nominal_wcs"]["CRPIX1"], row["nominal_wcs"]["CRPIX2"])
        corners = [value for corner in corners_mm(row["id"]) for value in corner]
        wanted = [value for corner in row["corners_mm_LL_LR_UR_UL"] for value in corner]
        assert corners == pytest.approx(wanted, abs=6e-5)
        for amplifier in detector:
            boxes, amp = common[amplifier.name], row["amplifiers"][amplifier.name]
            assert amplifier.bbox == box(boxes["bbox"])
            assert amplifier.raw_bbox == box(boxes["raw_bbox"])
            assert amplifier.raw_data_bbox == box(boxes["raw_data_bbox"])
            columns = boxes["raw_horizontal_overscan_bbox_data_rows"]
            assert amplifier.raw_horizontal_overscan_bbox == box(columns)
            assert amplifier.raw_vertical_overscan_bbox == box(boxes["raw_vertical_overscan_bbox"])
            assert amplifier.readout_corner == boxes["readout_corner"]
            assert amplifier.gain == amp["gain_e_per_adu"]
            assert amplifier.read_noise == amp["readnoise_e_2002"]
            more = ours.amplifiers[amplifier.name]
            assert more.header_read_noise == amp["readnoise_e_header"]
            assert more.dark_current == amp["dark_e_per_pix_per_hour"]
            assert more.old_name == amp["old_extname"]
            if row["id"] < 36:
                other = theirs[row["id"]][amplifier.name]
                across = boxes["raw_horizontal_overscan_bbox_lsst"]
                assert other.raw_horizontal_overscan_bbox == box(across)
                above = boxes["raw_vertical_overscan_bbox_lsst"]
                assert other.raw_vertical_overscan_bbox == box(above)


one_ccd = st.tuples(st.integers(0, 2**31 // 36 - 1), st.integers(0, 39))


@given(one_ccd, one_ccd)
def test_no_two_ccds_of_any_visits_share_a_number(one, other):
    assert (exposure_number(*one) == exposure_number(*other)) == (one == other)
    assert 0 <= exposure_number(*one) < 2**32


def test_numbers_are_those_of_lsst_for_the_first_36_ccds():
    assert exposure_number(1038843, 2) == 37398350
    near = [exposure_number(visit, ccd) for visit in (2463796, 2463797) for ccd in range(40)]
    assert len(set(near)) == 80
    for visit, ccd in ((-1, 0), (2**31 // 36, 0), (1, 40), (1, -1)):
        with pytest.raises(ValueError, match=f"visit {visit}, CCD {ccd}: wanted"):
            exposure_number(visit, ccd)
