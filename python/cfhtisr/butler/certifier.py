"""What is certified in a collection: kept in line with what the files say of their validity."""

__all__ = ["Certified", "Certifier"]

import errno
import filecmp
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
            mine = [entry for key in _keys(described) for entry in entries.get(key, [])]
            there = [entry for entry in mine if entry.run == run]
            told = self._told(run, rule, described, entries)
            fresh = len(described.ccds) - len(there)
            refs = [entry.ref for entry in there if entry.ref is not None]
            if refs and not fresh and self._is_moved(refs, described):
                fresh = len(refs)
            (result.files if fresh else result.there).append(described.path)
            result.datasets += fresh
            _note(entries, described, run, told)
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
                    told = self._told(run, rule, described, entries)
                    if not has_collection(butler, run):
                        fresh.append(run)
                        butler.collections.register(run, doc=told.text())
                    elif told != self._rule_of(run):
                        butler.registry.setCollectionDocumentation(run, told.text())
                    _note(entries, described, run, told)
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

    def _told(
        self, run: str, rule: Rule, described: Described, entries: dict[Key, list[Entry]]
    ) -> Rule:
        """Return the rule that a RUN is to have from now on; a repeat says nothing new.

        Raises
        ------
        RepositoryError
            If it is to hold at other times than it said and that was not asked for, or others
            have made a RUN of that name.
        """
        if self._butler is None or not has_collection(self._butler, run):
            return self._first(rule, run, described, entries)
        before = self._rule_of(run)
        if before is None:
            raise RepositoryError(f"{described.path}: {run} is there, and was made by other means")
        if rule.rank is not None:  # the old registry may have changed
            return rule
        told = before
        says = rule.explicit is not None or rule.reach is not None
        if says and (before.explicit, before.reach) != (rule.explicit, rule.reach):
            if not self._replace:
                raise RepositoryError(
                    f"{rule.file}: was to hold {before.when}, now {rule.when}; --replace "
                    "changes that"
                )
            told = rule
        return self._first(replace(told, order=before.order), run, described, entries)

    def _run(self, described: Described) -> str:
        night = "undated" if described.taken is None else described.taken.strftime("%Y%m%d")
        # Below the name of the collection: what is in another one is none of its business.
        return f"{self._collection}/{described.kind}/{night}/{described.stem}"

    def _rule_of(self, run: str) -> Rule | None:
        return Rule.of(self._butler.registry.getCollectionDocumentation(run) or "")

    def _first(
        self, rule: Rule, run: str, described: Described, entries: dict[Key, list[Entry]]
    ) -> Rule:
        """Return the rule with its place among those of the same night: with replace, the first."""
        others = [
            entry.rule.order
            for key in _keys(described)
            for entry in entries.get(key, [])
            if entry.rule.taken == rule.taken and entry.run != run
        ]
        if not self._replace or rule.order > max(others, default=-1):
            return rule
        return replace(rule, order=max(others) + 1)

    def _entries(self, kinds: set[str]) -> dict[Key, list[Entry]]:
        """Return all calibrations of some kinds that have a rule."""
        found: dict[Key, list[Entry]] = {}
        if self._butler is None:
            return found
        for kind in sorted(kinds):
            names = self._butler.collections.query(
                f"{self._collection}/{kind}/*", collection_types=CollectionType.RUN
            )
            rules = {run: self._rule_of(run) for run in names}
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
        if not fresh and not self._is_moved(refs, described):
            result.there.append(described.path)
            return
        if not fresh:
            butler.pruneDatasets(refs, disassociate=False, unstore=True, purge=False)
            fresh = refs
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

    def _is_moved(self, refs: list[Any], described: Described) -> bool:
        """Whether the file of datasets that are there is gone, and this one takes its place.

        Raises
        ------
        RepositoryError
            If that was not asked for, or there is another file of that name and night.
        """
        path = Path(self._butler.getURI(refs[0]).ospath)
        if not path.exists():
            if not self._replace:
                raise RepositoryError(
                    f"{described.path}: the repository has it as {path}, which is gone; --replace "
                    "lets this file take its place"
                )
            return True
        if not path.samefile(described.path) and not filecmp.cmp(
            path, described.path, shallow=False
        ):
            raise RepositoryError(
                f"{described.path}: {path} of the same name and night is in the repository, and "
                "differs; give it another name, and --replace"
            )
        return False

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


def _note(entries: dict[Key, list[Entry]], described: Described, run: str, rule: Rule) -> None:
    """Note the rule of a RUN for all CCDs of its file."""
    for key in _keys(described):
        mine = entries.setdefault(key, [])
        ref = next((entry.ref for entry in mine if entry.run == run), None)
        mine[:] = [*(entry for entry in mine if entry.run != run), Entry(run, rule, ref)]


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
