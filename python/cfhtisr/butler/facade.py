"""The seed's manner of speaking to a repository."""

__all__ = ["Butler", "Deferred", "Subset"]

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfhtisr.butler import keys, special
from cfhtisr.butler._middleware import DatasetRef
from cfhtisr.butler.connect import connect, has_collection
from cfhtisr.butler.data_ref import DataRef
from cfhtisr.butler.deferred import Deferred
from cfhtisr.butler.errors import NoResults, RepositoryError
from cfhtisr.butler.lookups import Calibrations, Exposures, Product
from cfhtisr.butler.names import CALIBRATION_TYPES, OF_ONE_FILTER, TYPES
from cfhtisr.butler.places import Places
from cfhtisr.butler.preparing import Preparation
from cfhtisr.butler.storing import Store


class Butler:
    """Reads and writes datasets by type and data id.

    It pickles as text, and opens its repositories when it is first asked for something.
    Threads may share it.

    Parameters
    ----------
    root : path-like
        The repository that data come from.
    collections : sequence of str, optional
        Where they are searched, in order.
    run : str, optional
        The RUN that is written; without it nothing can be.
    output : path-like, optional
        The repository with that RUN, if it is another one.
    calib : sequence of str, optional
        Collections that calibrations are searched in.
    calib_root : path-like, optional
        The repository with those, if it is another one.

    Examples
    --------
    ::

        butler = Butler("repo", run="rerun/me")
        raw = butler.get("raw", visit=1038843, ccd=12)
        for ref in butler.subset("raw", visit=1038843):
            print(ref.dataId["ccd"], ref.get("bias").identity)
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | Places,
        collections: Sequence[str] | None = None,
        run: str | None = None,
        *,
        output: str | os.PathLike[str] | None = None,
        calib: Sequence[str] | None = None,
        calib_root: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(root, Places):
            plain = Places(os.path.abspath(root))
            root = Places(
                plain.root,
                plain.collections if collections is None else tuple(collections),
                run,
                None if output is None else os.path.abspath(output),
                plain.calib if calib is None else tuple(calib),
                None if calib_root is None else os.path.abspath(calib_root),
            )
        self.places = root
        self._lock = threading.RLock()
        self._opened: dict[str, Any] = {}
        self._exposures: Exposures | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.places,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.places})"

    def close(self) -> None:
        """Close the repositories; they are opened again when something is asked for."""
        with self._lock:
            for butler in self._opened.values():
                butler.close()
            self._opened.clear()
            self._exposures = None

    # Reading

    def get(
        self,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        immediate: bool = True,
        **rest: Any,
    ) -> Any:
        """Return a dataset.

        Parameters
        ----------
        datasetType : str
            Such as ``raw``, ``flat``, ``raw_md``, ``postISRCCD_filename``, ``camera``.
        dataId : mapping, optional
            ``visit``, ``ccd``, ``filter`` and so on; what is missing is looked up, if that
            leaves one dataset. For calibrations, a filter given is that of the calibration.
        immediate : bool, optional
            Whether it is to be read now; otherwise when something of it is looked at, so that
            errors appear late.
        **rest
            Further entries of the data id; they win.

        Raises
        ------
        NoResults
            If there is none: type, data id, and where it was searched.
        """
        if not immediate:
            return Deferred(lambda: self.get(datasetType, dataId, True, **rest))
        whole, part = special.type_and_part(datasetType)
        given = {**dict(dataId or {}), **rest}
        box, origin = given.pop("bbox", None), given.pop("imageOrigin", None)
        with self._lock:
            asked = keys.normalized(given)
            if whole in special.NOT_FILES:
                return special.not_a_file(whole, self._completed(asked))
            butler, ref = self._found(whole, asked)
            if part == "filename":
                return [butler.getURI(ref).ospath]
            if part == "md":
                return butler.get(ref.makeComponentRef("metadata"))
            value = butler.get(ref)
        return value if part is None else special.derived(value, part, box, origin)

    def datasetExists(
        self,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        write: bool = False,
        **rest: Any,
    ) -> bool:
        """Whether there is a dataset; with ``write``, in the RUN that is written."""
        whole, _ = special.type_and_part(datasetType)
        with self._lock:
            try:
                asked = keys.normalized(dataId, **rest)
                if whole in special.NOT_FILES:
                    special.not_a_file(whole, self._completed(asked))
                    return True
                if write:
                    store = self.store()
                    kind = self._type(store.butler, whole)
                    coordinate = self._coordinate(store, kind, self._product(kind, asked))
                    ref = store.find(whole, coordinate)
                    return ref is not None and bool(store.butler.stored(ref))
                butler, ref = self._found(whole, asked)
            except NoResults:
                return False
            return bool(butler.stored(ref))

    def getUri(
        self,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        write: bool = False,
        **rest: Any,
    ) -> str:
        """Return the path of a dataset; with ``write``, the one that it would be put at."""
        with self._lock:
            asked = keys.normalized(dataId, **rest)
            if write:
                store, ref = self._writable(datasetType, asked)
                return str(store.butler.getURI(ref, predict=True).ospath)
            butler, ref = self._found(datasetType, asked)
            return str(butler.getURI(ref).ospath)

    def subset(
        self,
        datasetType: str,
        level: str | None = None,
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> "Subset":
        """Return data references of all raws that a partial data id fits.

        Parameters
        ----------
        datasetType : str
            What the references are for; whether there is such a dataset is not checked.
        level : {None, "ccd", "visit"}, optional
            Whether a reference is of a CCD or of a whole visit.
        dataId : mapping, optional
            What is fixed.
        **rest
            Further entries.
        """
        if level not in keys.LEVELS:
            raise ValueError(
                f"level is {level!r}, wanted one of {', '.join(map(repr, keys.LEVELS))}"
            )
        self._known(special.type_and_part(datasetType)[0])
        with self._lock:
            ids = self._ids(keys.normalized(dataId, **rest), keys.LEVELS[level])
        return Subset(self, datasetType, level, ids)

    def dataRef(
        self,
        datasetType: str,
        level: str | None = None,
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> DataRef:
        """Return the one data reference that a data id fits.

        Raises
        ------
        RuntimeError
            If it fits none or several.
        """
        found = self.subset(datasetType, level, dataId, **rest)
        if len(found) != 1:
            raise RuntimeError(
                f"{len(found)} data references fit { ({**dict(dataId or {}), **rest}) } for "
                f"{datasetType}, wanted one"
            )
        return next(iter(found))

    def getKeys(self, datasetType: str | None = None, level: str | None = None) -> dict[str, type]:
        """Return the keys that a data id of that type may have, and their types."""
        if datasetType is not None:
            whole, _ = special.type_and_part(datasetType)
            self._known(whole)
            if whole in TYPES and not TYPES[whole].dimensions:
                return {}
        at_ccd = keys.LEVELS.get(level, "ccd") == "ccd"
        of_ccd = ("ccd", "extension")
        return {key: type_ for key, type_ in keys.KEYS.items() if at_ccd or key not in of_ccd}

    def queryMetadata(
        self,
        datasetType: str,
        format: str | Sequence[str],
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> list[Any]:
        """Return the values of one key, or tuples of those of several, that a data id leaves.

        Each is told once, in the order of exposures and CCDs.
        """
        wanted = [format] if isinstance(format, str) else list(format)
        unknown = [key for key in wanted if key not in keys.KEYS]
        if unknown:
            raise NoResults(f"there is no key {unknown[0]!r}, only {', '.join(keys.KEYS)}")
        with self._lock:
            ids = self._ids(keys.normalized(dataId, **rest), "ccd")
        for each in ids:
            each.update(extension=each["ccd"] + 1, state="o")
        rows = dict.fromkeys(tuple(each[key] for key in wanted) for each in ids)
        return [row[0] for row in rows] if isinstance(format, str) else list(rows)

    # Writing

    def put(
        self,
        obj: Any,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        doBackup: bool = False,
        **rest: Any,
    ) -> None:
        """Write a dataset into the output; one that is there is replaced.

        Parameters
        ----------
        obj : object
            What to write.
        datasetType : str
            Its type.
        dataId : mapping, optional
            What it is of.
        doBackup : bool, optional
            Whether a file that is replaced is kept as ``name~1``, and older ones as ``name~2``.
        **rest
            Further entries of the data id.

        Raises
        ------
        RepositoryError
            If there is no output, or it cannot be written.
        NoResults
            If the data id is incomplete, or of an exposure that is not known.
        """
        with self._lock:
            store, ref = self._writable(datasetType, keys.normalized(dataId, **rest))
            store.put(obj, datasetType, ref.dataId, doBackup)

    def putIfAbsent(
        self,
        obj: Any,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> bool:
        """Write a dataset unless there is one; of several processes one gets True."""
        with self._lock:
            store, ref = self._writable(datasetType, keys.normalized(dataId, **rest))
            return store.put_if_absent(obj, datasetType, ref.dataId)

    # Work that is done elsewhere

    def prepare(
        self, dataRefs: Sequence[Any], wanted: Sequence[tuple[str, Mapping[str, Any]]] | None = None
    ) -> list[Any]:
        """Return, for each data reference, one of plain paths that any process can work with.

        Parameters
        ----------
        dataRefs : sequence
            References of this butler; others are returned as they are.
        wanted : sequence of (str, mapping), optional
            What will be asked for: types, each with the entries of the data id that differ.
            By default raws, every kind of calibration, and products.

        Returns
        -------
        workRefs : list of WorkRef
        """
        with self._lock:
            return Preparation(self).prepare(dataRefs, wanted)

    def collect(self, workRefs: Sequence[Any]) -> None:
        """Take what such references have put into the repository, all of it in one move."""
        with self._lock:
            Preparation(self).collect(workRefs)

    # Inside

    @property
    def registry(self) -> Any:
        """The middleware's own butler of the input repository."""
        return self._input()

    def exposures(self) -> Exposures:
        """Return the exposures of the input repository."""
        if self._exposures is None:
            self._exposures = Exposures(self._input(), self.places.collections)
        return self._exposures

    def calibrations(self) -> Calibrations:
        """Return the calibrations."""
        places = self.places
        butler = self._input() if places.calib_root is None else self._open(places.calib_root)
        return Calibrations(butler, places.calib)

    def _open(self, root: str, writeable: bool = False) -> Any:
        if root not in self._opened:
            self._opened[root] = connect(root, writeable=writeable)
        return self._opened[root]

    def _input(self) -> Any:
        places = self.places
        return self._open(places.root, places.run is not None and places.output is None)

    def store(self) -> Store:
        """Return the RUN that is written."""
        places = self.places
        if places.run is None:
            raise RepositoryError(f"{places.root} was opened for reading only: there is no output")
        return Store(places.output_root, self._open(places.output_root, writeable=True), places.run)

    def _known(self, datasetType: str) -> None:
        if datasetType in TYPES or datasetType in special.NOT_FILES:
            return
        self._type(self._input(), datasetType)

    def _type(self, butler: Any, datasetType: str) -> Any:
        from lsst.daf.butler import MissingDatasetTypeError

        try:
            return butler.get_dataset_type(datasetType)
        except MissingDatasetTypeError:
            raise NoResults(
                f"there is no type of datasets {datasetType!r} in {self.places.root}, only "
                f"{', '.join(TYPES)} and what is derived of them"
            ) from None

    def _ids(self, asked: Mapping[str, Any], level: str) -> list[dict[str, Any]]:
        pairs = self.exposures().matching(asked)
        if level == "ccd":
            return [keys.of_record(record, ref.dataId["detector"]) for record, ref in pairs]
        records = {record.id: record for record, _ in pairs}
        return [keys.of_record(record, None) for record in records.values()]

    def _completed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return a data id that has visit and ccd, looked up if they are not given."""
        if ("visit" in asked and "ccd" in asked) or not asked:
            return asked
        ids = self._ids(asked, "ccd")
        return ids[0] if len(ids) == 1 else asked

    def _product(self, kind: Any, asked: dict[str, Any]) -> Product:
        """Return exposure and CCD of a dataset, completed by the raws."""
        needed = [
            key
            for key, dimension in (("visit", "exposure"), ("ccd", "detector"))
            if dimension in kind.dimensions
        ]
        if any(key not in asked for key in needed):
            level = "ccd" if "ccd" in needed else "visit"
            ids = self._ids(asked, level)
            if len(ids) != 1:
                raise NoResults(
                    f"{kind.name} {asked}: {len(ids)} raws fit, wanted one "
                    f"({', '.join(needed)}); searched {self.places.searched}"
                )
            asked = {**ids[0], **asked}
        return (
            asked["visit"] if "visit" in needed else None,
            asked["ccd"] if "ccd" in needed else None,
        )

    def _writable(self, datasetType: str, asked: dict[str, Any]) -> tuple[Store, Any]:
        store = self.store()
        kind = self._type(store.butler, datasetType)
        if kind.isCalibration():
            raise RepositoryError(
                f"{datasetType} is a calibration, which is certified for a range of time: "
                "cfhtisr repo ingest-calibs does that"
            )
        coordinate = self._coordinate(store, kind, self._product(kind, asked))
        return store, DatasetRef(kind, coordinate, run=store.run)

    def _coordinate(self, store: Store, kind: Any, product: Product) -> Any:
        """Return the middleware's data id; an output of its own learns of the exposure."""
        if product[0] is not None:
            self.exposures().record(product[0])
        coordinate = self.exposures().coordinate(kind, product)
        if self.places.output is not None and product[0] is not None:
            ref = DatasetRef(kind, coordinate, run=store.run)
            store.butler.transfer_dimension_records_from(self._input(), [ref])
        return coordinate

    def _found(self, datasetType: str, asked: dict[str, Any]) -> tuple[Any, Any]:
        """Return a dataset and the middleware's butler that has it."""
        if datasetType in CALIBRATION_TYPES:
            return self._calibration(datasetType, asked)
        kind = self._type(self._input(), datasetType)
        product = self._product(kind, asked)
        if product[0] is not None:
            self.exposures().record(product[0])
        coordinate = self.exposures().coordinate(kind, product)
        places = self.places
        searches = [(self._input(), [*([places.run] if places.run else []), *places.collections])]
        if places.output is not None:
            searches = [(self.store().butler, [places.run]), (self._input(), places.collections)]
        for butler, collections in searches:
            there = [name for name in collections if has_collection(butler, name)]
            if butler is not self._input() and not self._knows(butler, product):
                continue
            ref = butler.find_dataset(datasetType, coordinate, collections=there) if there else None
            if ref is not None:
                return butler, ref
        raise NoResults(f"no {datasetType} for {asked}; searched {places.searched}")

    def _knows(self, butler: Any, product: Product) -> bool:
        return product[0] is None or bool(
            butler.query_dimension_records(
                "exposure",
                data_id={"instrument": "MegaPrime", "exposure": product[0]},
                explain=False,
            )
        )

    def _calibration(self, datasetType: str, asked: dict[str, Any]) -> tuple[Any, Any]:
        given = {key: value for key, value in asked.items() if key != "filter"}
        if "visit" not in given or "ccd" not in given:
            ids = self._ids(asked if "visit" not in given else given, "ccd")
            if len(ids) != 1:
                raise NoResults(
                    f"{datasetType} {asked}: {len(ids)} raws fit, wanted one (visit and ccd), for "
                    "calibrations are looked up by the time of an exposure"
                )
            given = {**ids[0], **given}
        record = self.exposures().record(given["visit"])
        filter = asked.get("filter") or keys.short_filter(record.physical_filter)
        begin = None if record.timespan is None else record.timespan.begin
        if begin is None:
            raise NoResults(f"{datasetType} {asked}: the exposure has no time in the registry")
        calibrations = self.calibrations()
        wanted = filter if datasetType in OF_ONE_FILTER else None
        ref = calibrations.one(datasetType, given["ccd"], begin, wanted)
        if ref is None:
            why = calibrations.why_none(datasetType, given["ccd"], begin, wanted)
            raise NoResults(f"{datasetType} for {asked}: {why}")
        return calibrations.butler, ref


class Subset:
    """Data references, made as they are asked for.

    Attributes
    ----------
    butler : Butler
        What they are of.
    datasetType : str
        What they are for.
    level : str or None
        Whether they are of CCDs or of visits.
    """

    def __init__(
        self, butler: Butler, datasetType: str, level: str | None, ids: list[dict[str, Any]]
    ) -> None:
        self.butler = butler
        self.datasetType = datasetType
        self.level = level
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[DataRef]:
        return (DataRef(self, data_id) for data_id in self._ids)
