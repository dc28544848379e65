"""Raw files of every era and form, small ones made here and the real headers."""

import concurrent.futures
import logging
import math

import numpy as np
import pytest
from astropy.io import fits

from cfhtisr import FileFormatError, read_raw, scan_raw
from cfhtisr.camera import exposure_number, facts, megacam, megacam_like
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.io import open_raw
from raw_files import (
    ccd_cards,
    header_of,
    pixels_of,
    primary_cards,
    real_headers,
    unspliced,
    value_in,
    write_amplifiers,
    write_raw,
    write_real,
)


def same_boxes(detector, other):
    names = ("bbox", "raw_bbox", "raw_data_bbox", "raw_horizontal_overscan_bbox",
             "raw_vertical_overscan_bbox", "readout_corner")  # fmt: skip
    return all(
        getattr(a, name) == getattr(b, name)
        for a, b in zip(detector, other, strict=True)
        for name in names
    )


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        ("raw.fits", None),
        ("raw.fits.gz", None),
        ("raw.fits.fz", "RICE_1"),
        ("raw.fits.fz", "GZIP_1"),
        ("raw.fits.fz", "GZIP_2"),
        ("raw.fits.fz", "NOCOMPRESS"),
    ],
)
def test_every_form_of_file(tmp_path, name, compress):
    path = tmp_path / name
    frames = write_raw(path, [0, 7, 39], compress=compress)
    for ccd, frame in frames.items():
        exposure = read_raw(path, ccd)
        assert exposure.image.dtype == np.uint16
        np.testing.assert_array_equal(exposure.image.array, frame)
        assert same_boxes(exposure.detector, megacam_like(12, 10)[ccd])
        assert exposure.detector.name == facts(ccd).name
        assert exposure.filter == "gri.MP9605"
        assert "HISTORY" not in exposure.metadata, "a good header needs no repair"


@pytest.mark.parametrize("n_ccd", [36, 40])
def test_eras(tmp_path, n_ccd):
    path = tmp_path / "raw.fits"
    frames = write_raw(path, range(n_ccd), primary={"NCCDS": n_ccd})
    with open_raw(path) as file:
        assert file.ccds == tuple(range(n_ccd))
        assert file.scan.n_ccd == n_ccd
        for ccd in (n_ccd - 1, 0, 5, 5):
            exposure = file.read(ccd)
            np.testing.assert_array_equal(exposure.image.array, frames[ccd])
            info = exposure.visit_info
            assert info.exposure_id == exposure_number(1927963, ccd)
            assert (info.visit, info.exposure_time, info.dark_time) == (1927963, 60.081, 60.0)
            assert info.mjd == 57520.2914642


def test_a_ccd_has_several_names(tmp_path):
    path = tmp_path / "raw.fits"
    frames = write_raw(path, [7, 8])
    for name in (7, "7", "ccd07", "CCD07", facts(7).serial, np.int64(7)):
        np.testing.assert_array_equal(read_raw(path, name).image.array, frames[7])


def test_the_header_is_whole_and_in_order(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [3])
    header = read_raw(path, 3).metadata
    own = list(ccd_cards(3, 12, 10))
    rest = [key for key in primary_cards() if key not in own]
    assert list(header) == own + rest
    assert header["PRIMONLY"] == 17
    assert header["OBJECT"] == "M31"


def test_the_wcs_is_that_of_the_raw_frame(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [4])
    wcs = read_raw(path, 4).wcs
    crpix = np.array(facts(4).crpix) - 1
    assert wcs.wcs_pix2world([crpix], 0)[0] == pytest.approx([204.1, 12.4])
    assert read_raw(path, 4).getWcs() is not None


@pytest.mark.parametrize("changes", [{"CTYPE1": None}, {"CD1_1": 0.0}, {"CTYPE1": "RA---XXX"}])
def test_no_wcs_where_there_is_none(tmp_path, changes):
    path = tmp_path / "raw.fits"
    write_raw(path, [4], changes=changes)
    assert read_raw(path, 4).wcs is None


