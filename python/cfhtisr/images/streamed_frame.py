"""A frame whose planes go to a file while they are made, and come back when they are wanted."""

__all__ = ["KINDS", "Kept", "Sink", "StreamedFrame", "StreamedPart"]

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.geom import Box2I
from cfhtisr.images.later_planes import LaterPlanes
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Image

KINDS = (np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.float32))
"""Types of image, mask and variance."""


class Sink(Protocol):
    """A file with room for the three planes of a frame, big-endian."""

    def open(self, shape: tuple[int, int]) -> tuple[int, tuple[int, int, int]]:
        """Return the descriptor of the file, and the first byte of each plane."""

    def take(self, sums: Sequence[int]) -> None:
        """Note the sums of the bytes of the planes, which are written."""

    def read(self, plane: int) -> NDArray[Any]:
        """Return the pixels of a plane that was written."""

    def blamed(self) -> AbstractContextManager[None]:
        """Name the file in what a kernel raises that writes it."""


@dataclass(frozen=True)
class Kept:
    """Pixels that are had without the file: of every so many rows, from a column on."""

    every: int
    column: int
    image: NDArray[np.float32]
    mask: NDArray[np.int32]

    def holds(self, box: Box2I) -> bool:
        """Return whether all pixels of a box, from pixel (0, 0) on, are there."""
        end = self.column + self.image.shape[1]
        return self.every == 1 and self.column <= box.x0 and box.x1 < end


class StreamedFrame(LaterPlanes):
    """A frame that is made in one pass, whose rows go to a file as they are finished.

    Whoever asks for a plane gets it, made in memory if it is not made yet, else read from the
    file; from then on this is an ordinary masked image, and the file does not hold the frame any
    more, since pixels may have been changed. Some pixels can be looked at without that.

    Parameters
    ----------
    shape : (int, int)
        Number of rows and of columns.
    sink : Sink
        Where the rows go.
    every : int, optional
        Every so many rows can be looked at.
    windows : sequence of (int, int), optional
        Columns, the first and the one behind the last, of which all rows can be looked at.
    kept : sequence of Kept, optional
        Those of a frame that is not needed any more, whose memory is used again if it fits.
    """

    __slots__ = ("_made", "_shape", "_xy0", "kept", "make", "seen", "sink")

    def __init__(
        self,
        shape: tuple[int, int],
        sink: Sink,
        every: int = 8,
        windows: Sequence[tuple[int, int]] = (),
        kept: Sequence[Kept] = (),
    ) -> None:
        self._shape = (int(shape[0]), int(shape[1]))
        self._xy0 = (0, 0)
        self._made: MaskedImage | None = None
        self.sink = sink
        self.make: Callable[[], None] | None = None
        self.seen: Any = None
        wanted = [(every, 0, shape[1]), *((1, *window) for window in windows)]
        sizes = [(-(-shape[0] // step), end - first) for step, first, end in wanted]
        if sizes == [old.image.shape for old in kept]:
            arrays: list[Any] = [(old.image, old.mask) for old in kept]
        else:
            arrays = [(np.empty(size, np.float32), np.empty(size, np.int32)) for size in sizes]
        self.kept = [
            Kept(step, first, *pair) for (step, first, _), pair in zip(wanted, arrays, strict=True)
        ]

    @property
    def frame(self) -> "StreamedFrame":
        """The frame itself, as a part has its own."""
        return self

    @property
    def is_pending(self) -> bool:
        """Whether the pixels are still to be made."""
        return self._made is None and self.seen is None

    @property
    def is_made(self) -> bool:
        """Whether the pixels are in memory."""
        return self._made is not None

    @property
    def is_streamed(self) -> bool:
        """Whether the file holds the frame."""
        return self._made is None and self.seen is not None

    @property
    def planes(self) -> MaskedImage:
        """The pixels."""
        if self._made is None:
            if self.is_streamed:
                arrays = [self.sink.read(plane) for plane in range(len(KINDS))]
                self.seen = None
            else:
                arrays = [np.zeros(self._shape, kind) for kind in KINDS]
            self._made = MaskedImage(arrays[0], arrays[1], arrays[2], xy0=self._xy0)
            make, self.make = self.make, None
            if make is not None:
                make()
        return self._made

    def every_row(self, step: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return image and flags of every so many rows; they are only to be looked at."""
        if self.is_streamed:
            for kept in self.kept:
                if kept.every == step:
                    return kept.image, kept.mask
        return super().every_row(step)

    def window(self, box: Box2I) -> Kept | None:
        """Return kept pixels in which those of a box are, if there are any."""
        if not self.is_streamed:
            return None
        local = box.shifted_by(-self._xy0[0], -self._xy0[1])
        return next((kept for kept in self.kept if kept.holds(local)), None)

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return Box2I(*self._xy0, self._shape[1], self._shape[0])

    def subset(self, box: Box2I) -> MaskedImage:
        """Return the pixels of a box, which are made or read when somebody looks at them."""
        if self._made is not None:
            return self._made.subset(box)
        if not self.bbox.contains(box):
            raise IndexError(
                f"box {box.to_section()} reaches outside of the image {self.bbox.to_section()}"
            )
        return StreamedPart(self, box)

    def setXY0(self, x0: int, y0: int) -> None:
        """Move the first pixel to another column and row of the parent frame."""
        self._xy0 = (int(x0), int(y0))
        if self._made is not None:
            self._made.setXY0(x0, y0)


class StreamedPart(LaterPlanes):
    """Some pixels of a streamed frame.

    Parameters
    ----------
    frame : StreamedFrame
        The frame.
    box : Box2I
        Which pixels.
    """

    __slots__ = ("_box", "frame")

    def __init__(self, frame: StreamedFrame, box: Box2I) -> None:
        self.frame, self._box = frame, box

    @property
    def is_pending(self) -> bool:
        """Whether the pixels are still to be made."""
        return self.frame.is_pending

    @property
    def planes(self) -> MaskedImage:
        """The pixels."""
        return self.frame.planes.subset(self._box)

    @property
    def image(self) -> Image:
        """The image plane; only to be looked at while the file holds the frame."""
        kept = self.frame.window(self._box)
        if kept is None:
            return self.planes.image
        return Image(self._of(kept, kept.image), self.xy0)

    @image.setter
    def image(self, values: Any) -> None:
        self.planes.image = values

    @property
    def mask(self) -> Mask:
        """The mask plane; only to be looked at while the file holds the frame."""
        kept = self.frame.window(self._box)
        if kept is None:
            return self.planes.mask
        return Mask(self._of(kept, kept.mask), self.xy0)

    @mask.setter
    def mask(self, values: Any) -> None:
        self.planes.mask = values

    def _of(self, kept: Kept, plane: NDArray[Any]) -> NDArray[Any]:
        """Return these pixels out of a window."""
        x0, y0 = self.frame.xy0
        pixels = plane[self._box.shifted_by(-x0 - kept.column, -y0).slices]
        pixels.flags.writeable = False
        return pixels

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return self._box

    def subset(self, box: Box2I) -> MaskedImage:
        """Return the pixels of a box, which are made or read when somebody looks at them."""
        if not self._box.contains(box):
            raise IndexError(
                f"box {box.to_section()} reaches outside of the image {self._box.to_section()}"
            )
        return self.frame.subset(box)
