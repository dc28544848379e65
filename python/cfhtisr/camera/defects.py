"""Boxes of bad pixels: out of masks, and out of text.

All boxes are in pixels of the assembled, trimmed CCD. Files are opened by
`cfhtisr.io.defects`, this module knows only their text.
"""

__all__ = [
    "DefectList",
    "boxes_of_mask",
    "boxes_of_regions",
    "boxes_of_table",
    "boxes_of_text",
    "check_boxes",
]

import hashlib
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cfhtisr.camera.mosaic import ccd_number
from cfhtisr.images.geom import Box2I

_COLUMNS = ("x0", "y0", "width", "height")
_FRAMES = ("image", "physical")
_OTHER_FRAMES = (
    "fk4", "fk5", "icrs", "j2000", "b1950", "galactic", "ecliptic", "linear", "amplifier",
    "detector", "wcs",
)  # fmt: skip
_SHAPE = re.compile(r"([+-]?)\s*([a-z]+)\s*[( ]\s*([^)]*)\)?", re.IGNORECASE)
_TAG = re.compile(r"tag\s*=\s*[{\"']\s*(ccd\d+)\s*[}\"']", re.IGNORECASE)
_SHAPES = (
    "circle", "ellipse", "box", "polygon", "point", "line", "vector", "text", "annulus", "ruler",
    "compass", "projection", "segment", "panda", "epanda", "bpanda", "composite", "rotbox", "pie",
)  # fmt: skip


class DefectList(list[Box2I]):
    """Boxes of the bad pixels of one CCD.

    Attributes
    ----------
    identity : str
        What they were read from: file, CCD, and a digest of the boxes in any order.
    """

    identity = ""

    @classmethod
    def of_file(cls, boxes: Iterable[Box2I], file: str, ccd: str) -> "DefectList":
        """Return boxes with their identity."""
        found = cls(boxes)
        corners = sorted((box.x0, box.y0, box.x1, box.y1) for box in found)
        digest = hashlib.sha256(repr(corners).encode()).hexdigest()[:16]
        found.identity = f"{file}[{ccd}] {len(found)} boxes SHA256 {digest}"
        return found


def boxes_of_mask(mask: ArrayLike) -> list[Box2I]:
    """Cut the set pixels of a mask into boxes that do not overlap.

    The lowest row that is left gives its leftmost run of pixels; the run is followed upwards
    as far as all its columns are set, the box is taken out, and so on.

    Parameters
    ----------
    mask : array_like, shape (rows, columns)
        Pixels other than 0 are set.

    Returns
    -------
    boxes : list of Box2I
        From the lowest to the highest, in a row from left to right.

    Raises
    ------
    ValueError
        If the mask does not have two dimensions.

    Examples
    --------
    >>> boxes_of_mask([[0, 1, 1], [0, 1, 1], [1, 1, 0]])
    [Box2I(x0=1, y0=0, width=2, height=2), Box2I(x0=0, y0=2, width=2, height=1)]
    """
    pixels = np.asarray(mask)
    if pixels.ndim != 2:
        raise ValueError(f"mask has shape {pixels.shape}, wanted (rows, columns)")
    pixels = np.ascontiguousarray(pixels != 0)
    rows, columns = pixels.shape
    if not pixels.size:
        return []
    # A row like the one below it carries every box on and begins none, so only others count.
    changed = np.flatnonzero((pixels[1:] != pixels[:-1]).any(axis=1)) + 1
    open_boxes = np.empty((0, 3), np.int64)  # x0, end of x, y0
    closed = []
    sums = np.zeros(columns + 1, np.int64)
    for y in (0, *changed.tolist()):
        row = pixels[y]
        np.cumsum(row, out=sums[1:])
        first, end = open_boxes[:, 0], open_boxes[:, 1]
        goes_on = sums[end] - sums[first] == end - first
        stopped = open_boxes[~goes_on]
        if len(stopped):
            closed.append(np.column_stack([stopped, np.full(len(stopped), y)]))
        open_boxes = open_boxes[goes_on]
        # What no open box covers begins boxes of its own.
        cover = np.zeros(columns + 1, np.int8)
        cover[open_boxes[:, 0]] += 1
        cover[open_boxes[:, 1]] -= 1
        rest = np.zeros(columns + 2, np.int8)
        rest[1:-1] = row & (np.cumsum(cover[:-1]) == 0)
        steps = np.diff(rest)
        begins, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
        if len(begins):
            new = np.column_stack([begins, ends, np.full(len(begins), y)])
            open_boxes = np.concatenate([open_boxes, new])
    closed.append(np.column_stack([open_boxes, np.full(len(open_boxes), rows)]))
    found = np.concatenate(closed)
    found = found[np.lexsort((found[:, 0], found[:, 2]))]
    return [Box2I(x0, y0, x1 - x0, y1 - y0) for x0, x1, y0, y1 in found.tolist()]