@pytest.mark.parametrize("remove", [(), ("EXTVER",), ("CCDNAME",)])
def test_without_names_ccds_go_by_serial_version_or_order(tmp_path, remove):
    path = tmp_path / "raw.fits"
    changes = {"EXTNAME": None} | dict.fromkeys(remove)
    frames = write_raw(path, range(4), changes=changes)
    exposure = read_raw(path, 2)
    np.testing.assert_array_equal(exposure.image.array, frames[2])
    assert exposure.metadata["EXTNAME"] == "ccd02"
    assert "cfhtisr repair: EXTNAME missing -> ccd02" in str(exposure.metadata["HISTORY"])


def test_names_missing_and_nothing_else(tmp_path):
    path = tmp_path / "raw.fits"
    changes = dict.fromkeys(("EXTNAME", "EXTVER", "CCDNAME"))
    frames = write_raw(path, range(4), changes=changes)
    np.testing.assert_array_equal(read_raw(path, 3).image.array, frames[3])


def patched(path, old, new):
    data = path.read_bytes()
    assert data.count(old) >= 1
    path.write_bytes(data.replace(old, new, 1))


def test_names_that_occur_twice(tmp_path):
    path = tmp_path / "raw.fits"
    frames = write_raw(path, [0, 1], changes={"SPARE": "COMPRESSED_IMAGE"})
    # As compressors of 2003 left it: first theirs, then the real one.
    for ccd in (0, 1):
        name, spare = (
            f"{key:8}= '{value:8}'".ljust(80).encode()
            for key, value in (("EXTNAME", f"ccd{ccd:02d}"), ("SPARE", "COMPRESSED_IMAGE"))
        )
        patched(path, spare, name.replace(b"EXTNAME", b"OLDNAME"))
        patched(path, name, b"EXTNAME = 'COMPRESSED_IMAGE'".ljust(80))
        patched(path, name.replace(b"EXTNAME", b"OLDNAME"), name)
    for ccd in (0, 1):
        exposure = read_raw(path, ccd)
        np.testing.assert_array_equal(exposure.image.array, frames[ccd])
        assert exposure.metadata["EXTNAME"] == f"ccd{ccd:02d}"
        assert exposure.metadata.count("EXTNAME") == 1
        assert "occurs more than once" in "".join(exposure.metadata["HISTORY"])


def test_only_compressed_image_as_a_name(tmp_path):
    path = tmp_path / "raw.fits.fz"
    frames = write_raw(path, [0, 1], compress="RICE_1", changes={"EXTNAME": "COMPRESSED_IMAGE"})
    np.testing.assert_array_equal(read_raw(path, 1).image.array, frames[1])


def test_two_hdus_of_one_ccd(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [1, 1])
    with open_raw(path) as file, pytest.raises(FileFormatError, match="HDU 1 and HDU 2 are both"):
        _ = file.scan


@pytest.mark.parametrize("changes", [{}, {"EXTNAME": None}, {"AMPNAME": None}])
def test_one_amplifier_per_hdu(tmp_path, changes):
    path = tmp_path / "raw.fits"
    frames = write_amplifiers(path, [0, 17, 18, 35], changes=changes)
    scan = scan_raw(path)
    assert (scan.layout, scan.ccds, scan.n_ccd) == ("amplifiers", (0, 17, 18, 35), 36)
    for ccd, frame in frames.items():
        exposure = read_raw(path, ccd)
        np.testing.assert_array_equal(exposure.image.array, frame)
        header = exposure.metadata
        first, second = facts(ccd).amplifiers["A"], facts(ccd).amplifiers["B"]
        assert (header["GAINA"], header["GAINB"]) == (first.gain, second.gain)
        assert header["GAIN"] == pytest.approx((first.gain + second.gain) / 2)
        assert (header["RDNOISEA"], header["RDNOISEB"]) == (first.read_noise, second.read_noise)
        assert (header["EXTNAME"], header["EXTVER"]) == (f"ccd{ccd:02d}", ccd)
        assert header["AMPNAME"] == f"{ccd:02d}a + {ccd:02d}b"
        cards = ccd_cards(ccd, 12, 10)
        for key in ("DATASEC", "CCDSIZE", "DSECA", "DSECB", "BSECA", "BSECB", "CSECA", "CSECB"):
            assert header[key] == cards[key]
        assert f"spliced from {first.old_name}" in str(header["HISTORY"]) or "EXTNAME" in changes
        assert "repair" not in str(header["HISTORY"])
        assert same_boxes(exposure.detector, megacam_like(12, 10)[ccd])
        assert exposure.filter == "NONE"


