import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import Box2I
from strategies import boxes

box = st.builds(
    Box2I, st.integers(-20, 20), st.integers(-20, 20), st.integers(0, 20), st.integers(0, 20)
)


def pixels(box):
    return {(x, y) for x in range(box.x0, box.x1 + 1) for y in range(box.y0, box.y1 + 1)}


@given(box, box)
def test_boxes_are_sets_of_pixels(one, other):
    assert pixels(one.clipped_to(other)) == pixels(one) & pixels(other)
    assert one.overlaps(other) == bool(pixels(one) & pixels(other))
    assert one.contains(other) == (pixels(one) >= pixels(other))
    assert pixels(one.union(other)) >= pixels(one) | pixels(other)
    assert one.area == len(pixels(one))


@given(box, st.integers(-9, 9), st.integers(-9, 9))
def test_shifting_moves_every_pixel(box, dx, dy):
    assert pixels(box.shifted_by(dx, dy)) == {(x + dx, y + dy) for x, y in pixels(box)}


@given(box)
def test_a_section_is_read_back(box):
    assert Box2I.from_section(box.to_section()) == box


def test_a_section_that_runs_backwards_is_the_same_box():
    assert Box2I.from_section("[4160:2113,19351:14740]") == Box2I(2112, 14739, 2048, 4612)


@pytest.mark.parametrize("text", ["", "[1:2]", "1:2,3:4", "[a:b,c:d]", "[1:2,3:4]x"])
def test_what_is_no_section_is_refused(text):
    with pytest.raises(ValueError, match="is not a section"):
        Box2I.from_section(text)


@given(boxes())
def test_corners_are_inclusive(boxes):
    corners = Box2I.to_array(boxes)
    assert corners.dtype == np.int32
    assert corners.tolist() == [[b.x0, b.y0, b.x1, b.y1] for b in boxes]
    assert Box2I.to_array(corners) is not None
    assert np.array_equal(Box2I.to_array(corners.astype(np.int64)), corners)


def test_empty_boxes_have_no_corners_and_one_box_is_a_list_of_one():
    assert Box2I.to_array([Box2I(3, 3, 0, 5)]).shape == (0, 4)
    assert Box2I.to_array([]).shape == (0, 4)
    assert Box2I.to_array(Box2I(1, 2, 3, 4)).tolist() == [[1, 2, 3, 5]]


@pytest.mark.parametrize("rows", [[[1, 2, 3]], [[0.5, 0, 1, 1]], [[3, 0, 1, 1]]])
def test_corners_that_are_none_are_refused(rows):
    with pytest.raises(ValueError, match="box"):
        Box2I.to_array(rows)


@pytest.mark.parametrize(
    ("values", "error"), [((0, 0, -1, 1), ValueError), ((0, 0.5, 1, 1), TypeError)]
)
def test_sizes_are_whole_and_not_negative(values, error):
    with pytest.raises(error):
        Box2I(*values)


def test_lsst_names_say_the_same():
    box = Box2I(2, 3, 4, 5)
    assert (box.getMinX(), box.getMinY(), box.getMaxX(), box.getMaxY()) == (2, 3, 5, 7)
    assert (box.getBeginX(), box.getBeginY(), box.getEndX(), box.getEndY()) == (2, 3, 6, 8)
    assert box.getDimensions() == (box.getWidth(), box.getHeight()) == (4, 5)
    assert (box.getMin(), box.getMax(), box.getArea(), box.isEmpty()) == ((2, 3), (5, 7), 20, False)
