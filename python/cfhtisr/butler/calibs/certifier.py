"""Taking calibrations in by rules: what their files say of validity decides what holds when."""

__all__ = ["Certified", "Certifier"]

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from cfhtisr.butler._middleware import CollectionType
from cfhtisr.butler.calibs.files import KINDS, Described
from cfhtisr.butler.calibs.rules import Entry, Key, Rule, held
from cfhtisr.butler.calibs.store import CalibrationStore, Held, keys_of, refuse_other
from cfhtisr.butler.calibs.validity import Range
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.transfers import finish_move


@dataclass
class Certified:
    """What became of the files.

    Attributes
    ----------
    files : list of str
        Those that were taken in (with ``dry_run``: would be).
    datasets : int
        Number of the CCDs in them.
    there : list of str
        Those that were there before.
    failed : list of (str, str)
        Those that could not be taken in, and why.
    passed : list of (str, str)
        Those in folders that are no calibrations, such as raws, and why.
    table : list of (str, str, str, Range, int)
        Kind, filter or an empty text, file, when it holds, and for how many CCDs, of the kinds
        and filters that were touched.
    """

    files: list[str] = field(default_factory=list)
    datasets: int = 0
    there: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)
    table: list[tuple[str, str, str, Range, int]] = field(default_factory=list)


