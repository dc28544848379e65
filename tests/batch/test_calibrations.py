"""Calibrations in every form that they come in."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from cfhtisr.batch.calibrations import CalibrationPaths, Calibrations
from cfhtisr.errors import FileFormatError
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.geom import Box2I
from cfhtisr.io import read_exposure, read_raw, write_exposure
from cfhtisr.io.byte_source import GzipSource
from cfhtisr.io.defects import read_defects
from cfhtisr.io.mosaic import MosaicWriter
from small_sets import CCDS, edited, small_set

KINDS = ("bias", "dark", "flat", "fringe")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), compress=None)


@pytest.fixture
def raw(files):
    return read_raw(files.raw, 7)


def frame(kind, path, raw, **options):
    """Return what is found at a path, and the text that identifies it."""
    calibrations = Calibrations(CalibrationPaths(**{kind: path}), **options)
    try:
        return calibrations.frame(kind, raw, 40)
    finally:
        calibrations.close()


def defects(path, raw):
    calibrations = Calibrations(CalibrationPaths(defects=path))
    try:
        return calibrations.defects(raw)
    finally:
        calibrations.close()


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_gives_the_same_frame(kind, files, raw, tmp_path):
    wanted, identity = frame(kind, files.paths[kind], raw)
    assert wanted.masked_image.shape == raw.detector.bbox.shape
    assert wanted.image.array.dtype == np.float32
    assert not wanted.variance.array.any()
    assert identity.startswith(f"{files.paths[kind].name}[ccd07] DATASUM ")

    folder = tmp_path / "of one CCD each"
    products = tmp_path / "products"
    for place in (folder, products):
        place.mkdir()
    with MosaicWriter(tmp_path / "mosaic.fits") as mosaic:
        for ccd in CCDS:
            name = f"ccd{ccd:02d}"
            edited(files.paths[kind], folder / f"{kind}.{name}.fits", ccds=(name,))
            one, _ = frame(kind, files.paths[kind], read_raw(files.raw, ccd))
            write_exposure(one, products / f"{name}-{kind}.fits")
            mosaic.append(one)
    (folder / "README").touch()
    single = folder / f"{kind}.ccd07.fits"
    for path in (
        folder,
        products,
        tmp_path / "mosaic.fits",
        single,
        products / f"ccd07-{kind}.fits",
    ):
        found, identity = frame(kind, path, raw)
        assert_array_equal(found.image.array, wanted.image.array)
        assert "[ccd07] DATASUM " in identity


def test_variance_and_flags_of_a_product_are_kept(files, raw, tmp_path):
    wanted, _ = frame("bias", files.bias, raw)
    wanted.variance.array[...] = 3
    wanted.mask.array[5, 6] = 1
    write_exposure(wanted, tmp_path / "bias.fits")
    found, _ = frame("bias", tmp_path / "bias.fits", raw)
    assert (found.variance.array == 3).all()
    assert_array_equal(found.mask.array, wanted.mask.array)


def test_the_identity_of_a_product_follows_its_pixels(files, raw, tmp_path):
    one, _ = frame("bias", files.bias, raw)
    texts = set()
    for value in (1.0, 1.0, 2.0):
        one.image.array[3, 3] = value
        write_exposure(one, tmp_path / "bias.fits", overwrite=True)
        texts.add(frame("bias", tmp_path / "bias.fits", raw)[1])
    assert len(texts) == 2


def test_a_damaged_product_is_refused(files, raw, tmp_path):
    path = tmp_path / "bias.fits"
    write_exposure(frame("bias", files.bias, raw)[0], path)
    with fits.open(path) as hdus:
        place = hdus["IMAGE"].fileinfo()["datLoc"] + 401
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=r"bias.fits: HDU 1 \(IMAGE\): DATASUM is"):
        frame("bias", path, raw)


def test_a_product_of_another_ccd_is_refused(files, raw, tmp_path):
    other, _ = frame("bias", files.bias, read_raw(files.raw, 12))
    write_exposure(other, tmp_path / "bias.fits")
    with pytest.raises(FileFormatError, match="ccd"):
        frame("bias", tmp_path / "bias.fits", raw)


def test_a_product_of_another_size_is_refused(files, raw, tmp_path):
    other, _ = frame("bias", files.bias, raw)
    write_exposure(other.subset(Box2I(0, 0, 100, 96)), tmp_path / "bias.fits")
    with pytest.raises(FileFormatError, match="100 x 96 pixels, wanted 192 x 128"):
        frame("bias", tmp_path / "bias.fits", raw)


def test_a_frame_is_read_once_for_many_raws(files, raw, monkeypatch):
    calibrations = Calibrations(CalibrationPaths(bias=files.bias))
    first = calibrations.frame("bias", raw, 40)
    assert calibrations.frame("bias", raw, 40)[0] is first[0]
    assert calibrations.frame("bias", read_raw(files.raw, 12), 40)[0] is not first[0]
    calibrations.close()


def test_a_filter_by_another_name_is_the_same(files, raw, tmp_path):
    path = edited(files.flat, tmp_path / "flat.fits", FILTER="i.MP9703 ")
    assert frame("flat", path, raw) is not None


def boxes_of(box):
    return sorted((one.x0, one.y0, one.width, one.height) for one in box)


def test_defects_in_every_form(files, raw, tmp_path):
    wanted = read_defects(files.defects, 7, shape=(96, 128))
    assert wanted
    bad = np.zeros((96, 128), np.uint8)
    for box in wanted:
        bad[box.slices] = 1

    folder = tmp_path / "folder"
    folder.mkdir()
    edited(files.defects, folder / "ccd07.fits", ccds=("ccd07",))
    text = tmp_path / "boxes.txt"
    text.write_text("".join(f"{x} {y} {w} {h}\n" for x, y, w, h in boxes_of(wanted)))
    table = tmp_path / "boxes.csv"
    lines = [f"7,{x},{y},{w},{h}" for x, y, w, h in boxes_of(wanted)]
    table.write_text("\n".join(["ccd,x0,y0,width,height", "12,1,1,1,1", *lines]))
    regions = tmp_path / "boxes.reg"
    shapes = [
        f"box({x + 0.5 + w / 2},{y + 0.5 + h / 2},{w},{h},0)" for x, y, w, h in boxes_of(wanted)
    ]
    regions.write_text("\n".join(["# Region file format: DS9", "image", *shapes]))
    mask = tmp_path / "mask.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(1 - bad, name="ccd07")]).writeto(mask)

    identities = set()
    for path in (files.defects, folder, text, table, regions, mask):
        found, identity = defects(path, raw)
        covered = np.zeros_like(bad)
        for box in found:
            covered[box.slices] = 1
        assert_array_equal(covered, bad, str(path))
        if path is not mask:
            assert boxes_of(found) == boxes_of(wanted)
            identities.add(identity.partition("]")[2])
    assert len(identities) == 1


def test_the_identity_of_defects_follows_the_boxes(raw, tmp_path):
    path = tmp_path / "boxes.txt"
    texts = []
    for line in ("1 1 2 2", "1 1 2 3"):
        path.write_text(line)
        texts.append(defects(path, raw)[1])
    assert texts[0] != texts[1]
    assert all(text.startswith("boxes.txt[ccd07] 1 boxes SHA256 ") for text in texts)


@pytest.mark.parametrize(
    ("text", "wanted"), [("1 1 500 2", "ccd07"), ("1 1 2", "line 1"), ("a b c d", "line 1")]
)
def test_defects_that_are_none(text, wanted, raw, tmp_path):
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=wanted) as error:
        defects(path, raw)
    assert str(path) in str(error.value)


def test_a_frame_without_its_filter_is_warned_of(files, raw, tmp_path, caplog):
    one, _ = frame("flat", files.flat, raw)
    nameless = Exposure(one.masked_image, detector=one.detector)
    write_exposure(nameless, tmp_path / "flat.fits")
    assert read_exposure(tmp_path / "flat.fits").filter is None
    assert frame("flat", tmp_path / "flat.fits", raw) is not None
    assert "no filter is known of the flat or the exposure" in caplog.text


def test_a_gzipped_master_is_inflated_no_more_than_needed(files, tmp_path, monkeypatch):
    path = tmp_path / "bias.fits.gz"
    path.write_bytes(gzip.compress(files.bias.read_bytes(), 1))
    starts = []
    real = GzipSource._restart
    monkeypatch.setattr(GzipSource, "_restart", lambda self: (starts.append(self), real(self)))
    calibrations = Calibrations(CalibrationPaths(bias=path))
    plain = Calibrations(CalibrationPaths(bias=files.bias))
    for ccd in CCDS:
        raw = read_raw(files.raw, ccd)
        found, wanted = (each.frame("bias", raw, 40)[0] for each in (calibrations, plain))
        assert_array_equal(found.image.array, wanted.image.array)
    # To see what it is, to see what CCDs are in it, to read them all.
    assert len(starts) <= 3
    calibrations.close()
    plain.close()
