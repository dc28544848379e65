import gzip
import math
import string
import tracemalloc

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, DistortionLookupTable, Sip
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

import cfhtisr
import strategies
from cfhtisr import Amplifier, Box2I, Detector, Exposure, FileFormatError, Mask, MaskedImage
from cfhtisr.camera import megacam
from cfhtisr.io import read_exposure, write_exposure
from cfhtisr.io._cards import is_structural
from cfhtisr.io.exposure_file import read_provenance
from cfhtisr.io.verify import verify
from io_samples import a_wcs

FACTS = {"config.doBias": "True", "n": 3}
TYPES = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def an_exposure(rows=33, columns=17, seed=1, **more):
    rng = np.random.default_rng(seed)
    image = rng.normal(1000, 30, (rows, columns)).astype(np.float32)
    mask = rng.integers(0, 2047, image.shape, dtype=np.int32)
    planes = MaskedImage(image, mask, image / 2, xy0=(3, -4))
    metadata = {"OBJECT": "M31", "EXPTIME": 300.0, "CRPIX1": 1.0, "CDELT1": 2.0}
    exposure = Exposure(planes, metadata, **more)
    exposure.flux_mag0 = 1e10 / 3
    exposure.valid_polygon = [(0.0, 1 / 3), (4.0, 5.0), (6.0, 7.0)]
    return exposure


def full_exposure():
    visit = {"exposure_id": 36 * 2463796 + 7, "visit": 2463796, "exposure_time": 1 / 3}
    return an_exposure(
        detector=megacam()[7], wcs=a_wcs(), filter="r.MP9602", visit_info={**visit, "mjd": 5e4 / 3}
    )


def written(exposure, folder, name="a.fits", **options):
    path = folder / name
    write_exposure(exposure, path, overwrite=True, sync=False, **options)
    return path


def cards_of(header):
    return [card.image for card in header.cards]


def test_all_parts_come_back(tmp_path):
    first = full_exposure()
    facts = {"config.doBias": "True", "input.raw": "é \n", "count": 3, "third": 1 / 3}
    back = read_exposure(written(first, tmp_path, provenance=facts))
    for plane in ("image", "mask", "variance"):
        one, other = getattr(first, plane).array, getattr(back, plane).array
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    assert back.bbox == first.bbox
    assert back.filter == first.filter
    assert repr(back.visit_info) == repr(first.visit_info)
    assert back.flux_mag0 == first.flux_mag0
    assert back.valid_polygon == first.valid_polygon
    assert_array_equal(back.wcs.wcs.cd, first.wcs.wcs.cd)
    assert_array_equal(back.wcs.wcs.crpix, first.wcs.wcs.crpix)
    assert_array_equal(back.wcs.wcs.crval, first.wcs.wcs.crval)
    assert back.metadata["OBJECT"] == "M31"
    assert {**back.provenance, **facts} == back.provenance
    assert repr(back.detector.amplifiers) == repr(first.detector.amplifiers)
    for name in ("name", "id", "bbox", "serial", "offset_mm", "yaw_deg", "detsec"):
        assert getattr(back.detector, name) == getattr(first.detector, name)


def test_written_again_it_has_the_same_bytes(tmp_path):
    path = written(full_exposure(), tmp_path, provenance={"config.doBias": "True"})
    again = written(read_exposure(path), tmp_path, "b.fits")
    assert path.read_bytes() == again.read_bytes()


def test_a_detector_of_any_camera_comes_back(tmp_path):
    box = Box2I(0, 0, 4, 3)
    amplifier = Amplifier("left", box, box, box, box, gain=1 / 3, linearity_coeffs=(1e-6, 2.0))
    other = amplifier.copy(
        name="r", linearity_type="SQUARED", raw_flip_x=True, raw_xy_offset=(2, 1)
    )
    exposure = Exposure(
        np.zeros((3, 4), "f4"), detector=Detector("kast", 3, box, [amplifier, other])
    )
    exposure.detector.crosstalk = np.array([[0, 1e-3], [2e-4, 0]], np.float32)
    back = read_exposure(written(exposure, tmp_path)).detector
    assert repr(list(back)) == repr([amplifier, other])
    assert_array_equal(back.crosstalk, exposure.detector.crosstalk)
    assert back.detsec is None
    assert all(map(math.isnan, back.offset_mm))