def check_boxes(
    boxes: Iterable[tuple[str, Sequence[int]]], ccd: str, shape: tuple[int, int]
) -> list[Box2I]:
    """Return boxes that are known to lie in a CCD.

    Parameters
    ----------
    boxes : iterable of (str, sequence of 4 int)
        Where each was found, for the error; its x0, y0, width and height.
    ccd : str
        Name of the CCD.
    shape : (int, int)
        Its rows and columns.

    Raises
    ------
    ValueError
        If a box has no pixels or reaches outside.
    """
    rows, columns = shape
    checked = []
    for where, (x0, y0, width, height) in boxes:
        text = f"box x0={x0} y0={y0} width={width} height={height}"
        if width < 1 or height < 1:
            raise ValueError(f"{where}: {text} has no pixels")
        if x0 < 0 or y0 < 0 or x0 + width > columns or y0 + height > rows:
            raise ValueError(
                f"{where}: {text} reaches outside of {ccd}, which has {columns} x {rows} pixels"
            )
        checked.append(Box2I(x0, y0, width, height))
    return checked


def _whole(text: str, where: str) -> int:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{where}: {text!r} is not a number") from None
    if not value.is_integer() or abs(value) >= 2**31:
        raise ValueError(f"{where}: {text!r} is not a whole number of pixels")
    return int(value)


def boxes_of_table(text: str, ccd: int | str) -> list[tuple[str, list[int]]]:
    r"""Read a list of boxes, one per line.

    Columns are ``x0 y0 width height``, separated by blanks or commas, counted from 0. A first
    line may name them, in any order, with ``ccd`` as a fifth; without names a fifth column
    comes first and is the CCD. Blank lines and what follows ``#`` are skipped.

    Parameters
    ----------
    text : str
        The file.
    ccd : int or str
        The CCD whose boxes are wanted; lines without a CCD are for every CCD.

    Returns
    -------
    boxes : list of (str, list of int)
        Place in the file; x0, y0, width and height.

    Raises
    ------
    ValueError
        If a line is no box; the text names the line.

    Examples
    --------
    >>> boxes_of_table("ccd,x0,y0,width,height\n7,3,0,1,4612\n8,5,0,1,10", 7)
    [('line 2', [3, 0, 1, 4612])]
    """
    number = ccd_number(ccd)
    names: list[str] | None = None
    boxes = []
    for count, line in enumerate(text.splitlines(), 1):
        where = f"line {count}"
        fields = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not fields:
            continue
        if names is None:
            named = [field.strip("\"'").lower() for field in fields]
            if set(_COLUMNS) <= set(named):
                names = named
                continue
            names = ["ccd", *_COLUMNS] if len(fields) == 5 else list(_COLUMNS)
        if len(fields) != len(names):
            raise ValueError(
                f"{where}: {len(fields)} columns, wanted {len(names)}: {' '.join(names)}"
            )
        row = dict(zip(names, fields, strict=True))
        if "ccd" in row:
            try:
                if ccd_number(row["ccd"].strip("\"'")) != number:
                    continue
            except KeyError as problem:
                raise ValueError(f"{where}: {problem.args[0]}") from None
        boxes.append((where, [_whole(row[name], where) for name in _COLUMNS]))
    return boxes


