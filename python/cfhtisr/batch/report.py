"""What became of each CCD."""

__all__ = ["Outcome", "Report"]

import json
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
    """

    raw: str
    ccd: int
    status: Status
    output: str = ""
    message: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


class Report:
    """The outcomes of a call, in the order of the raws and CCDs asked for."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Take another outcome."""
        self._outcomes.append(outcome)

    def sort(self, order: dict[tuple[str, int], int]) -> None:
        """Put the outcomes into the order asked for."""
        self._outcomes.sort(key=lambda outcome: order.get((outcome.raw, outcome.ccd), -1))

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
        return json.dumps([asdict(outcome) for outcome in self._outcomes], indent=1)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)