def test_other_software_reads_it(tmp_path):
    exposure = full_exposure()
    path = written(exposure, tmp_path)
    with fits.open(path, checksum=True) as file:  # a wrong sum is a warning, hence an error
        file.verify("exception")
        assert [hdu.name for hdu in file[1:4]] == ["IMAGE", "MASK", "VARIANCE"]
        for name in ("IMAGE", "MASK", "VARIANCE"):
            assert_array_equal(file[name].data, getattr(exposure, name.lower()).array)
            assert_array_equal(WCS(file[name].header).wcs.crpix, exposure.wcs.wcs.crpix)
        assert file["IMAGE"].header["BUNIT"] == "adu"
        assert file["VARIANCE"].header["BUNIT"] == "adu**2"
        planes = {key[3:]: bit for key, bit in file["MASK"].header.items() if key[:3] == "MP_"}
        assert planes == {n: b for n, b in Mask.planes().items() if n in planes}
        assert {"BAD", "UNMASKEDNAN"} < set(planes)
        assert (file["MASK"].header["LTV1"], file["MASK"].header["LTV2"]) == (-3, 4)
        assert WCS(file["IMAGE"].header, key="A").wcs_pix2world([[0, 0]], 0).tolist() == [[3, -4]]
        assert file[0].header["CRPIX1"] == exposure.wcs.wcs.crpix[0]
        assert "CDELT1" not in file[0].header
    with fitsio.FITS(str(path)) as file:
        for name in ("IMAGE", "MASK", "VARIANCE"):
            assert_array_equal(file[name].read(), getattr(exposure, name.lower()).array)


@given(
    st.sampled_from(TYPES).flatmap(
        lambda kind: npst.arrays(np.dtype(kind), npst.array_shapes(min_dims=2, max_dims=2))
    ),
    st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000)),
    st.data(),
)
def test_pixels_of_every_type_come_back(tmp_path_factory, image, xy0, data):
    folder = tmp_path_factory.mktemp("types")
    view = data.draw(strategies.strided(image))
    path = written(Exposure(MaskedImage(view, xy0=xy0)), folder)
    assert verify(path) == []
    back = read_exposure(path)
    assert back.image.dtype == image.dtype
    assert back.image.array.tobytes() == image.tobytes()  # NaN as well
    assert back.image.xy0 == xy0
    with fits.open(path, checksum=True) as file:
        assert_array_equal(file["IMAGE"].data, image)


@given(strategies.triples())
def test_planes_of_every_value_come_back(tmp_path_factory, planes):
    image, mask, variance = planes
    path = written(Exposure(MaskedImage(image, mask, variance)), tmp_path_factory.mktemp("planes"))
    back = read_exposure(path)
    assert_array_equal(back.image.array, image)
    assert_array_equal(back.mask.array, mask)
    assert_array_equal(back.variance.array, variance)


text = st.text(string.ascii_letters + string.digits + " '&/=", max_size=150).map(str.rstrip)
short_key = st.from_regex(r"[A-Z][A-Z0-9_-]{0,6}X", fullmatch=True)
long_key = st.from_regex(r"HIERARCH [A-Z]{9,12} [A-Z0-9]{1,5}X", fullmatch=True)
number = st.one_of(st.booleans(), st.integers(-(10**15), 10**15), st.floats(-1e30, 1e30))
card = st.one_of(
    st.tuples(short_key, st.one_of(number, text)),
    st.tuples(long_key, st.one_of(number, text.map(lambda value: value[:30]))),
    st.tuples(st.sampled_from(["COMMENT", "HISTORY"]), text),
)


@given(st.lists(card, max_size=20))
def test_headers_come_back_whole_and_in_order(tmp_path_factory, cards):
    folder = tmp_path_factory.mktemp("headers")
    header = fits.Header()
    for key, value in cards:
        if key in ("COMMENT", "HISTORY"):
            header[key] = value
        else:
            header.append((key, value), end=True)
    exposure = Exposure(np.zeros((2, 2), np.float32), header)
    path = written(exposure, folder)
    back = read_exposure(path)
    assert cards_of(back.metadata) == cards_of(header)
    assert written(back, folder, "b.fits").read_bytes() == path.read_bytes()


def test_structural_cards_do_not_travel(tmp_path):
    metadata = {"NAXIS1": 5, "BZERO": 3.0, "CHECKSUM": "x", "OBJECT": "M31", "ZTILE1": 3}
    back = read_exposure(written(Exposure([[1.0]], metadata), tmp_path))
    assert list(back.metadata) == ["OBJECT"]


def test_odd_cards_cost_no_ccd(tmp_path, caplog):
    cards = {
        "FOO@    = 3": "COMMENT FOO@    = 3",
        "FOO     = 'caf\xe9'": "FOO     = 'caf?'",
        "FOO     = 1.5e-05": "FOO     =              1.5E-05",
    }
    header = fits.Header.fromstring("".join(card.ljust(80) for card in cards))
    back = read_exposure(written(Exposure([[1.0]], header), tmp_path))
    assert [card.rstrip() for card in cards_of(back.metadata)] == list(cards.values())
    assert "becomes a comment" in caplog.text
    assert "more than ASCII" in caplog.text
    assert written(back, tmp_path, "b.fits").read_bytes() == (tmp_path / "a.fits").read_bytes()


