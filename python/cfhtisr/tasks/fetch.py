"""Asking anything that has a ``get`` for a dataset."""

__all__ = ["MissingInputError", "fetch"]

import inspect
from typing import Any

from cfhtisr.pipe import TaskError


class MissingInputError(TaskError, RuntimeError):
    """What a correction needs is not there, or does not fit.

    The LSST task raised a RuntimeError here; a command line has no traceback for it.
    """


def fetch(dataRef: Any, datasetType: str, immediate: bool = True, **dataId: Any) -> Any:
    """Return a dataset.

    Parameters
    ----------
    dataRef : object with ``get``
        ``get`` is called with the type, and with ``immediate`` if it takes that.
    datasetType : str
        Such as ``bias``.
    immediate : bool, optional
        Whether the data are wanted, rather than something that fetches them later.
    **dataId
        Parts of the data id that are to differ.
    """
    if immediate and _takes_immediate(dataRef.get):
        return dataRef.get(datasetType, immediate=True, **dataId)
    return dataRef.get(datasetType, **dataId)


def _takes_immediate(get: Any) -> bool:
    try:
        parameters = inspect.signature(get).parameters
    except (TypeError, ValueError):
        return False
    return "immediate" in parameters or any(
        parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()
    )
