"""The registries of LSST's second generation: SQLite files, opened for reading only."""

__all__ = [
    "CALIB_REGISTRY",
    "RAW_REGISTRY",
    "Listed",
    "OldRaw",
    "calibrations",
    "existing",
    "raws",
]

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cfhtisr.butler.calibs.validity import Range, moment
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.gen2.times import shift_of, validity

RAW_REGISTRY = "registry.sqlite3"
"""The registry of exposures; its table is ``raw``."""

CALIB_REGISTRY = "calibRegistry.sqlite3"
"""The registry of calibrations, with a table for each kind."""

Problems = list[tuple[str, str]]
"""What cannot be taken over, and why."""

_TABLES = ("bias", "dark", "flat", "fringe")
_COMPRESSED = ("", ".gz", ".fz")
# The names of tables and columns are from here, never from a file.
_RAW = ("visit", "runId", "object", "date", "filter")
_CALIBRATION = ("path", "validStart", "validEnd")
_STATE = ("state",)
_OPTIONAL = ("extension", "filter", "version", "registered")
_MAX_TEXT = 100_000


@dataclass(frozen=True)
class OldRaw:
    """An exposure that a registry lists.

    Attributes
    ----------
    visit : int
        Its number.
    listed : str
        Its path in the repository.
    path : pathlib.Path or None
        The file, if it is there.
    """

    visit: int
    listed: str
    path: Path | None


@dataclass(frozen=True)
class Listed:
    """A calibration that a registry or a table lists.

    Attributes
    ----------
    kind : str
        Type of the datasets.
    listed : str
        Its path, as it stands there.
    path : pathlib.Path or None
        The file, if it is there.
    filter : str
        Name or number of the filter, as it stands there.
    range : Range
        When it holds.
    version : int
        Of several that hold, that of the highest version does.
    registered : datetime
        Of several of one version, that which was registered last.
    extensions : frozenset of int or None
        The extensions that hold, counted from 1; None: all of the file.
    """

    kind: str
    listed: str
    path: Path | None
    filter: str
    range: Range
    version: int
    registered: datetime
    extensions: frozenset[int] | None = None


def existing(folder: Path, name: str) -> Path | None:
    """Return a file of a folder, plain or compressed as the second generation looked for it."""
    for suffix in _COMPRESSED:
        try:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
        except (OSError, ValueError):  # a name that is too long, or has a NUL in it
            return None
    return None


def raws(folders: Sequence[Path], problems: Problems) -> list[OldRaw]:
    """Return the exposures of a repository and of those that it stands on, in order.

    Parameters
    ----------
    folders : sequence of pathlib.Path
        As `cfhtisr.butler.gen2.roots.roots` gives them.
    problems : list of (str, str)
        Rows that make no sense are added to it.

    Raises
    ------
    RepositoryError
        If a registry is damaged, or is none of exposures.
    """
    found: dict[int, OldRaw] = {}
    for folder in folders:
        registry = folder / RAW_REGISTRY
        if not registry.is_file():
            continue
        with _opened(registry) as connection:
            for row in _rows(connection, registry, "raw", _RAW, _STATE):
                try:
                    visit = _whole(row["visit"], "visit")
                except ValueError as error:
                    problems.append((f"{registry}: table raw", str(error)))
                    continue
                parts = (row[name] for name in ("runId", "object", "date", "filter"))
                name = f"{visit}{str(row.get('state') or 'o')[:1]}"
                stem = "/".join(["raw", *map(str, parts), name])
                if visit not in found or found[visit].path is None:
                    found[visit] = OldRaw(visit, f"{stem}.fits.fz", _raw_file(folders, stem))
    return [found[visit] for visit in sorted(found)]


def _raw_file(folders: Sequence[Path], stem: str) -> Path | None:
    for folder in folders:
        for suffix in (".fits.fz", ".fits"):
            path = existing(folder, stem + suffix)
            if path is not None:
                return path
    return None


