"""What is known of the exposure as a whole."""

__all__ = ["VisitInfo"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class VisitInfo:
    """Identity and times of an exposure.

    Parameters
    ----------
    exposure_id : int, optional
        Number of the exposure of one CCD, see `cfhtisr.camera.exposure_number`; 0 if unknown.
    exposure_time : float, optional
        Open-shutter time [s]; NaN if unknown.
    dark_time : float, optional
        Time in which dark current was collected [s]; NaN if unknown.
    mjd : float, optional
        Modified Julian date of the start, UTC [d]; NaN if unknown.
    visit : int, optional
        Number of the visit (MegaCam: the odometer, OBSID).
    """

    exposure_id: int = 0
    exposure_time: float = math.nan
    dark_time: float = math.nan
    mjd: float = math.nan
    visit: int = 0

    @classmethod
    def of(cls, value: "VisitInfo | Mapping[str, Any] | None") -> "VisitInfo | None":
        """Return visit info from itself, a mapping of its fields, or None.

        Raises
        ------
        TypeError
            If the mapping has a key that is no field.
        """
        if value is None or isinstance(value, VisitInfo):
            return value
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(value) - known)
        if unknown:
            raise TypeError(f"visit_info has {unknown}, wanted keys out of {sorted(known)}")
        return cls(**value)

    # LSST's names

    def getExposureId(self) -> int:
        """Return the number of the exposure."""
        return self.exposure_id

    def getExposureTime(self) -> float:
        """Return the open-shutter time [s]."""
        return self.exposure_time

    def getDarkTime(self) -> float:
        """Return the time in which dark current was collected [s]."""
        return self.dark_time

    def getDate(self) -> float:
        """Return the modified Julian date of the start, UTC [d]."""
        return self.mjd
