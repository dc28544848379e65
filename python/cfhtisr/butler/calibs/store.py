"""What a repository has of calibrations, and when each of them is certified to hold."""

__all__ = ["CalibrationStore", "Held", "keys_of", "refuse_other"]

import errno
import filecmp
import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
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
from cfhtisr.butler.calibs.files import Described
from cfhtisr.butler.calibs.rules import Entry, Key, Rule
from cfhtisr.butler.calibs.validity import ERA_FENCES, Range
from cfhtisr.butler.connect import has_collection
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.names import INSTRUMENT
from cfhtisr.butler.transfers import transfer

Held = dict[Key, list[tuple[Entry, Range]]]
"""What is to hold of each CCD, and when."""


@dataclass(frozen=True)
class Change:
    """CCDs of one kind and filter of which something else is to hold than what is certified."""

    kind: str
    certified: list[Key]
    wanted: dict[Range, list[Any]]


class CalibrationStore:
    """A CALIBRATION collection, and the RUNs below its name.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler or None
        The repository; None for one that is not made yet, in which there is nothing.
    root : path-like
        Its folder.
    collection : str
        The collection.

    Raises
    ------
    RepositoryError
        If there is something else of that name.
    """

    def __init__(self, butler: Any, root: Any, collection: str) -> None:
        self.butler = butler
        self._root = root
        self.collection = collection
        if self._is_there(collection):
            kind = butler.collections.get_info(collection).type
            if kind is not CollectionType.CALIBRATION:
                raise RepositoryError(
                    f"{root}: {collection} is a collection of type {kind.name}, wanted CALIBRATION"
                )

    def _is_there(self, name: str) -> bool:
        return self.butler is not None and has_collection(self.butler, name)

    def run_of(self, described: Described) -> str:
        """Return the RUN of a file."""
        night = "undated" if described.taken is None else described.taken.strftime("%Y%m%d")
        # Below the name of the collection: what is in another one is none of its business.
        return f"{self.collection}/{described.kind}/{night}/{described.stem}"

    def rule_of(self, run: str, path: str) -> Rule | None:
        """Return the rule of a RUN, None if there is no such RUN.

        Raises
        ------
        RepositoryError
            If others have made it, so that there is no rule; the text names ``path``.
        """
        if not self._is_there(run):
            return None
        rule = self._rule(run)
        if rule is None:
            raise RepositoryError(f"{path}: {run} is there, and was made by other means")
        return rule

    def set_rule(self, run: str, rule: Rule) -> bool:
        """Note the rule of a RUN; return whether the RUN is new."""
        if not self._is_there(run):
            return bool(self.butler.collections.register(run, doc=rule.text()))
        if rule != self._rule(run):
            self.butler.registry.setCollectionDocumentation(run, rule.text())
        return False

    def forget(self, run: str) -> None:
        """Remove a RUN in which there is nothing."""
        if self._is_there(run):
            self.butler.collections.x_remove(run)

    def entries(self, kinds: Iterable[str]) -> dict[Key, list[Entry]]:
        """Return all calibrations of some kinds that have a rule."""
        found: dict[Key, list[Entry]] = {}
        if self.butler is None:
            return found
        for kind in sorted(kinds):
            names = self.butler.collections.query(
                f"{self.collection}/{kind}/*", collection_types=CollectionType.RUN
            )
            rules = {run: self._rule(run) for run in names}
            runs = [run for run in sorted(names) if rules[run] is not None]
            if not runs:
                continue
            for ref in self.butler.query_datasets(
                kind, runs, find_first=False, explain=False, limit=None
            ):
                rule = rules[ref.run]
                assert rule is not None
                filter_ = ref.dataId.get("physical_filter")
                key = (kind, filter_, int(ref.dataId["detector"]))
                found.setdefault(key, []).append(Entry(ref.run, rule, ref))
        return found

    def fences(self) -> set[date]:
        """Return the days that no calibration reaches across."""
        text = ""
        if self._is_there(self.collection):
            text = self.butler.registry.getCollectionDocumentation(self.collection) or ""
        try:
            told = {date.fromisoformat(each) for each in json.loads(text)["fences"]}
        except (ValueError, KeyError, TypeError):
            told = set()
        return told | set(ERA_FENCES)

    def set_fences(self, posts: Iterable[date]) -> None:
        """Note the fences."""
        self.butler.registry.setCollectionDocumentation(
            self.collection, json.dumps({"fences": sorted(post.isoformat() for post in posts)})
        )

    def there(self, described: Described) -> list[Any]:
        """Return the datasets of the CCDs of a file that are in its RUN."""
        run = self.run_of(described)
        if not self._is_there(run):
            return []
        refs = self.butler.query_datasets(described.kind, run, explain=False, limit=None)
        return [ref for ref in refs if ref.dataId["detector"] in described.ccds]

    def path(self, ref: Any) -> str:
        """Return the file of a dataset."""
        return str(self.butler.getURI(ref).ospath)

    def gone(self, described: Described, refs: list[Any]) -> list[Any]:
        """Return those of the datasets of a file that the repository has from one that is gone.

        Raises
        ------
        RepositoryError
            If it has them from another file that differs.
        """
        found: dict[str, list[Any]] = {}
        for ref, uris in self.butler.get_many_uris(refs).items() if refs else ():
            found.setdefault(uris.primaryURI.ospath, []).append(ref)
        gone = []
        for path, of_it in found.items():
            if Path(path).exists():
                refuse_other(path, described)
            else:
                gone += of_it
        return gone

    def ingest(self, described: Described, fresh: list[int], gone: list[Any], mode: str) -> None:
        """Take a file in, for some of its CCDs; what is ``gone`` gives way."""
        from lsst.daf.butler.registry import ConflictingDefinitionError

        kind = self.butler.get_dataset_type(described.kind)
        refs = [
            DatasetRef(
                kind,
                DataCoordinate.standardize(_data_id(key), universe=self.butler.dimensions),
                run=self.run_of(described),
                id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
            )
            for key in keys_of(described)
            if key[2] in fresh
        ]
        if gone:
            self.butler.pruneDatasets(gone, disassociate=False, unstore=True, purge=False)
        path = described.path
        try:
            self.butler.ingest(
                FileDataset(path=path, refs=refs, formatter=_formatter(described.kind)),
                transfer=transfer(mode, path, self._root),
            )
        except ConflictingDefinitionError as error:
            raise RepositoryError(f"{path}: {' '.join(str(error).split())}") from error
        except FileExistsError as error:
            raise FileExistsError(
                errno.EEXIST, "the repository has a file of that name", path
            ) from error

    def changes(self, held: Held) -> Iterator[Change]:
        """Yield where what is to hold is not what is certified.

        Raises
        ------
        RepositoryError
            If others have certified what would give way.
        """
        wanted: dict[tuple[str, str | None], dict[int, list[tuple[Entry, Range]]]] = {}
        for (kind, filter_, ccd), pairs in held.items():
            wanted.setdefault((kind, filter_), {})[ccd] = pairs
        for (kind, filter_), ccds in wanted.items():
            now, strange = self._certified(kind, filter_, ccds)
            changed = [
                ccd
                for ccd, pairs in ccds.items()
                if {(entry.ref and entry.ref.id, _timespan(each)) for entry, each in pairs}
                != now[ccd]
            ]
            for ccd in changed:
                if ccd in strange:
                    raise RepositoryError(
                        f"{kind} of ccd{ccd:02d}: {strange[ccd]} was certified by other means, and "
                        "would give way; decertify it first, or use another --collection"
                    )
            if not changed:
                continue
            together: dict[Range, list[Any]] = {}
            for ccd in changed:
                for entry, each in ccds[ccd]:
                    together.setdefault(each, []).append(entry.ref)
            old = [(kind, filter_, ccd) for ccd in changed if now[ccd]]
            yield Change(kind, old, together)

    def certify(self, held: Held) -> None:
        """Certify what is to hold, where that is not what is certified already."""
        registry = self.butler.registry
        for change in self.changes(held):
            if change.certified:
                registry.decertify(
                    self.collection,
                    change.kind,
                    Timespan(None, None),
                    dataIds=[_data_id(key) for key in change.certified],
                )
            for each, refs in change.wanted.items():
                registry.certify(self.collection, refs, _timespan(each))

    def _certified(
        self, kind: str, filter_: str | None, ccds: Iterable[int]
    ) -> tuple[dict[int, set[tuple[Any, Any]]], dict[int, str]]:
        """Return what is certified of each CCD, and what others have."""
        now: dict[int, set[tuple[Any, Any]]] = {ccd: set() for ccd in ccds}
        strange: dict[int, str] = {}
        if not self._is_there(self.collection):
            return now, strange
        for each in self.butler.registry.queryDatasetAssociations(
            kind,
            collections=[self.collection],
            collectionTypes={CollectionType.CALIBRATION},
        ):
            data_id = each.ref.dataId
            if data_id.get("physical_filter") == filter_ and data_id["detector"] in now:
                now[data_id["detector"]].add((each.ref.id, each.timespan))
                if not each.ref.run.startswith(f"{self.collection}/{kind}/"):
                    strange[data_id["detector"]] = f"{each.ref.run} for {each.timespan}"
        return now, strange

    def _rule(self, run: str) -> Rule | None:
        return Rule.of(self.butler.registry.getCollectionDocumentation(run) or "")


def refuse_other(path: str, described: Described) -> None:
    """Refuse a file that is not the one that is known by its name and night.

    Raises
    ------
    RepositoryError
        If the two differ.
    """
    known = Path(path)
    if not known.samefile(described.path) and not filecmp.cmp(known, described.path, shallow=False):
        raise RepositoryError(
            f"{described.path}: {path} of the same name and night is in the repository, and "
            "differs; give it another name, and --replace"
        )


def keys_of(described: Described) -> list[Key]:
    """Return what a file has: a key for each CCD."""
    return [(described.kind, described.physical_filter, ccd) for ccd in described.ccds]


def _data_id(key: Key) -> dict[str, int | str]:
    _, filter_, ccd = key
    data_id: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": ccd}
    return data_id | ({"physical_filter": filter_} if filter_ else {})


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
