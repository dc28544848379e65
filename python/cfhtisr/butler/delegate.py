"""The parts of an exposure that can be asked for alone."""

__all__ = ["ExposureDelegate"]

from collections.abc import Mapping
from typing import Any

from cfhtisr.butler._middleware import StorageClassDelegate
from cfhtisr.images.exposure import Exposure

_PARTS = {
    "image": "image",
    "mask": "mask",
    "variance": "variance",
    "metadata": "metadata",
    "detector": "detector",
    "wcs": "wcs",
    "filter": "filter",
    "visitInfo": "visit_info",
    "bbox": "bbox",
}


class ExposureDelegate(StorageClassDelegate):
    """Takes exposures to pieces for the butler."""

    def getComponent(self, composite: Exposure, componentName: str) -> Any:
        """Return a part of an exposure.

        Raises
        ------
        AttributeError
            If an exposure has no such part.
        """
        if componentName not in _PARTS:
            raise AttributeError(
                f"an exposure has no component {componentName!r}, only {', '.join(_PARTS)}"
            )
        return getattr(composite, _PARTS[componentName])

    def handleParameters(
        self, inMemoryDataset: Exposure, parameters: Mapping[str, Any] | None = None
    ) -> Exposure:
        """Cut out the box that is asked for."""
        box = (parameters or {}).get("bbox")
        return inMemoryDataset if box is None else inMemoryDataset[box]
