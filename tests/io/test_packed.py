"""Compressed exposures, as cfhtisr, astropy and fitsio read them."""

import math
import tracemalloc
import warnings

import fitsio
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_array_equal

import cfhtisr
import strategies
from cfhtisr import Exposure, Mask, MaskedImage, _kernels
from cfhtisr.camera import megacam
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.io import FitsFile, _packed, read_exposure, write_exposure
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.io.verify import verify
from io_samples import a_wcs

PLANES = ("IMAGE", "MASK", "VARIANCE")
MODES = ("lossless", "rice")


def an_exposure(rows=33, columns=57, seed=1, **more):
    rng = np.random.default_rng(seed)
    image = rng.normal(1000, 30, (rows, columns)).astype(np.float32)
    mask = rng.integers(0, 2047, image.shape, dtype=np.int32)
    return Exposure(MaskedImage(image, mask, image / 2, xy0=(3, -4)), {"OBJECT": "M31"}, **more)


def awkward():
    """Return an exposure with all that a tile may hold."""
    exposure = an_exposure(detector=megacam()[7], wcs=a_wcs(), filter="r.MP9602")
    image = exposure.image.array
    image[3, 5:9] = np.nan
    image[4] = np.nan
    image[5, 7] = np.inf
    image[6, 7] = -np.inf
    image[7] = 12.5
    image[8] = 0
    image[9, ::3] = 0
    image[10, :-5] = np.nan
    image[11, 20:] = 7
    exposure.variance.array[:] = 4
    return exposure


def written(exposure, folder, compress, name="a.fits", **options):
    path = folder / name
    write_exposure(exposure, path, overwrite=True, sync=False, compress=compress, **options)
    return path


def plane(exposure, name):
    return getattr(exposure, name.lower()).array


def scales(path, name):
    """Return the step of each row, 0 where it keeps every bit."""
    with fits.open(path, disable_image_compression=True) as file:
        table = file[name].data
        if "ZSCALE" not in table.names:
            return np.zeros(len(table))
        exact = [len(code) > 0 for code in table["GZIP_COMPRESSED_DATA"]]
        return np.where(exact, 0.0, table["ZSCALE"])


@pytest.mark.parametrize("make", [an_exposure, awkward])
@pytest.mark.parametrize("mode", MODES)
def test_three_readers_agree(mode, make, tmp_path):
    exposure = make()
    path = written(exposure, tmp_path, mode)
    assert verify(path) == []
    back = read_exposure(path)
    with fits.open(path, checksum=True) as file, fitsio.FITS(str(path)) as other:
        for name in PLANES:
            ours, first = plane(back, name), plane(exposure, name)
            assert ours.dtype == first.dtype
            assert_array_equal(file[name].data, ours)
            known = ours
            if mode == "rice":
                # Where floats are rounded cfitsio reads infinity as NaN, in its own files too.
                known = (
                    ours
                    if name == "MASK"
                    else np.where(np.isfinite(ours), ours, np.float32(np.nan))
                )
            assert_array_equal(other[name].read(), known)
            assert file[name].header["EXTNAME"] == name
            assert_array_equal(np.isnan(ours), np.isnan(first))
            assert other[name].read_header()["EXTNAME"] == name
            steps = scales(path, name)[:, np.newaxis]
            exact = (steps == 0) & np.isfinite(first)
            if mode == "lossless" or name == "MASK":
                assert ours.tobytes() == first.tobytes()
                continue
            assert_array_equal(ours[exact], first[exact])
            assert_array_equal(ours[np.isinf(first)], first[np.isinf(first)])
            with np.errstate(invalid="ignore"):
                off = np.abs(ours.astype(float) - first)
                wide = steps / 2 * (1 + 1e-6) + np.spacing(np.abs(first))
                assert not (off > wide).any()
        planes = {key: bit for key, bit in file["MASK"].header.items() if key[:3] == "MP_"}
        assert planes["MP_SAT"] == Mask.planes()["SAT"]
    assert back.image.xy0 == (3, -4)
    assert back.metadata["OBJECT"] == "M31"
    assert back.filter == exposure.filter
    assert repr(back.detector) == repr(exposure.detector)


