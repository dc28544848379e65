"""Looking everything up before work starts, and taking in what it made."""

__all__ = ["Preparation"]

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cfhtisr.butler import keys, readers
from cfhtisr.butler._middleware import DatasetRef
from cfhtisr.butler.connect import has_collection
from cfhtisr.butler.data_ref import DataRef
from cfhtisr.butler.finding import Finder
from cfhtisr.butler.names import CALIBRATION_TYPES, OF_ONE_FILTER, TYPES, facts_of
from cfhtisr.butler.work_ref import Asked, WorkRef, signature

PRODUCTS = tuple(
    name
    for name, facts in TYPES.items()
    if "exposure" in facts.dimensions and name != "raw" and readers.can_write(name)
)
"""What work puts."""

_WAITING = re.compile(r"(.+)-(\d+)-(\d\d)\.\w+")
Place = tuple[int, int]


class Preparation:
    """The work of a butler for others: look-ups in bulk, a query or two for each type.

    Parameters
    ----------
    finder : Finder
        Finds them; nobody else uses it meanwhile.
    """

    def __init__(self, finder: Finder) -> None:
        self._finder = finder

    def prepare(
        self, dataRefs: Sequence[Any], wanted: Sequence[tuple[str, Mapping[str, Any]]] | None
    ) -> list[Any]:
        """Return references of plain paths; see `cfhtisr.butler.Butler.prepare`."""
        ours = [ref for ref in dataRefs if isinstance(ref, DataRef) and "ccd" in ref.dataId]
        if not ours:
            return list(dataRefs)
        asked = _asked(wanted)
        work = {id(ref): self._bare(ref) for ref in ours}
        places = {(ref.dataId["visit"], ref.dataId["ccd"]) for ref in ours}
        found: dict[Asked, dict[Place, str]] = {}
        why: dict[Asked, dict[Place, str]] = {}
        for datasetType, filter in asked:
            one = (datasetType, filter)
            if datasetType in CALIBRATION_TYPES:
                found[one], why[one] = self._calibrations(datasetType, filter, places)
            elif "exposure" in getattr(facts_of(datasetType), "dimensions", ()):
                found[one] = self._inputs(datasetType, places)
        products = {name: self._outputs(name, places) for name in PRODUCTS}
        for ref in ours:
            place = (ref.dataId["visit"], ref.dataId["ccd"])
            made = work[id(ref)]
            made.found = {one: paths[place] for one, paths in found.items() if place in paths}
            made.missing = {one: told[place] for one, told in why.items() if place in told}
            made.products = {
                name: paths[place] for name, paths in products.items() if place in paths
            }
        self._note_left(work.values())
        return [work.get(id(ref), ref) for ref in dataRefs]

    def collect(self, workRefs: Sequence[Any]) -> None:
        """Take in what was put; see `cfhtisr.butler.Butler.collect`."""
        known = {
            (ref.dataId["visit"], ref.dataId["ccd"]): ref
            for ref in workRefs
            if isinstance(ref, WorkRef) and ref.staging
        }
        ours = list(known.values())  # each once, however often it was named
        if not ours or self._finder.places.run is None:
            return
        store = self._finder.store()
        there = set(os.listdir(store.staging)) if store.staging.is_dir() else set()
        files = []
        waits = (_WAITING.fullmatch(file) for file in there)
        named = {match[1] for match in waits if match and facts_of(match[1]) is not None}
        for name in sorted({*PRODUCTS, *named}):
            for ref in ours:
                place = ref.waiting(name)
                if place is None or os.path.basename(place) not in there:
                    continue
                waiting = ref.mine(name)
                if waiting is not None:
                    files.append((name, ref, Path(waiting)))
        if not files:
            return
        self._finder.exposures().records({ref.dataId["visit"] for _, ref, _ in files})
        refs = []
        for name, ref, path in files:
            kind = store.kind(name)
            product = (ref.dataId["visit"], ref.dataId["ccd"])
            coordinate = self._finder.exposures().coordinate(kind, product)
            refs.append((DatasetRef(kind, coordinate, run=store.run), path))
        if self._finder.places.output is not None:
            store.butler.transfer_dimension_records_from(
                self._finder.input(), [ref for ref, _ in refs]
            )
        store.adopt(refs)

    def _note_left(self, works: Iterable[WorkRef]) -> None:
        """Note what waits already of the work of some references."""
        if self._finder.places.run is None or not (folder := self._finder.store().staging).is_dir():
            return
        by_place: dict[Place, list[str]] = {}
        for file in os.listdir(folder):
            if match := _WAITING.fullmatch(file):
                by_place.setdefault((int(match[2]), int(match[3])), []).append(file)
        for work in works:
            for file in by_place.get((work.dataId["visit"], work.dataId["ccd"]), ()):
                if (told := signature(os.path.join(folder, file))) is not None:
                    work.left[file] = told

    def _bare(self, ref: DataRef) -> WorkRef:
        staging = None
        if self._finder.places.run is not None:
            staging = str(self._finder.store().staging)
        return WorkRef(dict(ref.dataId), ref.butlerSubset.datasetType, staging=staging)

    def _calibrations(
        self, datasetType: str, filter: str | None, places: Iterable[Place]
    ) -> tuple[dict[Place, str], dict[Place, str]]:
        calibrations = self._finder.calibrations()
        records = self._finder.exposures().records({visit for visit, _ in places})
        found: dict[Place, Any] = {}
        missing: dict[Place, str] = {}
        valid: dict[Any, Any] = {}
        told: dict[Any, str] = {}
        for visit, ccd in sorted(places):
            record = records.get(visit)
            begin = None if record is None or record.timespan is None else record.timespan.begin
            if record is None or begin is None:
                missing[visit, ccd] = "the exposure has no time in the registry"
                continue
            if visit not in valid:
                valid[visit] = calibrations.valid(datasetType, begin)
            wanted = None
            if datasetType in OF_ONE_FILTER:
                wanted = filter or keys.short_filter(record.physical_filter)
            ref = valid[visit].get((ccd, wanted))
            if ref is not None:
                found[visit, ccd] = ref
                continue
            if (visit, ccd) not in told:
                told[visit, ccd] = calibrations.why_none(datasetType, ccd, begin, wanted)
            missing[visit, ccd] = told[visit, ccd]
        return self._paths(calibrations.butler, found), missing

    def _inputs(self, datasetType: str, places: Iterable[Place]) -> dict[Place, str]:
        found: dict[Place, str] = {}
        where = self._finder.places
        for folder, collections in (*where.between, (where.root, where.collections)):
            butler = self._finder.open(folder)
            found = self._query(butler, datasetType, collections, places) | found
        return found

    def _outputs(self, datasetType: str, places: Iterable[Place]) -> dict[Place, str]:
        if self._finder.places.run is None:
            return {}
        store = self._finder.store()
        return self._query(store.butler, datasetType, [store.run], places)

    def _query(
        self, butler: Any, datasetType: str, collections: Sequence[str], places: Iterable[Place]
    ) -> dict[Place, str]:
        wanted = set(places)
        visits = ", ".join(map(str, sorted({visit for visit, _ in wanted})))
        there = [name for name in collections if has_collection(butler, name)]
        if not there or not list(butler.registry.queryDatasetTypes(datasetType)):
            return {}
        refs = butler.query_datasets(
            datasetType,
            there,
            where=f"instrument = 'MegaPrime' AND exposure IN ({visits})",
            explain=False,
            limit=None,
        )
        return self._paths(
            butler,
            {
                place: ref
                for ref in refs
                if (place := (ref.dataId["exposure"], ref.dataId["detector"])) in wanted
            },
        )

    @staticmethod
    def _paths(butler: Any, refs: Mapping[Place, Any]) -> dict[Place, str]:
        if not refs:
            return {}
        uris = butler.get_many_uris(set(refs.values()), allow_missing=True)
        return {
            place: uris[ref].primaryURI.ospath
            for place, ref in refs.items()
            if ref in uris and uris[ref].primaryURI is not None
        }


def _asked(wanted: Sequence[tuple[str, Mapping[str, Any]]] | None) -> list[Asked]:
    """Return types with filters, each once; raws are always there."""
    if wanted is None:
        wanted = [(name, {}) for name in CALIBRATION_TYPES]
    asked: dict[Asked, None] = {("raw", None): None}
    for name, more in wanted:
        filter = more.get("filter") if name in OF_ONE_FILTER else None
        asked[name, None if filter is None else keys.short_filter(filter)] = None
    return list(asked)
