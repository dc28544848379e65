"""Reading and writing files by type of dataset, without the middleware."""

__all__ = [
    "EXTENSIONS",
    "FITS",
    "can_write",
    "extension_of",
    "identity",
    "part_of_raw",
    "read",
    "write",
]

import os
from typing import Any

from cfhtisr.butler.names import TYPES, facts_of
from cfhtisr.camera import megacam
from cfhtisr.errors import FileFormatError, UnknownChoiceError
from cfhtisr.images.exposure import Exposure

_FITS = (".fits", ".fits.fz", ".fits.gz", ".fz", ".fit", ".fit.gz", ".fit.fz", ".gz")
FITS = frozenset((*_FITS, *(suffix.upper() for suffix in _FITS)))
"""How files of frames may end."""

EXTENSIONS = {
    "CfhtExposure": ".fits",
    "CfhtDefects": ".txt",
    "CfhtPropertySet": ".yaml",
    "CfhtPicture": ".png",
    "Config": ".py",
    "Packages": ".yaml",
}
"""How the files end that are written, by storage class."""

Path = str | os.PathLike[str]


def read(datasetType: str, path: Path, ccd: int | None = None) -> Any:
    """Return a dataset out of its file.

    Parameters
    ----------
    datasetType : str
        One of `cfhtisr.butler.names.TYPES`.
    path : path-like
        The file.
    ccd : int, optional
        The CCD that is wanted of it.

    Raises
    ------
    OSError
        If the file is not there, or not what it should be.
    UnknownChoiceError
        If the type is not known.
    """
    if datasetType in _BY_TYPE:
        return _BY_TYPE[datasetType](path, ccd)
    facts = facts_of(datasetType)
    if facts is None or facts.storage not in _BY_STORAGE:
        raise UnknownChoiceError(
            f"{os.fspath(path)}: cannot read datasets of type {datasetType!r}, only "
            f"{', '.join(TYPES)}"
        )
    return _BY_STORAGE[facts.storage](path, ccd)


def write(datasetType: str, value: Any, path: Path, *, sync: bool = True) -> None:
    """Write a dataset to a file, whole or not at all; one that is there is replaced."""
    if not can_write(datasetType):
        raise UnknownChoiceError(
            f"{os.fspath(path)}: cannot write datasets of type {datasetType!r}"
        )
    _WRITERS[_storage_of(datasetType)](value, path, sync)


def can_write(datasetType: str) -> bool:
    """Whether datasets of a type can be written."""
    facts = facts_of(datasetType)
    return facts is not None and facts.storage in _WRITERS


def extension_of(datasetType: str) -> str:
    """Return how the files of a type end that are written."""
    return EXTENSIONS[_storage_of(datasetType)]


def _storage_of(datasetType: str) -> str:
    facts = facts_of(datasetType)
    assert facts is not None, datasetType
    return facts.storage


def identity(datasetType: str, path: Path, ccd: int) -> str:
    """Return what a dataset would tell it was read from; no pixels of frames are read."""
    if datasetType == "raw":
        from cfhtisr.io import RawFile

        with RawFile(path) as raw:
            return raw.identity(ccd)
    if datasetType in _BY_TYPE:
        from cfhtisr.io import MasterFile

        with MasterFile(path) as master:
            return master.identity(ccd)
    return str(getattr(read(datasetType, path, ccd), "identity", ""))


def part_of_raw(path: Path, ccd: int | str, part: str) -> Any:
    """Return the header or the detector of a raw, without its pixels being read; else None."""
    from cfhtisr.io.raw import RawFile

    if part != "metadata":
        return None
    with RawFile(path, checksum="ignore") as file:
        return file.scan.header(ccd)


def _raw(path: Path, ccd: Any) -> Exposure:
    from cfhtisr.io import read_raw

    return read_raw(path, ccd)


def _master(path: Path, ccd: Any) -> Exposure:
    from cfhtisr.io import read_master

    return read_master(path, ccd)


def _exposure(path: Path, ccd: Any) -> Exposure:
    from cfhtisr.io import read_exposure

    return read_exposure(path)


def _write_exposure(value: Any, path: Path, sync: bool) -> None:
    from cfhtisr.io import write_exposure

    write_exposure(value, path, overwrite=True, sync=sync)


def _defects(path: Path, ccd: Any) -> Any:
    from cfhtisr.io import read_defects

    return read_defects(path, ccd)


def _write_defects(value: Any, path: Path, sync: bool) -> None:
    lines = ["# x0 y0 width height"]
    lines += [f"{box.x0} {box.y0} {box.width} {box.height}" for box in value]
    _write_bytes(("\n".join(lines) + "\n").encode(), path, sync)


def _crosstalk(path: Path, ccd: Any) -> Any:
    from cfhtisr.io.crosstalk_table import read_crosstalk

    return _found(read_crosstalk(path, megacam()[ccd]), path, ccd)


def _linearizer(path: Path, ccd: Any) -> Any:
    from cfhtisr.io.linearity_file import read_linearity

    return _found(read_linearity(path, megacam()[ccd]), path, ccd)


def _found(value: Any, path: Path, ccd: int) -> Any:
    if value is None:
        raise FileFormatError(f"{os.fspath(path)}: there is nothing for ccd{ccd:02d} in it")
    return value


def _notes(path: Path, ccd: Any) -> Any:
    from cfhtisr.pipe import from_yaml

    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    try:
        return from_yaml(text)
    except ValueError as error:
        raise FileFormatError(f"{os.fspath(path)}: {error}") from None


def _write_notes(value: Any, path: Path, sync: bool) -> None:
    from cfhtisr.pipe import to_yaml

    _write_bytes(to_yaml(value).encode(), path, sync)


def _picture(path: Path, ccd: Any) -> Any:
    from cfhtisr.butler.pictures import read_picture

    return read_picture(path)


def _write_picture(value: Any, path: Path, sync: bool) -> None:
    from cfhtisr.io.picture_file import write_picture

    write_picture(path, value, sync=sync)


def _config(path: Path, ccd: Any) -> Any:
    from cfhtisr.butler.saved_config import read_config

    return read_config(path)


def _write_config(value: Any, path: Path, sync: bool) -> None:
    from cfhtisr import config_files

    config_files.save(value, path)


def _packages(path: Path, ccd: Any) -> Any:
    from lsst.utils.packages import Packages

    return Packages.read(os.fspath(path))


def _write_packages(value: Any, path: Path, sync: bool) -> None:
    _write_bytes(value.toBytes("yaml"), path, sync)


def _write_bytes(data: bytes, path: Path, sync: bool) -> None:
    from cfhtisr.io.atomic import AtomicFile

    with AtomicFile(path, sync, overwrite=True, size=len(data)) as file:
        file.write(data)


_BY_TYPE = {
    "raw": _raw,
    "bias": _master,
    "dark": _master,
    "flat": _master,
    "fringe": _master,
}
_BY_STORAGE = {
    "CfhtExposure": _exposure,
    "CfhtDefects": _defects,
    "CfhtCrosstalk": _crosstalk,
    "CfhtLinearizer": _linearizer,
    "CfhtPropertySet": _notes,
    "CfhtPicture": _picture,
    "Config": _config,
    "Packages": _packages,
}
_WRITERS = {
    "CfhtExposure": _write_exposure,
    "CfhtDefects": _write_defects,
    "CfhtPropertySet": _write_notes,
    "CfhtPicture": _write_picture,
    "Config": _write_config,
    "Packages": _write_packages,
}
