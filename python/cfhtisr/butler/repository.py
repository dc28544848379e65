"""Making repositories."""

__all__ = ["create", "register"]

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

from cfhtisr.butler._middleware import Butler, CollectionType, Config, DatasetType
from cfhtisr.butler.addresses import masked, with_driver
from cfhtisr.butler.connect import CONFIG, check_name, meaning
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.instrument import MegaPrime
from cfhtisr.butler.locks import locked
from cfhtisr.butler.names import CALIB, DEFAULTS, RAW_RUN, TYPES
from cfhtisr.errors import MissingExtraError

_REGISTRY = "gen3.sqlite3"
_MAKING = "cfhtisr-making"
_LOCK = ".making.lock"
_SEED = Path(__file__).with_name("seed.yaml")


def create(root: str | os.PathLike[str], registry_db: str | None = None) -> Path:
    """Make an empty repository for MegaCam.

    Parameters
    ----------
    root : path-like
        Its folder: an empty one, or one that is not there yet.
    registry_db : str, optional
        Where its registry is, such as ``postgresql://user@host/database``; by default a file
        of SQLite in the folder. The database must be there, empty but for the extension
        ``btree_gist``. The address is kept in the repository: leave the password to
        ``~/.lsst/db-auth.yaml`` or ``~/.pgpass``.

    Returns
    -------
    root : pathlib.Path
        The folder, absolute.

    Raises
    ------
    RepositoryError
        If the folder has something in it, cannot be written, or the registry cannot be made.
        What was made of the folder is gone again; a database may keep tables.
    MissingExtraError
        If the driver of the database is not installed.
    """
    folder = Path(root).absolute()
    check_name(folder)
    fresh = [path for path in (folder, *folder.parents) if not path.exists()]
    if folder.exists() and not folder.is_dir():
        raise RepositoryError(f"{folder} is a file, wanted a folder for a repository")
    try:
        with locked(folder / _LOCK, kept=False):
            _check_empty(folder)
            _make(folder, registry_db)
    except BaseException as error:
        with contextlib.suppress(OSError):
            for path in fresh:
                path.rmdir()
        told = (RepositoryError, MissingExtraError)
        if isinstance(error, told) or not isinstance(error, Exception):
            raise
        where = f" with the registry {masked(registry_db)}" if registry_db else ""
        reason = masked(meaning(error, otherwise=""))
        raise RepositoryError(f"{folder}: cannot make a repository{where}: {reason}") from error
    return folder


def _check_empty(folder: Path) -> None:
    """Refuse a folder with something in it, but for what was left by a process that was killed."""
    if (folder / CONFIG).exists():
        raise RepositoryError(f"{folder} is a repository already, wanted an empty or a new folder")
    there = {path.name for path in folder.iterdir()} - {_LOCK}
    if _MAKING in there and there <= {_MAKING, _REGISTRY}:
        shutil.rmtree(folder / _MAKING)
        (folder / _REGISTRY).unlink(missing_ok=True)
    elif there:
        raise RepositoryError(f"{folder} is not empty, wanted an empty or a new folder")


def _make(folder: Path, registry_db: str | None) -> None:
    """Make it in a folder of its own inside, so that whoever finds a repository finds a whole."""
    making = folder / _MAKING
    config = Config(str(_SEED))
    if registry_db is not None:
        config["registry", "db"] = with_driver(registry_db)
        # With a registry of its own none of the usual places is filled in.
        config["datastore", "root"] = "<butlerRoot>"
    making.mkdir()
    try:
        Butler.makeRepo(making.as_uri(), config=config, forceConfigRoot=registry_db is None)
        with Butler.from_config(making.as_uri(), writeable=True) as butler:
            register(butler)
        if registry_db is None:
            os.replace(making / _REGISTRY, folder / _REGISTRY)
        os.replace(making / CONFIG, folder / CONFIG)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def register(butler: Any) -> None:
    """Make instrument, types of datasets and collections known; a repeat changes nothing."""
    MegaPrime().register(butler.registry)
    for name, facts in TYPES.items():
        butler.registry.registerDatasetType(
            DatasetType(
                name,
                facts.dimensions,
                facts.storage,
                universe=butler.dimensions,
                isCalibration=facts.calibration,
            )
        )
    butler.collections.register(RAW_RUN)
    butler.collections.register(CALIB, type=CollectionType.CALIBRATION)
    if butler.collections.register(DEFAULTS, type=CollectionType.CHAINED):
        butler.collections.redefine_chain(DEFAULTS, [RAW_RUN, CALIB])
