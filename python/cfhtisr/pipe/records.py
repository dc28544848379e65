"""What a task keeps in the output beside its products: configuration, schemas, versions, notes."""

__all__ = ["RecordMethods"]

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cfhtisr.pipe import versions
from cfhtisr.pipe.task import Task, TaskError

if TYPE_CHECKING:
    _Base = Task
else:
    _Base = object


class RecordMethods(_Base):
    """Writing, and comparing with what is there."""

    def writeConfig(self, butler: Any, clobber: bool = False, doBackup: bool = True) -> None:
        """Write the configuration, or compare it with that of earlier runs into the output.

        Parameters
        ----------
        butler : object with ``get``, ``put`` and ``datasetExists``
            The output.
        clobber : bool, optional
            Replace what is there.
        doBackup : bool, optional
            Keep a copy of what is replaced.

        Raises
        ------
        TaskError
            If the output was made with another configuration.
        """
        name = self._getConfigName()
        if name is None:
            return
        if clobber:
            butler.put(self.config, name, doBackup=doBackup)
            return
        if _put_if_absent(butler, self.config, name):
            return
        old = _read(butler, name, "--clobber-config")

        def tell(text: str) -> None:
            self.log.critical("Comparing configuration (here != in the output): %s", text)

        if not self.config.compare(old, shortcut=False, output=tell):
            raise TaskError(
                f"the configuration differs from {name} in the output; wanted the same one, "
                "another output, or --clobber-config"
            )

    def writeSchemas(self, butler: Any, clobber: bool = False, doBackup: bool = True) -> None:
        """Write the empty catalogs of all tasks of the tree, or compare them with what is there.

        Parameters
        ----------
        butler : object with ``get``, ``put`` and ``datasetExists``
            The output.
        clobber : bool, optional
            Replace what is there.
        doBackup : bool, optional
            Keep copies of what is replaced.

        Raises
        ------
        TaskError
            If the output has another schema; those before it may have been written.
        """
        for dataset, catalog in self.getAllSchemaCatalogs().items():
            name = f"{dataset}_schema"
            if clobber:
                butler.put(catalog, name, doBackup=doBackup)
            elif not _put_if_absent(butler, catalog, name):
                old = _read(butler, name, "--clobber-config")
                if not _schema(old) == _schema(catalog):
                    raise TaskError(
                        f"the schema differs from {name} in the output; wanted the same one, "
                        "another output, or --clobber-config"
                    )

    def writePackageVersions(
        self,
        butler: Any,
        clobber: bool = False,
        doBackup: bool = True,
        dataset: str = "packages",
    ) -> None:
        """Write the versions of packages, or compare them with what is there.

        Packages that only this run knows are added to those in the output.

        Parameters
        ----------
        butler : object with ``get``, ``put`` and ``datasetExists``
            The output.
        clobber : bool, optional
            Replace what is there.
        doBackup : bool, optional
            Keep a copy of what is replaced.
        dataset : str, optional
            The type of dataset.

        Raises
        ------
        TaskError
            If a package had another version: its name, and both.
        """
        packages = versions.current()
        if clobber:
            butler.put(packages, dataset, doBackup=doBackup)
            return
        if _put_if_absent(butler, packages, dataset):
            return
        old = _read(butler, dataset, "--clobber-versions or --no-versions")
        differing, extra = versions.compare(packages, old)
        if differing:
            raise TaskError(
                f"versions differ from {dataset} in the output ({differing}); wanted the same "
                "ones, another output, or --clobber-versions"
            )
        if extra:
            old.update(extra)
            butler.put(old, dataset, doBackup=doBackup)

    def writeMetadata(self, dataRef: Any) -> None:
        """Write the notes of all tasks of the tree; that this fails is only warned of.

        Parameters
        ----------
        dataRef : object with ``put``
            What they belong to.
        """
        try:
            name = self._getMetadataName()
            if name is not None:
                dataRef.put(self.getFullMetadata(), name)
        except Exception as error:
            about = getattr(dataRef, "dataId", dataRef)
            self.log.warning("Could not write the metadata of %s: %s", about, error)

    def _getConfigName(self) -> str | None:
        """Return the type of dataset of the configuration; None for none."""
        return f"{self._DefaultName}_config"

    def _getMetadataName(self) -> str | None:
        """Return the type of dataset of the notes; None for none."""
        return f"{self._DefaultName}_metadata"


def _put_if_absent(butler: Any, value: Any, name: str) -> bool:
    """Write what is not there yet; return False if it is.

    Where the butler can, this is one step: of two runs that begin together one wins, and the
    other compares.
    """
    put: Callable[..., bool] | None = getattr(butler, "putIfAbsent", None)
    if put is not None:
        return bool(put(value, name))
    if butler.datasetExists(name, write=True):
        return False
    butler.put(value, name)
    return True


def _read(butler: Any, name: str, option: str) -> Any:
    """Return what is there; an exception gives a hint, and is of the same type if it can be."""
    try:
        return butler.get(name, immediate=True)
    except Exception as error:
        text = f"cannot read {name} of the output ({error}); consider {option}"
        try:
            hinted = type(error)(text)
        except Exception:
            hinted = RuntimeError(text)
        raise hinted from error


def _schema(catalog: Any) -> Any:
    return catalog.getSchema() if hasattr(catalog, "getSchema") else catalog
