"""The seed's manner of speaking to a repository."""

__all__ = ["Butler"]

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfhtisr.butler import keys, special
from cfhtisr.butler.connect import explained
from cfhtisr.butler.data_ref import DataRef
from cfhtisr.butler.deferred import Deferred
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.finding import Finder
from cfhtisr.butler.names import CALIBRATION_TYPES, facts_of
from cfhtisr.butler.places import Places
from cfhtisr.butler.preparing import Preparation
from cfhtisr.butler.reading import read_dataset
from cfhtisr.butler.subset import Subset


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
        self._finder = Finder(root)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.places,))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.places})"

    def close(self) -> None:
        """Close the repositories; they are opened again when something is asked for."""
        with self._lock:
            self._finder.close()

    @property
    def middleware(self) -> Any:
        """The middleware's own butler of the input repository."""
        with self._working() as finder:
            return finder.input()

    @contextlib.contextmanager
    def _working(self) -> Iterator[Finder]:
        """Let one thread at a time work, and say what an error of the registry means."""
        with self._lock, explained(self.places.root):
            yield self._finder

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
        with self._working() as finder:
            asked = keys.normalized(given)
            if whole in special.NOT_FILES:
                return special.not_a_file(whole, finder.completed(asked))
            butler, ref = finder.found(whole, asked)
            if part == "filename":
                return [butler.getURI(ref).ospath]
            if part == "md":
                return read_dataset(butler, ref.makeComponentRef("metadata"))
            value = read_dataset(butler, ref)
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
        with self._working() as finder:
            try:
                asked = keys.normalized(dataId, **rest)
                if whole in special.NOT_FILES:
                    special.not_a_file(whole, finder.completed(asked))
                    return True
                if write:
                    if self.places.run is None or whole in CALIBRATION_TYPES:
                        return False
                    store, wanted = finder.writable(whole, asked)
                    ref = store.find(whole, wanted.dataId)
                    return ref is not None and bool(store.butler.stored(ref))
                butler, ref = finder.found(whole, asked)
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
        with self._working() as finder:
            asked = keys.normalized(dataId, **rest)
            if write:
                store, wanted = finder.writable(datasetType, asked)
                there = store.find(datasetType, wanted.dataId) or wanted
                return str(store.butler.getURI(there, predict=True).ospath)
            butler, ref = finder.found(datasetType, asked)
            return str(butler.getURI(ref).ospath)

    def subset(
        self,
        datasetType: str,
        level: str | None = None,
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> Subset:
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
        with self._working() as finder:
            self._check_type(finder, datasetType)
            found = finder.raws(keys.normalized(dataId, **rest), keys.LEVELS[level])
            # All paths at once: to ask for each whether its raw is there would take long.
            uris = finder.input().get_many_uris([ref for _, ref in found], allow_missing=True)
        paths = (uris[ref].primaryURI if ref in uris else None for _, ref in found)
        raws = [None if path is None else path.ospath for path in paths]
        return Subset(self, datasetType, level, [each for each, _ in found], raws)

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
            with self._working() as finder:
                whole = self._check_type(finder, datasetType)
            facts = facts_of(whole)
            if facts is not None and not facts.dimensions:
                return {}
        at_ccd = keys.LEVELS.get(level, "ccd") == "ccd"
        of_ccd = ("ccd", "extension")
        return {key: type_ for key, type_ in keys.KEYS.items() if at_ccd or key not in of_ccd}

    @property
    def otherKeys(self) -> dict[str, type]:
        """The middleware's names of keys, which data ids may have as well, and their types."""
        return dict(keys.OTHER_KEYS)

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
        with self._working() as finder:
            found = finder.raws(keys.normalized(dataId, **rest), "ccd")
        ids = [{**each, "extension": each["ccd"] + 1, "state": "o"} for each, _ in found]
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
        with self._working() as finder:
            store, ref = finder.writable(datasetType, keys.normalized(dataId, **rest))
            store.put(obj, datasetType, ref.dataId, doBackup)

    def putIfAbsent(
        self,
        obj: Any,
        datasetType: str,
        dataId: Mapping[str, Any] | None = None,
        **rest: Any,
    ) -> bool:
        """Write a dataset unless there is one; of several processes one gets True."""
        with self._working() as finder:
            store, ref = finder.writable(datasetType, keys.normalized(dataId, **rest))
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
        with self._working() as finder:
            return Preparation(finder).prepare(dataRefs, wanted)

    def collect(self, workRefs: Sequence[Any]) -> None:
        """Take what such references have put into the repository, all of it in one move."""
        with self._working() as finder:
            Preparation(finder).collect(workRefs)

    @staticmethod
    def _check_type(finder: Finder, datasetType: str) -> str:
        """Return the type of the file of a type; one that is not known is refused."""
        whole, _ = special.type_and_part(datasetType)
        if facts_of(whole) is None and whole not in special.NOT_FILES:
            finder.type(finder.input(), whole)
        return whole
