"""The frame that tasks live in."""

import importlib
from typing import TYPE_CHECKING, Any

from cfhtisr.pipe.metadata import PropertyList, PropertySet
from cfhtisr.pipe.struct import Struct
from cfhtisr.pipe.task import Task, TaskError
from cfhtisr.pipe.timer import logInfo, logPairs, timeMethod

# What only a command line needs is loaded when it is touched.
_HOMES = {
    "ArgumentParser": "arguments",
    "ButlerInitializedTaskRunner": "runner",
    "CmdLineTask": "cmdline",
    "ConfigDatasetType": "dataset_arguments",
    "DataIdContainer": "data_ids",
    "DatasetArgument": "dataset_arguments",
    "InputOnlyArgumentParser": "arguments",
    "LegacyTaskRunner": "runner",
    "TaskFactory": "factory",
    "TaskRunner": "runner",
    "from_yaml": "metadata_yaml",
    "to_yaml": "metadata_yaml",
}

__all__ = [
    "ArgumentParser",
    "ButlerInitializedTaskRunner",
    "CmdLineTask",
    "ConfigDatasetType",
    "DataIdContainer",
    "DatasetArgument",
    "InputOnlyArgumentParser",
    "LegacyTaskRunner",
    "PropertyList",
    "PropertySet",
    "Struct",
    "Task",
    "TaskError",
    "TaskFactory",
    "TaskRunner",
    "from_yaml",
    "logInfo",
    "logPairs",
    "timeMethod",
    "to_yaml",
]

if TYPE_CHECKING:
    from cfhtisr.pipe.arguments import ArgumentParser as ArgumentParser
    from cfhtisr.pipe.arguments import InputOnlyArgumentParser as InputOnlyArgumentParser
    from cfhtisr.pipe.cmdline import CmdLineTask as CmdLineTask
    from cfhtisr.pipe.data_ids import DataIdContainer as DataIdContainer
    from cfhtisr.pipe.dataset_arguments import ConfigDatasetType as ConfigDatasetType
    from cfhtisr.pipe.dataset_arguments import DatasetArgument as DatasetArgument
    from cfhtisr.pipe.factory import TaskFactory as TaskFactory
    from cfhtisr.pipe.metadata_yaml import from_yaml as from_yaml
    from cfhtisr.pipe.metadata_yaml import to_yaml as to_yaml
    from cfhtisr.pipe.runner import (
        ButlerInitializedTaskRunner as ButlerInitializedTaskRunner,
    )
    from cfhtisr.pipe.runner import LegacyTaskRunner as LegacyTaskRunner
    from cfhtisr.pipe.runner import TaskRunner as TaskRunner


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cfhtisr.pipe' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"cfhtisr.pipe.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
