"""Whether a product is there already, told from headers alone."""

__all__ = ["stated_job"]

from typing import Any

from cfhtisr.camera.filters import lookup
from cfhtisr.tasks.provenance import FINGERPRINT, of_config, of_inputs

_BY_SWITCH = {"doBias": "bias", "doDark": "dark", "doFlat": "flat"}
_UNTOLD = ("doBrighterFatter", "doAttachTransmissionCurve")
"""Corrections whose inputs do not say where they are from."""


def stated_job(task: Any, dataRef: Any) -> str | None:
    """Return the fingerprint that the product of a data reference would have.

    Parameters
    ----------
    task : IsrTask
        The task that would make it.
    dataRef : object
        One CCD of one exposure. If it has ``identity``, that is called with types of datasets, and
        tells what `Exposure.identity` would, without reading pixels.

    Returns
    -------
    job : str or None
        As in the provenance of the product; None if only reading the inputs can tell.
    """
    identity, config = getattr(dataRef, "identity", None), task.config
    if identity is None or any(getattr(config, flag) for flag in _UNTOLD):
        return None
    there = getattr(dataRef, "datasetExists", lambda name: False)
    try:
        told = {"raw": str(identity(config.datasetType))}
        for flag, kind in _BY_SWITCH.items():
            if getattr(config, flag):
                told[kind] = str(identity(getattr(config, f"{kind}DataProductName")))
        if config.doFringe:
            known = lookup(str(dataRef.dataId.get("filter")))
            name = None if known is None else known.name
            if task.fringe.hasFringes(name):
                told["fringes"] = str(identity("fringe"))
            else:
                told["fringes"] = task.whyNoFringes(name)
        if config.doDefect:
            told["defects"] = str(identity("defects"))
        if config.doLinearize and there("linearizer"):
            told["linearizer"] = str(identity("linearizer"))
        if config.doCrosstalk and not config.crosstalk.useConfigCoefficients and there("crosstalk"):
            told["crosstalk"] = str(identity("crosstalk"))
    except (LookupError, OSError, ValueError, RuntimeError):
        return None  # reading the inputs will say it better
    return of_inputs(of_config(config), told)[FINGERPRINT] if all(told.values()) else None