def real_headers(folder):
    """Yield primary, first and last header of every file."""
    for path in sorted(folder.glob("*.header.gz")):
        lines = gzip.decompress(path.read_bytes()).decode("ascii", "replace").split("\n")
        cards = [line.ljust(80) for line in lines if line.rstrip() != "END" and line[:5] != "# HDU"]
        cards = [card for card in cards if card.strip()]
        starts = [at for at, card in enumerate(cards) if card[:9] in ("SIMPLE  =", "XTENSION=")]
        bounds = list(zip(starts, [*starts[1:], len(cards)], strict=True))
        for first, end in [*bounds[:2], *bounds[2:][-1:]]:
            yield path.name, cards[first:end]


def test_real_headers_come_back_whole(shared, tmp_path):
    count = 0
    for name, cards in real_headers(shared / "headers"):
        header = fits.Header.fromstring("".join(cards))
        path = written(Exposure([[1.0]], header), tmp_path)
        back = read_exposure(path)
        kept = [card for card in cards if not is_structural(card[:8].rstrip())]
        mended = [card.replace("e-05", "E-05") for card in kept]  # of 2003, against the standard
        assert "".join(cards_of(back.metadata)) == "".join(mended), name
        assert written(back, tmp_path, "b.fits").read_bytes() == path.read_bytes(), name
        count += 1
    assert count > 50


def test_units_follow_the_header(tmp_path):
    for unit, squared in (("electron", "electron**2"), ("electron/s", "(electron/s)**2")):
        path = written(Exposure([[1.0]], {"BUNIT": unit}), tmp_path)
        with fits.open(path) as file:
            assert file["IMAGE"].header["BUNIT"] == unit
            assert file["VARIANCE"].header["BUNIT"] == squared


def test_user_planes_have_the_same_bits_in_every_file(tmp_path):
    one, other = Mask.add_plane("ZZ_LATE"), Mask.add_plane("AA_EARLY")
    assert one < other
    mask = np.array([[1 << one, 1 << other, 1 | 1 << one | 1 << other]], np.int32)
    path = written(Exposure(MaskedImage(np.zeros((1, 3)), mask)), tmp_path)
    with fits.open(path) as file:
        assert file["MASK"].header["MP_AA_EARLY"] == 16
        assert file["MASK"].header["MP_ZZ_LATE"] == 17
        assert file["MASK"].data.tolist() == [[1 << 17, 1 << 16, 1 | 3 << 16]]
    assert_array_equal(read_exposure(path).mask.array, mask)


def test_bits_without_a_name_come_back(tmp_path):
    mask = np.array([[1 << 12, -(2**31), 1 << 29]], np.int32)
    path = written(Exposure(MaskedImage(np.zeros((1, 3)), mask)), tmp_path)
    assert_array_equal(read_exposure(path).mask.array, mask)


def lsst_file(path, mask=None, **more):
    """Write the layout of LSST's exposures, planes numbered in another way than ours."""
    image = fits.ImageHDU(np.ones((2, 3), np.float32), name="IMAGE")
    image.header["LTV1"], image.header["LTV2"] = -10, -20
    mask = fits.ImageHDU(np.array([[1, 2, 3], [0, 0, 0]], np.int32) if mask is None else mask)
    mask.header["EXTNAME"] = "MASK"
    mask.header["MP_SAT"], mask.header["MP_BAD"], mask.header["MP_CR"] = 0, 1, 2
    variance = fits.ImageHDU(np.full((2, 3), 4, np.float32), name="VARIANCE")
    primary = fits.PrimaryHDU()
    primary.header.update({"FILTER": "r", "EXPTIME": 30.0, "FLUXMAG0": 1e9, **more})
    fits.HDUList([primary, image, mask, variance]).writeto(path)


def test_files_of_lsst_are_read(tmp_path):
    lsst_file(tmp_path / "a.fits")
    exposure = read_exposure(tmp_path / "a.fits")
    assert exposure.mask.array.tolist() == [[2, 1, 3], [0, 0, 0]]
    assert exposure.bbox == Box2I(10, 20, 3, 2)
    assert exposure.filter == "r"
    assert exposure.flux_mag0 == 1e9
    assert exposure.visit_info.exposure_time == 30
    assert exposure.variance.array[0, 0] == 4


