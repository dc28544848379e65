"""Boxes of bad pixels out of masks and text."""

import contextlib
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from cfhtisr import Box2I
from cfhtisr.camera.defects import (
    boxes_of_mask,
    boxes_of_regions,
    boxes_of_table,
    boxes_of_text,
    check_boxes,
)
from oracle import defects as oracle

shapes = st.tuples(st.integers(0, 14), st.integers(0, 14))
masks = shapes.flatmap(
    lambda shape: npst.arrays(np.bool_, shape, elements=st.sampled_from([0, 0, 1, 1, 1]))
)
boxes_in_12_by_9 = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 8), st.integers(1, 12), st.integers(1, 9)).map(
        lambda box: (box[0], box[1], min(box[2], 12 - box[0]), min(box[3], 9 - box[1]))
    ),
    max_size=8,
)


def corners(boxes):
    return [(box.x0, box.y0, box.width, box.height) for box in boxes]


@given(masks)
def test_boxes_of_mask(mask):
    boxes = boxes_of_mask(mask)
    assert corners(boxes) == oracle.boxes_of_mask(mask.tolist())
    again = np.zeros(mask.shape, int)
    for box in boxes:
        again[box.slices] += 1
    np.testing.assert_array_equal(again, mask), "each set pixel is in exactly one box"


@given(boxes_in_12_by_9)
def test_boxes_survive_the_way_over_a_mask(boxes):
    mask = oracle.mask_of_boxes(boxes, 9, 12)
    again = corners(boxes_of_mask(mask))
    assert oracle.mask_of_boxes(again, 9, 12) == mask


@given(masks)
def test_any_layout_and_any_type(mask):
    wanted = boxes_of_mask(mask)
    assert boxes_of_mask(np.asfortranarray(mask)) == wanted
    assert boxes_of_mask(mask.astype(np.float32) * -3.5) == wanted
    assert boxes_of_mask(np.repeat(mask, 2, axis=1)[:, ::2]) == wanted


def test_a_mask_has_two_dimensions():
    with pytest.raises(ValueError, match=r"mask has shape \(3,\), wanted \(rows, columns\)"):
        boxes_of_mask([0, 1, 0])


def test_a_whole_ccd_is_one_box():
    assert boxes_of_mask(np.ones((4612, 2048), bool)) == [Box2I(0, 0, 2048, 4612)]


def table(boxes, separator=" ", header=None, ccd=None):
    lines = [] if header is None else [separator.join(header)]
    for x0, y0, width, height in boxes:
        row = {"ccd": ccd, "x0": x0, "y0": y0, "width": width, "height": height}
        names = header or [name for name in row if ccd is not None or name != "ccd"]
        lines.append(separator.join(str(row[name]) for name in names))
    return "\n".join(lines)


orders = st.permutations(["x0", "y0", "width", "height", "ccd"])


@given(boxes_in_12_by_9, st.sampled_from([" ", ",", ", ", "\t", ";"]), orders)
def test_lists_of_boxes(boxes, separator, order):
    wanted = [list(box) for box in boxes]
    for text in (
        table(boxes, separator),
        table(boxes, separator, ccd="ccd03"),
        table(boxes, separator, header=order, ccd=3),
        "# a comment\n\n" + table(boxes, separator) + "   # bad\n",
    ):
        assert [box for _, box in boxes_of_table(text, 3)] == wanted
    assert boxes_of_table(table(boxes, separator, ccd=4), 3) == []


@given(boxes_in_12_by_9, st.sampled_from(["", "0", "180", "360"]), st.booleans())
def test_regions(boxes, angle, turned):
    lines = ["# Region file format: DS9 version 4.1", 'global color=green font="x"', "image"]
    for x0, y0, width, height in boxes:
        x, y = x0 + 0.5 + width / 2, y0 + 0.5 + height / 2
        size = f"{height},{width},90" if turned else f"{width},{height},{angle}".rstrip(",")
        lines.append(f"box({x},{y},{size}) # color=red")
    assert [box for _, box in boxes_of_regions("\n".join(lines), 3)] == [list(b) for b in boxes]
    one_line = ";".join(lines[2:]).split(" #")[0]
    assert len(boxes_of_text(one_line, 3)) == min(1, len(boxes))


def test_a_pixel_belongs_to_a_region_by_its_centre():
    assert boxes_of_regions("box(10.2,20,3,1,0)", 0) == [("line 1", [8, 19, 3, 1])]
    assert boxes_of_regions("box(10.6,20,1,1,0)", 0) == [("line 1", [10, 19, 1, 1])]


def test_regions_of_one_ccd():
    text = "image\nbox(1,1,1,1,0) # tag={ccd03}\nbox(2,2,1,1) # tag={ccd04} tag={x}\nbox(3 3 1 1)"
    assert [box[0] for _, box in boxes_of_text(text, 3)] == [0, 2]
    assert [box[0] for _, box in boxes_of_text(text, 4)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "line 1: 3 columns, wanted 4: x0 y0 width height"),
        ("x0,y0,width,height\n1,2,3,4,5", "line 2: 5 columns, wanted 4"),
        ("1 2 3 4\n1 2 three 4", "line 2: 'three' is not a number"),
        ("1 2 3.5 4", "line 1: '3.5' is not a whole number of pixels"),
        ("1 2 nan 4", "line 1: 'nan' is not a whole number of pixels"),
        ("1e300 2 3 4", "line 1: '1e300' is not a whole number"),
        ("41 1 2 3 4", "line 1: there is no CCD '41'"),
        ("circle(3,4,5)", "line 1: a circle cannot be read, only boxes can"),
        ("image\npolygon(1,1,2,2,3,1)", "line 2: a polygon cannot be read"),
        ("fk5\nbox(1,1,1,1,0)", "line 2: box in coordinates 'fk5', wanted image"),
        ('image\nbox(1,1,1",1",0)', "line 2: box(1,1,1\",1\",0) cannot be read"),
        ("box(1,1,1,1,45)", "line 1: a box turned by 45 degrees"),
        ("box(1.5,1,0.4,1,0)", "line 1: box(1.5,1,0.4,1,0) holds no pixel"),
        ("-box(1,1,1,1,0)", "line 1: a box that is excluded"),
        ("image\nbox(1,1)", "line 2: box(1,1) cannot be read"),
        ("image\nhello world", "line 2: 'hello world' is no region of DS9"),
    ],
)  # fmt: skip
def test_refused_text(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        boxes_of_text(text, 3)


@given(st.text(st.sampled_from("box(1,2.5 #\n;imagegi-0eccd)x")), st.integers(0, 39))
def test_no_text_does_more_than_raise_value_error(text, ccd):
    with contextlib.suppress(ValueError):
        assert all(where.startswith("line ") for where, _ in boxes_of_text(text, ccd))


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((0, 0, 11, 5), "reaches outside of ccd03, which has 10 x 5 pixels"),
        ((0, 0, 10, 6), "reaches outside"),
        ((-1, 0, 1, 1), "reaches outside"),
        ((10, 0, 1, 1), "reaches outside"),
        ((0, 0, 0, 1), "has no pixels"),
        ((0, 0, 1, -1), "has no pixels"),
    ],
)
def test_boxes_outside(box, why):
    good = ("row 1", (0, 0, 10, 5))
    assert check_boxes([good], "ccd03", (5, 10)) == [Box2I(0, 0, 10, 5)]
    with pytest.raises(ValueError, match=f"row 2: box x0={box[0]} y0={box[1]} .* {why}"):
        check_boxes([good, ("row 2", box)], "ccd03", (5, 10))
