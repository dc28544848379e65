"""Which names collections can have: they are folders, too."""

__all__ = ["check_collection"]

import re

from cfhtisr.butler.names import CALIBRATION_TYPES, RERUN

_PART = r"\w[\w.+=@-]*"
_NAME = re.compile(rf"{_PART}(/{_PART})*")


def check_collection(name: str, *, of_calibrations: bool = False) -> None:
    """Refuse a name that cannot be that of a collection.

    Parameters
    ----------
    name : str
        The name.
    of_calibrations : bool, optional
        Whether the RUNs of calibrations are to lie below it.

    Raises
    ------
    ValueError
        If it is none.

    Examples
    --------
    >>> check_collection("MegaPrime/calib/2008A", of_calibrations=True)
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"collection is {name!r}, wanted parts of letters, digits and _.+=@- with / between"
        )
    if not of_calibrations:
        return
    parts = name.split("/")
    if name.startswith(RERUN) or set(parts) & set(CALIBRATION_TYPES):
        raise ValueError(
            f"collection is {name!r}, wanted one that does not begin with {RERUN} and has no part "
            f"that is {', '.join(CALIBRATION_TYPES)}: there the files of others are"
        )
