"""How files come into a repository, so that none is lost on the way."""

__all__ = ["MODES", "finish_move", "transfer"]

import os

MODES = {
    "direct": "direct",
    "copy": "copy",
    "link": "symlink",
    "hardlink": "hardlink",
    "move": "move",
}
"""How files come into the repository, and what the middleware calls that."""


def transfer(mode: str, path: str, root: str | os.PathLike[str]) -> str:
    """Return what the middleware is to do with a file.

    One that is to be moved stays where it is until the registry has it, then `finish_move`
    removes it: somebody who is killed in between has lost nothing.

    Parameters
    ----------
    mode : str
        One of `MODES`.
    path : str
        The file.
    root : path-like
        The repository.
    """
    if mode != "move":
        return MODES[mode]
    told, there = os.stat(path), os.stat(root)
    # The system refuses links to files of other users.
    can_link = told.st_dev == there.st_dev and os.geteuid() in (0, told.st_uid)
    return "hardlink" if can_link else "copy"


def finish_move(path: str, stored: str) -> None:
    """Remove a file that has been moved, once the registry has it.

    Parameters
    ----------
    path : str
        Where it was.
    stored : str
        Where the repository has it; if that is the very same place, nothing is removed.

    Raises
    ------
    OSError
        If it cannot be removed.
    """
    if os.path.realpath(path) == os.path.realpath(stored) or not os.path.exists(stored):
        return
    try:
        os.unlink(path)
    except OSError as error:
        raise OSError(
            f"{path}: is in the repository as {stored}, but cannot be removed here "
            f"({error.strerror})"
        ) from error
