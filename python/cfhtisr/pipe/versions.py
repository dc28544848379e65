"""The versions of packages that a run was made with."""

__all__ = ["compare", "current"]

import logging
from collections.abc import Mapping
from typing import Any


def current() -> Any:
    """Return the versions of Python and of all packages that are imported.

    Returns
    -------
    packages : lsst.utils.packages.Packages
        A dictionary of names and versions.
    """
    from lsst.utils.packages import Packages

    log = logging.getLogger("lsst.utils.packages")
    before = log.level
    log.setLevel(logging.ERROR)  # it warns that it knows no EUPS, which nobody has
    try:
        return Packages.fromSystem()
    finally:
        log.setLevel(before)


def compare(now: Mapping[str, str], old: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Compare versions with those of an earlier run.

    Parameters
    ----------
    now, old : mapping of str to str
        Versions by name.

    Returns
    -------
    differing : str
        What both know and do not agree about, ``name: now vs old; ...``; empty if nothing.
    extra : dict of str to str
        What only ``now`` knows.
    """
    both = sorted(now.keys() & old.keys())
    differing = [f"{name}: {now[name]} vs {old[name]}" for name in both if now[name] != old[name]]
    return "; ".join(differing), {name: now[name] for name in sorted(now.keys() - old.keys())}
