"""What a task notes down, as a file of YAML."""

__all__ = ["read_notes", "write_notes"]

import os
from datetime import datetime
from typing import Any

import yaml

from cfhtisr.errors import FileFormatError
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.pipe.metadata import PropertyList, PropertySet

_KINDS: dict[str, type[PropertySet]] = {"PropertySet": PropertySet, "PropertyList": PropertyList}
_VALUES = {"Bool": bool, "Int": int, "LongLong": int, "Double": float, "String": str}
_LARGEST = 50_000_000


def write_notes(notes: PropertySet, path: str | os.PathLike[str], *, sync: bool = True) -> None:
    """Write a property set; a file of that name is replaced when the new one is whole."""
    data = yaml.dump(_plain(notes), Dumper=_Dumper, sort_keys=False).encode()
    with AtomicFile(path, sync, overwrite=True, size=len(data)) as file:
        file.write(data)


def read_notes(path: str | os.PathLike[str]) -> PropertySet:
    """Read a property set.

    Raises
    ------
    FileFormatError
        If it is none.
    """
    with open(path, "rb") as file:
        data = file.read(_LARGEST)
    try:
        return _built(yaml.load(data, Loader=_Loader))
    except (yaml.YAMLError, ValueError, TypeError, KeyError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{os.fspath(path)}: no property set: {reason}") from None


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Nothing but plain values."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Nothing but plain values."""


def _plain(notes: PropertySet) -> dict[str, Any]:
    kind = "PropertyList" if isinstance(notes, PropertyList) else "PropertySet"
    rows: list[list[Any]] = []
    for name in notes.names():
        values = notes.getArray(name)
        rows.append([name, notes.typeOf(name), [_value(value) for value in values]])
        if kind == "PropertyList":
            rows[-1].append(notes.getComment(name))
    return {kind: rows}


def _value(value: Any) -> Any:
    return _plain(value) if isinstance(value, PropertySet) else value


def _built(tree: Any) -> PropertySet:
    if not (isinstance(tree, dict) and len(tree) == 1 and next(iter(tree)) in _KINDS):
        raise ValueError("wanted PropertySet or PropertyList and its rows")
    ((kind, rows),) = tree.items()
    notes = _KINDS[kind]()
    for row in rows or []:
        if not isinstance(row, list) or len(row) not in (3, 4) or not isinstance(row[2], list):
            raise ValueError(f"{row!r} is no row of name, kind and values")
        name, type_, values = row[:3]
        for value in values:
            one = _typed(type_, value)
            if type_ == "LongLong":
                notes.addLongLong(name, one)
            else:
                notes.add(name, one)
        if len(row) == 4 and row[3] and values:
            notes.set(name, notes.getArray(name), row[3]) if type_ != "LongLong" else None
    return notes


def _typed(kind: str, value: Any) -> Any:
    if kind == "PropertySet":
        return _built(value)
    if kind == "DateTime":
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    type_ = _VALUES[kind]
    if type_ is float and isinstance(value, int | str) and not isinstance(value, bool):
        return float(value)  # 1e300 is text to YAML
    if type(value) is not type_:
        raise ValueError(f"{value!r} is not of kind {kind}")
    return value
