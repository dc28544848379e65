"""A bundle of named results."""

__all__ = ["Struct"]

from typing import TYPE_CHECKING, Any


class Struct:
    """Named results, read and set as attributes.

    Parameters
    ----------
    **fields
        The results by name.

    Raises
    ------
    RuntimeError
        If a name is that of a method, or begins with two underscores.

    Examples
    --------
    >>> result = Struct(level=1106.25, sigma=0.0)
    >>> result.level
    1106.25
    >>> result
    Struct(level=1106.25; sigma=0.0)
    """

    __hash__ = None  # type: ignore[assignment]  # it can be changed, and compares by value

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, **fields: Any) -> None:
        for name, value in fields.items():
            self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            raise RuntimeError(f"a field cannot be called {name!r}: it begins with __")
        if hasattr(self, name):
            raise RuntimeError(f"there is a {name!r} already in {self!r}")
        setattr(self, name, value)

    def getDict(self) -> dict[str, Any]:
        """Return the fields by name, in a dictionary of its own."""
        return dict(self.__dict__)

    def copy(self) -> "Struct":
        """Return a struct of the same fields; their values are shared."""
        return Struct(**self.__dict__)

    def mergeItems(self, struct: "Struct", *names: str) -> None:
        """Take the named fields from another struct; without names, none.

        Raises
        ------
        RuntimeError
            If a field of that name is there; those named before it have been taken.
        """
        for name in names:
            self._add(name, getattr(struct, name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Struct) and self.__dict__ == other.__dict__

    def __len__(self) -> int:
        return len(self.__dict__)

    def __repr__(self) -> str:
        fields = "; ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"Struct({fields})"
