"""Where the time goes: start and end of a block, in the task's metadata and log."""

__all__ = ["logInfo", "logPairs", "python_level", "timeMethod"]

import functools
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])


def python_level(level: int) -> int:
    """Return a level of Python's logging; LSST's own levels are 1000 times as large.

    Examples
    --------
    >>> python_level(10000), python_level(logging.INFO)
    (10, 20)
    """
    return level // 1000 if level > 100 else level


def logPairs(obj: Any, pairs: Iterable[tuple[str, Any]], logLevel: int = logging.DEBUG) -> None:
    """Add pairs of name and value to ``obj.metadata``, and write them to ``obj.log`` in a line."""
    pairs = list(pairs)
    for name, value in pairs:
        if isinstance(value, int):
            obj.metadata.addLongLong(name, value)
        else:
            obj.metadata.add(name, value)
    level = python_level(logLevel)
    if not isinstance(obj.log, logging.Logger) or obj.log.isEnabledFor(level):
        obj.log.log(level, "; ".join(f"{name}={value}" for name, value in pairs))


def logInfo(obj: Any, prefix: str, logLevel: int = logging.DEBUG) -> None:
    """Note time and use of resources of this process.

    Parameters
    ----------
    obj : Task
        Anything with ``metadata`` and ``log``.
    prefix : str
        Put before the name of each item, such as ``runStart``.
    logLevel : int, optional
        A level of Python's logging or of LSST's.
    """
    obj.metadata.add(f"{prefix}Utc", datetime.now(UTC).replace(tzinfo=None).isoformat())
    pairs: list[tuple[str, Any]] = [("CpuTime", time.process_time())]
    try:
        import resource
    except ImportError:  # pragma: no cover - only Unix counts resources
        pass
    else:
        use = resource.getrusage(resource.RUSAGE_SELF)
        pairs += [
            ("UserTime", use.ru_utime),
            ("SystemTime", use.ru_stime),
            ("MaxResidentSetSize", int(use.ru_maxrss)),
            ("MinorPageFaults", int(use.ru_minflt)),
            ("MajorPageFaults", int(use.ru_majflt)),
            ("BlockInputs", int(use.ru_inblock)),
            ("BlockOutputs", int(use.ru_oublock)),
            ("VoluntaryContextSwitches", int(use.ru_nvcsw)),
            ("InvoluntaryContextSwitches", int(use.ru_nivcsw)),
        ]
    logPairs(obj, [(prefix + name, value) for name, value in pairs], logLevel)


def timeMethod(method: _Method) -> _Method:
    """Time each call of a task's method, also one that raises."""

    @functools.wraps(method)
    def timed(self: Any, *args: Any, **kwargs: Any) -> Any:
        logInfo(self, f"{method.__name__}Start")
        try:
            return method(self, *args, **kwargs)
        finally:
            logInfo(self, f"{method.__name__}End")

    return cast(_Method, timed)
