import numpy as np
import pytest
from astropy import units
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, VarianceUncertainty
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

import strategies
from cfhtisr import Exposure, Mask, MaskedImage
from cfhtisr.camera import megacam
from io_samples import a_wcs


@given(strategies.triples())
def test_there_and_back_nothing_changes(planes):
    image, mask, variance = planes
    first = Exposure(MaskedImage(image, mask, variance, xy0=(3, -1)), {"OBJECT": "M31"})
    first.flux_mag0 = 1e9
    back = Exposure.from_ccddata(first.to_ccddata(), detector=megacam()[3])
    assert_array_equal(back.image.array, image)
    assert_array_equal(back.mask.array, mask)
    assert_array_equal(back.variance.array, variance)
    assert back.image.dtype == np.float32
    assert back.masked_image.xy0 == (3, -1)
    assert back.flux_mag0 == 1e9
    assert back.detector.name == "ccd03"


def test_pixels_are_shared():
    planes = MaskedImage(np.ones((2, 3), "f4"), np.ones((2, 3), "i4"), np.ones((2, 3), "f4"))
    first = Exposure(planes, {"BUNIT": "electron"}, wcs=a_wcs(), filter="r.MP9602")
    ccd = first.to_ccddata()
    assert np.shares_memory(ccd.data, first.image.array)
    assert np.shares_memory(ccd.flags, first.mask.array)
    assert np.shares_memory(ccd.uncertainty.array, first.variance.array)
    assert ccd.unit == units.electron
    assert ccd.wcs is first.wcs
    assert ccd.uncertainty.unit == units.electron**2
    back = Exposure.from_ccddata(ccd)
    for plane in ("image", "mask", "variance"):
        assert np.shares_memory(getattr(back, plane).array, getattr(first, plane).array)
    assert back.wcs is first.wcs
    assert back.filter == "r.MP9602"
    assert back.metadata["BUNIT"] == "electron"
    assert "FILTER" not in first.metadata


def test_the_mask_is_of_chosen_planes():
    planes = MaskedImage([[1.0] * 3], [[1, 2, 128]])
    assert Exposure(planes).to_ccddata().mask.tolist() == [[True, True, False]]
    assert Exposure(planes).to_ccddata(reject="SUSPECT").mask.tolist() == [[False, False, True]]


def test_a_masked_pixel_without_reason_is_bad():
    ccd = CCDData([[1.0] * 3], unit="adu", mask=[[True, True, False]])
    assert Exposure.from_ccddata(ccd).mask.array.tolist() == [[1, 1, 0]]
    ccd.flags = np.array([[2, 128, 4]])
    assert Exposure.from_ccddata(ccd).mask.array.tolist() == [[2, 129, 4]]
    assert Exposure.from_ccddata(ccd, plane="CR").mask.array.tolist() == [[2, 136, 4]]
    assert ccd.flags.tolist() == [[2, 128, 4]]


def test_uncertainties_of_all_kinds_become_variance():
    sigma = np.array([[1, 2, 0.5]])
    for uncertainty in (
        StdDevUncertainty(sigma),
        VarianceUncertainty(sigma**2),
        InverseVariance(sigma**-2),
        StdDevUncertainty(sigma * 1000, unit=units.Unit("0.001 adu")),
        InverseVariance(sigma**-2 / 1e6, unit=units.Unit("0.001 adu") ** -2),
    ):
        ccd = CCDData(np.ones((1, 3), "f4"), unit="adu", uncertainty=uncertainty)
        variance = Exposure.from_ccddata(ccd).variance
        assert variance.dtype == np.float32
        assert_allclose(variance.array, sigma**2, rtol=1e-6)


def test_raw_pixels_keep_their_type_and_have_no_uncertainty():
    ccd = Exposure(np.ones((2, 2), np.uint16)).to_ccddata()
    assert ccd.data.dtype == np.uint16
    assert ccd.uncertainty is None
    assert Exposure.from_ccddata(ccd).image.dtype == np.uint16


def test_ccdproc_takes_it():
    ccdproc = pytest.importorskip("ccdproc")
    planes = MaskedImage(np.ones((2, 3), "f4"), None, np.ones((2, 3), "f4"))
    ccd = ccdproc.gain_correct(Exposure(planes).to_ccddata(), 2 * units.electron / units.adu)
    exposure = Exposure.from_ccddata(ccd)
    assert exposure.metadata["BUNIT"] == "electron"
    assert exposure.variance.array.tolist() == [[4] * 3] * 2
    assert exposure.image.array.tolist() == [[2] * 3] * 2
    assert Mask.planes()["BAD"] == 0


def test_refusals():
    with pytest.raises(TypeError, match="wanted a CCDData"):
        Exposure.from_ccddata(np.zeros((2, 2)))
    ccd = CCDData(np.zeros((2, 2)), unit="adu")
    ccd.flags = np.full((2, 2), "x")
    with pytest.raises(TypeError, match="flags are"):
        Exposure.from_ccddata(ccd)
    with pytest.raises(ValueError, match="rows, columns"):
        Exposure.from_ccddata(CCDData(np.zeros(3), unit="adu"))
