"""What is certified in a collection: kept in line with what the files say of their validity."""

__all__ = ["Certified", "Certifier"]

import errno
import filecmp
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cfhtisr.butler._middleware import (
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    FileDataset,
    Timespan,
)
from cfhtisr.butler.calibration_files import KINDS, Described
from cfhtisr.butler.connect import has_collection
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.names import INSTRUMENT
from cfhtisr.butler.raw_files import MODES
from cfhtisr.butler.rules import Entry, Key, Rule, held
from cfhtisr.butler.validity import ERA_FENCES, Range


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
    table : list of (str, str, str, Range, int)
        Kind, filter or an empty text, file, when it holds, and for how many CCDs, of the kinds
        and filters that were touched.
    """

    files: list[str] = field(default_factory=list)
    datasets: int = 0
    there: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    table: list[tuple[str, str, str, Range, int]] = field(default_factory=list)


class Certifier:
    """Keeps the collection of a repository in line with the rules of its RUNs.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler or None
        The repository; None for one that is not made yet, which can only be looked at.
    collection : str
        The CALIBRATION collection.
    mode : str
        How files come into the repository, one of `cfhtisr.butler.raw_files.MODES`.
    replace : bool
        Whether files take the place of those of the same night.
    """

    def __init__(self, butler: Any, collection: str, mode: str, replace: bool) -> None:
        self._butler = butler
        self._collection = collection
        self._mode = mode
        self._replace = replace

    def look(
        self, found: list[tuple[Described, Rule]], fences: Sequence[date], result: Certified
    ) -> None:
        """Work out what would hold when, and change nothing."""
        entries = self._entries({described.kind for described, _ in found})
        for described, rule in found:
            run = self._run(described)
            mine = [
                key
                for key in _keys(described)
                if all(entry.run != run for entry in entries.get(key, []))
            ]
            (result.files if mine else result.there).append(described.path)
            result.datasets += len(mine)
            rule = self._ordered(rule, described, entries)
            if rule.rank is None and self._is_other(run, rule):
                for key in _keys(described):
                    kept = [entry for entry in entries.get(key, []) if entry.run != run]
                    entries[key] = [*kept, Entry(run, rule, None)]
            for key in mine:
                entries.setdefault(key, []).append(Entry(run, rule, None))
        touched = {key for described, _ in found for key in _keys(described)}
        posts = self._fences() | set(fences)
        _tabulate({key: held(key, entries[key], posts) for key in touched}, result)

    def take(
        self, found: list[tuple[Described, Rule]], fences: Sequence[date], result: Certified
    ) -> None:
        """Take files in, and certify all that they touch anew."""
        butler = self._butler
        butler.collections.register(self._collection, type=CollectionType.CALIBRATION)
        fresh: list[str] = []
        try:
            with butler.transaction():
                kinds = {described.kind for described, _ in found}
                entries = self._entries(kinds) if self._replace else {}
                for described, rule in found:
                    run = self._run(described)
                    told = self._ordered(rule, described, entries)
                    if not has_collection(butler, run):
                        fresh.append(run)
                        butler.collections.register(run, doc=told.text())
                        for key in _keys(described):
                            entries.setdefault(key, []).append(Entry(run, told, None))
                    elif rule.rank is not None:  # the old registry may have changed
                        butler.registry.setCollectionDocumentation(run, rule.text())
                    elif self._is_other(run, rule):
                        butler.registry.setCollectionDocumentation(run, told.text())
                    self._ingest(described, run, result)
                entries = self._entries(kinds)
                posts = self._fences() | set(fences)
                touched = {key for described, _ in found for key in _keys(described)}
                if set(fences) - self._fences():
                    butler.registry.setCollectionDocumentation(
                        self._collection,
                        json.dumps({"fences": sorted(post.isoformat() for post in posts)}),
                    )
                    entries = self._entries(set(KINDS))
                    touched = set(entries)
                ranges = {key: held(key, entries[key], posts) for key in touched}
                self._apply(ranges)
        except BaseException:
            for run in fresh:
                if has_collection(butler, run):
                    butler.collections.x_remove(run)
            raise
        _tabulate(ranges, result)

    def _is_other(self, run: str, rule: Rule) -> bool:
        """Whether a RUN is to hold at other times than it said; a repeat says nothing new.

        Raises
        ------
        RepositoryError
            If it is, and that was not asked for.
        """
        if not has_collection(self._butler, run):
            return False
        before = Rule.of(self._butler.registry.getCollectionDocumentation(run) or "")
        if before is None or (rule.explicit is None and rule.reach is None):
            return False
        if (before.explicit, before.reach) == (rule.explicit, rule.reach):
            return False
        if not self._replace:
            raise RepositoryError(
                f"{rule.file}: was to hold {before.when}, now {rule.when}; --replace changes that"
            )
        return True

    def _run(self, described: Described) -> str:
        night = "undated" if described.taken is None else described.taken.strftime("%Y%m%d")
        # Below the name of the collection: what is in another one is none of its business.
        return f"{self._collection}/{described.kind}/{night}/{described.stem}"

    def _ordered(self, rule: Rule, described: Described, entries: dict[Key, list[Entry]]) -> Rule:
        """Return the rule with its place among those of the same night."""
        if not self._replace:
            return rule
        orders = [
            entry.rule.order
            for key in _keys(described)
            for entry in entries.get(key, [])
            if entry.rule.taken == rule.taken
        ]
        return Rule(
            rule.file, rule.taken, rule.reach, rule.explicit, rule.dark_time,
            max(orders, default=-1) + 1,
        )  # fmt: skip

    def _entries(self, kinds: set[str]) -> dict[Key, list[Entry]]:
        """Return all calibrations of some kinds that have a rule."""
        found: dict[Key, list[Entry]] = {}
        if self._butler is None:
            return found
        registry = self._butler.registry
        for kind in sorted(kinds):
            names = self._butler.collections.query(
                f"{self._collection}/{kind}/*", collection_types=CollectionType.RUN
            )
            rules = {run: Rule.of(registry.getCollectionDocumentation(run) or "") for run in names}
            runs = [run for run in sorted(names) if rules[run] is not None]
            if not runs:
                continue
            for ref in self._butler.query_datasets(
                kind, runs, find_first=False, explain=False, limit=None
            ):
                rule = rules[ref.run]
                assert rule is not None
                filter_ = ref.dataId.get("physical_filter")
                key = (kind, filter_, int(ref.dataId["detector"]))
                found.setdefault(key, []).append(Entry(ref.run, rule, ref))
        return found

    def _fences(self) -> set[date]:
        text = ""
        if self._butler is not None and has_collection(self._butler, self._collection):
            text = self._butler.registry.getCollectionDocumentation(self._collection) or ""
        try:
            told = {date.fromisoformat(each) for each in json.loads(text)["fences"]}
        except (ValueError, KeyError, TypeError):
            told = set()
        return told | set(ERA_FENCES)

    def _ingest(self, described: Described, run: str, result: Certified) -> None:
        from lsst.daf.butler.registry import ConflictingDefinitionError

        butler, kind = self._butler, self._butler.get_dataset_type(described.kind)
        refs = [
            DatasetRef(
                kind,
                DataCoordinate.standardize(_data_id(key), universe=butler.dimensions),
                run=run,
                id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
            )
            for key in _keys(described)
        ]
        there = {ref.id for ref in butler.query_datasets(kind, run, explain=False, limit=None)}
        fresh = [ref for ref in refs if ref.id not in there]
        if not fresh:
            self._same_file(refs[0], described)
            result.there.append(described.path)
            return
        try:
            butler.ingest(
                FileDataset(path=described.path, refs=fresh, formatter=_formatter(described.kind)),
                transfer=MODES[self._mode],
            )
        except ConflictingDefinitionError as error:
            raise RepositoryError(f"{described.path}: {' '.join(str(error).split())}") from error
        except FileExistsError as error:
            raise FileExistsError(
                errno.EEXIST, "the repository has a file of that name", described.path
            ) from error
        result.files.append(described.path)
        result.datasets += len(fresh)

    def _same_file(self, ref: Any, described: Described) -> None:
        """Refuse another file of the name and night of one that is there."""
        path = Path(self._butler.getURI(ref).ospath)
        if not path.exists() or path.samefile(described.path):
            return
        if not filecmp.cmp(path, described.path, shallow=False):
            raise RepositoryError(
                f"{described.path}: {path} of the same name and night is in the repository, and "
                "differs; give it another name, and --replace"
            )

    def _apply(self, held: dict[Key, list[tuple[Entry, Range]]]) -> None:
        """Certify what holds, where that is not what is certified already."""
        registry = self._butler.registry
        wanted: dict[tuple[str, str | None], dict[int, set[tuple[Any, Range]]]] = {}
        for (kind, filter_, ccd), pairs in held.items():
            mine = {(entry.ref, each) for entry, each in pairs}
            wanted.setdefault((kind, filter_), {})[ccd] = mine
        for (kind, filter_), ccds in wanted.items():
            now: dict[int, set[tuple[Any, Any]]] = {ccd: set() for ccd in ccds}
            strange: dict[int, str] = {}
            for each in registry.queryDatasetAssociations(
                kind,
                collections=[self._collection],
                collectionTypes={CollectionType.CALIBRATION},
            ):
                data_id = each.ref.dataId
                if data_id.get("physical_filter") == filter_ and data_id["detector"] in now:
                    now[data_id["detector"]].add((each.ref.id, each.timespan))
                    if not each.ref.run.startswith(f"{self._collection}/{kind}/"):
                        strange[data_id["detector"]] = f"{each.ref.run} for {each.timespan}"
            changed = [
                ccd
                for ccd, mine in ccds.items()
                if {(ref.id, _timespan(each)) for ref, each in mine} != now[ccd]
            ]
            if not changed:
                continue
            for ccd in changed:
                if ccd in strange:
                    raise RepositoryError(
                        f"{kind} of ccd{ccd:02d}: {strange[ccd]} was certified by other means, and "
                        "would give way; decertify it first, or use another --collection"
                    )
            old = [_data_id((kind, filter_, ccd)) for ccd in changed if now[ccd]]
            if old:
                registry.decertify(self._collection, kind, Timespan(None, None), dataIds=old)
            together: dict[Range, list[Any]] = {}
            for ccd in changed:
                for ref, each in ccds[ccd]:
                    together.setdefault(each, []).append(ref)
            for each, refs in together.items():
                registry.certify(self._collection, refs, _timespan(each))


def _keys(described: Described) -> list[Key]:
    return [(described.kind, described.physical_filter, ccd) for ccd in described.ccds]


def _data_id(key: Key) -> dict[str, int | str]:
    _, filter_, ccd = key
    data_id: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": ccd}
    return data_id | ({"physical_filter": filter_} if filter_ else {})


def _tabulate(held: dict[Key, list[tuple[Entry, Range]]], result: Certified) -> None:
    count: dict[tuple[str, str, str, Range], int] = {}
    for (kind, filter_, _), pairs in held.items():
        for entry, each in pairs:
            row = (kind, filter_ or "", entry.rule.file, each)
            count[row] = count.get(row, 0) + 1
    rows = sorted(count.items(), key=lambda row: (*row[0][:2], row[0][3].begin or datetime.min))
    result.table = [(*row, number) for row, number in rows]


@functools.lru_cache(maxsize=4096)  # the same for all CCDs of a file
def _timespan(each: Range) -> Any:
    from astropy.time import Time

    begin, end = (
        None if moment is None else Time(moment, scale="utc", format="datetime").tai
        for moment in (each.begin, each.end)
    )
    return Timespan(begin, end)


def _formatter(kind: str) -> Any:
    from cfhtisr.butler import fact_formatters, formatters

    own = {
        "defects": fact_formatters.DefectsFormatter,
        "crosstalk": fact_formatters.CrosstalkFormatter,
        "linearizer": fact_formatters.LinearizerFormatter,
    }
    return own.get(kind, formatters.MasterFormatter)
