"""What can be wrong with a repository."""

__all__ = ["NoResults", "RepositoryError"]


class NoResults(LookupError):  # noqa: N818  # the documented name
    """There is no such dataset; the text says its type, its data id and where was looked."""


class RepositoryError(OSError):
    """A repository cannot be made, opened or written; the text says which and why."""
