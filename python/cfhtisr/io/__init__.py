"""FITS files in and out."""

import importlib
from typing import TYPE_CHECKING, Any

# Resolved when touched, so that reading needs no writer and the other way round.
_HOMES = {
    "FitsFile": "cfhtisr.io.fits_file",
    "MasterFile": "cfhtisr.io.master",
    "RawFile": "cfhtisr.io.raw",
    "RawScan": "cfhtisr.io.raw",
    "open_raw": "cfhtisr.io.raw",
    "read_defects": "cfhtisr.io.defects",
    "read_exposure": "cfhtisr.io.exposure_file",
    "read_master": "cfhtisr.io.master",
    "read_provenance": "cfhtisr.io.exposure_file",
    "read_raw": "cfhtisr.io.raw",
    "scan_raw": "cfhtisr.io.raw",
    "write_exposure": "cfhtisr.io.exposure_file",
}

__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from cfhtisr.io.defects import read_defects as read_defects
    from cfhtisr.io.exposure_file import read_exposure as read_exposure
    from cfhtisr.io.exposure_file import read_provenance as read_provenance
    from cfhtisr.io.exposure_file import write_exposure as write_exposure
    from cfhtisr.io.fits_file import FitsFile as FitsFile
    from cfhtisr.io.master import MasterFile as MasterFile
    from cfhtisr.io.master import read_master as read_master
    from cfhtisr.io.raw import RawFile as RawFile
    from cfhtisr.io.raw import RawScan as RawScan
    from cfhtisr.io.raw import open_raw as open_raw
    from cfhtisr.io.raw import read_raw as read_raw
    from cfhtisr.io.raw import scan_raw as scan_raw


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'cfhtisr.io' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
