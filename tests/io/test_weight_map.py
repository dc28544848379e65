import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from numpy.testing import assert_array_equal

import strategies
from cfhtisr import Exposure, FileFormatError, Mask, MaskedImage
from cfhtisr.io.verify import verify
from cfhtisr.io.weight_map import NO_WEIGHT, write_weight
from io_samples import a_wcs


@given(strategies.triples())
def test_weights_and_flags_of_any_planes(tmp_path_factory, planes):
    image, mask, variance = planes
    folder = tmp_path_factory.mktemp("maps")
    exposure = Exposure(MaskedImage(image, mask, variance))
    write_weight(exposure, folder / "w.fits", folder / "f.fits", sync=False)
    assert verify(folder / "f.fits") == [] or image.size == 0
    bits = Mask.bitmask(NO_WEIGHT)
    if image.size == 0:
        return
    weight, flags = fits.getdata(folder / "w.fits"), fits.getdata(folder / "f.fits")
    assert weight.dtype == ">f4"
    assert flags.dtype == ">i2"
    assert_array_equal(flags, mask)
    for got, flag, value in zip(weight.ravel(), mask.ravel(), variance.ravel(), strict=True):
        with np.errstate(all="ignore"):
            wanted = np.float32(1) / value if value > 0 and not flag & bits else np.float32(0)
        assert got == (wanted if np.isfinite(wanted) else 0)


def test_maps_are_single_images_with_wcs(tmp_path):
    exposure = Exposure(
        MaskedImage(np.ones((3, 4), "f4"), None, np.ones((3, 4), "f4")), wcs=a_wcs()
    )
    write_weight(exposure, tmp_path / "w.fits", tmp_path / "f.fits")
    for name in ("w.fits", "f.fits"):
        with fits.open(tmp_path / name, checksum=True) as file:
            file.verify("exception")
            assert len(file) == 1
            assert_array_equal(WCS(file[0].header).wcs.crpix, a_wcs().wcs.crpix)
        assert fitsio.read(str(tmp_path / name)).shape == (3, 4)
    with pytest.raises(FileExistsError):
        write_weight(exposure, tmp_path / "w.fits")


def test_high_bits_take_more_room(tmp_path):
    mask = np.array([[1 << 15, 0]], np.int32)
    write_weight(Exposure(MaskedImage([[1.0, 1.0]], mask)), tmp_path / "w", tmp_path / "f")
    assert fits.getdata(tmp_path / "f").dtype == ">i4"
    assert_array_equal(fits.getdata(tmp_path / "f"), mask)


def test_other_planes_may_be_chosen(tmp_path):
    planes = MaskedImage([[1.0, 1.0]], [[1 << 7, 1]], np.ones((1, 2), np.float32))
    write_weight(Exposure(planes), tmp_path / "w", reject="SUSPECT")
    assert fits.getdata(tmp_path / "w").tolist() == [[0, 1]]
    assert not (tmp_path / "f").exists()
    with pytest.raises(KeyError, match="no mask plane"):
        write_weight(Exposure(planes), tmp_path / "x", reject="NOPE")
    assert issubclass(FileFormatError, OSError)
