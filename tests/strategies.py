"""What a pixel, a plane, a mask or a box may look like: the awkward on purpose."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from cfhtisr.images import Box2I, MaskedImage

FLT_MAX = float(np.finfo(np.float32).max)

awkward = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.5, np.nan, np.inf, -np.inf, FLT_MAX, -FLT_MAX, 1e-45, 65535.0]
)
ordinary = st.floats(-1e4, 7e4, width=32)
pixels = st.one_of(ordinary, ordinary, ordinary, st.floats(width=32), awkward)
finite_pixels = st.one_of(ordinary, st.integers(-5, 5).map(float))
flags = st.one_of(
    st.just(0), st.sampled_from([1 << bit for bit in range(11)]), st.integers(0, 2047)
)


def shapes(min_side=0, max_side=24):
    side = st.one_of(st.integers(min_side, min(max_side, 4)), st.integers(min_side, max_side))
    return st.tuples(side, side)


@st.composite
def strided(draw, array):
    """Return a view that holds the same values, laid out in memory in some other way."""
    layout = draw(st.sampled_from(["plain", "flipped x", "flipped y", "fortran", "every other"]))
    if layout == "flipped x":
        return np.ascontiguousarray(array[:, ::-1])[:, ::-1]
    if layout == "flipped y":
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "fortran":
        return np.asfortranarray(array)
    if layout == "every other":
        wide = np.zeros((array.shape[0], 2 * array.shape[1] + 1), array.dtype)
        wide[:, 1::2] = array
        return wide[:, 1::2]
    return array


@st.composite
def images(draw, shape=None, elements=pixels):
    """Return a float32 plane."""
    shape = draw(shapes()) if shape is None else shape
    return draw(strided(draw(npst.arrays(np.float32, shape, elements=elements))))


@st.composite
def masks(draw, shape):
    """Return an int32 plane of flags."""
    return draw(strided(draw(npst.arrays(np.int32, shape, elements=flags))))


@st.composite
def planes(draw, elements=pixels, shape=None):
    """Return an image and its mask."""
    image = draw(images(shape, elements))
    return image, draw(masks(image.shape))


@st.composite
def triples(draw, elements=pixels, shape=None):
    """Return an image, its mask and its variance."""
    image, mask = draw(planes(elements, shape))
    return image, mask, draw(images(image.shape, elements))


@st.composite
def boxes(draw, width=24, height=24, most=6):
    """Return a list of boxes, some of which reach outside of a frame of this size."""
    corner = st.tuples(st.integers(-3, width + 2), st.integers(-3, height + 2))
    size = st.tuples(st.integers(1, width + 3), st.integers(1, height + 3))
    pairs = draw(st.lists(st.tuples(corner, size), max_size=most))
    return [Box2I(x, y, w, h) for (x, y), (w, h) in pairs]


@st.composite
def masked_images(draw, elements=pixels, shape=None):
    """Return a masked image of float32."""
    return MaskedImage(*draw(triples(elements, shape)))
