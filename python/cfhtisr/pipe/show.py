"""``--show``: the configuration, its history, the subtasks and the data of a run."""

__all__ = ["ShowError", "show", "show_data"]

import argparse
import fnmatch
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cfhtisr import config_files

_NO_IGNORE = ":NOIGNORECASE"
_ITEMS = "config[=PATTERN], history=PATTERN, tasks, data, run"


class ShowError(ValueError):
    """There is nothing of that name to be shown."""


def show(items: Sequence[str], config: Any) -> None:
    """Print what is wanted of the configuration.

    Parameters
    ----------
    items : sequence of str
        The words of ``--show``; ``data`` and ``run`` are known, and left to others.
    config : Config
        The configuration.

    Raises
    ------
    ShowError
        If there is no such item, or it lacks its pattern.
    """
    for item in items:
        name, equals, pattern = item.partition("=")
        if equals and not pattern:
            raise ShowError(f"--show {item}: wanted a pattern after the =, such as *fringe*")
        if name == "config":
            _show_config(config, pattern)
        elif name == "history":
            if not pattern:
                raise ShowError("--show history: wanted history=PATTERN, such as history=*doFlat")
            _show_history(config, pattern)
        elif item == "tasks":
            print("Subtasks:")
            for field, task in sorted(_tasks(config)):
                print(f"{field}: {task}")
        elif item not in ("data", "run"):
            raise ShowError(f"--show {item}: there is no such item, wanted {_ITEMS}")


def show_data(namespace: argparse.Namespace, names: Sequence[str]) -> None:
    """Print the data references of each option of data ids."""
    for name in names:
        for ref in getattr(namespace, name).refList:
            print(f"{name} dataRef.dataId = {dict(ref.dataId)}")


def _show_config(config: Any, pattern: str) -> None:
    text = config.saveToString()
    if not pattern:
        print(text, end="")
        return
    matches = _matcher(pattern)
    found = [block for name, block in _blocks(text) if matches(name)]
    _print(found, "\n", f"config={pattern}")


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a saved configuration, with the lines that tell what they are."""
    doc: list[str] = []
    for line in text.splitlines():
        if found := re.match(r"config\.([\w.]+)\s*=", line):
            yield found[1], "\n".join([*doc, line])
            doc = []
        elif line.startswith("#"):
            doc.append(line)
        else:
            doc = []


def _show_history(config: Any, pattern: str) -> None:
    from lsst.pex.config import history

    matches = _matcher(pattern)
    blocks = []
    for name in config_files.field_names(config):
        if matches(name):
            *path, last = name.split(".")
            owner = config
            for part in path:
                value = getattr(owner, part)
                owner = getattr(value, "value", value)
            blocks.append(history.format(owner, last))
    _print(blocks, "\n\n", f"history={pattern}")


def _print(found: Sequence[str], between: str, item: str) -> None:
    if found:
        print(between.join(found))
    else:
        print(
            f"--show {item}: no field has such a name; * stands for any text, as in *fringe*",
            file=sys.stderr,
        )


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return whether a name, with ``config.`` or without, matches."""
    exact = pattern.endswith(_NO_IGNORE)
    pattern = pattern.removesuffix(_NO_IGNORE)
    if not exact and pattern != pattern.lower():
        print(f'Matching "{pattern}" without regard to case (append {_NO_IGNORE} to prevent this)')

    def fold(text: str) -> str:
        return text if exact else text.lower()

    def matches(name: str) -> bool:
        names = (fold(name), fold(f"config.{name}"))
        return any(fnmatch.fnmatchcase(each, fold(pattern)) for each in names)

    return matches


def _tasks(config: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name in config._fields:
        value = getattr(config, name)
        target = getattr(value, "target", None)
        if target is not None:
            yield prefix + name, f"{target.__module__}.{target.__qualname__}"
        inner = getattr(value, "value", value)
        if hasattr(inner, "_fields"):
            yield from _tasks(inner, f"{prefix}{name}.")