def test_unsplicing_mirrors_b():
    """The helper of these tests, on numbers that can be followed."""
    frame = np.array([[1, 10, 11, 12, 20, 21, 22, 2]])
    first, second = unspliced(frame, over=1)
    assert first.tolist() == [[10, 11, 12, 1]]
    assert second.tolist() == [[22, 21, 20, 2]]


def test_a_ccd_with_one_amplifier_is_not_there(tmp_path):
    path = tmp_path / "raw.fits"
    write_amplifiers(path, [0, 1])
    with fits.open(path) as hdus:
        del hdus["amp03"]
        hdus.writeto(tmp_path / "less.fits")
    with pytest.raises(FileFormatError, match=r"no ccd01 in it; there is ccd00"):
        read_raw(tmp_path / "less.fits", 1)


def test_amplifiers_that_do_not_fit(tmp_path):
    path = tmp_path / "raw.fits"
    write_amplifiers(path, [0], changes={"DATASEC": "[2:5,1:12]"})
    message = r"raw.fits, HDU 2 and HDU 1: DATASEC '\[2:5,1:12\]' and BIASSEC"
    with pytest.raises(FileFormatError, match=message):
        read_raw(path, 0)


def test_repairs_are_logged_and_recorded(tmp_path, caplog):
    path = tmp_path / "raw.fits"
    changes = {"RDNOISEA": 65535, "SATURATE": 0, "DATASEC": "[34:43,2:13]"}
    write_raw(path, [2], changes=changes)
    exposure = read_raw(path, 2)
    assert exposure.metadata["RDNOISEA"] == 4.0
    assert exposure.metadata["SATURATE"] == 65535
    assert exposure.metadata["DATASEC"] == "[33:42,1:12]"
    assert len(exposure.metadata["HISTORY"]) >= 3
    logged = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(logged) == 3
    assert all(f"{path} ccd02: " in record.getMessage() for record in logged)
    # The header, as repaired, wins over the table, which stays as it is.
    assert exposure.detector["A"].read_noise == 4.0 != megacam()[2]["A"].read_noise


def test_detectors_are_not_shared(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [2])
    with open_raw(path) as file:
        file.read(2).detector["A"].setGain(9.0)
        assert file.read(2).detector["A"].gain == 1.57


def test_scan(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [0, 1, 9], primary={"OBSTYPE": "OBJECT"})
    scan = scan_raw(path)
    assert (scan.path, scan.kind, scan.n_ccd, scan.layout) == (path, "object", 40, "spliced")
    assert (scan.ccds, scan.obsid, scan.object) == ((0, 1, 9), 1927963, "M31")
    assert (scan.filter, scan.exposure_time, scan.dark_time) == ("gri.MP9605", 60.081, 60.0)
    assert (scan.mjd, scan.processed) == (57520.2914642, "")
    assert scan.primary["PRIMONLY"] == 17
    assert scan.header(9) == read_raw(path, 9).metadata
    with pytest.raises(FileFormatError, match="no ccd02 in it; there are ccd00 to ccd01, ccd09"):
        scan.header(2)


def test_reading_from_threads(tmp_path):
    path = tmp_path / "raw.fits.fz"
    frames = write_raw(path, range(12), compress="RICE_1")
    with open_raw(path) as file, concurrent.futures.ThreadPoolExecutor(4) as pool:
        for ccd, exposure in zip(frames, pool.map(file.read, frames), strict=True):
            np.testing.assert_array_equal(exposure.image.array, frames[ccd])


