import numpy as np
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.io.checksum import datasum
from oracle import checksum as oracle

sums = st.integers(0, 2**32 - 1)


@given(st.binary(max_size=3000), sums, st.integers(0, 9))
def test_datasum_equals_the_oracle(data, start, offset):
    assert datasum(data, start, offset) == oracle.datasum(data, start, offset)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_pieces_sum_to_the_whole_in_any_order(data, cut):
    later = datasum(data[cut:], offset=cut)
    assert datasum(data[:cut], later) == datasum(data)


def test_lanes_do_not_overflow():
    assert datasum(b"\xff" * 400_001) == oracle.datasum(b"\xff" * 400_001)


def test_datasum_of_an_image_is_that_of_astropy():
    image = np.random.default_rng(5).normal(size=(300, 200)).astype(">f4")
    hdu = fits.ImageHDU(image)
    hdu.add_datasum()
    assert str(datasum(image, 0)) == hdu.header["DATASUM"]
