"""The data references that a partial data id leaves."""

__all__ = ["Subset"]

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cfhtisr.butler.data_ref import DataRef

if TYPE_CHECKING:
    from cfhtisr.butler.facade import Butler


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
        self,
        butler: "Butler",
        datasetType: str,
        level: str | None,
        ids: Sequence[dict[str, Any]] = (),
        raws: Sequence[str | None] = (),
    ) -> None:
        self.butler = butler
        self.datasetType = datasetType
        self.level = level
        self._ids = ids
        self._raws = raws

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[DataRef]:
        pairs = zip(self._ids, self._raws, strict=True)
        return (DataRef(self, data_id, raw) for data_id, raw in pairs)
