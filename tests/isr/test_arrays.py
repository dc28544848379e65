import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_array_equal

from cfhtisr.images import Image, Mask
from cfhtisr.isr._arrays import readable, writable
from strategies import images


@given(images())
def test_writable_keeps_the_memory_of_any_layout(image):
    pixels = writable("image", image, np.float32)
    assert pixels.shape == image.shape
    assert image.size == 0 or np.shares_memory(pixels, image)
    assert image.size == 0 or pixels.strides == image.strides


def test_planes_are_taken_as_their_pixels():
    plane = Image(np.zeros((2, 3), np.float32), xy0=(5, 7))
    assert writable("image", plane, np.float32) is plane.array
    assert readable("image", plane, np.float32) is plane.array
    assert_array_equal(readable("mask", Mask([[4]]), np.uint16), [[4]])


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((2, 2)), "image holds float64, wanted float32"),
        (np.zeros((2, 2), np.dtype(np.float32).newbyteorder()), "other byte order"),
        ([[1.0]], "image is a list, wanted an array of float32"),
        (None, "image is a NoneType"),
        (np.ma.zeros((2, 2), dtype=np.float32), "image is a masked array"),
        (Image(np.zeros((2, 2), np.uint16)), "image holds uint16"),
    ],
)
def test_writable_refuses_other_types(array, text):
    with pytest.raises(TypeError, match=text):
        writable("image", array, np.float32)


def read_only():
    image = np.zeros((2, 2), np.float32)
    image.flags.writeable = False
    return image


def broadcast():
    one = np.zeros((1, 3), np.float32)
    return np.lib.stride_tricks.as_strided(one, (2, 3), (0, 4))


def sliding():
    line = np.zeros(8, np.float32)
    return np.lib.stride_tricks.as_strided(line, (3, 3), (4, 4))


def packed():
    return np.zeros((2, 2), np.dtype([("x", np.int16), ("value", np.float32)]))["value"]


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros(3, np.float32), r"image has shape \(3,\), wanted \(rows, columns\)"),
        (read_only(), "image is read-only"),
        (broadcast(), "share no memory"),
        (sliding(), "share no memory"),
        (packed(), "wanted aligned elements"),
    ],
)
def test_writable_refuses_what_cannot_be_changed_in_place(array, text):
    with pytest.raises(ValueError, match=text):
        writable("image", array, np.float32)


def test_writable_takes_other_dimensions_on_request():
    line = np.zeros(3)
    assert writable("line", line, np.float64, ndim=1) is line
    with pytest.raises(ValueError, match="wanted 1 dimensions"):
        writable("line", np.zeros((2, 2)), np.float64, ndim=1)


def test_readable_converts():
    assert readable("image", [[1, 2.5]], np.float32).dtype == np.float32
    swapped = np.array([[1, 2]], np.dtype(np.int32).newbyteorder())
    assert_array_equal(readable("mask", swapped, np.int32), [[1, 2]])
    assert readable("mask", swapped, np.int32).dtype.isnative
    assert_array_equal(readable("image", packed(), np.float32), np.zeros((2, 2)))
    assert readable("image", [[1e300]], np.float32)[0, 0] == np.inf
    assert_array_equal(readable("mask", np.array([[True]]), np.int32), [[1]])
    assert readable("mask", np.zeros((0, 3)), np.int32).shape == (0, 3)


@pytest.mark.parametrize(
    ("array", "dtype", "error", "text"),
    [
        ([[1.5]], np.int32, TypeError, "x holds float64, wanted int32"),
        ([["a"]], np.float32, TypeError, "x holds <U1, wanted float32"),
        ([[1j]], np.float32, TypeError, "x holds complex128"),
        ([[2**40]], np.int32, ValueError, "x holds 1099511627776"),
        ([[-1]], np.uint16, ValueError, "x holds -1..-1, wanted what fits uint16"),
        ([1.0], np.float32, ValueError, r"x has shape \(1,\)"),
        (np.ma.zeros((2, 2)), np.float32, TypeError, "x is a masked array"),
    ],
)
def test_readable_refuses(array, dtype, error, text):
    with pytest.raises(error, match=text):
        readable("x", array, dtype)
