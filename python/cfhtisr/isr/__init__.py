"""Corrections as plain functions: arrays and values in, changed in place, nothing else seen."""

import importlib
import pkgutil
from typing import Any

__all__ = sorted(
    module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
)


def __getattr__(name: str) -> Any:
    # Loaded when touched, so that ``cfhtisr.isr.overscan`` needs no import of its own.
    if name in __all__:
        return importlib.import_module(f"cfhtisr.isr.{name}")
    raise AttributeError(f"module 'cfhtisr.isr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
