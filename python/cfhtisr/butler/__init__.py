"""Repositories of LSST's data butler, and the seed's manner of speaking to them.

This is the only place that imports LSST's middleware, and it does so when something of it is
touched: it takes seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Butler": "cfhtisr.butler.facade",
    "DataRef": "cfhtisr.butler.data_ref",
    "MegaPrime": "cfhtisr.butler.instrument",
    "NoResults": "cfhtisr.butler.errors",
    "RepositoryError": "cfhtisr.butler.errors",
    "WorkRef": "cfhtisr.butler.work_ref",
    "certify": "cfhtisr.butler.calibs.certify",
    "create": "cfhtisr.butler.repository",
    "import_gen2": "cfhtisr.butler.gen2.importing",
    "ingest": "cfhtisr.butler.raw_files",
    "open_butler": "cfhtisr.butler.opening",
}

__all__ = sorted(_HOMES)

if TYPE_CHECKING:
    from cfhtisr.butler.calibs.certify import certify as certify
    from cfhtisr.butler.data_ref import DataRef as DataRef
    from cfhtisr.butler.errors import NoResults as NoResults
    from cfhtisr.butler.errors import RepositoryError as RepositoryError
    from cfhtisr.butler.facade import Butler as Butler
    from cfhtisr.butler.gen2.importing import import_gen2 as import_gen2
    from cfhtisr.butler.instrument import MegaPrime as MegaPrime
    from cfhtisr.butler.opening import open_butler as open_butler
    from cfhtisr.butler.raw_files import ingest as ingest
    from cfhtisr.butler.repository import create as create
    from cfhtisr.butler.work_ref import WorkRef as WorkRef


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'cfhtisr.butler' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
