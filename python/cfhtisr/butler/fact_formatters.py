"""How the middleware reads and writes what is known of a CCD beside its frames."""

__all__ = ["CrosstalkFormatter", "DefectsFormatter", "LinearizerFormatter"]

from typing import Any, ClassVar

from cfhtisr.butler import readers
from cfhtisr.butler._middleware import FormatterV2


class _OfCcd(FormatterV2):
    """A file with something for each CCD, or for one."""

    unsupported_parameters = frozenset[str]()
    can_read_from_local_file = True
    kind: ClassVar[str]

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> Any:
        """Return what the file has for the CCD."""
        return readers.read(self.kind, path, int(self.data_id["detector"]))


class DefectsFormatter(_OfCcd):
    """Defects: tables and masks of FITS, regions of DS9, lists of boxes."""

    default_extension = ".txt"
    supported_extensions = readers.FITS | {".reg", ".txt", ".csv", ".list", ".dat"}
    kind = "defects"

    def write_local_file(self, in_memory_dataset: Any, uri: Any) -> None:
        """Write a list of boxes as text."""
        readers.write("defects", in_memory_dataset, uri.ospath)


class CrosstalkFormatter(_OfCcd):
    """Crosstalk between the amplifiers of a CCD: a table as text."""

    default_extension = ".ecsv"
    supported_extensions = frozenset((".ecsv", ".csv", ".txt", ".dat"))
    kind = "crosstalk"


class LinearizerFormatter(_OfCcd):
    """Linearity of the amplifiers of a CCD: a file of TOML."""

    default_extension = ".toml"
    supported_extensions = frozenset((".toml",))
    kind = "linearizer"
