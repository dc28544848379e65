"""What is compared with what, and how it may come out: the rows of ``goals.toml``."""

import statistics
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from benches.speed.measure import Result

METRICS = ("seconds", "cpu", "peak_mib", "bytes")
KINDS = ("ratio", "difference")
Round = Mapping[str, Result]
"""What one round measured, by the name of the contender."""


@dataclass(frozen=True)
class Row:
    """A comparison, of two contenders or of one with nothing."""

    text: str
    of: str
    over: str = ""
    metric: str = "seconds"
    kind: str = "ratio"
    at_most: float | str | None = None

    def __post_init__(self) -> None:
        if self.metric not in METRICS or self.kind not in KINDS:
            raise ValueError(f"{self.text!r}: metric is {self.metric!r}, kind is {self.kind!r}")
        if not self.over and self.kind == "ratio":
            raise ValueError(f"{self.text!r}: is a ratio over nothing")

    @property
    def names(self) -> tuple[str, ...]:
        """The contenders."""
        return (self.of, self.over) if self.over else (self.of,)

    @property
    def goal(self) -> float | None:
        """The goal as a number."""
        if isinstance(self.at_most, str):
            over, _, under = self.at_most.partition("/")
            return float(Fraction(over) / Fraction(under))
        return self.at_most

    def values(self, rounds: Sequence[Round]) -> list[float]:
        """Return the comparison within each round that has both."""
        found = []
        for results in rounds:
            own = results.get(self.of, {}).get(self.metric)
            other = results.get(self.over, {}).get(self.metric) if self.over else 0.0
            if own is None or other is None:
                continue
            found.append(own / other if self.kind == "ratio" else own - other)
        return found

    def shown(self, value: float) -> str:
        """Return a value of this row as text."""
        if self.kind == "difference":
            if self.metric in ("seconds", "cpu"):
                return f"{1e3 * value:.1f} ms"
            return f"{value:.0f} MiB" if self.metric == "peak_mib" else f"{value:.0f} bytes"
        fraction = isinstance(self.at_most, str) or (self.at_most is None and value < 0.5)
        return f"1/{1 / value:.3g}" if fraction else f"{value:.3g}"


@dataclass(frozen=True)
class Table:
    """Rows under one heading."""

    title: str
    note: str
    rows: tuple[Row, ...]


def _load() -> tuple[tuple[Table, ...], dict[str, float]]:
    told = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    tables = []
    for table in told["table"]:
        rows = tuple(Row(**row) for row in table["row"])
        tables.append(Table(table["title"], table["note"].strip(), rows))
    return tuple(tables), told["guard"]


TABLES, GUARD = _load()
ROWS = [row for table in TABLES for row in table.rows]


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)
