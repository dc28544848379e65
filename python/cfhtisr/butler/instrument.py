"""MegaPrime, the prime focus with MegaCam, as the middleware knows an instrument."""

__all__ = ["MegaPrime"]

from typing import TYPE_CHECKING, Any

from cfhtisr.butler.names import CALIB, DEFAULTS, INSTRUMENT, RAW_RUN
from cfhtisr.camera.filters import FILTERS
from cfhtisr.camera.mosaic import facts

if TYPE_CHECKING:
    _Base: Any = object
else:
    try:
        # Whoever has it, and asks isinstance, gets the answer wanted.
        from lsst.pipe.base import Instrument as _Base
    except ImportError:
        _Base = object

_N_CCD = 40
_EXPOSURE_MAX = 59_652_323
"""Beyond it the number of an exposure's CCD would need more than 32 bits."""
_BROAD = "ugriz"


class MegaPrime(_Base):  # type: ignore[misc]  # there is none without pipe_base
    """MegaCam at the prime focus of CFHT, all eras: 40 detectors, filters of 2002 to today.

    Parameters
    ----------
    collection_prefix : str, optional
        How names of collections start.
    """

    policyName = "megaprime"
    configPaths = ()
    raw_definition = ("raw", ("instrument", "exposure", "detector"), "CfhtExposure")

    def __init__(self, collection_prefix: str | None = None) -> None:
        self.collection_prefix = collection_prefix or INSTRUMENT

    @classmethod
    def getName(cls) -> str:
        """Return the name in data ids."""
        return INSTRUMENT

    def register(self, registry: Any, *, update: bool = False) -> None:
        """Make instrument, detectors and filters known to a registry; a repeat changes nothing.

        Parameters
        ----------
        registry : lsst.daf.butler.Registry
            Where.
        update : bool, optional
            Whether records that differ are replaced.
        """
        with registry.transaction():
            record = {
                "name": INSTRUMENT,
                "class_name": f"{type(self).__module__}.{type(self).__qualname__}",
                "detector_max": _N_CCD,
                "exposure_max": _EXPOSURE_MAX,
                "visit_max": _EXPOSURE_MAX,
                "visit_system": None,
            }
            registry.syncDimensionData("instrument", record, update=update)
            for number in range(_N_CCD):
                known = facts(number)
                record = {
                    "instrument": INSTRUMENT,
                    "id": number,
                    "full_name": known.name,
                    "name_in_raft": known.serial,
                    "purpose": "SCIENCE",
                }
                registry.syncDimensionData("detector", record, update=update)
            for name, band in self.filters().items():
                record = {"instrument": INSTRUMENT, "name": name, "band": band}
                registry.syncDimensionData("physical_filter", record, update=update)

    @staticmethod
    def filters() -> dict[str, str]:
        """Return the band of each filter by its name; narrow filters are bands of their own."""
        bands: dict[str, str] = {}
        for row in FILTERS:
            letter = row.name.partition(".")[0]
            bands[row.name] = letter if letter in tuple(_BROAD) else row.short_name
        bands["UNKNOWN"] = "UNKNOWN"
        return bands

    def getRawFormatter(self, dataId: Any) -> Any:
        """Return the class that reads raw files."""
        from cfhtisr.butler.formatters import RawFormatter

        return RawFormatter

    def applyConfigOverrides(self, name: str, config: Any) -> None:
        """Change the configuration of a task for this instrument: nothing needs it."""

    def makeCollectionName(self, *labels: str) -> str:
        """Return the name of a collection of this instrument."""
        return "/".join((self.collection_prefix, *labels))

    def makeDefaultRawIngestRunName(self) -> str:
        """Return the RUN of raw exposures."""
        return self.makeCollectionName(*RAW_RUN.split("/")[1:])

    def makeCalibrationCollectionName(self, *labels: str) -> str:
        """Return the CALIBRATION collection."""
        return self.makeCollectionName(*CALIB.split("/")[1:], *labels)

    def makeUnboundedCalibrationRunName(self, *labels: str) -> str:
        """Return the RUN of calibrations."""
        return self.makeCollectionName(*CALIB.split("/")[1:], *labels, "unbounded")

    def makeUmbrellaCollectionName(self) -> str:
        """Return the CHAINED collection of raws and calibrations."""
        return self.makeCollectionName(*DEFAULTS.split("/")[1:])