@pytest.mark.parametrize(
    ("camera", "what"),
    [
        ("WIRCam", "DETECTOR is 'WIRCam'"),
        (None, "there is no card DETECTOR"),
    ],
)
def test_wrong_camera(tmp_path, camera, what):
    path = tmp_path / "raw.fits"
    changes = {"DETECTOR": camera}
    frames = write_raw(path, [0], primary=changes, changes=changes)
    with pytest.raises(FileFormatError) as caught:
        read_raw(path, 0)
    assert str(caught.value) == (
        f"{path}: not a MegaCam file: {what}, wanted 'MegaCam' "
        "(camera=None reads an image of any FITS file)"
    )
    exposure = read_raw(path, 1, camera=None)
    np.testing.assert_array_equal(exposure.image.array, frames[0])
    assert exposure.detector is None
    with pytest.raises(UnknownChoiceError, match="camera is 'wircam', wanted 'megacam' or None"):
        read_raw(path, 0, camera="wircam")


def test_any_camera(tmp_path):
    path = tmp_path / "image.fits"
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    table = fits.BinTableHDU.from_columns([fits.Column("x", "I", array=np.arange(3))])
    hdus = [fits.PrimaryHDU(image), fits.ImageHDU(image.astype(np.int16), name="SCI"), table]
    hdus[0].header["EXPTIME"] = 3.5
    fits.HDUList(hdus).writeto(path)
    first, second = read_raw(path, 0, camera=None), read_raw(path, "sci", camera=None)
    np.testing.assert_array_equal(first.image.array, image)
    assert (second.image.dtype, second.metadata["EXPTIME"]) == (np.int16, 3.5)
    assert second.visit_info.exposure_time == 3.5
    assert math.isnan(second.visit_info.mjd)
    with open_raw(path, camera=None) as file:
        assert file.ccds == (0, 1)
    for bad in (2, 3, -1, "ccd00"):
        with pytest.raises(FileFormatError, match="is no image; images are in HDU 0, 1 SCI"):
            read_raw(path, bad, camera=None)


def test_missing_ccd(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [0, 1, 2, 5, 7, 8])
    with pytest.raises(FileFormatError) as caught:
        read_raw(path, 39)
    assert str(caught.value) == (
        f"{path}: no ccd39 in it; there are ccd00 to ccd02, ccd05, ccd07 to ccd08"
    )
    with pytest.raises(FileFormatError, match=r"raw.fits: there is no CCD 40, wanted 0 to 39"):
        read_raw(path, 40)


@pytest.mark.parametrize(
    ("where", "changes", "why"),
    [
        ("both", {"IMRED_OP": "BIAS"}, "card IMRED_OP"),
        ("ccd", {"IMCMB_NI": 9}, "card IMCMB_NI"),
        ("primary", {"FILENAME": "1927963p.phu"}, "FILENAME is '1927963p.phu'"),
        ("primary", {"OBSTYPE": "MASK"}, "OBSTYPE is 'MASK'"),
        ("name", {}, "state p in the name '1927963p.fits'"),
    ],
)
def test_processed_files(tmp_path, where, changes, why):
    path = tmp_path / ("1927963p.fits" if where == "name" else "frame.fits")
    frames = write_raw(
        path,
        [0, 1],
        primary=changes if where in ("both", "primary") else None,
        changes=changes if where in ("both", "ccd") else None,
    )
    with pytest.raises(FileFormatError) as caught:
        read_raw(path, 1)
    assert str(caught.value) == (
        f"{path}: the observatory has processed this already ({why}); "
        "processed=True, or --processed, reads it all the same"
    )
    np.testing.assert_array_equal(read_raw(path, 1, processed=True).image.array, frames[1])
    assert scan_raw(path).processed == why


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.fits").write_text("hello" * 1000)
    with pytest.raises(FileFormatError, match=r"text\.fits"):
        read_raw(tmp_path / "text.fits", 0)
    fits.PrimaryHDU(header=header_of(primary_cards())).writeto(tmp_path / "empty.fits")
    with pytest.raises(FileFormatError, match=r"empty\.fits: no image HDU in it"):
        read_raw(tmp_path / "empty.fits", 0)
    with pytest.raises(FileNotFoundError):
        read_raw(tmp_path / "none.fits", 0)