def calibrations(folder: Path, offset: float | None, problems: Problems) -> list[Listed]:
    """Return what a registry of calibrations lists: one for each file and range.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the registry, from which its paths count.
    offset : float or None
        What is to be added to its times to get UTC [h]; None: what they look like, see
        `cfhtisr.butler.gen2.times.shift_of`.
    problems : list of (str, str)
        Rows that make no sense are added to it.

    Raises
    ------
    RepositoryError
        If the registry is damaged, has none of the tables, or it is not clear of which zone its
        times are.
    """
    registry = folder / CALIB_REGISTRY
    rows: list[tuple[str, dict[str, Any]]] = []
    with _opened(registry) as connection:
        there = [kind for kind in _TABLES if _columns(connection, kind)]
        if not there:
            raise RepositoryError(f"{registry}: has none of the tables {', '.join(_TABLES)}")
        for kind in there:
            table = _rows(connection, registry, kind, _CALIBRATION, _OPTIONAL)
            rows += [(kind, row) for row in table]
    try:
        shift = shift_of((row[key] for _, row in rows for key in _CALIBRATION[1:]), offset)
    except ValueError as error:
        raise RepositoryError(f"{registry}: {error}") from None
    together: dict[Listed, set[int | None]] = {}
    for kind, row in rows:
        listed = str(row["path"])
        try:
            told = row.get("registered")
            found = Listed(
                kind,
                listed,
                None,
                str(row.get("filter") or ""),
                validity(row["validStart"], row["validEnd"], shift),
                _whole(row.get("version") or 0, "version"),
                moment(str(told)) if told else datetime.min,
            )
            number = row.get("extension")
            extension = None if number is None else _whole(number, "extension")
        except ValueError as error:
            problem = (f"{registry}: table {kind}: {listed}", str(error))
            if problem not in problems:  # the same for each extension
                problems.append(problem)
            continue
        together.setdefault(found, set()).add(extension)
    return [
        Listed(
            *(each.kind, each.listed, existing(folder, each.listed), each.filter, each.range),
            *(each.version, each.registered),
            None if None in numbers else frozenset(filter(None, numbers)),
        )
        for each, numbers in together.items()
    ]


def _whole(value: Any, name: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number < 2**53:
        raise ValueError(f"{name} is {value!r}, wanted a whole number")
    return number


@contextlib.contextmanager
def _opened(registry: Path) -> Iterator[sqlite3.Connection]:
    """Open a registry for reading, and say what is wrong with it."""
    for suffix in ("-journal", "-wal"):
        beside = Path(f"{registry}{suffix}")
        if beside.is_file() and beside.stat().st_size:
            raise RepositoryError(
                f"{registry}: is being written, or was left half-written: there is {beside.name}"
            )
    try:
        # Immutable: no lock and no journal is made beside it, it may lie on a read-only disk.
        uri = f"file:{quote(str(registry))}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_TEXT)
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
            yield connection
    except sqlite3.Error as error:
        reason = " ".join(str(error).split())
        raise RepositoryError(
            f"{registry}: the registry is damaged, or is no file of SQLite ({reason})"
        ) from error


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    """Return the columns of a table; none if there is no such table, or it is a view."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    if known is None:
        return set()
    return {
        name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    }


def _rows(
    connection: sqlite3.Connection,
    registry: Path,
    table: str,
    wanted: Sequence[str],
    optional: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the rows of a table, those that differ in the columns that are asked for."""
    there = _columns(connection, table)
    if not there:
        raise RepositoryError(f"{registry}: has no table {table}")
    missing = [name for name in wanted if name not in there]
    if missing:
        raise RepositoryError(
            f"{registry}: its table {table} has no column {', '.join(missing)}; it has "
            f"{', '.join(sorted(there))}"
        )
    names = [*wanted, *(name for name in optional if name in there)]
    columns = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(map(str, range(1, len(names) + 1)))
    found = connection.execute(f'SELECT DISTINCT {columns} FROM "{table}" ORDER BY {order}')
    return [dict(zip(names, row, strict=True)) for row in found]
