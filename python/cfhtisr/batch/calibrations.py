"""Calibration frames and defects: found by CCD, checked against the raw, assembled."""

__all__ = ["KINDS", "CalibrationPaths", "Calibrations"]

import errno
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.defects import DefectList
from cfhtisr.errors import FileFormatError
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.stored_image import StoredImage
from cfhtisr.io.crosstalk_table import Crosstalk, read_crosstalk
from cfhtisr.io.defects import read_defects
from cfhtisr.io.linearity_file import Linearity, read_linearity
from cfhtisr.io.master import MasterFile
from cfhtisr.io.raw import Checksum, RawFile
from cfhtisr.isr.assembly import assemble
from cfhtisr.isr.conversion import to_float
from cfhtisr.tasks.matching import mismatch

_log = logging.getLogger(__name__)

KINDS = ("bias", "dark", "flat", "fringe")
_OF_ONE_FILTER = ("flat", "fringe")
_SUFFIXES = (".fits", ".fits.fz", ".fits.gz", ".fz", ".fit", ".fit.gz")


@dataclass(frozen=True)
class CalibrationPaths:
    """Where the calibrations are; None switches a correction off.

    Several fringe frames are fitted together. Each path is a multi-extension file with the
    CCDs, a file of one CCD, or a directory of files of one CCD each, named so that ``ccdNN``
    occurs in the name; ``crosstalk`` and ``linearizer`` are text files.
    """

    bias: Path | None = None
    dark: Path | None = None
    flat: Path | None = None
    fringe: Path | tuple[Path, ...] | None = None
    defects: Path | None = None
    crosstalk: Path | None = None
    linearizer: Path | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "fringe" and isinstance(value, list | tuple):
                several = tuple(Path(path) for path in value)
                value = several if len(several) > 1 else several[0] if several else None
            elif value is not None:
                value = Path(value)
            object.__setattr__(self, field.name, value)

    def of(self, kind: str) -> tuple[Path, ...]:
        """Return the paths of one kind."""
        value = getattr(self, kind)
        return value if isinstance(value, tuple) else () if value is None else (value,)

    def given(self) -> list[Path]:
        """Return the paths that are not None."""
        return [path for field in fields(self) for path in self.of(field.name)]

    def absolute(self) -> "CalibrationPaths":
        """Return the paths as a process in another folder can read them."""
        paths: dict[str, Any] = {
            each.name: tuple(path.absolute() for path in self.of(each.name))
            for each in fields(self)
        }
        several = {name: found for name, found in paths.items() if len(found) > 1}
        return CalibrationPaths(
            **{name: found[0] if found else None for name, found in paths.items()} | several
        )

    def check(self) -> None:
        """Refuse paths at which there is nothing.

        Raises
        ------
        FileNotFoundError
            If there is neither a file nor a folder.
        """
        for field in fields(self):
            for path in self.of(field.name):
                if not path.exists():
                    raise FileNotFoundError(
                        errno.ENOENT,
                        f"there is no such file or folder for --{field.name}",
                        str(path),
                    )


