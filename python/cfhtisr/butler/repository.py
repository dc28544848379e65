"""Making repositories."""

__all__ = ["create", "register"]

import os
import shutil
from pathlib import Path
from typing import Any

from cfhtisr.butler._middleware import Butler, CollectionType, Config, DatasetType
from cfhtisr.butler.addresses import masked, with_driver
from cfhtisr.butler.connect import check_name, meaning
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.instrument import MegaPrime
from cfhtisr.butler.names import CALIB, DEFAULTS, RAW_RUN, TYPES

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
    there = folder.is_dir()
    if folder.exists() and not there:
        raise RepositoryError(f"{folder} is a file, wanted a folder for a repository")
    if there and any(folder.iterdir()):
        what = "is a repository already" if (folder / "butler.yaml").exists() else "is not empty"
        raise RepositoryError(f"{folder} {what}, wanted an empty or a new folder")
    config = Config(str(_SEED))
    if registry_db is not None:
        config["registry", "db"] = with_driver(registry_db)
        # With a registry of its own none of the usual places is filled in.
        config["datastore", "root"] = "<butlerRoot>"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Butler.makeRepo(folder.as_uri(), config=config, forceConfigRoot=registry_db is None)
        with Butler.from_config(folder.as_uri(), writeable=True) as butler:
            register(butler)
    except BaseException as error:
        _remove(folder, there)
        if not isinstance(error, Exception):
            raise
        where = f" with the registry {masked(registry_db)}" if registry_db else ""
        reason = masked(meaning(error, otherwise=""))
        raise RepositoryError(f"{folder}: cannot make a repository{where}: {reason}") from error
    return folder


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


def _remove(folder: Path, there: bool) -> None:
    """Remove what was made in a folder that was empty before."""
    if not there:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
