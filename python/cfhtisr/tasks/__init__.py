"""The correction as LSST's tasks."""

import importlib
from typing import Any

_HOMES = {
    "AssembleCcdTask": "assemble",
    "CfhtIsrTask": "cfht",
    "CfhtIsrTaskConfig": "cfht",
    "CrosstalkTask": "crosstalk",
    "FringeTask": "fringe",
    "IsrTask": "isr",
    "IsrTaskConfig": "isr",
    "MaskingTask": "masking",
    "MeasureCrosstalkConfig": "measure_crosstalk",
    "MeasureCrosstalkTask": "measure_crosstalk",
    "RunIsrConfig": "run_isr",
    "RunIsrTask": "run_isr",
    "StrayLightTask": "stray_light",
    "VignetteTask": "vignette",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cfhtisr.tasks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"cfhtisr.tasks.{_HOMES[name]}"), name)
