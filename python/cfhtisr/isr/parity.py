"""The two ways of computing: correct, or as the reference did."""

__all__ = ["Parity", "check"]

from typing import Literal

from cfhtisr.errors import UnknownChoiceError

Parity = Literal["none", "lsst-v17"]


def check(parity: str) -> bool:
    """Return whether the reference's quirks are wanted.

    Raises
    ------
    UnknownChoiceError
        If the name is neither ``none`` nor ``lsst-v17``.
    """
    if parity not in ("none", "lsst-v17"):
        raise UnknownChoiceError(f"parity is {parity!r}, wanted 'none' or 'lsst-v17'")
    return parity == "lsst-v17"
