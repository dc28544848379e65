"""What the files of calibrations say of their validity, and what follows for a CCD."""

__all__ = ["DATED", "Entry", "Key", "Rule", "held"]

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from cfhtisr.butler.calibs.validity import Claim, Range, nearest, settled, until_superseded
from cfhtisr.butler.errors import RepositoryError

DATED = ("bias", "dark", "flat", "fringe")
"""Kinds of which the nearest in time holds; others hold until they are superseded."""


@dataclass(frozen=True)
class Rule:
    """What a file says of its validity; it stands in the description of its RUN.

    Attributes
    ----------
    file : str
        Name of the file.
    taken : date or None
        Its night.
    reach : int or None
        Days that it holds before and after; None: any number.
    explicit : Range or None
        When it holds, if the user said so.
    dark_time : float
        [s]; of two darks of one night the longer one holds.
    order : int
        Of two of one night, after ``replace``, the later holds.
    rank : tuple of int and str, or None
        Version and time of registration of one that an old registry lists. Their explicit
        ranges may overlap, that of the highest rank holds; other explicit ranges go first.
    """

    file: str
    taken: date | None = None
    reach: int | None = None
    explicit: Range | None = None
    dark_time: float = 0.0
    order: int = 0
    rank: tuple[int, str] | None = None

    @property
    def when(self) -> str:
        """What it says of its validity, in words."""
        if self.explicit is not None:
            return str(self.explicit)
        return "nearest in time" if self.reach is None else f"{self.reach} days before and after"

    def text(self) -> str:
        """Return the rule as JSON."""
        explicit = None
        if self.explicit is not None:
            ends = (self.explicit.begin, self.explicit.end)
            explicit = [None if each is None else each.isoformat() for each in ends]
        return json.dumps(
            {
                "file": self.file,
                "taken": None if self.taken is None else self.taken.isoformat(),
                "reach": self.reach,
                "explicit": explicit,
                "dark_time": self.dark_time,
                "order": self.order,
                "rank": self.rank,
            }
        )

    @classmethod
    def of(cls, text: str) -> "Rule | None":
        """Return the rule in a text; None if there is none: others have made that RUN."""
        try:
            facts = json.loads(text)
            ends = facts["explicit"]
            if ends is not None:
                ends = Range(*(None if e is None else datetime.fromisoformat(e) for e in ends))
            taken, rank = facts["taken"], facts.get("rank")
            return cls(
                str(facts["file"]),
                None if taken is None else date.fromisoformat(taken),
                facts["reach"],
                ends,
                float(facts["dark_time"]),
                int(facts["order"]),
                None if rank is None else (int(rank[0]), str(rank[1])),
            )
        except (ValueError, LookupError, TypeError):
            return None


Key = tuple[str, str | None, int]
"""Kind, filter and CCD: what only one calibration holds for at a time."""


@dataclass(frozen=True)
class Entry:
    """A calibration of one CCD; ``ref`` is None if it is not in the repository yet."""

    run: str
    rule: Rule
    ref: Any


def held(key: Key, entries: Sequence[Entry], fences: Iterable[date]) -> list[tuple[Entry, Range]]:
    """Return which calibration of a CCD holds when.

    Raises
    ------
    RepositoryError
        If that is not determined.
    """
    kind, _, ccd = key
    given = [(entry, entry.rule.explicit) for entry in entries if entry.rule.explicit]
    explicit = [(entry, each) for entry, each in given if entry.rule.rank is None]
    stated = sorted(explicit, key=lambda pair: pair[1].begin or datetime.min)
    for (first, one), (second, other) in pairwise(stated):
        if one.overlaps(other):
            raise RepositoryError(
                f"{kind} of ccd{ccd:02d}: {first.rule.file} is to hold {one} and "
                f"{second.rule.file} {other}, which overlap"
            )
    listed = settled(
        Claim(entry, each, (*entry.rule.rank, entry.rule.file, entry.run))
        for entry, each in given
        if entry.rule.rank is not None
    )
    stood = [each for _, each in explicit]
    explicit += [(entry, piece) for entry, each in listed for piece in each.without(stood)]
    dated = [entry for entry in entries if entry.rule.explicit is None]
    chosen: dict[date, Entry] = {}
    for entry in sorted(dated, key=lambda entry: (entry.rule.order, entry.rule.dark_time)):
        night = entry.rule.taken or date.min
        other_ = chosen.get(night)
        if other_ is not None and _rank(other_) == _rank(entry):
            raise RepositoryError(
                f"{kind} of ccd{ccd:02d}: {other_.rule.file} and {entry.rule.file} are both of "
                f"{entry.rule.taken or 'no known night'}; --replace lets the new one hold, or give "
                "--begin and --end"
            )
        chosen[night] = entry
    always = chosen.pop(date.min, None)
    nights = sorted(chosen)
    if kind in DATED:
        ranges = nearest(nights, [chosen[night].rule.reach for night in nights], fences)
    else:
        ranges = until_superseded(nights, fences)
    claims = list(zip((chosen[night] for night in nights), ranges, strict=True))
    if always is not None:
        claims.insert(0, (always, Range(None, ranges[0].begin if ranges else None)))
    found = list(explicit)
    for entry, each in claims:
        found += [(entry, piece) for piece in each.without([taken for _, taken in explicit])]
    return found


def _rank(entry: Entry) -> tuple[int, float]:
    return entry.rule.order, entry.rule.dark_time
