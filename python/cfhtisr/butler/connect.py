"""Opening repositories, with errors that say what is wrong."""

__all__ = ["CONFIG", "check_name", "connect", "explained", "has_collection", "meaning"]

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfhtisr.butler._middleware import Butler
from cfhtisr.butler.addresses import driver_error
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.names import INSTRUMENT, TYPES

CONFIG = "butler.yaml"
"""What makes a folder a repository."""

_PASSWORDS = "see ~/.pgpass and ~/.lsst/db-auth.yaml"
_HINTS = (
    ("readonly database", "it cannot be written: is the folder or the registry read-only?"),
    ("database is read-only", "it was opened for reading only"),
    ("not a database", "the registry is damaged, it is no file of SQLite"),
    ("malformed", "the registry is damaged"),
    ("disk I/O error", "the registry cannot be read or written (disk full, or network?)"),
    ("database is locked", "the registry is in use by another process for too long"),
    ("no such table", "the registry is empty or was never filled"),
    ("unable to open database", "the registry is not there, or cannot be opened"),
    ("not compatible with registry schema", "the registry has the schema of another version"),
    # What servers say.
    ("Connection refused", "the server of the registry does not answer"),
    ("timeout expired", "the server of the registry does not answer"),
    ("could not translate host name", "the server of the registry is not known"),
    ("closed the connection", "the server of the registry has gone"),
    ("terminating connection", "the server of the registry has gone"),
    ("no password supplied", f"the registry asks for a password, {_PASSWORDS}"),
    ("password authentication failed", f"the registry refuses the password, {_PASSWORDS}"),
    ("permission denied", "the registry may not be used like that by this user"),
    ("read-only transaction", "the registry can be read only"),
    ("requires the btree_gist", "the database of the registry lacks an extension"),
    ("in non-empty database", "the database of the registry has one already, or what is left"),
)


def connect(root: str | os.PathLike[str], *, writeable: bool = False, **options: Any) -> Any:
    """Open a repository.

    Parameters
    ----------
    root : path-like
        Its folder.
    writeable : bool, optional
        Whether it is to be written.
    **options
        What else the middleware's ``Butler.from_config`` takes, such as ``collections``.

    Returns
    -------
    butler : lsst.daf.butler.Butler

    Raises
    ------
    RepositoryError
        If there is no repository, it is damaged, of another version or instrument, or may not
        be written.
    """
    folder = Path(root).absolute()
    _check_folder(folder)
    _hush()
    with explained(folder):
        butler = Butler.from_config(folder.as_uri(), writeable=writeable, **options)
        try:
            _check_contents(folder, butler)
            if writeable:
                _check_writeable(folder, butler)
        except BaseException:
            butler.close()
            raise
    return butler


@contextlib.contextmanager
def explained(root: str | os.PathLike[str]) -> Iterator[None]:
    """Say what an error of the registry means for a repository."""
    from sqlalchemy.exc import SQLAlchemyError
    from yaml import YAMLError

    try:
        yield
    except RepositoryError:
        raise
    except YAMLError as error:
        reason = " ".join(str(error).split())
        raise RepositoryError(f"{root}: its butler.yaml cannot be read ({reason})") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise RepositoryError(f"{root}: {meaning(error)}") from error
    except ImportError as error:
        if (told := driver_error(error)) is None:
            raise
        raise told from error
    except RuntimeError as error:
        # Versions and managers that do not fit are plain runtime errors of the registry, and so
        # is a file of passwords that others may read.
        if not type(error).__module__.startswith(("lsst.daf.butler", "lsst.utils.db_auth")):
            raise
        raise RepositoryError(f"{root}: {meaning(error)}") from error


def has_collection(butler: Any, name: str) -> bool:
    """Whether a repository has a collection of that name."""
    from lsst.daf.butler import MissingCollectionError

    try:
        butler.collections.get_info(name)
    except MissingCollectionError:
        return False
    return True


def meaning(error: BaseException, otherwise: str = "the registry fails") -> str:
    """Say what an error of the registry means, on one line, with its own words behind that."""
    text = str(getattr(error, "orig", None) or error)
    text = " ".join(text.split()) or type(error).__name__
    hint = next((meaning for part, meaning in _HINTS if part in text), otherwise)
    return f"{hint} ({text})" if hint else text


def _hush() -> None:
    """Let the middleware tell of warnings only, unless somebody has asked for more.

    Its count of files and datasets means little to whoever runs a task, and that it could
    not open a repository is in the error.
    """
    log = logging.getLogger("lsst.daf.butler")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)
    opener = logging.getLogger("lsst.daf.butler.direct_butler._direct_butler")
    if _tells_more not in opener.filters:
        opener.addFilter(_tells_more)


def _tells_more(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("Failed to instantiate Butler")


def check_name(folder: Path) -> None:
    """Refuse a folder whose name means something else in the address of a registry.

    Raises
    ------
    RepositoryError
        If there is such a character in it.
    """
    odd = sorted(set("%?#") & set(str(folder)))
    if odd:
        raise RepositoryError(
            f"{folder}: the path of a repository cannot have {' or '.join(odd)} in it"
        )


def _check_folder(folder: Path) -> None:
    check_name(folder)
    if not folder.exists():
        raise RepositoryError(f"{folder}: there is no such folder, wanted a repository")
    if folder.is_dir() and not (folder / CONFIG).exists():
        old = next(
            (name for name in ("_mapper", "registry.sqlite3") if (folder / name).exists()), None
        )
        if old is not None:
            raise RepositoryError(
                f"{folder}: is a repository of LSST's second generation ({old}); "
                "cfhtisr repo import-gen2 takes what is in it into a new one"
            )
        raise RepositoryError(
            f"{folder}: is no repository, there is no butler.yaml in it; cfhtisr repo create "
            "makes one"
        )
    if folder.is_file() and folder.suffix not in (".yaml", ".yml"):
        raise RepositoryError(f"{folder}: is a file, wanted the folder of a repository")


def _check_contents(folder: Path, butler: Any) -> None:
    types = {kind.name: kind for kind in butler.registry.queryDatasetTypes(["raw", "postISRCCD"])}
    raw = types.get("raw")
    if raw is None or not list(
        butler.registry.queryDimensionRecords("instrument", where=f"instrument='{INSTRUMENT}'")
    ):
        raise RepositoryError(
            f"{folder}: is a repository without {INSTRUMENT}, wanted one made by "
            "cfhtisr repo create"
        )
    for name, kind in types.items():
        wanted = TYPES[name].storage
        if kind.storageClass_name != wanted:
            raise RepositoryError(
                f"{folder}: was made by other software: its datasets of type {name} are of "
                f"{kind.storageClass_name}, wanted {wanted}"
            )


def _check_writeable(folder: Path, butler: Any) -> None:
    """Refuse a repository that cannot be written before any work is done for it."""
    if folder.is_dir() and not os.access(folder, os.W_OK):
        raise RepositoryError(f"{folder}: its folder may not be written")
    registry = folder / "gen3.sqlite3"
    if registry.exists() and not os.access(registry, os.W_OK):
        raise RepositoryError(f"{folder}: its registry, {registry.name}, may not be written")
