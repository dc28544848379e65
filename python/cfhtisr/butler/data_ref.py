"""One CCD of one exposure, or one exposure, of which datasets can be asked for."""

__all__ = ["DataRef"]

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfhtisr.butler.facade import Butler
    from cfhtisr.butler.subset import Subset


class DataRef:
    """A whole data id together with the butler that knows it.

    Attributes
    ----------
    dataId : dict
        Every key of it.
    butlerSubset : Subset
        What it came from: ``butler``, ``datasetType`` and ``level``.
    """

    def __init__(
        self, butlerSubset: "Subset", dataId: dict[str, Any], raw: str | None = None
    ) -> None:
        self.butlerSubset = butlerSubset
        self.dataId = dict(dataId)
        self._raw = raw

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the others of the subset.
        subset = self.butlerSubset
        alone = type(subset)(subset.butler, subset.datasetType, subset.level)
        return (type(self), (alone, self.dataId, self._raw))

    def __repr__(self) -> str:
        return f"DataRef({self.butlerSubset.datasetType}, {self.dataId})"

    def lostFile(self, datasetType: str | None = None) -> str | None:
        """Return the path of a dataset that the repository knows and whose file is gone.

        None if it does not know it, or the file is there.
        """
        try:
            path = self.getUri(datasetType)
        except LookupError:
            return None
        return None if os.path.exists(path) else path

    def getButler(self) -> "Butler":
        """Return the butler."""
        return self.butlerSubset.butler

    def get(self, datasetType: str | None = None, immediate: bool = True, **rest: Any) -> Any:
        """Return a dataset, by default of the type that the reference was made for.

        Further arguments override entries of the data id; a filter is that of the calibration.
        """
        return self.getButler().get(self._type(datasetType), self._id(rest), immediate, **rest)

    def put(
        self, obj: Any, datasetType: str | None = None, doBackup: bool = False, **rest: Any
    ) -> None:
        """Write a dataset; see `Butler.put`."""
        self.getButler().put(obj, self._type(datasetType), self._id(rest), doBackup, **rest)

    def datasetExists(
        self, datasetType: str | None = None, write: bool = False, **rest: Any
    ) -> bool:
        """Whether there is a dataset; with ``write``, in the output."""
        if self._type(datasetType) == "raw" and not write and not rest and self._raw is not None:
            return os.path.exists(self._raw)  # the registry was asked when this was made
        return self.getButler().datasetExists(
            self._type(datasetType), self._id(rest), write, **rest
        )

    def getUri(self, datasetType: str | None = None, write: bool = False, **rest: Any) -> str:
        """Return the path of a dataset."""
        return self.getButler().getUri(self._type(datasetType), self._id(rest), write, **rest)

    def finished(self, datasetType: str, job: str) -> bool:
        """Whether the output has that product, whole, and made in the same way of the same.

        Parameters
        ----------
        datasetType : str
            Such as ``postISRCCD``.
        job : str
            The fingerprint of inputs and settings, as in the product's provenance.
        """
        from cfhtisr.butler.work_ref import is_finished

        if not self.datasetExists(datasetType, write=True):
            return False
        return is_finished(self.getUri(datasetType, write=True), job)

    def subItems(self, level: str | None = None) -> "Subset | tuple[()]":
        """Return the references one level below: the CCDs of a visit; a CCD has none."""
        if "ccd" in self.dataId:
            return ()
        return self.getButler().subset(
            self.butlerSubset.datasetType, level or "ccd", visit=self.dataId["visit"]
        )

    def subLevels(self) -> list[str]:
        """Return the names of the levels below."""
        return [] if "ccd" in self.dataId else ["ccd"]

    def _type(self, datasetType: str | None) -> str:
        return self.butlerSubset.datasetType if datasetType is None else datasetType

    def _id(self, rest: dict[str, Any]) -> dict[str, Any]:
        # What identifies a CCD: another visit has another filter and time, which are not asked.
        kept = {key: self.dataId[key] for key in ("visit", "ccd") if key in self.dataId}
        return {key: value for key, value in kept.items() if key not in rest}
