"""Types of datasets that are not known before the command line is read."""

__all__ = ["ConfigDatasetType", "DatasetArgument"]

import argparse
from abc import ABC, abstractmethod
from typing import Any


class DynamicDatasetType(ABC):
    """A type of dataset that something else decides."""

    def addArgs(self, parser: argparse.ArgumentParser, idName: str) -> None:  # noqa: B027
        """Add what the type needs to a parser.

        Parameters
        ----------
        parser : ArgumentParser
            The parser.
        idName : str
            The name of the option of data ids, without dashes.
        """

    @abstractmethod
    def getDatasetType(self, namespace: argparse.Namespace) -> str:
        """Return the type, once all is parsed."""


class DatasetArgument(DynamicDatasetType):
    """A type of dataset that an argument names.

    Parameters
    ----------
    name : str, optional
        Name of the argument; without dashes it is positional. The default is the name of the
        data ids with ``_dstype``.
    help : str, optional
        Its help text.
    default : str, optional
        What holds without it; an option without a default is required.
    """

    def __init__(
        self,
        name: str | None = None,
        help: str = "dataset type to process from input data repository",
        default: str | None = None,
    ) -> None:
        self.name = name
        self.help = help
        self.default = default

    def addArgs(self, parser: argparse.ArgumentParser, idName: str) -> None:
        """Add the argument."""
        if self.name is None:
            self.name = f"--{idName}_dstype"
        words: dict[str, Any] = {"help": self.help, "default": self.default}
        if self.name.startswith("-"):
            words["required"] = self.default is None
        elif self.default is not None:
            words["nargs"] = "?"
        self._dest = parser.add_argument(self.name, **words).dest

    def getDatasetType(self, namespace: argparse.Namespace) -> str:
        """Return what was given."""
        return str(getattr(namespace, self._dest))


class ConfigDatasetType(DynamicDatasetType):
    """A type of dataset that a field of the configuration names.

    Parameters
    ----------
    name : str
        Dotted name of the field.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def getDatasetType(self, namespace: argparse.Namespace) -> str:
        """Return the value of the field.

        Raises
        ------
        RuntimeError
            If there is no such field.
        """
        value = namespace.config
        for part in self.name.split("."):
            if not hasattr(value, part):
                raise RuntimeError(f"the configuration has no field {self.name!r}")
            value = getattr(value, part)
        return str(value)
