"""Binning and placing, against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cfhtisr.qa.mosaic import bin_image, paste

shapes = array_shapes(min_dims=2, max_dims=2, max_side=9)
images = st.one_of(
    arrays(np.float32, shapes, elements=st.floats(-1e6, 1e6, width=32) | st.just(math.nan)),
    arrays(np.uint16, shapes),
)


@given(images, st.integers(1, 4))
def test_blocks_are_means_of_what_is_finite(image, factor):
    binned = bin_image(image, factor)
    rows, columns = (size // factor for size in image.shape)
    assert binned.shape == (rows, columns)
    for y in range(rows):
        for x in range(columns):
            block = image[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            values = [float(v) for v in block.ravel() if math.isfinite(v)]
            wanted = sum(values) / len(values) if values else math.nan
            assert binned[y, x] == pytest.approx(wanted, rel=1e-6, abs=1e-2, nan_ok=True)


def test_ccds_find_their_places():
    a = np.array([[1, 2], [3, 4]], np.float32)
    canvas = paste(None, a, "[1:4,1:4]", 2)
    canvas = paste(canvas, a, "[12:9,4:1]", 2)
    nan = math.nan
    wanted = [[1, 2, nan, nan, 4, 3], [3, 4, nan, nan, 2, 1]]
    np.testing.assert_array_equal(canvas, np.array(wanted, np.float32))


@pytest.mark.parametrize("section", ["", "[1:2]", "[a:b,1:2]", "1:2:3,4:5"])
def test_a_section_that_is_none(section):
    with pytest.raises(ValueError, match="wanted a section"):
        paste(None, np.zeros((1, 1), np.float32), section, 1)
