"""A broken file is refused as such, whatever is broken in it, or read."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import Exposure, FileFormatError, MaskedImage
from cfhtisr.camera import megacam
from cfhtisr.io import read_exposure, write_exposure
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.io.verify import verify
from io_samples import a_wcs

VALUES = [-1, 0, 3, 2**31, 2**40, 10**9, 1e300, "T", "'IMAGE'", "'", "x y", ".", "1e999"]


def without_sums(path):
    """Return the bytes of a file that no sum protects."""
    data = path.read_bytes()
    return data.replace(b"CHECKSUM=", b"CHECKSUX=").replace(b"DATASUM =", b"DATASUX =")


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Return the bytes of a file of one CCD, of a mosaic and of a foreign exposure."""
    folder = tmp_path_factory.mktemp("bases")
    plane = np.arange(12, dtype=np.float32).reshape(3, 4)
    exposure = Exposure(
        MaskedImage(plane, plane.astype(np.int32), plane),
        {"OBJECT": "M31", "FILTER": "r", "EXPTIME": 1.0},
        megacam()[7],
        a_wcs(),
        "r.MP9602",
        {"exposure_time": 1.0},
    )
    exposure.valid_polygon = [(0, 0), (1, 1), (2, 0)]
    write_exposure(exposure, folder / "one.fits", provenance={"a": "b", "c": 1})
    with MosaicWriter(folder / "many.fits", ccds=["ccd07", "ccd08"]) as mosaic:
        mosaic.append(exposure)
    planes = [fits.ImageHDU(plane.astype(t), name=n) for t, n in (("f4", "IMAGE"), ("i4", "MASK"))]
    planes[1].header["MP_SAT"] = 2
    fits.HDUList([fits.PrimaryHDU(), *planes]).writeto(folder / "other.fits")
    return [without_sums(folder / name) for name in ("one.fits", "many.fits", "other.fits")]


harm = st.tuples(
    st.sampled_from(["byte", "value", "card", "cut"]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.one_of(st.integers(0, 255), st.sampled_from(list(b"0123456789-+.EeTF' /=ABX"))),
    st.sampled_from(VALUES),
)


def harmed(data, harms):
    data = bytearray(data)
    for kind, where, other, octet, value in harms:
        at = int(where * len(data))
        start = at // 80 * 80
        if kind == "byte":
            data[at] = octet
        elif kind == "value":
            data[start + 10 : start + 30] = str(value).rjust(20).encode()
        elif kind == "card":
            source = int(other * len(data)) // 80 * 80
            data[start : start + 80] = data[source : source + 80]
        elif len(harms) > 2:  # else nearly every file would only be truncated
            del data[max(at, 1) :]
    return bytes(data)


@given(st.integers(0, 2), st.lists(harm, min_size=1, max_size=6))
def test_any_harm_ends_in_one_type_of_error(bases, tmp_path_factory, base, harms):
    path = tmp_path_factory.mktemp("broken") / "x.fits"
    path.write_bytes(harmed(bases[base], harms))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy's, about odd cards
        try:
            read_exposure(path)
            text = str(path)
        except FileFormatError as error:
            text = str(error)
        assert str(path) in text
        assert isinstance(verify(path), list)
