"""What was not believed in a header, and how that is recorded."""

__all__ = ["HasGet", "Repair", "number_of", "record", "value_of"]

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from astropy.io.fits import Header

_LOG = logging.getLogger(__name__)

# A repair of one of these changes what is computed; the others are manners.
_USED = ("GAIN", "RDNOISE", "SATURATE", "EXPTIME", "DARKTIME", "DATASEC", "DSEC", "BSEC", "CSEC")


BEYOND = "beyond 64 bits"
"""Why some numbers become text: nobody computes with them, and many files have them."""


@dataclass(frozen=True, slots=True)
class Repair:
    """One card that was not believed.

    Attributes
    ----------
    card : str
        Keyword.
    old : object
        What the header had; None if the card was missing.
    new : object
        What is used; None if the card has no value any more.
    why : str
        The reason.

    Examples
    --------
    >>> print(Repair("SATURATE", 0, 65535, "no level of a 16-bit converter"))
    SATURATE 0 -> 65535: no level of a 16-bit converter
    """

    card: str
    old: Any
    new: Any
    why: str

    @property
    def matters(self) -> bool:
        """Whether the card takes part in computing pixels."""
        return self.card.startswith(_USED)

    def __str__(self) -> str:
        old = "missing" if self.old is None else f"{self.old}"
        new = "unknown" if self.new is None else f"{self.new}"
        if new == old and isinstance(self.new, str):
            return f"{self.card} {old} as text: {self.why}"
        return f"{self.card} {old} -> {new}: {self.why}"


class HasGet(Protocol):
    """A header, or anything else that gives the value of a card."""

    def get(self, card: Any, /) -> Any:
        """Return the value of a card, None if there is none."""


def value_of(header: HasGet, card: str | tuple[str, int]) -> Any:
    """Return the value of a card, or None if it is missing, undefined or unreadable."""
    try:
        value = header.get(card)
    except Exception as problem:
        # Named, not imported: a mapping needs no astropy.
        if type(problem).__name__ != "VerifyError":
            raise
        return None
    if value is None or type(value).__name__ == "Undefined":
        return None
    return value


def number_of(header: HasGet, card: str) -> float:
    """Return the value of a card as a number, NaN if it is none."""
    value = value_of(header, card)
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def record(
    header: "Header", repairs: Iterable[Repair], source: str = "", quiet: bool = False
) -> None:
    """Put repaired values into a header, log each and say so in its HISTORY.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Changed in place.
    repairs : iterable of Repair
        What to change.
    source : str, optional
        File and CCD, for the log.
    quiet : bool, optional
        Log all at the level INFO, not those that matter at WARNING.
    """
    texts = []
    for repair in repairs:
        while repair.card in header and header.count(repair.card) > 1:
            header.remove(repair.card)
        header[repair.card] = repair.new
        texts.append(f"cfhtisr repair: {repair}".encode("ascii", "replace").decode())
        level = logging.WARNING if repair.matters and not quiet else logging.INFO
        if repair.why == BEYOND:
            level = logging.DEBUG
        if _LOG.isEnabledFor(level):
            _LOG.log(level, "%s%s", f"{source}: " if source else "", repair)
    for text in texts:
        header.add_history(text)
