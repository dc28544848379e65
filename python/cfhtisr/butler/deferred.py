"""Datasets that are read when something of them is looked at."""

__all__ = ["Deferred"]

from collections.abc import Callable
from typing import Any


class Deferred:
    """Stands for a dataset until something of it is asked for.

    Parameters
    ----------
    read : callable
        Returns the dataset.
    """

    def __init__(self, read: Callable[[], Any]) -> None:
        self.__dict__["_read"] = read
        self.__dict__["_value"] = []

    def get(self) -> Any:
        """Return the dataset; it is read once."""
        value: list[Any] = self.__dict__["_value"]
        if not value:
            value.append(self.__dict__["_read"]())
        return value[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # copying and pickling ask for much before there is a self
        return getattr(self.get(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.get(), name, value)

    def __len__(self) -> int:
        return len(self.get())

    def __iter__(self) -> Any:
        return iter(self.get())

    def __getitem__(self, key: Any) -> Any:
        return self.get()[key]
