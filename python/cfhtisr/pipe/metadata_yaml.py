"""Property lists and sets as YAML: typed rows, in order."""

__all__ = ["from_yaml", "to_yaml"]

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cfhtisr.pipe.metadata import PropertyList, PropertySet

_TAGS = {
    "!<lsst.daf.base.PropertyList>": PropertyList,
    "!<lsst.daf.base.PropertySet>": PropertySet,
}
# The names under which other writers keep the same kinds of values.
_KINDS = {"Short": "Int", "Long": "LongLong", "Float": "Double"}


def to_yaml(metadata: PropertySet) -> str:
    """Return a property list or set as YAML.

    Parameters
    ----------
    metadata : PropertyList or PropertySet
        A row is ``[name, kind, value or values, comment]`` in a list, and has no comment in
        a set.

    Examples
    --------
    >>> notes = PropertyList()
    >>> notes.add("level", 1106.5, "[adu]")
    >>> print(to_yaml(notes), end="")
    !<lsst.daf.base.PropertyList>
    - [level, Double, 1106.5, '[adu]']
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes property sets wherever they are."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def represent(dumper: Any, data: PropertySet) -> Any:
        tag = "lsst.daf.base.PropertyList" if isinstance(data, PropertyList) else None
        rows = [
            (_Line if item.kind != "PropertySet" else list)(_row(data, name))
            for name, item in data._items.items()
        ]
        return dumper.represent_sequence(tag or "lsst.daf.base.PropertySet", rows, flow_style=False)

    def exact(dumper: Any, data: float) -> Any:
        """Represent a float so that it is read as one: YAML 1.1 takes 1e5 for text."""
        text = repr(data)
        if data != data or data in (float("inf"), float("-inf")):
            return yaml.SafeDumper.represent_float(dumper, data)
        if "e" in text:
            mantissa, _, power = text.partition("e")
            mantissa += "" if "." in mantissa else ".0"
            text = f"{mantissa}e{power if power[0] in '+-' else '+' + power}"
        return dumper.represent_scalar("tag:yaml.org,2002:float", text)

    def in_a_line(dumper: Any, row: list[Any]) -> Any:
        return dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)

    Dumper.add_representer(_Line, in_a_line)
    for class_ in (PropertySet, PropertyList):
        Dumper.add_representer(class_, represent)
    Dumper.add_representer(float, exact)
    text: str = yaml.dump(metadata, Dumper=Dumper, allow_unicode=False, width=2**20)
    return text


class _Line(list[Any]):
    """A row that has a line of its own."""


def _row(data: PropertySet, name: str) -> list[Any]:
    item = data._items[name]
    values = item.values[0] if len(item.values) == 1 else list(item.values)
    row = [name, item.kind, values]
    return [*row, item.comment] if isinstance(data, PropertyList) else row


def from_yaml(text: str) -> PropertySet:
    """Return the property list or set that YAML describes.

    Parameters
    ----------
    text : str
        As `to_yaml` writes it. Without a tag, rows of four make a list, others a set.

    Raises
    ------
    ValueError
        If it is something else: which row, and what is wanted.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Reads property sets wherever they are."""

    for tag, class_ in _TAGS.items():

        def construct(loader: Any, node: Any, class_: type[PropertySet] = class_) -> PropertySet:
            return _build(class_, loader.construct_sequence(node, deep=True))

        for form in (tag[2:-1], f"!{tag[2:-1]}"):
            Loader.add_constructor(form, construct)
    try:
        found = yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML of a property list: {' '.join(str(error).split())}") from None
    if isinstance(found, list):
        of_list = any(isinstance(row, list) and len(row) == 4 for row in found)
        found = _build(PropertyList if of_list else PropertySet, found)
    if not isinstance(found, PropertySet):
        raise ValueError(f"wanted rows of name, kind and value, not {type(found).__name__}")
    return found


def _build(class_: type[PropertySet], rows: Iterable[Any]) -> PropertySet:
    made = class_()
    for row in rows:
        if not (isinstance(row, list) and len(row) in (3, 4) and isinstance(row[0], str)):
            raise ValueError(f"row {row!r}: wanted [name, kind, value] or with a comment")
        name, kind, value, comment = [*row, ""][:4]
        kind = _KINDS.get(kind, kind)
        values = value if isinstance(value, list) else [value]
        if kind == "PropertySet":
            if not values or (
                isinstance(values[0], list) and isinstance((values[0] or [0])[0], str)
            ):
                values = [values]  # one set, as its rows
            values = [v if isinstance(v, PropertySet) else _build(PropertySet, v) for v in values]
        if not values:
            raise ValueError(f"row {row!r} has no value")
        item = made._new(name, kind, comment)
        for one in values:
            item.values.append(_checked(name, kind, one))
    return made


def _checked(name: str, kind: str, value: Any) -> Any:
    """Return a value of the kind that its row states."""
    if kind == "Double" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    wanted = {
        "Bool": bool,
        "Int": int,
        "LongLong": int,
        "Double": float,
        "String": str,
        "DateTime": datetime,
        "PropertySet": PropertySet,
    }.get(kind)
    if wanted is None:
        raise ValueError(f"{name!r} is of kind {kind!r}, which is not known")
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"{name!r} is {value!r}, wanted a value of kind {kind}")
    return value
