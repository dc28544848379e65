"""The address of a registry that is in a database server."""

__all__ = ["driver_error", "masked", "with_driver"]

import importlib.util
import re

from cfhtisr.errors import MissingExtraError

_SERVER = re.compile(r"postgres(ql)?(\+(?P<driver>\w+))?://")
_DRIVER = "psycopg2"


def with_driver(url: str) -> str:
    """Name the driver in an address that leaves it open.

    SQLAlchemy 2.0 takes ``postgresql://`` for one driver and 2.1 for another. The address stays
    in the repository and must mean the same to all that open it.

    Raises
    ------
    MissingExtraError
        If that driver is not installed.
    """
    found = _SERVER.match(url)
    if found is None or found["driver"] not in (None, _DRIVER):
        return url
    if importlib.util.find_spec(_DRIVER) is None:
        raise MissingExtraError(_wanted(_DRIVER))
    return f"postgresql+{_DRIVER}://{url[found.end() :]}"


def masked(text: str) -> str:
    """Return a text without the passwords of addresses in it."""
    return re.sub(r"(://[^/@:\s]*):\S*@", r"\1:***@", text)


def driver_error(error: ImportError) -> ImportError | None:
    """Return what to say of a driver that cannot be imported; None if it is about another."""
    if error.name == _DRIVER:
        return MissingExtraError(_wanted(_DRIVER))
    if error.name == "psycopg":
        return MissingExtraError(
            "needs psycopg, because the address of the registry in butler.yaml names no driver: "
            f"let it begin with postgresql+{_DRIVER}:// "
            "(the driver of pip install 'cfhtisr[postgres]')"
        )
    return None


def _wanted(driver: str) -> str:
    return f"needs {driver}: pip install 'cfhtisr[postgres]'"
