"""What became of each CCD."""

__all__ = ["Outcome", "Report"]

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """The end of one CCD of one raw.

    Parameters
    ----------
    raw : str
        Name of the raw file.
    ccd : int
        Number of the CCD.
    status : {"done", "skipped", "failed"}
        ``skipped`` is finished already, of the same input, and verified.
    output : str, optional
        The file that holds it.
    message : str, optional
        Why it failed.
    seconds : float, optional
        Wall time [s].
    facts : dict, optional
        Levels, counts of pixels per plane, corrections that ran and that did not.
    warnings : list of str, optional
        What was warned of on the way.
    """

    raw: str
    ccd: int
    status: Status
    output: str = ""
    message: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Raw and CCD, for people; CCD -1 is what a damaged file does not tell."""
        ccd = f"ccd{self.ccd:02d}" if self.ccd >= 0 else "the rest of it"
        return f"{self.raw} {ccd}"


class Report:
    """The outcomes of a call, in the order of the raws and CCDs asked for.

    Attributes
    ----------
    notes : list of str
        What is odd about the files and no failure.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Take another outcome."""
        self._outcomes.append(outcome)

    def sort(self, order: dict[tuple[str, int], int]) -> None:
        """Put the outcomes into the order asked for."""
        self._outcomes.sort(key=lambda outcome: order.get((outcome.raw, outcome.ccd), len(order)))

    @property
    def failed(self) -> list[Outcome]:
        """The outcomes that are failures."""
        return [outcome for outcome in self._outcomes if outcome.status == "failed"]

    def summary(self) -> str:
        """Return one line: how many CCDs were done, skipped, failed."""
        counts = Counter(outcome.status for outcome in self._outcomes)
        parts = [f"{counts[status]} {status}" for status in ("done", "skipped", "failed")]
        return f"{len(self._outcomes)} CCDs: " + ", ".join(parts)

    def to_json(self) -> str:
        """Return the outcomes as JSON text."""
        outcomes = [_without_nan(asdict(outcome)) for outcome in self._outcomes]
        return json.dumps(outcomes, indent=1, allow_nan=False)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)


def _without_nan(value: Any) -> Any:
    """Return a value in which numbers that JSON does not have are null."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
