"""Reading a configuration whose class only its file knows, without executing the file."""

__all__ = ["read_config"]

import ast
import importlib
import importlib.metadata
import os
import re
from typing import Any

from cfhtisr import config_files

_OURS = re.compile(r"cfhtisr(\.[a-z_][a-z_0-9]*)+\.[A-Za-z_]\w*")


def read_config(path: str | os.PathLike[str]) -> Any:
    """Return the configuration that was saved to a file.

    Parameters
    ----------
    path : path-like
        As `cfhtisr.config_files.save` or ``pex_config`` writes it.

    Raises
    ------
    ConfigFileError
        If its class is neither ours nor that of a registered task, or it cannot be read as
        data.
    """
    name = os.fspath(path)
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    config = _class_of(name, text)()
    config_files.apply(config, path)
    return config


def _class_of(name: str, text: str) -> Any:
    dotted = ""
    try:
        nodes = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise config_files.ConfigFileError(f"{name}: no Python: {error}") from None
    for node in nodes:
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
            dotted = ast.unparse(node.test.comparators[0])
            break
    if not dotted:
        raise config_files.ConfigFileError(f"{name}: does not say of which class it is")
    if not _OURS.fullmatch(dotted) and dotted not in _registered():
        raise config_files.ConfigFileError(
            f"{name}: is of {dotted}, which is neither of cfhtisr nor that of a task registered "
            f"in the group {config_files.PLUGIN_GROUP!r} of entry points"
        )
    module, _, last = dotted.rpartition(".")
    from lsst.pex.config import Config

    try:
        found = getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError) as error:
        raise config_files.ConfigFileError(f"{name}: there is no {dotted} ({error})") from None
    if not (isinstance(found, type) and issubclass(found, Config)):
        raise config_files.ConfigFileError(f"{name}: {dotted} is no class of configurations")
    return found


def _registered() -> set[str]:
    names = set()
    for entry in importlib.metadata.entry_points(group=config_files.PLUGIN_GROUP):
        kind = getattr(entry.load(), "ConfigClass", None)
        if kind is not None:
            names.add(f"{kind.__module__}.{kind.__qualname__}")
    return names
