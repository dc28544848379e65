import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS

from cfhtisr import Box2I, Exposure, MaskedImage, VisitInfo


def exposure(**facts):
    return Exposure(MaskedImage(np.zeros((4, 6), np.float32)), **facts)


def test_a_header_keeps_its_order_and_its_twins():
    header = Header([("B", 1), ("A", 2), ("HISTORY", "x"), ("HISTORY", "y")])
    assert exposure(metadata=header).getMetadata() is header
    assert list(exposure(metadata={"B": 1, "A": 2}).metadata) == ["B", "A"]


def test_visit_info_is_a_mapping_or_itself():
    info = exposure(visit_info={"exposure_id": 3, "dark_time": 9.0}).getInfo().getVisitInfo()
    assert (info.getExposureId(), info.getDarkTime()) == (3, 9.0)
    assert np.isnan(info.getExposureTime())
    assert exposure(visit_info=VisitInfo(visit=7)).visit_info.visit == 7
    with pytest.raises(TypeError, match="exposureId"):
        exposure(visit_info={"exposureId": 3})


def test_the_filter_is_a_name():
    assert exposure(filter="r.MP9601").getFilter() == "r.MP9601"
    with pytest.raises(TypeError, match="name of a filter"):
        exposure(filter=3)


def test_a_subset_shares_pixels_and_moves_the_wcs():
    wcs = WCS(naxis=2)
    wcs.wcs.crpix = (3.0, 2.0)
    whole = exposure(wcs=wcs)
    part = whole[Box2I(2, 1, 3, 2)]
    part.image.array[...] = 1
    assert whole.image.array.sum() == 6
    assert part.metadata is whole.metadata
    assert part.wcs.wcs.crpix.tolist() == [1.0, 1.0]
    assert whole.getWcs().wcs.crpix.tolist() == [3.0, 2.0]


def test_an_array_alone_is_an_exposure():
    assert Exposure(np.zeros((2, 3), np.uint16)).image.dtype == np.uint16
    with pytest.raises(TypeError, match="wanted a MaskedImage"):
        exposure().setMaskedImage(np.zeros((2, 2)))
