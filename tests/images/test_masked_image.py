import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import Box2I, MaskedImage


def planes(rows=6, columns=8):
    image = np.arange(rows * columns, dtype=np.float32).reshape(rows, columns)
    return MaskedImage(image, np.zeros(image.shape, np.int32), np.ones(image.shape, np.float32))


def test_arrays_are_taken_without_a_copy():
    image = np.zeros((3, 4), np.uint16)
    mask, variance = np.zeros((3, 4), np.int32), np.zeros((3, 4), np.float32)
    masked = MaskedImage(image, mask, variance)
    assert masked.image.array is image
    assert masked.mask.array is mask
    assert masked.variance.array is variance
    assert np.asarray(masked.image) is image


def test_big_endian_pixels_become_native():
    image = np.arange(6, dtype=">f4").reshape(2, 3)
    masked = MaskedImage(image)
    assert masked.image.dtype == np.float32
    assert masked.image.dtype.isnative
    assert np.array_equal(masked.image.array, image)


@given(st.data())
def test_a_subset_shares_pixels_and_knows_its_place(data):
    whole = planes()
    whole.setXY0(10, 20)
    x0, y0 = data.draw(st.integers(10, 17)), data.draw(st.integers(20, 25))
    box = Box2I(x0, y0, data.draw(st.integers(1, 18 - x0)), data.draw(st.integers(1, 26 - y0)))
    part = whole[box]
    assert part.bbox == part.getBBox() == box
    part.image.array[...] = -1
    part.mask |= 2
    part.variance.array[...] = 5
    local = box.shifted_by(-10, -20).slices
    assert (whole.image.array[local] == -1).all()
    assert (whole.image.array == -1).sum() == (whole.mask.array == 2).sum() == box.area
    assert (whole.variance.array == 5).sum() == box.area
    inner = part.subset(Box2I(box.x1, box.y1, 1, 1))
    assert np.shares_memory(inner.image.array, whole.image.array)


def test_a_box_outside_is_refused():
    with pytest.raises(IndexError, match="reaches outside"):
        planes().subset(Box2I(7, 0, 2, 1))


def test_planes_of_other_shapes_are_refused_by_name():
    with pytest.raises(ValueError, match=r"variance has shape \(2, 2\), wanted \(3, 3\)"):
        MaskedImage(np.zeros((3, 3)), None, np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"image has shape \(3,\)"):
        MaskedImage(np.zeros(3))
    with pytest.raises(TypeError, match="complex"):
        MaskedImage(np.zeros((3, 3), complex))


def test_a_copy_has_pixels_of_its_own():
    one = planes()
    other = one.clone()
    other.image.array[...] = 0
    other.mask.array[...] = 7
    assert one.image.array.any()
    assert not one.mask.array.any()


def test_assigning_to_a_plane_copies_into_it():
    one = planes()
    array = one.image.array
    one.image = np.zeros(array.shape)
    one.mask = 3
    one.variance = 2.0
    assert one.getArrays()[0] is array
    assert not array.any()
    assert (one.getMask().array == 3).all()
    assert (one.getVariance().array == 2).all()
    assert one.getDimensions() == (one.getWidth(), one.getHeight()) == (8, 6)
