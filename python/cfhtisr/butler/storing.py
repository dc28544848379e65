"""Putting files into the RUN of an output repository, so that nothing is lost or half there."""

__all__ = ["Store"]

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cfhtisr.butler import readers
from cfhtisr.butler._middleware import DatasetRef, DatasetType, FileDataset
from cfhtisr.butler.connect import CONFIG, explained, has_collection
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.locks import locked
from cfhtisr.butler.names import facts_of
from cfhtisr.butler.staging import STAGING, backed_up
from cfhtisr.io.atomic import is_leftover

_LOCK = ".lock"
_TRIES = 5
_DAYS = 2
_OWN = re.compile(r"\d+-[0-9a-f]{8}-")


class Store:
    """The RUN that a command writes into.

    Parameters
    ----------
    root : path-like
        The output repository.
    butler : lsst.daf.butler.Butler
        The same, opened for writing.
    run : str
        The RUN.
    """

    def __init__(self, root: str | os.PathLike[str], butler: Any, run: str) -> None:
        self.root = Path(root)
        self.butler = butler
        self.run = run
        self.folder = self.root / run
        self.staging = self.folder / STAGING

    def find(self, datasetType: str, coordinate: Any) -> Any:
        """Return the dataset of the RUN, or None."""
        return self.butler.find_dataset(datasetType, coordinate, collections=self.run)

    def kind(self, datasetType: str) -> Any:
        """Return the middleware's type of datasets; one of a task becomes known now.

        Raises
        ------
        lsst.daf.butler.MissingDatasetTypeError
            If nobody knows it.
        """
        from lsst.daf.butler import MissingDatasetTypeError

        try:
            return self.butler.get_dataset_type(datasetType)
        except MissingDatasetTypeError:
            facts = facts_of(datasetType)
            if facts is None:
                raise
            kind = DatasetType(
                datasetType, facts.dimensions, facts.storage, universe=self.butler.dimensions
            )
            self.butler.registry.registerDatasetType(kind)
            return kind

    def put(self, value: Any, datasetType: str, coordinate: Any, backup: bool = False) -> None:
        """Write a dataset; one that is there is replaced when the new one is whole."""
        if not readers.can_write(datasetType):
            self._put_plainly(value, datasetType, coordinate, backup)
            return
        ref = DatasetRef(self.kind(datasetType), coordinate, run=self.run)
        self.staging.mkdir(parents=True, exist_ok=True)
        # A name of its own: another process may be writing the same dataset.
        path = self.staging / f"{os.getpid()}-{ref.id}{readers.extension_of(datasetType)}"
        readers.write(datasetType, value, path)
        try:
            self.adopt([(ref, path)], backup=backup)
        finally:
            path.unlink(missing_ok=True)

    def put_if_absent(self, value: Any, datasetType: str, coordinate: Any) -> bool:
        """Write a dataset unless there is one; whoever comes second gets False."""
        from lsst.daf.butler.registry import ConflictingDefinitionError

        if self.find(datasetType, coordinate) is not None:
            return False
        with locked(self.staging / _LOCK), explained(self.root):
            try:
                self.butler.put(value, datasetType, coordinate, run=self.run)
            except ConflictingDefinitionError:
                return False
        return True

    def adopt(self, files: Iterable[tuple[Any, Path]], backup: bool = False) -> int:
        """Move finished files into the repository, all at once; return their number.

        What they replace is removed when they are whole and ready, and not before. A process
        that dies in between leaves them in the folder of staging, where the next one finds
        them. Files that are gone have been adopted by another process.
        """
        from lsst.daf.butler.registry import ConflictingDefinitionError

        waiting = [(ref, Path(path)) for ref, path in files]
        with locked(self.staging / _LOCK), explained(self.root):
            for attempt in range(_TRIES):
                ready = [(ref, path) for ref, path in waiting if path.exists()]
                if not ready:
                    return 0
                self._make_room([ref for ref, _ in ready], backup)
                try:
                    self.butler.ingest(
                        *(FileDataset(path=path.as_uri(), refs=[ref]) for ref, path in ready),
                        transfer="move",
                    )
                except ConflictingDefinitionError:
                    # Somebody without our lock, such as pipetask, came in between.
                    if attempt + 1 == _TRIES:
                        raise
                else:
                    self._tidy()
                    return len(ready)
        raise AssertionError("not reached")

    def _tidy(self) -> None:
        """Remove what writers left that were killed days ago."""
        for path in self.staging.iterdir():
            if is_leftover(path) or _OWN.match(path.name):
                with contextlib.suppress(OSError):
                    if time.time() - path.stat().st_mtime > _DAYS * 86400:
                        path.unlink()

    def _make_room(self, refs: list[Any], backup: bool) -> None:
        old = self.existing(refs)
        if backup:
            for ref in old:
                backed_up(self.butler.getURI(ref).ospath)
        if old:
            self.butler.pruneDatasets(old, disassociate=True, unstore=True, purge=True)
        for ref in refs:
            # What a process left that was killed after its file came and before it was noted.
            place = self.butler.getURI(ref, predict=True).ospath
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)

    def existing(self, refs: Iterable[Any]) -> list[Any]:
        """Return the datasets of the RUN that have type and data id of these."""
        by_type: dict[str, list[Any]] = {}
        for ref in refs:
            by_type.setdefault(ref.datasetType.name, []).append(ref)
        found = []
        for name, of_type in by_type.items():
            wanted = {ref.dataId for ref in of_type}
            if len(of_type) < 3:
                each = (self.find(name, ref.dataId) for ref in of_type)
                found += [ref for ref in each if ref is not None]
                continue
            found += [ref for ref in self.all_of(name, of_type) if ref.dataId in wanted]
        return found

    def all_of(self, datasetType: str, like: Iterable[Any] = ()) -> list[Any]:
        """Return the datasets of a type in the RUN, of the exposures of some references."""
        visits = sorted({ref.dataId["exposure"] for ref in like if "exposure" in ref.dataId})
        where = f"exposure IN ({', '.join(map(str, visits))})" if visits else ""
        if where:
            where = f"instrument = 'MegaPrime' AND {where}"
        return list(
            self.butler.query_datasets(
                datasetType, self.run, where=where, explain=False, limit=None
            )
        )

    def _put_plainly(self, value: Any, datasetType: str, coordinate: Any, backup: bool) -> None:
        with locked(self.staging / _LOCK), explained(self.root):
            old = self.find(datasetType, coordinate)
            if old is not None:
                if backup:
                    backed_up(self.butler.getURI(old).ospath)
                self.butler.pruneDatasets([old], disassociate=True, unstore=True, purge=True)
            self.butler.put(value, datasetType, coordinate, run=self.run)

    def clobber(self) -> None:
        """Remove the RUN and all that is in it.

        Raises
        ------
        RepositoryError
            If there are other RUNs, or repositories, whose folders lie inside of its own.
        """
        for folder, _, names in os.walk(self.folder):
            if CONFIG in names:
                raise RepositoryError(
                    f"{self.root}: {self.run} cannot be removed, the repository {folder} lies in "
                    "its folder"
                )
        inside = self.butler.collections.query(f"{self.run}/*")
        if inside:
            raise RepositoryError(
                f"{self.root}: {self.run} cannot be removed, "
                f"{', '.join(sorted(inside))} lies in its folder"
            )
        if has_collection(self.butler, self.run):
            with explained(self.root):
                self.butler.removeRuns([self.run])
        shutil.rmtree(self.folder, ignore_errors=True)
