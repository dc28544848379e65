"""Calibration frames: masters in raw or trimmed geometry, and products that serve as such."""

__all__ = ["MasterFile", "read_master"]

import os
from itertools import islice
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from cfhtisr.camera.mosaic import facts
from cfhtisr.images.exposure import Exposure
from cfhtisr.io.exposure_file import read_exposure
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.raw import Checksum, RawFile

_PLANES = ("IMAGE", "MASK", "VARIANCE")


class MasterFile:
    """An open file of calibration frames; use it as a context manager.

    Parameters
    ----------
    path : path-like
        A FITS file of one CCD or several: as the observatory writes masters, in raw geometry
        or trimmed, or with IMAGE, MASK and VARIANCE HDUs, as this package and LSST write them.
    checksum : {"error", "warn", "ignore"}, optional
        What to do about a wrong CHECKSUM or DATASUM.
    kind : type of RawFile, optional
        What a file of the observatory is opened as.

    Raises
    ------
    FileFormatError
        If the file is broken, or not of MegaCam.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        checksum: Checksum = "error",
        kind: type[RawFile] = RawFile,
    ) -> None:
        self.path = Path(path)
        self._checksum = checksum
        self._raw: RawFile | None = None
        if not _has_planes(self.path, checksum):
            self._raw = kind(self.path, processed=True, checksum=checksum)

    def close(self) -> None:
        """Close the file."""
        if self._raw is not None:
            self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def n_ccd(self) -> int | None:
        """CCDs of the camera in the era of the file, 36 or 40; None if it does not tell."""
        return None if self._raw is None else self._raw.scan.n_ccd

    def read(
        self, ccd: int | str, out: NDArray[Any] | None = None, later: bool = False
    ) -> Exposure:
        """Return the frame of one CCD; see `read_master`.

        ``out`` and ``later`` are those of `RawFile.read`, for a file of the observatory.
        """
        if self._raw is not None:
            frame = self._raw.read(ccd, out, later)
        else:
            frame = read_exposure(self.path, ccd=facts(ccd).name)
        frame.identity = self.identity(ccd)
        return frame

    def identity(self, ccd: int | str) -> str:
        """Return what the frame of a CCD will have as ``identity``, without its pixels."""
        if self._raw is not None:
            return self._raw.identity(ccd, stated=True)
        name = facts(ccd).name
        sums = "+".join(map(str, self._sums(name)))
        return f"{self.path.name}[{name}] DATASUM {sums}"

    def _sums(self, name: str) -> list[int]:
        """Return the sums of the planes of a CCD."""
        with FitsFile(self.path, checksum=self._checksum) as file:
            planes = [hdu for hdu in file.hdus if _kind_of(hdu) in _PLANES]
            own = [hdu for hdu in planes if hdu.name.lower() == name]
            return [file.data_sum(hdu.index) for hdu in own or planes]


def read_master(
    path: str | os.PathLike[str], ccd: int | str, *, checksum: Checksum = "error"
) -> Exposure:
    """Read the calibration frame of one CCD.

    Parameters
    ----------
    path : path-like
        As for `MasterFile`.
    ccd : int or str
        Number or name (``ccd07``) of the CCD.
    checksum : {"error", "warn", "ignore"}, optional
        What to do about a wrong CHECKSUM or DATASUM.

    Returns
    -------
    frame : Exposure
        Pixels as stored, raw or trimmed; ``identity`` tells file, CCD and sum of the data.

    Raises
    ------
    FileFormatError
        If the file is broken, not of MegaCam, or does not have the CCD.
    FileNotFoundError
        If there is no such file.
    """
    with MasterFile(path, checksum) as file:
        return file.read(ccd)


def _has_planes(path: Path, checksum: Checksum) -> bool:
    """Whether a file has IMAGE, MASK and VARIANCE HDUs."""
    with FitsFile(path, checksum=checksum) as file:
        # No further than needed: a gzipped file is inflated up to the HDU that is looked at.
        return "IMAGE" in map(_kind_of, islice(file.hdus, 1, 3))


def _kind_of(hdu: Hdu) -> str:
    return str(hdu.cards.get("EXTTYPE", hdu.name))