def test_rounding_is_as_fine_as_asked_for(tmp_path):
    exposure = an_exposure(100, 300)
    for steps in (2.0, 16.0, 100.0):
        path = written(exposure, tmp_path, "rice", quantize=steps)
        assert np.median(scales(path, "IMAGE")) == pytest.approx(30 / steps, rel=0.1)
        off = read_exposure(path).image.array - exposure.image.array
        assert np.abs(off).max() > 0.4 * 30 / steps
        assert abs(off.mean()) < 4 * off.std() / math.sqrt(off.size)


def test_rows_that_cannot_be_rounded_keep_every_bit(tmp_path):
    path = written(awkward(), tmp_path, "rice")
    exact = np.flatnonzero(scales(path, "IMAGE") == 0)
    assert exact.tolist() == [4, 5, 6, 7, 8, 10]
    assert (scales(path, "VARIANCE") == 0).all()


def test_the_rounded_pixels_are_those_of_cfitsio(tmp_path):
    image = np.random.default_rng(4).normal(1000, 30, (40, 200)).astype(np.float32)
    image[3, 5:50] = 5
    path = written(Exposure(image), tmp_path, "rice", quantize=4)
    with FitsFile(path) as file:
        seed = file.hdus[1].cards["ZDITHER0"]
    other = tmp_path / "other.fits"
    with fitsio.FITS(str(other), "rw") as file:
        options = {"qmethod": "SUBTRACTIVE_DITHER_1", "dither_seed": seed}
        file.write(image, compress="RICE", qlevel=4, tile_dims=[1, 200], **options)
    with (
        fits.open(path, disable_image_compression=True) as ours,
        fits.open(other, disable_image_compression=True) as theirs,
    ):
        for name in ("ZSCALE", "ZZERO", "COMPRESSED_DATA"):
            for one, two in zip(ours[1].data[name], theirs[1].data[name], strict=True):
                assert_array_equal(one, two)


@pytest.mark.parametrize("mode", MODES)
@given(
    image=st.sampled_from(["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f8"]).flatmap(
        lambda kind: npst.arrays(np.dtype(kind), npst.array_shapes(min_dims=2, max_dims=2))
    ),
    data=st.data(),
)
def test_other_pixels_keep_every_bit(mode, image, data, tmp_path_factory):
    view = data.draw(strategies.strided(image))
    path = written(Exposure(MaskedImage(view)), tmp_path_factory.mktemp("types"), mode)
    assert verify(path) == []
    back = read_exposure(path).image.array
    assert back.dtype == image.dtype
    assert back.tobytes() == image.tobytes()
    with fits.open(path, checksum=True) as file:
        assert_array_equal(file["IMAGE"].data, image)


@given(strategies.triples())
def test_planes_of_every_value_keep_every_bit(tmp_path_factory, planes):
    image, mask, variance = planes
    exposure = Exposure(MaskedImage(image, mask, variance))
    path = written(exposure, tmp_path_factory.mktemp("planes"), "lossless")
    assert verify(path) == []
    back = read_exposure(path)
    for name in PLANES:
        assert plane(back, name).tobytes() == plane(exposure, name).tobytes()
    with fitsio.FITS(str(path)) as file:
        for name in PLANES:
            assert file[name].read().tobytes() == plane(exposure, name).tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (0, 0), (0, 5), (5, 0)])
@pytest.mark.parametrize("mode", MODES)
def test_small_images(mode, shape, tmp_path):
    exposure = Exposure(np.full(shape, 1.5, np.float32))
    path = written(exposure, tmp_path, mode)
    assert verify(path) == []
    back = read_exposure(path)
    assert_array_equal(back.image.array, exposure.image.array)
    assert back.image.array.shape == shape
    if exposure.image.array.size:
        with fits.open(path, checksum=True) as file, fitsio.FITS(str(path)) as other:
            assert_array_equal(file["IMAGE"].data, exposure.image.array)
            assert_array_equal(other["IMAGE"].read(), exposure.image.array)


