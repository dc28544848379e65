"""Configurations by name."""

__all__ = ["PRESETS", "apply"]

from typing import Any

from cfhtisr.errors import UnknownChoiceError

PRESETS = ("lsst-v17",)


def apply(config: Any, name: str) -> None:
    """Set the fields of a preset.

    Parameters
    ----------
    config : IsrTaskConfig or RunIsrConfig
        What is changed.
    name : {"lsst-v17"}
        The reference's numbers, with the overrides that CFHT loaded: calibration steps are
        off unless they are switched on again, and nothing is stored.

    Raises
    ------
    UnknownChoiceError
        If there is no such preset.

    Examples
    --------
    >>> from cfhtisr import CfhtIsrTaskConfig
    >>> config = CfhtIsrTaskConfig()
    >>> apply(config, "lsst-v17")
    >>> config.parity, config.overscanFitType, config.doBias
    ('lsst-v17', 'MEDIAN', False)
    """
    if name not in PRESETS:
        raise UnknownChoiceError(f"preset is {name!r}, wanted one of {', '.join(PRESETS)}")
    if "isr" in config._fields:
        from cfhtisr.tasks.cfht import CfhtIsrTask

        config.isr.retarget(CfhtIsrTask)
        config = config.isr
    config.parity = "lsst-v17"
    config.overscanFitType = "MEDIAN"
    for field in ("doBias", "doDark", "doFlat", "doFringe", "fringeAfterFlat", "doWrite"):
        setattr(config, field, False)
    config.doAssembleIsrExposures = True
    config.assembleCcd.keysToRemove = []
    config.fringe.filters = ["i", "i2", "z"]
    config.fringe.pedestal = True
    config.fringe.small = 1
    config.fringe.large = 50
