"""The frame that tasks live in."""

__all__ = [
    "PropertyList",
    "PropertySet",
    "Struct",
    "Task",
    "TaskError",
    "logInfo",
    "logPairs",
    "timeMethod",
]

from cfhtisr.pipe.metadata import PropertyList, PropertySet
from cfhtisr.pipe.struct import Struct
from cfhtisr.pipe.task import Task, TaskError
from cfhtisr.pipe.timer import logInfo, logPairs, timeMethod
