"""A data reference of plain paths and text, for work that is done in other processes."""

__all__ = ["WorkRef", "is_finished", "signature"]

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cfhtisr.butler import readers, special
from cfhtisr.butler.deferred import Deferred
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.keys import short_filter
from cfhtisr.butler.names import OF_ONE_FILTER, facts_of
from cfhtisr.butler.staging import backed_up, staging_name

Asked = tuple[str, str | None]
"""A type, and the filter if one was asked for that is not the exposure's."""


@dataclass
class WorkRef:
    """What a worker needs to know of one CCD of one exposure.

    It imports nothing of the middleware, opens no registry, and pickles small. What is put
    waits in a folder until `cfhtisr.butler.Butler.collect` takes it into the repository.

    Attributes
    ----------
    dataId : dict
        The whole data id.
    datasetType : str
        What the reference was made for.
    found : dict
        The path of what was found, by type and filter.
    missing : dict
        Why there is none, by type and filter.
    products : dict of str to str
        Paths of what the output has already, by type.
    staging : str or None
        The folder where what is put waits; None if there is no output.
    left : dict
        What waited there before this work: names of files, each with what tells it from another.
        It may be of other settings: it is read and collected only if `finished` has found that
        it is what this work would make.
    """

    dataId: dict[str, Any]
    datasetType: str
    found: dict[Asked, str] = field(default_factory=dict)
    missing: dict[Asked, str] = field(default_factory=dict)
    products: dict[str, str] = field(default_factory=dict)
    staging: str | None = None
    left: dict[str, tuple[int, int]] = field(default_factory=dict)

    def get(self, datasetType: str | None = None, immediate: bool = True, **rest: Any) -> Any:
        """Return a dataset; see `cfhtisr.butler.Butler.get`.

        Raises
        ------
        NoResults
            If there is none, or it was not among what was wanted when the work was prepared.
        """
        name = self.datasetType if datasetType is None else datasetType
        if not immediate:
            return Deferred(lambda: self.get(name, True, **rest))
        whole, part = special.type_and_part(name)
        box, origin = rest.pop("bbox", None), rest.pop("imageOrigin", None)
        if whole in special.NOT_FILES:
            return special.not_a_file(whole, self.dataId)
        path = self._path(whole, rest)
        if part == "filename":
            return [path]
        ccd = self.dataId.get("ccd")
        if part == "md" and whole == "raw" and ccd is not None:
            return readers.part_of_raw(path, ccd, "metadata")
        value = readers.read(whole, path, ccd)
        return value if part is None else special.derived(value, part, box, origin)

    def put(
        self, obj: Any, datasetType: str | None = None, doBackup: bool = False, **rest: Any
    ) -> None:
        """Write a dataset where it waits to be collected; the file appears whole.

        Raises
        ------
        NoResults
            If there is no output, or the type cannot be written.
        """
        name = self.datasetType if datasetType is None else datasetType
        facts = facts_of(name)
        if facts is not None and "exposure" not in facts.dimensions:
            raise NoResults(f"{name} is not of one exposure: the parent process writes it")
        if not readers.can_write(name):
            raise NoResults(f"datasets of type {name!r} cannot be written")
        self._same(rest)
        path = self.waiting(name)
        if path is None:
            raise NoResults(f"there is no output to put {name} into")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if doBackup and name in self.products:
            backed_up(self.products[name])
        readers.write(name, obj, path)

    def datasetExists(
        self, datasetType: str | None = None, write: bool = False, **rest: Any
    ) -> bool:
        """Whether there is a dataset; with ``write``, in the output, collected or not."""
        name, _ = special.type_and_part(self.datasetType if datasetType is None else datasetType)
        if name in special.NOT_FILES:
            return True
        if self._product(name) is not None:
            return True
        if write:
            return False
        try:
            return os.path.exists(self._path(name, rest))
        except NoResults:
            return False

    def getUri(self, datasetType: str | None = None, write: bool = False, **rest: Any) -> str:
        """Return the path of a dataset."""
        name = self.datasetType if datasetType is None else datasetType
        waiting = self.waiting(name) if write else None
        return self._path(name, rest) if waiting is None else waiting

    def getButler(self) -> Any:
        """Return what has ``get``, ``put`` and ``datasetExists``: this reference itself."""
        return self

    def finished(self, datasetType: str, job: str) -> bool:
        """Whether the output has that product, whole, and made in the same way of the same.

        Parameters
        ----------
        datasetType : str
            Such as ``postISRCCD``.
        job : str
            The fingerprint of inputs and settings, as in the product's provenance.
        """
        waiting = self.waiting(datasetType)
        if waiting is not None and is_finished(waiting, job):
            self._approve(waiting)
            return True
        path = self._product(datasetType)
        return path is not None and is_finished(path, job)

    def _approve(self, waiting: str) -> None:
        """Let a product that was left, and what was put after it, be of this work.

        Their time is set to now, by which the parent sees it.
        """
        name = os.path.basename(waiting)
        if name not in self.left:
            return
        _, since = self.left[name]
        for each, told in self.left.items():
            path = os.path.join(os.path.dirname(waiting), each)
            if told[1] >= since and signature(path) == told:
                with contextlib.suppress(FileNotFoundError):  # somebody has collected it meanwhile
                    os.utime(path, ns=(told[1], max(time.time_ns(), told[1] + 1)))

    def identity(self, datasetType: str) -> str:
        """Return what a dataset was read from, as its ``identity`` would, without its pixels.

        Raises
        ------
        NoResults
            If there is none.
        """
        return readers.identity(datasetType, self._path(datasetType, {}), self.dataId["ccd"])

    def waiting(self, datasetType: str) -> str | None:
        """Return where a product waits, or will, until it is collected."""
        if self.staging is None or not readers.can_write(datasetType):
            return None
        visit, ccd = self.dataId.get("visit"), self.dataId.get("ccd")
        name = staging_name(datasetType, visit, ccd, readers.extension_of(datasetType))
        return os.path.join(self.staging, name)

    def mine(self, datasetType: str) -> str | None:
        """Return the path of a product of this work that waits to be collected."""
        path = self.waiting(datasetType)
        told = None if path is None else signature(path)
        if path is None or told is None or self.left.get(os.path.basename(path)) == told:
            return None
        return path

    def subItems(self, level: str | None = None) -> tuple[()]:
        """Return the references one level below: none."""
        return ()

    def subLevels(self) -> list[str]:
        """Return the names of the levels below: none."""
        return []

    def _product(self, datasetType: str) -> str | None:
        """Return the newest file of a product, None if there is none."""
        for path in (self.mine(datasetType), self.products.get(datasetType)):
            if path is not None and os.path.exists(path):
                return path
        return None

    def _path(self, datasetType: str, rest: Mapping[str, Any]) -> str:
        filter = self._same(rest)
        product = self._product(datasetType)
        if product is not None:
            return product
        asked = (datasetType, filter if datasetType in OF_ONE_FILTER else None)
        if asked in self.found:
            return self.found[asked]
        why = self.missing.get(asked, "it was not among what was wanted of this work")
        raise NoResults(f"{datasetType}: {why}")

    def _same(self, rest: Mapping[str, Any]) -> str | None:
        """Return the filter that is asked for, if it is another; refuse another exposure."""
        filter = rest.get("filter")
        for key, value in rest.items():
            if key != "filter" and value != self.dataId.get(key):
                raise NoResults(f"{key}={value!r} was asked for, this work is of {self.dataId}")
        if filter is None or short_filter(str(filter)) == self.dataId.get("filter"):
            return None
        return short_filter(str(filter))


def signature(path: str) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None if there is none."""
    try:
        told = os.stat(path)
    except OSError:
        return None
    return told.st_ino, told.st_mtime_ns


def is_finished(path: str, job: str) -> bool:
    """Whether a product is whole, and of the same inputs and settings."""
    from cfhtisr.io import read_provenance
    from cfhtisr.io.verify import verify

    try:
        return read_provenance(path).get("JOB") == job and not verify(path)
    except (OSError, ValueError):
        return False
