"""Neighbouring point-wise corrections, taken together: pixels pass the cache once for all of them.

A `Batch` notes each correction, and does all that it has noted at `Batch.flush`; it has the methods
of `Immediate`, and gives the same bits.
"""

__all__ = ["Batch"]

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr import _kernels
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Box2I, Mask, MaskedImage
from cfhtisr.images.stored_image import StoredImage
from cfhtisr.images.streamed_frame import StreamedFrame, StreamedPart
from cfhtisr.isr import assembly, masking, overscan
from cfhtisr.isr._arrays import readable
from cfhtisr.isr._planes import Planes, check_size, source, target
from cfhtisr.isr.immediate import Immediate, by_plane
from cfhtisr.isr.parity import Parity
from cfhtisr.isr.parity import check as check_parity
from cfhtisr.isr.raw_frame import RawFrame, RawPart

_HEIGHT = 128  # rows that a thread takes at a time: many more than the rows beside that it needs


class Batch(Immediate):
    """Corrections of one frame that are noted first and done together.

    Arguments are checked when a correction is noted. What one call cannot take with the others
    (another frame, a number that the correction refuses) is done at once, after the rest.

    Parameters
    ----------
    height : int, optional
        Rows that a thread takes at a time; no result depends on it.
    out : MaskedImage, optional
        What the first CCD that is assembled is written to.
    scratch : list of ndarray, optional
        Planes that batches before this one are done with; so are those of this one in the end.

    Examples
    --------
    >>> frame = MaskedImage(np.float32([[1100, 1200]]))
    >>> batch = Batch()
    >>> batch.begin(frame)
    >>> batch.subtract_bias(frame, MaskedImage(np.float32([[100, 100]])))
    >>> batch.divide_flat(frame, MaskedImage(np.float32([[2, 1]])), 1.0)
    >>> batch.flush()
    >>> frame.image.array
    array([[ 500., 1100.]], dtype=float32)
    """

    def __init__(
        self,
        height: int = _HEIGHT,
        out: MaskedImage | None = None,
        scratch: list[NDArray[np.float32]] | None = None,
    ) -> None:
        super().__init__(out)
        self._scratch = [] if scratch is None else scratch
        self._height = height
        self._frame: Planes | StreamedFrame | None = None
        self._fresh = False  # whether what was noted makes all pixels of the frame
        self._steps: list[Any] = []
        self._alone: dict[int, Callable[[], Any]] = {}  # repairs that may want more than rows
        self._looks: list[tuple[Callable[[Any], object], NDArray[np.float32]]] = []
        self._seen: Any = None

    def begin(self, planes: MaskedImage) -> None:
        """Set the frame that the next corrections, or parts of it, are of.

        Parameters
        ----------
        planes : MaskedImage, shape (rows, columns)
            If its pixels are others than those of the frame before, what was noted is done.
        """
        if isinstance(planes, RawFrame) and planes.is_pending:
            self.flush()
            self._frame = None
            return
        if isinstance(planes, StreamedFrame) and not planes.is_made:
            if planes is not self._frame:
                self.flush()
                self._frame = planes
            return
        arrays = planes.getArrays()
        if self._corner(arrays) == (0, 0) and arrays[0].shape == self._shape:
            return
        self.flush()
        usable = planes.dtype == np.float32 and all(a.flags.writeable for a in arrays)
        self._frame, self._seen = arrays if usable else None, None

    def forget(self) -> None:
        """Do what was noted, and trust no count of flags any more."""
        self.flush()
        self._seen = None

    def flush(self) -> None:
        """Do what was noted, in its order."""
        self._flush()

    def _flush(self) -> Any:
        """Do what was noted, and return what the last step has to say if it was done alone."""
        steps, self._steps = self._steps, []
        alone, self._alone = self._alone, {}
        looks, self._looks = self._looks, []
        fresh, self._fresh = self._fresh, False
        if not steps or self._frame is None:
            return None
        self._seen = None
        watched = Mask.bitmask("BAD"), Mask.bitmask("INTRP")
        end: int | None = len(steps)
        while end is not None:  # what wants a statistic of the frame is done when the rest is
            count = end
            seen = self._correct(steps[:count], fresh, watched)
            end = seen["stopped"]
            if end is not None and not fresh:
                raise RuntimeError("a kernel spoiled what it cannot redo, please report this")
        said = None
        for index in range(count, len(steps)):
            said = alone[index]()
        for use, kept in looks:
            use(kept)
            self._scratch.append(kept)
        if count == len(steps):
            self._seen = seen
        return said

    def _correct(self, steps: list[Any], fresh: bool, watched: tuple[int, int]) -> Any:
        """Run the kernel, and see to the files that it reads, and writes."""
        frame = self._frame
        if not isinstance(frame, StreamedFrame):
            return self._run(frame, steps, watched)
        if frame.is_pending and fresh:
            shape, sink = frame.shape, frame.sink
            with sink.blamed():
                kept = [(kept.every, kept.column, kept.image, kept.mask) for kept in frame.kept]
                seen = self._run((*sink.open(shape), shape, kept), steps, watched)
            if seen["stopped"] is None:
                sink.take(seen["written"])
                frame.seen, frame.make = seen, None
            return seen
        self._frame = frame.planes.getArrays()
        return self._run(self._frame, steps, watched)

    def _run(self, frame: Any, steps: list[Any], watched: tuple[int, int]) -> Any:
        """Run the kernel, and see to the files that it reads."""
        given, files = [], {}
        for number, (name, box, arguments) in enumerate(steps):
            if name in _READING:
                image, *extras = arguments if name == "bias" else arguments[0]
                if isinstance(image, StoredImage):
                    place = image.source.place
                    if place is not None:
                        files[number] = image.source
                    read = (image.array if place is None else place, *extras)
                    arguments = read if name == "bias" else (read, *arguments[1:])
            given.append((name, box, arguments))
        seen = _kernels.correct_fused(frame, given, self._height, watched)
        if "unread" in seen:
            number, error = seen["unread"]
            with files[number].blamed():
                raise error
        if seen["stopped"] is None:
            for number, file in files.items():
                file.was_read(seen["read"][number])
        return seen

    def to_float(self, raw: MaskedImage) -> MaskedImage:
        """Return a frame whose pixels are made when they are needed."""
        counts = raw.image.array if raw.dtype == np.uint16 else None
        if counts is None or not counts.flags.aligned or not counts.size:
            return super().to_float(raw)
        return raw if isinstance(raw, RawFrame) else RawFrame(raw)

    def strip(self, planes: MaskedImage, box: Box2I) -> MaskedImage:
        """Return some of the pixels, to be looked at and changed."""
        if isinstance(planes, RawFrame) and planes.is_pending:
            return planes.strip(box)
        return super().strip(planes, box)

    def threshold(self, planes: MaskedImage, level: float, plane: str) -> None:
        """Note that pixels are to be flagged from a level on."""
        if isinstance(planes, RawPart) and planes.is_pending:
            Mask.bitmask(plane)
            planes.frame.threshold(planes.box, level, plane)
        else:
            super().threshold(planes, level, plane)

    def flag(self, planes: MaskedImage, box: Box2I, plane: str) -> None:
        """Note that a box is to be flagged."""
        if isinstance(planes, RawFrame) and planes.is_pending:
            Mask.bitmask(plane)
            planes.flag(box, plane)
        else:
            super().flag(planes, box, plane)

    def all_flagged(self, planes: MaskedImage, bits: int) -> bool:
        """Return whether all pixels, and at least one, have one of these flags."""
        if isinstance(planes, RawPart) and planes.is_pending and planes.box.area:
            return planes.frame.all_flagged(planes.box, bits)
        return super().all_flagged(planes, bits)

    def correct_overscan(
        self, data: MaskedImage, strip: MaskedImage, fit_type: str, **options: Any
    ) -> overscan.OverscanResult:
        """Subtract an overscan level from the strip, and note that of the data."""
        apart = not data.bbox.overlaps(strip.bbox)
        if isinstance(data, RawPart) and data.is_pending and apart:
            found = overscan.find(data, strip, fit_type, **options)
            if found.rows and found.suspect == (0, 0):
                found.apply_to_strip(strip)
                data.frame.lower(data.box, found.level)
                return overscan.OverscanResult(found.level, found.sigma, strip)
        return super().correct_overscan(data, strip, fit_type, **options)

    def assemble(self, raw: MaskedImage, detector: Detector, trim: bool = True) -> MaskedImage:
        """Return the CCD, whose pixels come with `flush`."""
        out, self._out = self._out, None
        ccd, parts = assembly.prepare(raw, detector, trim, out)
        self.flush()
        if isinstance(ccd, StreamedFrame):
            ccd.make = self.flush
        self._frame = ccd if isinstance(ccd, StreamedFrame) else target("ccd", ccd)
        self._seen = None
        boxes = [to.bbox for to, *_ in parts]
        rows = {(box.y0, box.height) for box in boxes}
        fresh = rows == {(ccd.bbox.y0, ccd.height)} and _side_by_side(boxes, ccd.bbox)
        for to, of, flip_x, flip_y in parts:
            flips = (flip_x, flip_y)
            made = None
            if isinstance(of, RawPart):
                made = of.frame.operation(of.box)
            if made is not None and self._note("raw", self._changed(to), (*made, flips)):
                continue
            read = source("raw", of)
            if not self._note("place", self._changed(to), (read, flips)):
                _kernels.place(target("ccd", to), read, flip_x, flip_y)
        self._fresh = fresh and len(self._steps) == len(parts)
        return ccd

    def subtract_bias(self, planes: MaskedImage, bias: MaskedImage) -> None:
        """Note a bias frame."""
        changed, read = self._checked(planes), _stored("bias", bias)
        check_size("bias", bias, planes)
        if not self._note("bias", changed, read):
            super().subtract_bias(planes, bias)

    def update_variance(
        self,
        planes: MaskedImage,
        gain: float,
        read_noise: float,
        bias_variance: Any = None,
        parity: Parity = "none",
    ) -> None:
        """Note that the variance is to be written."""
        name = "variance_v17" if check_parity(parity) else "variance"
        plain = bias_variance is None or (
            isinstance(bias_variance, np.ndarray)
            and bias_variance.dtype == np.float32
            and bias_variance.shape == planes.shape
        )
        fits = plain and 0 < gain < math.inf and 0 <= read_noise < math.inf
        numbers: tuple[Any, ...] = (float(gain), float(read_noise))
        if name == "variance":
            bias = None
            if fits and bias_variance is not None:
                bias = readable("bias_variance", bias_variance, np.float32)
            numbers = (*numbers, bias)
        if not self._note(name, self._changed(planes), numbers, fits=fits):
            super().update_variance(planes, gain, read_noise, bias_variance, parity)

    def see_variance(
        self, planes: MaskedImage, use: Callable[[NDArray[np.float32]], object]
    ) -> None:
        """Note that the variance as it is now is to be kept for ``use``."""
        kept = self._plane(planes.shape)
        if self._note("keep", self._changed(planes), kept):
            self._looks.append((use, kept))
        else:
            super().see_variance(planes, use)

    def widen_saturation_trails(self, planes: MaskedImage, plane: str = "SAT") -> None:
        """Note that runs of flags are to be lengthened."""
        if not self._note("trails", self._changed(planes), Mask.bitmask(plane)):
            super().widen_saturation_trails(planes, plane)

    def _plane(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return a plane of any values."""
        with contextlib.suppress(IndexError):  # another thread may be faster
            plane = self._scratch.pop()
            if plane.shape == shape:
                return plane
        return np.empty(shape, np.float32)

    def subtract_dark(self, planes: MaskedImage, dark: MaskedImage, scale: float) -> None:
        """Note a dark frame."""
        changed, read = self._checked(planes), _stored("dark", dark)
        check_size("dark", dark, planes)
        fits = math.isfinite(scale)
        if not self._note("dark", changed, (read, float(scale)), fits=fits):
            super().subtract_dark(planes, dark, scale)

    def divide_flat(self, planes: MaskedImage, flat: MaskedImage, scale: float) -> None:
        """Note a flat field."""
        changed, read = self._checked(planes), _stored("flat", flat)
        check_size("flat", flat, planes)
        fits = math.isfinite(scale) and scale != 0
        if not self._note("flat", changed, (read, float(scale)), fits=fits):
            super().divide_flat(planes, flat, scale)

    def interpolate_boxes(
        self, planes: MaskedImage, boxes: Any, plane: str, parity: Parity = "none"
    ) -> None:
        """Note boxes that are to be repaired."""

        def alone() -> None:
            Immediate.interpolate_boxes(self, planes, boxes, plane, parity)

        corners = masking.local_corners(boxes, planes)
        bits, flag = Mask.bitmask(plane), Mask.bitmask("INTRP")
        arguments = (np.ascontiguousarray(corners, np.int32), bits, flag, check_parity(parity))
        if not self._note_repair("boxes", planes, arguments, alone):
            alone()

    def interpolate_mask(
        self, planes: MaskedImage, plane: str, grow: int = 0, parity: Parity = "none"
    ) -> None:
        """Note flags that are to grow and to be repaired."""

        def alone() -> None:
            Immediate.interpolate_mask(self, planes, plane, grow, parity)

        arguments = (Mask.bitmask(plane), int(grow), Mask.bitmask("INTRP"), check_parity(parity))
        if not self._note_repair("grown", planes, arguments, alone):
            alone()

    def interpolate_nans(self, planes: MaskedImage, plane: str, parity: Parity = "none") -> int:
        """Do what was noted, and repair pixels without a number; return how many there were."""

        def alone() -> int:
            return Immediate.interpolate_nans(self, planes, plane, parity)

        arguments = (Mask.bitmask(plane), Mask.bitmask("INTRP"), check_parity(parity))
        if not self._note_repair("nans", planes, arguments, alone):
            return alone()
        said = self._flush()
        return int(self._seen["nans"]) if said is None else int(said)

    def count_planes(self, planes: MaskedImage) -> dict[str, int]:
        """Return how many pixels are in each plane."""
        seen = self._counted(planes)
        if seen is None:
            return super().count_planes(planes)
        return by_plane(seen)

    def wants_filling(self, planes: MaskedImage) -> bool:
        """Return whether a pixel is BAD and not INTRP."""
        seen = self._counted(planes)
        return super().wants_filling(planes) if seen is None else bool(seen["watched"])

    def _counted(self, planes: MaskedImage) -> Any:
        """Return what the last pass saw, if the flags of these very pixels are still those."""
        self.flush()
        if isinstance(planes, StreamedFrame) and not planes.is_made:
            return planes.seen
        whole = isinstance(self._frame, tuple) and planes.mask.array is self._frame[1]
        return self._seen if whole else None

    def _note_repair(
        self, name: str, planes: MaskedImage, arguments: Any, alone: Callable[[], Any]
    ) -> bool:
        """Note a repair of the whole frame, after all others; else do what was noted before."""
        last = max((_RANKS.get(step[0], 0) for step in self._steps), default=0)
        fits = self._fresh and bool(self._steps) and last < _RANKS[name]
        fits = fits and all(not isinstance(value, int) or value >= 0 for value in arguments)
        whole = planes.shape == self._shape
        if not self._note(name, self._changed(planes), arguments, fits=fits and whole):
            return False
        self._alone[len(self._steps) - 1] = alone
        return True

    def _note(
        self, name: str, changed: Planes | Box2I, arguments: Any, *, fits: bool = True
    ) -> bool:
        """Note a correction; else do what was noted before it, and return False."""
        corner = self._corner(changed) if fits else None
        if corner is None:
            self.flush()
            self._seen = None
            return False
        if self._alone and name not in _RANKS:
            self.flush()  # repairs come last
        shape = changed.shape if isinstance(changed, Box2I) else changed[0].shape
        self._steps.append((name, (*corner, *shape), arguments))
        return True

    @property
    def _shape(self) -> tuple[int, ...] | None:
        """The shape of the frame, if there is one."""
        frame = self._frame[0] if isinstance(self._frame, tuple) else self._frame
        return None if frame is None else frame.shape

    def _changed(self, planes: MaskedImage) -> Planes | Box2I:
        """Return what is changed: arrays, or a box of our frame that is still to be made."""
        if isinstance(planes, StreamedFrame | StreamedPart) and planes.is_pending:
            if planes.frame is self._frame:
                x0, y0 = planes.frame.xy0
                return planes.bbox.shifted_by(-x0, -y0)
        return planes.getArrays()

    def _checked(self, planes: MaskedImage) -> Planes | Box2I:
        """Return what is changed, as `_changed` does, if it can be."""
        changed = self._changed(planes)
        return changed if isinstance(changed, Box2I) else target("target", planes)

    def _corner(self, part: Planes | Box2I) -> tuple[int, int] | None:
        """Return row and column at which a part of the frame begins; None if it is no part."""
        if isinstance(part, Box2I):
            return None if part.is_empty else (part.y0, part.x0)
        if isinstance(self._frame, StreamedFrame):
            if not self._frame.is_made:
                return None
            self._frame = self._frame.planes.getArrays()
        if self._frame is None:
            return None
        corners = set()
        for whole, array in zip(self._frame, part, strict=True):
            down, across = whole.strides
            if array.strides != whole.strides or not 0 < across <= down or not array.size:
                return None
            offset = array.ctypes.data - whole.ctypes.data
            row, rest = divmod(offset, down)
            column, rest = divmod(rest, across)
            if (
                rest
                or row < 0
                or any(
                    first + length > full
                    for first, length, full in zip(
                        (row, column), array.shape, whole.shape, strict=True
                    )
                )
            ):
                return None
            corners.add((row, column))
        return corners.pop() if len(corners) == 1 else None


_RANKS = {"boxes": 1, "grown": 2, "nans": 3}
"""Repairs, in the order in which one pass can do them."""

_READING = ("bias", "dark", "flat")
"""What reads the image of a frame row by row, from a file too."""


def _stored(name: str, planes: MaskedImage) -> tuple[Any, Any, Any]:
    """Return the planes of a frame that a kernel reads; None for those that are 0 everywhere.

    An image that lies in a file stays there.
    """
    if not isinstance(planes, MaskedImage):
        source(name, planes)  # which refuses
    image, (mask, variance) = planes.image, planes.extras()
    unread = isinstance(image, StoredImage) and image.is_pending and image.dtype == np.float32
    return (
        image if unread else readable(f"{name}.image", image.array, np.float32),
        None if mask is None else readable(f"{name}.mask", mask, np.int32),
        None if variance is None else readable(f"{name}.variance", variance, np.float32),
    )


def _side_by_side(boxes: list[Box2I], frame: Box2I) -> bool:
    """Return whether boxes fill the columns of a frame, none twice."""
    end = frame.x0
    for box in sorted(boxes, key=lambda box: box.x0):
        if box.x0 != end:
            return False
        end = box.x0 + box.width
    return end == frame.x0 + frame.width
