"""How the middleware reads and writes frames."""

__all__ = ["ExposureFormatter", "MasterFormatter", "RawFormatter"]

from typing import Any, ClassVar

from cfhtisr.butler import readers
from cfhtisr.butler._middleware import FormatterV2
from cfhtisr.butler.delegate import ExposureDelegate


class ExposureFormatter(FormatterV2):
    """Exposures in files of their own, as `cfhtisr.io.write_exposure` writes them."""

    default_extension = ".fits"
    supported_extensions = readers.FITS
    unsupported_parameters = None  # boxes are cut out by the delegate
    can_read_from_local_file = True
    kind: ClassVar[str] = "postISRCCD"

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> Any:
        """Return the exposure of a CCD, or a part of it."""
        exposure = readers.read(self.kind, path, int(self.data_id["detector"]))
        if component is None:
            return exposure
        delegate = ExposureDelegate(self.file_descriptor.storageClass)
        return delegate.getComponent(exposure, component)

    def write_local_file(self, in_memory_dataset: Any, uri: Any) -> None:
        """Write an exposure."""
        readers.write("postISRCCD", in_memory_dataset, uri.ospath)


class RawFormatter(ExposureFormatter):
    """Raw frames: one file holds all CCDs, in any of the layouts of 2003 to today."""

    kind = "raw"

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> Any:
        """Return the frame of a CCD, or a part of it; a header is read without the pixels."""
        if component is not None:
            part = readers.part_of_raw(path, int(self.data_id["detector"]), component)
            if part is not None:
                return part
        return super().read_from_local_file(path, component, expected_size)


class MasterFormatter(ExposureFormatter):
    """Calibration frames: of all CCDs or of one, the observatory's or our own."""

    kind = "bias"
