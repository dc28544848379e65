"""What can be wrong with a repository."""

__all__ = ["NoResults", "OtherKindError", "RepositoryError"]

from cfhtisr.errors import FileFormatError


class NoResults(LookupError):  # noqa: N818  # the documented name
    """There is no such dataset; the text says its type, its data id and where was looked."""


class OtherKindError(FileFormatError):
    """A file is whole, and of another kind: a master among raws, a raw among masters."""


class RepositoryError(OSError):
    """A repository cannot be made, opened or written; the text says which and why."""