@pytest.mark.parametrize("mode", MODES)
def test_the_same_exposure_gives_the_same_bytes(mode, tmp_path, monkeypatch):
    monkeypatch.setattr(_packed, "_BAND", 3000)
    files = []
    try:
        for threads in (1, 2, 5):
            _kernels.set_num_threads(threads)
            files.append(written(awkward(), tmp_path, mode).read_bytes())
    finally:
        _kernels.set_num_threads(0)
    assert files[0] == files[1] == files[2]
    assert written(an_exposure(seed=2), tmp_path, mode).read_bytes() != files[0]


@pytest.mark.parametrize("width", [57, 58, 59])
def test_sums_hold_across_bands_of_any_length(width, tmp_path, monkeypatch):
    monkeypatch.setattr(_packed, "_BAND", 1000)
    exposure = an_exposure(101, width)
    for mode in MODES:
        path = written(exposure, tmp_path, mode)
        assert verify(path) == []
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fits.open(path, checksum=True).close()
        assert_array_equal(read_exposure(path).mask.array, exposure.mask.array)


def test_what_was_kept_is_written_again_alike(tmp_path):
    path = written(awkward(), tmp_path, "lossless")
    again = written(read_exposure(path), tmp_path, "lossless", "b.fits")
    assert path.read_bytes() == again.read_bytes()
    plain = written(awkward(), tmp_path, None, "c.fits")
    assert plain.read_bytes() == written(read_exposure(path), tmp_path, None, "d.fits").read_bytes()


def test_user_planes_and_raw_pixels(tmp_path):
    Mask.add_plane("GHOST")
    image = np.random.default_rng(1).integers(900, 1100, (20, 70)).astype(np.uint16)
    exposure = Exposure(MaskedImage(image))
    exposure.mask.array[3] = Mask.bitmask("GHOST")
    back = cfhtisr.read_exposure(written(exposure, tmp_path, "lossless"))
    assert back.image.array.dtype == np.uint16
    assert_array_equal(back.image.array, image)
    assert_array_equal(back.mask.array, exposure.mask.array)


def test_a_mosaic(tmp_path):
    path = tmp_path / "mosaic.fits"
    ccds = [an_exposure(seed=ccd, detector=megacam()[ccd], wcs=a_wcs()) for ccd in (7, 8)]
    with MosaicWriter(path, sync=False, compress="lossless") as mosaic:
        for exposure in ccds:
            mosaic.append(exposure)
    assert verify(path) == []
    for ccd, exposure in zip((7, 8), ccds, strict=True):
        back = read_exposure(path, ccd)
        for name in PLANES:
            assert_array_equal(plane(back, name), plane(exposure, name))
        assert back.metadata["OBJECT"] == "M31"
    with fitsio.FITS(str(path)) as file:
        assert_array_equal(file["ccd08", 1].read(), ccds[1].image.array)
        assert_array_equal(file["ccd08", 2].read(), ccds[1].mask.array)


def test_memory_does_not_grow_with_the_image(tmp_path):
    exposure = Exposure(np.random.default_rng(1).normal(9, 1, (6000, 1000)).astype(np.float32))
    exposure.variance.array[:] = 1
    exposure.mask.array[:] = 0  # made now, and not while it is measured
    for mode in MODES:
        tracemalloc.start()
        written(exposure, tmp_path, mode)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12_000_000


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"compress": "zip"}, "compress is 'zip', wanted None or one of lossless, rice"),
        ({"compress": "rice", "quantize": 0.0}, "quantize is 0.0, wanted a number above 0"),
        ({"compress": "rice", "quantize": math.nan}, "quantize is nan"),
        ({"compress": "lossless", "quantize": math.inf}, "quantize is inf"),
    ],
)
def test_what_there_is_not_is_refused(options, text, tmp_path):
    kind = UnknownChoiceError if options["compress"] == "zip" else ValueError
    with pytest.raises(kind, match=text):
        an_exposure().write(tmp_path / "a.fits", **options)
    with pytest.raises(kind, match=text):
        MosaicWriter(tmp_path / "a.fits", **options)
    assert list(tmp_path.iterdir()) == []