def boxes_of_regions(text: str, ccd: int | str) -> list[tuple[str, list[int]]]:
    r"""Read the boxes of a DS9 region file.

    Positions count from 1 in the trimmed CCD (``image``); a pixel belongs to a box if its
    centre does. A region with ``tag={ccdNN}`` is for that CCD only, others are for every CCD.

    Parameters
    ----------
    text : str
        The file.
    ccd : int or str
        The CCD whose boxes are wanted.

    Returns
    -------
    boxes : list of (str, list of int)
        Place in the file; x0, y0, width and height, counted from 0.

    Raises
    ------
    ValueError
        If a region is no upright box in image coordinates; the text names the line.

    Examples
    --------
    >>> boxes_of_regions("image\nbox(4,2306.5,1,4612,0) # bad column", 7)
    [('line 2', [3, 0, 1, 4612])]
    """
    number = ccd_number(ccd)
    boxes = []
    frame = "image"
    for count, line in enumerate(text.splitlines(), 1):
        where = f"line {count}"
        code, _, comment = line.partition("#")
        tag = _TAG.search(comment)
        for part in code.replace("\n", ";").split(";"):
            word = part.strip().lower()
            if not word or word.startswith("global"):
                continue
            if word in _FRAMES or word in _OTHER_FRAMES or word.startswith("tile"):
                frame = word
                continue
            match = _SHAPE.fullmatch(word)
            if match is None or match[2] not in _SHAPES:
                raise ValueError(f"{where}: {part.strip()!r} is no region of DS9")
            sign, shape, arguments = match.groups()
            if shape != "box":
                raise ValueError(f"{where}: a {shape} cannot be read, only boxes can")
            if sign == "-":
                raise ValueError(f"{where}: a box that is excluded cannot be read")
            if frame not in _FRAMES:
                raise ValueError(f"{where}: box in coordinates {frame!r}, wanted image")
            if tag is None or ccd_number(tag[1]) == number:
                boxes.append((where, _region(arguments, where)))
    return boxes


def _region(arguments: str, where: str) -> list[int]:
    words = arguments.replace(",", " ").split()
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) not in (4, 5) or not all(abs(value) < 2**31 for value in values):
        raise ValueError(
            f"{where}: box({arguments}) cannot be read, "
            "wanted box(x,y,width,height,angle) in pixels"
        )
    x, y, width, height = values[:4]
    angle = values[4] if len(values) == 5 else 0.0
    if angle % 90:
        raise ValueError(f"{where}: a box turned by {angle:g} degrees cannot be read")
    if angle % 180:
        width, height = height, width
    box = []
    for centre, size in ((x, width), (y, height)):
        # Rounded, so that decimals of the centre do not move the edge over a pixel's centre.
        first = math.ceil(round(centre - size / 2, 6))
        end = math.ceil(round(centre + size / 2, 6))
        box.append((first - 1, end - first))
    if min(box[0][1], box[1][1]) < 1:
        raise ValueError(f"{where}: box({arguments}) holds no pixel")
    return [box[0][0], box[1][0], box[0][1], box[1][1]]


def boxes_of_text(text: str, ccd: int | str) -> list[tuple[str, list[int]]]:
    """Read boxes from a DS9 region file or from a list of boxes, whichever the text is."""
    first = r"^\s*(#\s*region file|global\b|image\b|physical\b|fk[45]\b|icrs\b|[+-]?[a-z]+\s*\()"
    if re.search(first, text, re.IGNORECASE | re.MULTILINE):
        return boxes_of_regions(text, ccd)
    return boxes_of_table(text, ccd)
