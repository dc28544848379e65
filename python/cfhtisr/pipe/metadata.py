"""What a task notes down: typed values by name, in order, any number for each name."""

__all__ = ["PropertyList", "PropertySet"]

import copy
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

_INT32 = 2**31
_INT64 = 2**63


_PLAIN = {bool: "Bool", float: "Double", str: "String"}
"""Kinds of values that are kept as they are."""


class _Item:
    """The values of one name, all of one kind."""

    __slots__ = ("comment", "kind", "values")

    def __init__(self, kind: str, comment: str = "") -> None:
        self.kind = kind
        self.values: list[Any] = []
        self.comment = comment

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Item) and self.kind == other.kind and self.values == other.values

    __hash__ = None  # type: ignore[assignment]


def _plain(value: Any) -> Any:
    """Return Python's own number for one of NumPy's."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def _kind(name: str, value: Any) -> str:
    """Return the kind of a value: the smallest that holds it."""
    if isinstance(value, bool):
        return "Bool"
    if isinstance(value, int):
        if not -_INT64 <= value < _INT64:
            raise OverflowError(f"{name!r} cannot hold {value}, wanted an integer of 64 bits")
        return "Int" if -_INT32 <= value < _INT32 else "LongLong"
    for type_, kind in ((float, "Double"), (str, "String"), (datetime, "DateTime")):
        if isinstance(value, type_):
            return kind
    if isinstance(value, PropertySet):
        return "PropertySet"
    raise TypeError(
        f"{name!r} cannot hold {type(value).__name__}, wanted bool, int, float, str, datetime "
        "or a property set"
    )


class PropertySet:
    """Values by name; a dot in a name leads into a nested set.

    Examples
    --------
    >>> notes = PropertySet()
    >>> notes.add("isr.level", 1106.0)
    >>> notes.add("isr.level", 1107.0)
    >>> notes.getScalar("isr.level"), notes.getArray("isr.level")
    (1107.0, [1106.0, 1107.0])
    """

    _nested = True

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}

    def _find(self, name: str, make: bool = False) -> tuple["PropertySet", str]:
        """Return the set that holds a name, and the last part of it."""
        here = self
        if not self._nested:
            return here, name
        head, dot, tail = name.partition(".")
        while here._nested and dot:
            if head not in here._items:
                if not make:
                    raise KeyError(f"there is no item {name!r}")
                here.set(head, PropertySet())
            inner = here._items[head].values[-1]
            if not isinstance(inner, PropertySet):
                raise KeyError(f"{head!r} in {name!r} is a value, not a set of them")
            here, name = inner, tail
            head, dot, tail = name.partition(".")
        return here, name

    def _item(self, name: str) -> _Item:
        here, last = self._find(name)
        if last not in here._items:
            raise KeyError(f"there is no item {name!r}")
        return here._items[last]

    def add(self, name: str, value: Any, comment: str | None = None) -> None:
        """Append a value, or each of a list of values, to those of a name.

        Raises
        ------
        TypeError
            If the name holds values of another kind.
        OverflowError
            If the name holds integers of 32 bits and this one needs more.
        """
        here, last = self._find(name, make=True)
        kind = _PLAIN.get(type(value))
        if kind is not None and comment is None:  # most values are: the rest knows them too
            item = here._items.get(last)
            if item is None:
                item = here._items[last] = _Item(kind)
            if item.kind == kind:
                item.values.append(value)
                return
        for one in value if isinstance(value, list | tuple) else [value]:
            one = _plain(one)
            kind = _kind(name, one)
            item = here._items.setdefault(last, _Item(kind))
            if (item.kind, kind) == ("LongLong", "Int"):
                kind = "LongLong"
            if (item.kind, kind) == ("Int", "LongLong"):
                raise OverflowError(f"{name!r} holds integers of 32 bits, {one} needs more")
            if item.kind != kind:
                raise TypeError(f"{name!r} holds values of kind {item.kind}, {one!r} is {kind}")
            item.values.append(one)
        if comment is not None and last in here._items:
            here._items[last].comment = comment

    def _new(self, name: str, kind: str, comment: str) -> _Item:
        """Return a fresh item of a kind; its name is taken as it is, dots and all."""
        item = self._items[name] = _Item(kind, comment)
        return item

    def addLongLong(self, name: str, value: int) -> None:
        """Append an integer that is kept in 64 bits however small it is."""
        here, last = self._find(name, make=True)
        item = here._items.get(last)
        if item is None:
            item = here._items[last] = _Item("LongLong")
        if item.kind == "LongLong" and type(value) is int and -_INT64 <= value < _INT64:
            item.values.append(value)
        else:
            self.add(name, value)

    def set(self, name: str, value: Any, comment: str | None = None) -> None:
        """Replace the values of a name; its place in the order stays."""
        here, last = self._find(name, make=True)
        before = here._items.get(last)
        fresh = PropertyList()
        fresh.add(last, value, comment)
        if last not in fresh._items:  # an empty list of values
            here._items.pop(last, None)
            return
        item = fresh._items[last]
        if before is not None and comment is None:
            item.comment = before.comment
        here._items[last] = item

    def getScalar(self, name: str) -> Any:
        """Return the last value of a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self._item(name).values[-1]

    def getArray(self, name: str) -> list[Any]:
        """Return all values of a name.

        Raises
        ------
        KeyError
            If there is none.
        """
        return list(self._item(name).values)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the last value of a name, or the default."""
        return self.getScalar(name) if self.exists(name) else default

    def getComment(self, name: str) -> str:
        """Return the comment of a name."""
        return self._item(name).comment

    def typeOf(self, name: str) -> str:
        """Return the kind of the values of a name."""
        return self._item(name).kind

    def exists(self, name: str) -> bool:
        """Whether the name has values."""
        try:
            self._item(name)
        except KeyError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Forget a name; one that is not there is no error."""
        if self.exists(name):
            here, last = self._find(name)
            del here._items[last]

    def names(self, topLevelOnly: bool = True) -> list[str]:
        """Return the names, in order; with those in nested sets, dotted, if wanted."""
        result = []
        for name, item in self._items.items():
            result.append(name)
            if not topLevelOnly and isinstance(item.values[-1], PropertySet):
                result += [f"{name}.{inner}" for inner in item.values[-1].names(False)]
        return result

    def nameCount(self) -> int:
        """Return the number of names."""
        return len(self._items)

    def toDict(self) -> dict[str, Any]:
        """Return a dictionary: a value, or a list where there are several."""
        result: dict[str, Any] = {}
        for name, item in self._items.items():
            values = [v.toDict() if isinstance(v, PropertySet) else v for v in item.values]
            result[name] = values[0] if len(values) == 1 else values
        return result

    def toOrderedDict(self) -> dict[str, Any]:
        """Return a dictionary in the order of the names."""
        return self.toDict()

    def copy(self) -> Self:
        """Return a copy that can be changed by itself."""
        return copy.deepcopy(self)

    deepCopy = copy

    def rows(self) -> list[list[Any]]:
        """Return ``[name, kind, value or values]`` for each name, as it is written to YAML."""
        result = []
        for name, item in self._items.items():
            values = [v.rows() if isinstance(v, PropertySet) else v for v in item.values]
            result.append([name, item.kind, values[0] if len(values) == 1 else values])
        return result

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.exists(name)

    def __getitem__(self, name: str) -> Any:
        return self.getScalar(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.set(name, value)

    def __delitem__(self, name: str) -> None:
        self._item(name)
        self.remove(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._items == other._items

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.toDict()})"


class PropertyList(PropertySet):
    """Values by name, in order, with a comment for each name; a dot has no meaning."""

    _nested = False

    def rows(self) -> list[list[Any]]:
        """Return ``[name, kind, value or values, comment]`` for each name."""
        rows = super().rows()
        return [[*row, self._items[row[0]].comment] for row in rows]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, PropertyList)
            and super().__eq__(other)
            and list(self._items) == list(other._items)
        )

    __hash__ = None
