"""The fixed names of a repository, needed with and without the middleware."""

__all__ = [
    "CALIB",
    "CALIBRATION_TYPES",
    "DEFAULTS",
    "INSTRUMENT",
    "OF_ONE_FILTER",
    "RAW_RUN",
    "RERUN",
    "TYPES",
    "DatasetFacts",
    "facts_of",
]

from dataclasses import dataclass

INSTRUMENT = "MegaPrime"
"""The instrument, as LSST's repositories call it."""

RAW_RUN = f"{INSTRUMENT}/raw/all"
"""The RUN of raw exposures."""

CALIB = f"{INSTRUMENT}/calib"
"""The CALIBRATION collection: what is valid when."""

DEFAULTS = f"{INSTRUMENT}/defaults"
"""The CHAINED collection of raws and calibrations."""

RERUN = "rerun/"
"""How the RUN of ``--rerun`` starts."""


@dataclass(frozen=True, slots=True)
class DatasetFacts:
    """A type of dataset.

    Attributes
    ----------
    storage : str
        Its storage class.
    dimensions : tuple of str
        What a dataset of this type belongs to.
    calibration : bool
        Whether it is certified for a range of time.
    """

    storage: str
    dimensions: tuple[str, ...]
    calibration: bool = False


_EXPOSED = ("instrument", "exposure", "detector")
_CHIP = ("instrument", "detector")
_FILTERED = ("instrument", "detector", "physical_filter")

TYPES: dict[str, DatasetFacts] = {
    "raw": DatasetFacts("CfhtExposure", _EXPOSED),
    "bias": DatasetFacts("CfhtExposure", _CHIP, True),
    "dark": DatasetFacts("CfhtExposure", _CHIP, True),
    "flat": DatasetFacts("CfhtExposure", _FILTERED, True),
    "fringe": DatasetFacts("CfhtExposure", _FILTERED, True),
    "defects": DatasetFacts("CfhtDefects", _CHIP, True),
    "linearizer": DatasetFacts("CfhtLinearizer", _CHIP, True),
    "crosstalk": DatasetFacts("CfhtCrosstalk", _CHIP, True),
    "postISRCCD": DatasetFacts("CfhtExposure", _EXPOSED),
    "icExp": DatasetFacts("CfhtExposure", _EXPOSED),
    "calexp": DatasetFacts("CfhtExposure", _EXPOSED),
    "ossThumb": DatasetFacts("CfhtPicture", _EXPOSED),
    "flattenedThumb": DatasetFacts("CfhtPicture", _EXPOSED),
    "runIsr_metadata": DatasetFacts("CfhtPropertySet", _EXPOSED),
    "isr_metadata": DatasetFacts("CfhtPropertySet", _EXPOSED),
    "runIsr_config": DatasetFacts("Config", ()),
    "isr_config": DatasetFacts("Config", ()),
    "packages": DatasetFacts("Packages", ()),
}
"""The types of datasets that every repository has."""

_OF_TASKS = {
    "_config": DatasetFacts("Config", ()),
    "_metadata": DatasetFacts("CfhtPropertySet", _EXPOSED),
}
"""What a task writes beside its products: its name, and this."""


def facts_of(name: str) -> DatasetFacts | None:
    """Return what is known of a type of datasets; of any task's configuration and notes too.

    Examples
    --------
    >>> facts_of("myTask_config").storage, facts_of("myTask")
    ('Config', None)
    """
    found = (facts for ending, facts in _OF_TASKS.items() if name.endswith(ending))
    return TYPES.get(name) or next(found, None)


CALIBRATION_TYPES = tuple(name for name, facts in TYPES.items() if facts.calibration)
"""What is looked up by time."""

OF_ONE_FILTER = tuple(name for name, facts in TYPES.items() if facts.dimensions == _FILTERED)
"""What is looked up by time and filter."""
