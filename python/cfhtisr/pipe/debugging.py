"""The user's module ``debug``, which says what tasks show of their work."""

__all__ = ["load"]

import importlib
import sys
import types
from typing import Any


class Info:
    """What one module shows: attributes that are not set are False.

    Parameters
    ----------
    name : str
        Name of the module of the task.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return False


def load() -> str | None:
    """Import the user's module; return why that failed, if it did.

    Such modules begin with ``import lsstDebug`` and set ``lsstDebug.Info``. Where LSST's own
    is not installed, one with the same two names is put in its place.
    """
    try:
        importlib.import_module("lsstDebug")
    except ImportError:
        stand_in: Any = types.ModuleType("lsstDebug")
        stand_in.Info = stand_in.getInfo = Info
        sys.modules["lsstDebug"] = stand_in
    try:
        importlib.import_module("debug")
    except ModuleNotFoundError as error:
        return f"there is no module {error.name!r}"
    except Exception as error:
        return f"module 'debug' fails: {type(error).__name__}: {error}"
    return None