def test_a_plain_image_is_read(tmp_path):
    fits.writeto(tmp_path / "a.fits", np.arange(6, dtype="u2").reshape(2, 3), fits.Header({"A": 1}))
    exposure = read_exposure(tmp_path / "a.fits")
    assert exposure.image.dtype == np.uint16
    assert exposure.image.array.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert exposure.metadata["A"] == 1
    assert not exposure.mask.array.any()


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def refused(path, match, **options):
    with pytest.raises(FileFormatError, match=match) as caught:
        read_exposure(path, **options)
    assert str(path) in str(caught.value)


def test_damage_is_refused_with_file_and_hdu(tmp_path):
    path = written(full_exposure(), tmp_path)
    size = path.stat().st_size
    with fits.open(path) as file:
        place = file.fileinfo("VARIANCE")["datLoc"]
    flip(path, place + 7)
    refused(path, r"HDU 3 \(VARIANCE\): DATASUM is")
    assert len(verify(path)) == 1
    flip(path, place + 7)
    assert verify(path) == []
    with path.open("r+b") as file:
        file.truncate(place + 100)
    refused(path, r"HDU 3 \(VARIANCE\): is truncated")
    assert 100 < place < size
    with path.open("r+b") as file:
        file.truncate(3000)
    refused(path, "HDU 1: is truncated: its header has no END")
    path.write_bytes(b"")
    refused(path, "is no FITS file")
    path.write_bytes(b"GIF89a" * 1000)
    refused(path, "is no FITS file: begins with")


def test_what_is_no_exposure_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    refused(path, "no HDU holds an image")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((2, 2)), name="MASK")]).writeto(
        path, overwrite=True
    )
    refused(path, "no IMAGE HDU")
    two = [fits.ImageHDU(np.zeros((2, 2)), name=f"ccd0{i}") for i in (3, 4)]
    fits.HDUList([fits.PrimaryHDU(), *two]).writeto(path, overwrite=True)
    refused(path, "holds CCD03, CCD04; say which")
    refused(path, "no CCD ccd05", ccd=5)
    assert read_exposure(path, ccd=4).metadata["EXTNAME"] == "CCD04"
    path.unlink()
    lsst_file(path, mask=np.zeros((3, 3), np.int32))
    refused(path, r"MASK.*shape \(3, 3\), wanted \(2, 3\)")
    path.unlink()
    lsst_file(path, mask=np.full((2, 3), 8 + 4, np.int32))
    refused(path, "bits .* no MP_ card names them")


def test_another_ccd_is_refused(tmp_path):
    path = written(full_exposure(), tmp_path)
    assert read_exposure(path, ccd=7).detector.name == "ccd07"
    refused(path, "holds CCD ccd07, wanted ccd08", ccd="ccd08")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_exposure(tmp_path / "none.fits")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"filter": "é"}, "FILTER|ASCII|ascii"),
        ({"flux_mag0": math.inf}, "FLUXMAG0 is inf"),
        ({"valid_polygon": [1, 2]}, "valid_polygon has shape"),
    ],
)
def test_what_fits_cannot_hold_is_refused_before_a_byte_is_written(tmp_path, change, match):
    exposure = an_exposure()
    for name, value in change.items():
        setattr(exposure, name, value)
    with pytest.raises(ValueError, match=match) as caught:
        written(exposure, tmp_path)
    assert "a.fits cannot be written" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_other_refusals(tmp_path):
    with pytest.raises(TypeError, match="float16"):
        written(Exposure(np.zeros((2, 2), np.float16)), tmp_path)
    with pytest.raises(TypeError, match=r"provenance 'x' is \[\]"):
        written(an_exposure(), tmp_path, provenance={"x": []})


@settings(max_examples=20)
@given(st.dictionaries(st.text(max_size=20), st.one_of(st.text(), st.integers(), st.floats())))
def test_any_provenance_comes_back(tmp_path_factory, facts):
    path = written(Exposure([[1.0]]), tmp_path_factory.mktemp("facts"), provenance=facts)
    back = dict(read_exposure(path).provenance)
    assert back.pop("cfhtisr.version")
    assert repr(sorted(back.items())) == repr(sorted(facts.items()))


def test_provenance_is_read_alone(tmp_path):
    path = written(an_exposure(), tmp_path, provenance=FACTS)
    assert read_provenance(path) == {"cfhtisr.version": cfhtisr.__version__, **FACTS}
    fits.writeto(path, np.zeros((2, 2)), overwrite=True)
    assert read_provenance(path) == {}


