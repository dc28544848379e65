import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cfhtisr.images import MaskedImage
from cfhtisr.isr import binning
from oracle import binning as oracle
from strategies import masked_images, shapes


@given(st.data(), st.integers(1, 5), st.integers(1, 5))
def test_each_pixel_stands_for_its_block(data, x, y):
    planes = data.draw(masked_images(shape=data.draw(shapes(0, 12))))
    image, mask, variance = planes.getArrays()
    binned = binning.bin_image(planes, x, y)
    assert binned.shape == (image.shape[0] // y, image.shape[1] // x)
    for j, i in np.ndindex(*binned.shape):
        block = slice(j * y, j * y + y), slice(i * x, i * x + x)
        got = [float(plane.array[j, i]) for plane in (binned.image, binned.variance)]
        for value, plane, count in ((got[0], image, x * y), (got[1], variance, (x * y) ** 2)):
            pixels = [float(each) for each in plane[block].ravel()]
            try:
                wanted = math.fsum(pixels) / count
            except (ValueError, OverflowError):  # infinities of both signs
                wanted = math.nan
            # Sums in double, in any order, rounded to float32: relative to the largest.
            size = max((abs(each) for each in pixels if math.isfinite(each)), default=0)
            with np.errstate(over="ignore"):
                wanted = np.float32(wanted)
            assert_allclose(value, wanted, rtol=1e-6, atol=1e-12 * size)
        flags = 0
        for each in mask[block].ravel():
            flags |= int(each)
        assert binned.mask.array[j, i] == flags


def test_blocks_of_one_pixel_give_the_image_itself():
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    planes = MaskedImage(image, image.astype(np.int32), image)
    for got, wanted in zip(
        binning.bin_image(planes, 1).getArrays(), planes.getArrays(), strict=True
    ):
        assert_array_equal(got, wanted)
        assert not np.shares_memory(got, wanted)


@given(st.data(), st.integers(1, 5), st.integers(1, 5))
def test_it_equals_the_oracle(data, x, y):
    planes = data.draw(masked_images(shape=data.draw(shapes(0, 12))))
    binned = binning.bin_image(planes, x, y)
    wanted = oracle.bin_planes(*(plane.tolist() for plane in planes.getArrays()), y, x)
    for got, rows in zip(binned.getArrays(), wanted, strict=True):
        assert_array_equal(got, np.array(rows, np.float64).reshape(got.shape))


@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-2, 2)])
def test_blocks_without_pixels_are_refused(sizes):
    with pytest.raises(ValueError, match="wanted at least 1 pixel"):
        binning.bin_image(MaskedImage([[1.0]]), *sizes)