class Certifier:
    """Keeps a collection in line with the rules of its RUNs.

    Parameters
    ----------
    store : CalibrationStore
        The collection.
    mode : str
        How files come into the repository, one of `cfhtisr.butler.transfers.MODES`.
    replace : bool
        Whether files take the place of those of the same night.
    states : bool
        Whether the user says when they hold, though it be by default.
    """

    def __init__(self, store: CalibrationStore, mode: str, replace: bool, states: bool) -> None:
        self._store = store
        self._mode = mode
        self._replace = replace
        self._states = states

    def look(
        self, found: list[tuple[Described, Rule]], fences: Sequence[date], result: Certified
    ) -> None:
        """Work out what would hold when, and change nothing."""
        store = self._store
        entries = store.entries({described.kind for described, _ in found})
        seen: dict[tuple[str, int], str] = {}
        for described, rule in found:
            run = store.run_of(described)
            mine = [entry for key in keys_of(described) for entry in entries.get(key, [])]
            there = [entry for entry in mine if entry.run == run]
            gone = self._gone(described, [entry.ref for entry in there if entry.ref is not None])
            for ccd in described.ccds:
                refuse_other(seen.setdefault((run, ccd), described.path), described)
            told = self._told(run, rule, described, entries, bool(gone))
            fresh = len(described.ccds) - len(there) + len(gone)
            (result.files if fresh else result.there).append(described.path)
            result.datasets += fresh
            _note(entries, described, run, told)
        ranges, _ = self._held(found, entries, fences)
        for _ in store.changes(ranges):
            pass  # refuses what cannot be
        _tabulate(ranges, result)

    def take(
        self, found: list[tuple[Described, Rule]], fences: Sequence[date], result: Certified
    ) -> None:
        """Take files in, and certify all that they touch anew."""
        store = self._store
        butler = store.butler
        butler.collections.register(store.collection, type=CollectionType.CALIBRATION)
        fresh: list[str] = []
        try:
            with butler.transaction():
                kinds = {described.kind for described, _ in found}
                entries = store.entries(kinds) if self._replace else {}
                for described, rule in found:
                    run = store.run_of(described)
                    there = store.there(described)
                    gone = self._gone(described, there)
                    told = self._told(run, rule, described, entries, bool(gone))
                    if store.set_rule(run, told):
                        fresh.append(run)
                    _note(entries, described, run, told)
                    self._take_one(described, there, gone, result)
                ranges, posts = self._held(found, store.entries(kinds), fences)
                if posts:
                    store.set_fences(posts)
                store.certify(ranges)
        except BaseException:
            for run in fresh:
                store.forget(run)
            raise
        if self._mode == "move":
            self._finish_moves(found, result)
        _tabulate(ranges, result)

    def _take_one(
        self, described: Described, there: list[Any], gone: list[Any], result: Certified
    ) -> None:
        known = {ref.dataId["detector"] for ref in there} - {ref.dataId["detector"] for ref in gone}
        fresh = [ccd for ccd in described.ccds if ccd not in known]
        (result.files if fresh else result.there).append(described.path)
        if fresh:
            self._store.ingest(described, fresh, gone, self._mode)
            result.datasets += len(fresh)

    def _finish_moves(self, found: list[tuple[Described, Rule]], result: Certified) -> None:
        """Remove what the repository has now."""
        moved = set(result.files)
        for described, _ in found:
            if described.path not in moved:
                continue
            try:
                finish_move(described.path, self._store.path(self._store.there(described)[0]))
            except OSError as error:
                result.failed.append((described.path, str(error)))

    def _held(
        self,
        found: list[tuple[Described, Rule]],
        entries: dict[Key, list[Entry]],
        fences: Sequence[date],
    ) -> tuple[Held, set[date]]:
        """Return what is to hold of all that is touched, and the fences if there are new ones."""
        known = self._store.fences()
        posts = known | set(fences)
        touched = {key for described, _ in found for key in keys_of(described)}
        if posts != known:
            others = set(KINDS) - {described.kind for described, _ in found}
            entries = {**self._store.entries(others), **entries}
            touched = set(entries)
        ranges = {key: held(key, entries[key], posts) for key in touched}
        return ranges, posts if posts != known else set()

    def _gone(self, described: Described, refs: list[Any]) -> list[Any]:
        """Return the datasets whose file is gone, so that this one takes its place.

        Raises
        ------
        RepositoryError
            If that was not asked for, or there is another file of that name and night.
        """
        gone = self._store.gone(described, refs)
        if gone and not self._replace:
            raise RepositoryError(
                f"{described.path}: the repository has it as {self._store.path(gone[0])}, which is "
                "gone; --replace lets this file take its place"
            )
        return gone

    def _told(
        self,
        run: str,
        rule: Rule,
        described: Described,
        entries: dict[Key, list[Entry]],
        follows: bool,
    ) -> Rule:
        """Return the rule that a RUN is to have from now on; a repeat says nothing new.

        With ``follows`` the file only takes the place of one that is gone, and its order stays.

        Raises
        ------
        RepositoryError
            If it is to hold at other times than it said and that was not asked for, or others
            have made a RUN of that name.
        """
        before = self._store.rule_of(run, described.path)
        if before is None:
            return self._first(rule, run, described, entries)
        if rule.rank is not None:  # the old registry may have changed
            return rule
        told = before
        if self._states and (before.explicit, before.reach) != (rule.explicit, rule.reach):
            if not self._replace:
                raise RepositoryError(
                    f"{rule.file}: was to hold {before.when}, now {rule.when}; --replace "
                    "changes that"
                )
            told = replace(rule, order=before.order)
        return told if follows else self._first(told, run, described, entries)

    def _first(
        self, rule: Rule, run: str, described: Described, entries: dict[Key, list[Entry]]
    ) -> Rule:
        """Return the rule with its place among those of the same night: with replace, the first."""
        others = [
            entry.rule.order
            for key in keys_of(described)
            for entry in entries.get(key, [])
            if entry.rule.taken == rule.taken and entry.run != run
        ]
        if not self._replace or rule.order > max(others, default=-1):
            return rule
        return replace(rule, order=max(others) + 1)


def _note(entries: dict[Key, list[Entry]], described: Described, run: str, rule: Rule) -> None:
    """Note the rule of a RUN for all CCDs of its file."""
    for key in keys_of(described):
        mine = entries.setdefault(key, [])
        ref = next((entry.ref for entry in mine if entry.run == run), None)
        mine[:] = [*(entry for entry in mine if entry.run != run), Entry(run, rule, ref)]


def _tabulate(held: Held, result: Certified) -> None:
    count: dict[tuple[str, str, str, Range], int] = {}
    for (kind, filter_, _), pairs in held.items():
        for entry, each in pairs:
            row = (kind, filter_ or "", entry.rule.file, each)
            count[row] = count.get(row, 0) + 1
    rows = sorted(count.items(), key=lambda row: (*row[0][:2], row[0][3].begin or datetime.min))
    result.table = [(*row, number) for row, number in rows]
