"""The observatory's table of masters (``detrend_db.csv``): when which of them holds, UTC."""

__all__ = ["read_detrend"]

import csv
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cfhtisr.butler.calibs.validity import moment
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.gen2.registry import Listed, Problems, existing
from cfhtisr.butler.gen2.times import validity

_KINDS = {"bias": "bias", "dark": "dark", "flat": "flat", "fringe": "fringe", "mask": "defects"} | {
    "2": "dark",
    "3": "bias",
    "4": "flat",
    "6": "fringe",
}
"""What the types are in a repository; others, such as maps of scattered light, are none."""

_FILTERS = ("NONE", "u", "g", "r", "i", "z", "i2")
"""The filters by the observatory's number, as far as it is known."""

_COLUMNS = ("type", "filter", "version", "valid_start_utc", "valid_stop_utc", "path")
_REGISTERED = "registered_utc"


def read_detrend(
    table: str | os.PathLike[str], folders: Sequence[Path], problems: Problems
) -> list[Listed]:
    """Return what a table of masters lists.

    Parameters
    ----------
    table : path-like
        Values separated by commas; the first line names the columns ``type, filter, version,
        valid_start_utc, valid_stop_utc, path`` and perhaps ``registered_utc`` among them.
    folders : sequence of pathlib.Path
        Where the files are searched.
    problems : list of (str, str)
        Rows that make no sense, and those of types that a repository does not have, are added.

    Raises
    ------
    RepositoryError
        If it cannot be read, or lacks a column.
    """
    found = []
    try:
        with open(table, newline="", encoding="utf-8-sig") as stream:
            rows = csv.DictReader(stream, strict=True)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise RepositoryError(f"{table}: has no column {', '.join(missing)}")
            for row in rows:
                try:
                    found.append(_listed(row, folders))
                except ValueError as error:
                    problems.append((f"{table}: line {rows.line_num}", str(error)))
    except (csv.Error, UnicodeDecodeError) as error:
        raise RepositoryError(f"{table}: is no table of masters ({error})") from error
    except OSError as error:
        if error.errno is None:
            raise
        raise RepositoryError(f"{table}: {os.strerror(error.errno)}") from error
    return found


def _listed(row: dict[str, str | None], folders: Sequence[Path]) -> Listed:
    # A short line lacks the last columns.
    facts = {name: (row.get(name) or "").strip() for name in (*_COLUMNS, _REGISTERED)}
    kind = _KINDS.get(facts["type"].lower())
    if kind is None:
        raise ValueError(
            f"{facts['path']} is of type {facts['type']!r}, which a repository does not have"
        )
    if not facts["path"]:
        raise ValueError("there is no path")
    if not (facts["version"] or "0").isdecimal():
        raise ValueError(f"version is {facts['version']!r}, wanted a whole number")
    if not (facts["valid_start_utc"] or facts["valid_stop_utc"]):
        raise ValueError(f"nothing is said of when {facts['path']} holds")
    number = facts["filter"]
    if number.isdecimal() and int(number) < len(_FILTERS):
        number = _FILTERS[int(number)]
    places = (existing(folder, facts["path"]) for folder in folders)
    return Listed(
        kind,
        facts["path"],
        next((path for path in places if path is not None), None),
        number,
        validity(facts["valid_start_utc"], facts["valid_stop_utc"]),
        int(facts["version"] or 0),
        moment(facts[_REGISTERED]) if facts[_REGISTERED] else datetime.min,
    )
