"""Bad values in raw headers and what is put in their place."""

__all__ = ["Repair"]

from dataclasses import dataclass
from typing import Any


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
        What is used; None if the card was removed.
    why : str
        The reason.
    """

    card: str
    old: Any
    new: Any
    why: str

    def __str__(self) -> str:
        old = "missing" if self.old is None else f"{self.old}"
        new = "removed" if self.new is None else f"{self.new}"
        return f"{self.card} {old} -> {new}: {self.why}"
