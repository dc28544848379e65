"""How the middleware reads and writes notes, pictures and configurations."""

__all__ = ["ConfigFormatter", "PictureFormatter", "PropertySetFormatter"]

from typing import Any, ClassVar

from cfhtisr.butler import readers
from cfhtisr.butler._middleware import FormatterV2


class _Small(FormatterV2):
    """A small file of one dataset."""

    unsupported_parameters = frozenset[str]()
    can_read_from_local_file = True
    kind: ClassVar[str]

    def read_from_local_file(
        self, path: str, component: str | None = None, expected_size: int = -1
    ) -> Any:
        """Return what is in the file."""
        return readers.read(self.kind, path)

    def write_local_file(self, in_memory_dataset: Any, uri: Any) -> None:
        """Write it."""
        readers.write(self.kind, in_memory_dataset, uri.ospath)


class PropertySetFormatter(_Small):
    """What a task has noted: a file of YAML."""

    default_extension = ".yaml"
    kind = "runIsr_metadata"


class PictureFormatter(_Small):
    """Thumbnails: a PNG file."""

    default_extension = ".png"
    kind = "ossThumb"


class ConfigFormatter(_Small):
    """Configurations: files that are read as data and never executed."""

    default_extension = ".py"
    kind = "runIsr_config"