def test_cards_that_are_true_already_stay_as_they_are(tmp_path):
    wcs = a_wcs()
    wcs.wcs.equinox = 2000.0
    header = fits.Header.fromstring("EQUINOX =                 2000 / of the sky".ljust(80))
    back = read_exposure(written(Exposure([[1.0]], header, wcs=wcs), tmp_path))
    assert cards_of(back.metadata) == cards_of(header)


def test_an_empty_plane_and_a_single_pixel_come_back(tmp_path):
    for shape in ((0, 5), (5, 0), (1, 1)):
        back = read_exposure(written(Exposure(np.ones(shape, np.float32)), tmp_path))
        assert back.image.shape == shape
        assert back.image.dtype == np.float32


def test_a_whole_ccd(tmp_path):
    image = np.random.default_rng(2).normal(1000, 30, (4612, 2048)).astype(np.float32)
    exposure = Exposure(MaskedImage(image, image.astype(np.int32), image), detector=megacam()[0])
    path = written(exposure, tmp_path)
    assert verify(path) == []
    assert path.stat().st_size < 3 * image.nbytes + 40 * 2880
    back = read_exposure(path)
    assert_array_equal(back.image.array, image)
    assert_array_equal(back.variance.array, image)


def with_sip(wcs):
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    a = np.array([[0, 0, 1e-6 / 3], [0, 1e-7 / 3, 0], [2e-6 / 7, 0, 0]])
    wcs.sip = Sip(a, a.T.copy(), None, None, wcs.wcs.crpix)


def with_tpv(wcs):
    wcs.wcs.ctype = ["RA---TPV", "DEC--TPV"]
    wcs.wcs.set_pv([(1, 1, 1 + 1e-3 / 3), (1, 4, 1e-2 / 7), (2, 1, 1.0), (2, 5, -1e-3 / 9)])


def with_pc(wcs):
    wcs.wcs.cd = [[1, 0], [0, 1]]
    del wcs.wcs.cd
    wcs.wcs.pc = [[0.6, -0.8 / 3], [0.8, 0.6]]
    wcs.wcs.cdelt = [-5e-5 / 3, 5e-5]


def with_galactic(wcs):
    wcs.wcs.ctype = ["GLON-CAR", "GLAT-CAR"]


def with_arcmin(wcs):
    wcs.wcs.cunit = ["arcmin", "arcmin"]
    wcs.wcs.equinox = 1950.0
    wcs.wcs.radesys = "FK4"


@pytest.mark.parametrize("change", [with_sip, with_tpv, with_pc, with_galactic, with_arcmin])
def test_world_coordinates_of_all_kinds_come_back(tmp_path, change):
    wcs = a_wcs()
    change(wcs)
    wcs.wcs.set()
    metadata = {"CD1_1": 1.0, "PV1_1": 2.0, "CROTA2": 3.0, "RADESYS": "FK5", "CTYPE1": "XX"}
    path = written(Exposure(np.zeros((9, 9), np.float32), metadata, wcs=wcs), tmp_path)
    back = read_exposure(path)
    pixels = np.array([[0.0, 0.0], [8.0, 3.0], [-5.0, 2000.0]])
    assert_array_equal(back.wcs.all_pix2world(pixels, 0), wcs.all_pix2world(pixels, 0))
    assert back.wcs.wcs.radesys == wcs.wcs.radesys
    with fits.open(path) as file:
        for name in ("IMAGE", "MASK", "VARIANCE"):
            other = WCS(file[name].header)
            assert_array_equal(other.all_pix2world(pixels, 0), wcs.all_pix2world(pixels, 0))
        old = {key: file[0].header[key] for key in metadata if key in file[0].header}
        assert "CROTA2" not in old
        assert old == {key: file["IMAGE"].header.get(key, "FK5") for key in old}
    assert written(back, tmp_path, "b.fits").read_bytes() == path.read_bytes()


def test_a_wcs_that_needs_more_than_cards_is_refused(tmp_path):
    wcs = a_wcs()
    wcs.cpdis1 = DistortionLookupTable(np.zeros((3, 3), "f4"), (1, 1), (1, 1), (1, 1))
    with pytest.raises(ValueError, match="distortion tables"):
        written(Exposure([[1.0]], wcs=wcs), tmp_path)
    with pytest.raises(ValueError, match="3 axes"):
        written(Exposure([[1.0]], wcs=WCS(naxis=3)), tmp_path)


def test_writing_takes_no_memory_for_a_plane(tmp_path):
    image = np.ones((2000, 2048), np.uint16)
    exposure = Exposure(MaskedImage(image, image.astype(np.int32), image.astype(np.float32)))
    written(exposure, tmp_path)
    tracemalloc.start()
    try:
        written(exposure, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * 2**20