class Calibrations:
    """The open calibration files of one process; keeps the frames of the CCD read last.

    Parameters
    ----------
    paths : CalibrationPaths
        Where they are.
    checksum : {"error", "warn", "ignore"}, optional
        What a wrong checksum leads to.
    kind : type of RawFile, optional
        What the files are opened as.
    """

    def __init__(
        self,
        paths: CalibrationPaths,
        checksum: Checksum = "error",
        kind: type[RawFile] = RawFile,
    ) -> None:
        self.paths = paths
        self._kind = kind
        self._checksum = checksum
        self._files = ExitStack()
        self._open: dict[Path, MasterFile] = {}
        self._kept: dict[tuple[str, int], tuple[int, Exposure]] = {}

    def frame(self, kind: str, raw: Exposure, n_ccd: int | None) -> tuple[Exposure, str] | None:
        """Return the (first) frame of one kind for the CCD of a raw, trimmed, and its identity.

        Parameters
        ----------
        kind : {"bias", "dark", "flat", "fringe"}
            What is wanted.
        raw : Exposure
            The raw that it is for.
        n_ccd : int
            Number of CCDs of the mosaic in the era of the raw; None if that is not known.

        Raises
        ------
        FileFormatError
            If the file is of another kind, size, binning, filter or era, or lacks the CCD.
        """
        found = self.frames(kind, raw, n_ccd, most=1)
        return found[0] if found else None

    def frames(
        self, kind: str, raw: Exposure, n_ccd: int | None, most: int | None = None
    ) -> list[tuple[Exposure, str]]:
        """Return all frames of one kind, as `frame` does the first."""
        paths = self.paths.of(kind)[:most]
        return [self._frame(kind, index, raw, n_ccd) for index in range(len(paths))]

    def _frame(
        self, kind: str, index: int, raw: Exposure, n_ccd: int | None
    ) -> tuple[Exposure, str]:
        path, key = self.paths.of(kind)[index], (kind, index)
        assert raw.detector is not None
        ccd = raw.detector.id
        kept = self._kept.get(key)
        if kept is None or kept[0] != ccd:
            old = self._kept.pop(key, None)
            spare = None if old is None else _memory(old[1])
            del old  # let go of the other planes before the new ones are made
            self._kept[key] = kept = (ccd, self._read(kind, path, raw, n_ccd, spare))
        _check(kind, path, kept[1], raw)
        return kept[1], kept[1].identity

    def defects(self, raw: Exposure) -> tuple[DefectList, str] | None:
        """Return the defects of the CCD of a raw in the trimmed CCD, and their identity."""
        path = self.paths.defects
        if path is None:
            return None
        assert raw.detector is not None
        boxes = read_defects(
            path,
            raw.detector.id,
            serial=raw.detector.serial or None,
            shape=raw.detector.bbox.shape,
            checksum=self._checksum,
        )
        outside = [box for box in boxes if not raw.detector.bbox.contains(box)]
        if outside:
            raise FileFormatError(
                f"{path}, {raw.detector.name}: defect {outside[0].to_section()} reaches outside "
                f"of the CCD, {raw.detector.bbox.to_section()}"
            )
        return boxes, boxes.identity

    def crosstalk(self, raw: Exposure) -> tuple[Crosstalk | None, str] | None:
        """Return the crosstalk of the CCD of a raw, and its identity.

        It is None if the file does not have the CCD; the identity says so.
        """
        path = self.paths.crosstalk
        if path is None:
            return None
        assert raw.detector is not None
        found = read_crosstalk(path, raw.detector)
        if found is None:
            return None, f"not applied: {raw.detector.name} is not in {path.name}"
        return found, found.identity

    def linearizer(self, raw: Exposure) -> tuple[Linearity | None, str] | None:
        """Return what corrects the linearity of the CCD of a raw, and its identity.

        It is None if the file does not have the CCD; the identity says so.
        """
        path = self.paths.linearizer
        if path is None:
            return None
        assert raw.detector is not None
        found = read_linearity(path, raw.detector)
        if found is None:
            return None, f"not applied: {raw.detector.name} is not in {path.name}"
        return found, found.identity

    def close(self) -> None:
        """Close the files and let go of the frames."""
        self._files.close()
        self._open.clear()
        self._kept.clear()

    def _read(
        self,
        kind: str,
        path: Path,
        raw: Exposure,
        n_ccd: int | None,
        spare: NDArray[Any] | None = None,
    ) -> Exposure:
        """Read a frame, into the memory of one that is not needed any more if it fits.

        Pixels that need not be changed stay in the file.
        """
        detector = raw.detector
        assert detector is not None
        file = _file_of_ccd(kind, path, detector.name) if path.is_dir() else path
        if file not in self._open:
            opened = MasterFile(file, self._checksum, self._kind)
            self._open[file] = self._files.enter_context(opened)
        era = self._open[file].n_ccd
        if era is not None and n_ccd is not None and era != n_ccd:
            raise FileFormatError(
                f"{file}: the {kind} was made in the era of {era} CCDs, the exposure in that "
                f"of {n_ccd}"
            )
        frame = self._open[file].read(detector.id, spare, later=True)
        where = f"{file}, {detector.name}"
        shape = frame.masked_image.shape
        if shape not in (detector.raw_bbox.shape, detector.bbox.shape):
            raise FileFormatError(
                f"{where}: the {kind} has {_size(shape)} pixels, wanted "
                f"{_size(detector.raw_bbox.shape)} (raw) or {_size(detector.bbox.shape)} (trimmed)"
            )
        planes = frame.masked_image
        if planes.image.dtype != np.float32:
            planes = to_float(planes)
            planes.variance.array[...] = 0.0  # a frame of integers says nothing of its noise
        if shape == detector.raw_bbox.shape:
            planes = assemble(planes, detector)
        return frame.with_pixels(planes)


def _memory(frame: Exposure) -> NDArray[Any] | None:
    """Return the pixels of a frame, unless they are still in a file."""
    image = frame.masked_image.image
    return None if isinstance(image, StoredImage) and image.is_pending else image.array


def _file_of_ccd(kind: str, folder: Path, name: str) -> Path:
    files = sorted(file for file in _fits_files(folder) if name in file.name.lower())
    if len(files) == 1:
        return files[0]
    found = "no file" if not files else f"{len(files)} files ({files[0].name}, {files[1].name} ...)"
    raise FileFormatError(
        f"{folder}: {found} with {name} in the name for the {kind}, wanted one FITS file"
    )


def _fits_files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if file.name.lower().endswith(_SUFFIXES))


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[1]} x {shape[0]}"


def _check(kind: str, path: Path, frame: Exposure, raw: Exposure) -> None:
    """Refuse a frame that was not made for exposures like this one."""
    assert raw.detector is not None
    where = f"{path}, {raw.detector.name}"
    reason = mismatch(kind, frame, raw)
    if reason is not None:
        raise FileFormatError(f"{where}: {reason}")
    if kind in _OF_ONE_FILTER and not (frame.filter and raw.filter):
        _log.warning("%s: no filter is known of the %s or the exposure", where, kind)