def test_truncated_file(tmp_path):
    path = tmp_path / "raw.fits"
    frames = write_raw(path, [0, 1], rows=400, columns=200)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 30000])
    np.testing.assert_array_equal(read_raw(path, 0).image.array, frames[0])
    with pytest.raises(FileFormatError, match=r"raw.fits: HDU 2.*truncated"):
        read_raw(path, 1)


def test_sections_that_fit_nothing(tmp_path):
    path = tmp_path / "raw.fits"
    write_raw(path, [0], changes={"BSECA": "[1:33,1:44]"})
    with pytest.raises(FileFormatError, match=r"raw.fits, HDU 1: card BSECA of ccd00"):
        read_raw(path, 0)


RAW = (
    "675258o 676000o 688231o 718955l 979412b 979412o 1000003f 1013337x 1257365o 1265044o "
    "1927963f 1927963o 2463796o 2463854b 2463857d"
).split()


def real_file(tmp_path, shared, name, ccds):
    """Return a sparse file with real headers, its headers, and the frames that are in it."""
    headers = real_headers(shared / "headers" / f"{name}.fits.header.gz")
    pixels, frames = {}, {}
    for ccd in ccds:
        frames[ccd] = pixels_of(ccd, 4612, 2048)
        if len(headers) > 50:
            planes = dict(zip("AB", unspliced(frames[ccd]), strict=True))
            for letter, amplifier in facts(ccd).amplifiers.items():
                pixels[int(amplifier.old_name[3:]) + 1] = planes[letter]
        else:
            pixels[ccd + 1] = frames[ccd]
    path = tmp_path / f"{name}.fits"
    write_real(path, headers, pixels)
    return path, headers, frames


@pytest.mark.parametrize("name", RAW)
def test_every_real_raw_header(tmp_path, shared, name):
    path, headers, frames = real_file(tmp_path, shared, name, [30])
    n_ccd = 40 if name == "675258o" or len(headers) == 41 else 36
    with open_raw(path) as file:
        scan = file.scan
        assert (scan.ccds, scan.n_ccd) == (tuple(range(n_ccd)), n_ccd)
        assert scan.layout == ("amplifiers" if len(headers) > 50 else "spliced")
        assert scan.obsid == int(name[:-1])
        assert scan.processed == ""
        exposure = file.read("ccd30")
        last = scan.header(n_ccd - 1)
    np.testing.assert_array_equal(exposure.image.array, frames[30])
    assert same_boxes(exposure.detector, megacam()[30])
    for amplifier in exposure.detector:
        assert amplifier.gain == exposure.metadata[f"GAIN{amplifier.name}"]
        assert amplifier.read_noise == exposure.metadata[f"RDNOISE{amplifier.name}"]
        assert amplifier.saturation == exposure.metadata["SATURATE"]
    cards = headers[31] if len(headers) < 50 else headers[61]
    assert exposure.filter == value_in(cards, "FILTER")
    info = exposure.visit_info
    assert info.exposure_time == float(value_in(cards, "EXPTIME"))
    assert info.dark_time == float(value_in(cards, "DARKTIME"))
    assert info.exposure_id == int(name[:-1]) * 36 + 30
    assert 52000 < info.mjd < 59000
    assert exposure.metadata["EXTNAME"] == "ccd30"
    assert exposure.metadata.count("EXTNAME") == 1
    assert exposure.metadata["CCDSIZE"] == "[1:2048,1:4612]"
    assert exposure.metadata["DATASEC"] == "[33:2080,1:4612]"
    assert (exposure.wcs is None) == (value_in(cards, "CTYPE1") is None)
    amplifiers = facts(30).amplifiers
    assert exposure.metadata["GAINB"] == amplifiers["B"].gain
    old = len(headers) > 50
    noise = amplifiers["A"].read_noise if old else amplifiers["A"].header_read_noise
    assert exposure.metadata["RDNOISEA"] == noise
    assert last["EXTNAME"] == f"ccd{n_ccd - 1:02d}"
    # What a header has must survive being written and read again.
    again = fits.Header.fromstring(exposure.metadata.tostring())
    assert list(again) == list(exposure.metadata)


