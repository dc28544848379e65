"""Where products wait until they are taken into the repository; needs no middleware."""

__all__ = ["STAGING", "backed_up", "staging_name"]

import os
import re
import shutil
from pathlib import Path

STAGING = ".staging"
"""The folder, inside that of the RUN."""


def staging_name(datasetType: str, visit: int | None, ccd: int | None, extension: str) -> str:
    """Return the name of a waiting file: the same whoever makes it, so that it is found again."""
    name = datasetType
    if visit is not None:
        name += f"-{visit}"
    if ccd is not None:
        name += f"-{ccd:02d}"
    return name + extension


def backed_up(path: str | os.PathLike[str]) -> Path | None:
    """Copy a file to ``name~1``, and what is there from there to ``name~2`` and so on.

    Returns
    -------
    backup : pathlib.Path or None
        The newest copy; None if there is no file.
    """
    path = Path(path)
    if not path.exists():
        return None
    pattern = re.compile(re.escape(path.name) + r"~(\d+)")
    numbers = [
        int(found[1]) for file in path.parent.iterdir() if (found := pattern.fullmatch(file.name))
    ]
    for number in sorted(numbers, reverse=True):
        old = path.with_name(f"{path.name}~{number}")
        os.replace(old, path.with_name(f"{path.name}~{number + 1}"))
    newest = path.with_name(f"{path.name}~1")
    temporary = path.with_name(f".{path.name}~1.{os.getpid()}")
    try:
        shutil.copyfile(path, temporary)
        os.replace(temporary, newest)
    finally:
        temporary.unlink(missing_ok=True)
    return newest
