"""A raw frame whose float32 pixels are made when somebody looks at them, and not before."""

__all__ = ["RawFrame", "RawPart"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images import Box2I, Image, Mask, MaskedImage
from cfhtisr.images.later_planes import LaterPlanes
from cfhtisr.isr import conversion, masking


@dataclass(frozen=True)
class _Note:
    """What is to be done to a box: flags from a level on, flags, or a level to subtract."""

    box: Box2I
    threshold: float | None = None
    plane: str = ""
    level: NDArray[np.float32] | None = None


class _Strip(MaskedImage):
    """Pixels that `conversion.to_float` makes; their variance, when somebody looks at it."""

    __slots__ = ("_box", "_whole")

    def __init__(self, image: Image, whole: "_Strip | None" = None) -> None:
        self._whole, self._box = whole, image.bbox
        if whole is None:
            super().__init__(Image(image.array.astype(np.float32), xy0=image.xy0))
        else:
            super().__init__(image, whole.mask.subset(image.bbox))

    @property
    def variance(self) -> Image:
        """The variance plane."""
        if self._variance is None:
            if self._whole is None:
                self._variance = Image(np.ones(self.shape, np.float32), xy0=self.xy0)
            else:
                self._variance = self._whole.variance.subset(self._box)
        return self._variance

    @variance.setter
    def variance(self, values: Any) -> None:
        self.variance.array = values

    def subset(self, box: Box2I) -> MaskedImage:
        """Return the pixels of a box, shared with this strip."""
        return _Strip(self.image.subset(box), self)

    def stored(self) -> tuple[Any, Any, Any]:
        """Return the pixels of the planes."""
        image, mask, _ = super().stored()
        return image, mask, self.variance.array


class RawFrame(LaterPlanes):
    """A frame of counts, with what is to be done to them.

    Whoever asks for a plane gets it, with all that was noted done; from then on this is an
    ordinary masked image. Until then strips of it can be had on their own, such as an
    amplifier's overscan.

    Parameters
    ----------
    counts : MaskedImage of uint16, shape (rows, columns)
        The counts [ADU]; they are not changed, and their mask and variance are not used.
    """

    __slots__ = ("_counts", "_made", "_notes", "_strips")

    def __init__(self, counts: MaskedImage) -> None:
        self._counts = counts.image
        self._made: MaskedImage | None = None
        self._notes: list[_Note] = []
        self._strips: list[MaskedImage] = []

    @property
    def is_pending(self) -> bool:
        """Whether the pixels are still to be made."""
        return self._made is None

    @property
    def planes(self) -> MaskedImage:
        """The pixels."""
        if self._made is None:
            made = conversion.to_float(MaskedImage(self._counts))
            for note in self._notes:
                self._do(note, made)
            for strip in self._strips:
                part = made.subset(strip.bbox)
                for to, of in zip(part.getArrays(), strip.getArrays(), strict=True):
                    to[...] = of
            self._made = made
        return self._made

    def threshold(self, box: Box2I, level: float, plane: str) -> None:
        """Set flags where the pixels of a box reach a level."""
        self._note(_Note(box, threshold=float(level), plane=plane))

    def flag(self, box: Box2I, plane: str) -> None:
        """Set flags in a box."""
        self._note(_Note(box, plane=plane))

    def lower(self, box: Box2I, level: float | NDArray[np.float32]) -> None:
        """Subtract a number, or one for each row, from a box that holds no strip."""
        values = np.atleast_1d(np.asarray(level, np.float32))
        self._note(_Note(box, level=values))

    def strip(self, box: Box2I) -> MaskedImage:
        """Return some pixels, as they are now; the frame knows what becomes of them."""
        if self._made is None:
            for strip in self._strips:
                if strip.bbox.contains(box):
                    return strip.subset(box)
            others = [strip.bbox for strip in self._strips]
            others += [note.box for note in self._notes if note.level is not None]
            if not any(box.overlaps(other) for other in others):
                made: MaskedImage = _Strip(self._counts.subset(box))
                for note in self._notes:
                    self._do(note, made)
                self._strips.append(made)
                return made
        return self.planes.subset(box)

    def operation(self, box: Box2I) -> tuple[Any, ...] | None:
        """Return what makes the pixels of a box, as the fused kernel takes it, if it can."""
        if self._made is not None or any(box.overlaps(strip.bbox) for strip in self._strips):
            return None
        thresholds: list[tuple[float, int]] = []
        levels: list[NDArray[np.float32]] = []
        flags = 0
        for note in self._notes:
            if not note.box.overlaps(box):
                continue
            if note.level is not None:
                if not (note.box.x0 <= box.x0 and note.box.x1 >= box.x1):
                    return None
                levels.append(_rows_of(note, box))
            elif levels or not note.box.contains(box):
                return None
            elif note.threshold is not None:
                thresholds.append((note.threshold, Mask.bitmask(note.plane)))
            else:
                flags |= Mask.bitmask(note.plane)
        return self._counts.subset(box).array, thresholds, flags, levels

    def all_flagged(self, box: Box2I, bits: int) -> bool:
        """Return whether all pixels of a box have one of these flags."""
        # Most amplifiers have a good pixel in their first row; only then is the rest looked at.
        for height in (min(1, box.height), box.height):
            part = Box2I(box.x0, box.y0, box.width, height)
            made = self.operation(part)
            if made is None:
                flags = self.planes.mask.subset(part).array
            else:
                counts, thresholds, always, _ = made
                flags = np.full(counts.shape, always, np.int32)
                for level, plane in thresholds:
                    flags[counts >= level] |= np.int32(plane)
            if not (flags & np.int32(bits)).all():
                return False
        return True

    def _note(self, note: _Note) -> None:
        if self._made is not None:
            self._do(note, self._made)
            return
        self._notes.append(note)
        for strip in self._strips:
            self._do(note, strip)

    @staticmethod
    def _do(note: _Note, planes: MaskedImage) -> None:
        box = note.box.clipped_to(planes.bbox)
        if box.is_empty:
            return
        part = planes.subset(box)
        if note.level is not None:
            level = note.level if note.level.size == 1 else _rows_of(note, box)
            part.image.array[...] -= level[:, np.newaxis]
        elif note.threshold is not None:
            masking.threshold(part.image, part.mask, note.threshold, note.plane)
        else:
            part.mask.array[...] |= np.int32(Mask.bitmask(note.plane))

    # What a masked image has

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return self._counts.bbox if self._made is None else self._made.bbox

    def subset(self, box: Box2I) -> MaskedImage:
        """Return the pixels of a box, which are made when somebody looks at them."""
        if self._made is not None:
            return self._made.subset(box)
        if not self.bbox.contains(box):
            self._counts.subset(box)  # which refuses
        return RawPart(self, box)


class RawPart(RawFrame):
    """A part of a raw frame.

    Parameters
    ----------
    frame : RawFrame
        The frame.
    box : Box2I
        Which of its pixels.
    """

    __slots__ = ("box", "frame")

    def __init__(self, frame: RawFrame, box: Box2I) -> None:
        self.frame, self.box = frame, box
        self._counts = frame._counts.subset(box)
        self._made = None

    @property
    def is_pending(self) -> bool:
        """Whether the pixels are still to be made."""
        return self.frame.is_pending

    @property
    def planes(self) -> MaskedImage:
        """The pixels."""
        if self._made is None:
            self._made = self.frame.planes.subset(self.box)
        return self._made

    def subset(self, box: Box2I) -> MaskedImage:
        """Return the pixels of a box, which are made when somebody looks at them."""
        if not self.box.contains(box):
            self._counts.subset(box)  # which refuses
        return self.frame.subset(box)


def _rows_of(note: _Note, box: Box2I) -> NDArray[np.float32]:
    """Return a level for each row of a box; 0, which changes nothing, beyond that of the note."""
    level = note.level
    assert level is not None
    if level.size == 1 and note.box.y0 <= box.y0 and note.box.y1 >= box.y1:
        return level
    rows = np.zeros(box.height, np.float32)
    common = Box2I(box.x0, note.box.y0, box.width, note.box.height).clipped_to(box)
    own = slice(common.y0 - note.box.y0, common.y1 + 1 - note.box.y0)
    rows[common.y0 - box.y0 : common.y1 + 1 - box.y0] = level if level.size == 1 else level[own]
    return rows
