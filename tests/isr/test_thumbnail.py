import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import thumbnail
from strategies import masked_images, shapes

SAT = Mask.bitmask("SAT")


def grey(value, black, stretch=5.0, q=20.0):
    """Return one pixel of the picture, by the formula."""
    above = value - black
    if not above > 0:
        return 0
    return int(min(255.0, math.asinh(above * q / stretch) * 25.5 / math.asinh(0.1 * q)))


def test_levels_follow_the_formula():
    image = np.float32([[100, 100, 100, 100, 98, 102, 103, 130, 1e9, -1e9, np.nan, np.inf]])
    picture = thumbnail.make(MaskedImage(image), binning=1)
    assert picture.dtype == np.uint8
    assert picture.shape == (1, 12, 3)
    assert_array_equal(picture[..., 0], picture[..., 2])
    from cfhtisr.isr import statistics

    median, sigma = statistics.compute(image, ("MEDIAN", "STDEVCLIP"))
    black = median - 3 * sigma
    wanted = [grey(float(value), black) for value in image[0, :-1]]
    assert picture[0, :, 0].tolist() == [*wanted, 255]
    assert wanted[-3:] == [255, 0, 0]


@given(
    st.data(), st.integers(1, 4), st.integers(0, 3), st.sampled_from([0.0, -3.0, 1e-9, 20.0, 1e99])
)
def test_any_image_gives_a_picture_and_stays_as_it_is(data, binning, border, q):
    planes = data.draw(masked_images(shape=data.draw(shapes(binning, 12))))
    before = planes.copy()
    picture = thumbnail.make(planes, binning, q=q, sat_border=border)
    assert picture.shape == (planes.height // binning, planes.width // binning, 3)
    for after, wanted in zip(planes.getArrays(), before.getArrays(), strict=True):
        assert_array_equal(after, wanted)


def test_saturated_areas_become_as_bright_as_the_brightest_pixel():
    rng = np.random.default_rng(2)
    image = rng.normal(100, 1, (20, 30)).astype(np.float32)
    mask = np.zeros(image.shape, np.int32)
    image[5, 5] = 150  # the brightest that is good
    image[10:12, 10:12], mask[10:12, 10:12] = -50, SAT  # a core that has rolled over
    mask[12, 12] = SAT  # connected by its corner
    image[:, 24:] -= 1000
    image[10, 26], mask[10, 26] = 60000, SAT  # in surroundings below 0
    levels = thumbnail.make(MaskedImage(image, mask), binning=1, stretch=50.0)[..., 0]
    assert (levels[10:12, 10:12] == levels[5, 5]).all()
    assert levels[12, 12] == levels[5, 5] > 0
    black = levels[0, 25]
    assert black == 0
    plain = thumbnail.make(MaskedImage(image, mask), binning=1, sat_border=0)[..., 0]
    assert plain[10, 10] == 0
    assert plain[10, 26] > 200


def test_an_image_that_is_saturated_all_over_gives_a_picture():
    planes = MaskedImage(np.full((8, 8), 65535, np.float32), np.full((8, 8), SAT, np.int32))
    assert thumbnail.make(planes, 2).shape == (4, 4, 3)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"binning": 0}, "wanted at least 1"),
        ({"binning": 9}, "binning is 9, which leaves nothing of 8 x 8"),
        ({"stretch": 0.0}, "stretch is 0.0"),
        ({"stretch": math.nan}, "stretch is nan"),
        ({"q": math.nan}, "q is NaN"),
        ({"sat_border": -1}, "sat_border is -1"),
    ],
)
def test_what_makes_no_sense_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        thumbnail.make(MaskedImage(np.zeros((8, 8), np.float32)), **options)