PROCESSED = ["979412p", "1257365p", "1927963p", "2452990p", "02AE10.bias.0.36.00",
             "19Bm03.bias.0.40.00", "03Am02.dark.1800.36.00", "07Bm06.flat.z.36.02",
             "11Bm04.flat.z.36.02", "03Am05.fringe.z.36.00", "19BMfr.fringe.gri.40.00",
             "1013552p_flag", "02Bm05.scatter.g.36.00", "2004B.mask.0.36.01"]  # fmt: skip


@pytest.mark.parametrize("name", PROCESSED)
def test_every_real_processed_header(tmp_path, shared, name):
    path, headers, _ = real_file(tmp_path, shared, name, [])
    with pytest.raises(FileFormatError, match=r"processed this already|not a MegaCam file"):
        read_raw(path, 3)
    with open_raw(path, processed=True) as file:
        assert file.scan.ccds == tuple(range(len(headers) - 1))
        exposure = file.read(3)
    cards = headers[4]
    zero = float(value_in(cards, "BZERO") or 0)
    scale = float(value_in(cards, "BSCALE") or 1)
    stored = int(value_in(cards, "ZBITPIX" if value_in(cards, "ZIMAGE") else "BITPIX"))
    if (scale, zero) == (1.0, 0.0):
        assert exposure.image.dtype == {8: np.uint8, 16: np.int16}[stored]
    elif (scale, zero) != (1.0, 32768.0):
        assert exposure.image.dtype == np.float32
        assert exposure.image.array[5, 5] == pytest.approx(zero)
    assert exposure.detector["A"].raw_data_bbox == megacam()[3]["A"].raw_data_bbox
    assert exposure.metadata.get("DATASEC", "[33:2080,1:4612]") == "[33:2080,1:4612]"
    if value_in(cards, "SATURATE"):
        assert exposure.metadata["SATURATE"] == float(value_in(cards, "SATURATE"))


@pytest.mark.parametrize("name", ["2003A.frpts.z.36.00", "695816p_diag"])
def test_real_files_without_images(tmp_path, shared, name):
    headers = real_headers(shared / "headers" / f"{name}.fits.header.gz")
    path = tmp_path / "table.fits"
    with path.open("wb") as file:
        for cards in headers[:1]:
            text = "".join(cards) + "END".ljust(80)
            file.write(text.ljust(-(-len(text) // 2880) * 2880).encode())
    with pytest.raises(FileFormatError):
        read_raw(path, 0)


def test_other_real_cameras_are_refused(shared):
    paths = [*(shared / "pixels").glob("floyds_fz/*.fz"), *(shared / "pixels").glob("kast*/*.gz")]
    assert paths
    for path in paths:
        with pytest.raises(FileFormatError, match="not a MegaCam file"):
            read_raw(path, 0)


def test_pixels_go_into_memory_that_fits(tmp_path):
    path = tmp_path / "raw.fits.fz"
    frames = write_raw(path, [0, 7], compress="RICE_1")
    out = np.zeros(frames[0].shape, np.uint16)
    with open_raw(path) as file:
        assert file.read(7, out=out).image.array is out
        np.testing.assert_array_equal(out, frames[7])
        for other in (out[1:], out.astype(np.float32)):  # of no use
            exposure = file.read(0, out=other)
            assert not np.shares_memory(exposure.image.array, other)
            np.testing.assert_array_equal(exposure.image.array, frames[0])
        np.testing.assert_array_equal(out, frames[7])
