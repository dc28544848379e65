"""Opening a repository as a command line asks for it."""

__all__ = ["open_butler"]

import os
import shutil
from pathlib import Path
from typing import Any

from cfhtisr.butler.connect import connect, has_collection
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.facade import Butler
from cfhtisr.butler.names import CALIB, DEFAULTS, RERUN
from cfhtisr.butler.places import Places
from cfhtisr.butler.storing import Store

OUTPUT_RUN = f"{RERUN}output"
"""The RUN of an output repository of its own."""

_INPUTS = "inputs: "


def open_butler(
    input: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] | None = None,
    rerun: str | None = None,
    calib: str | os.PathLike[str] | None = None,
    clobber_output: bool = False,
) -> Butler:
    """Open a repository, and make what is to be written.

    Parameters
    ----------
    input : path-like
        The repository that data come from.
    output : path-like, optional
        Another repository that is written; made if need be.
    rerun : str, optional
        ``OUT``: the RUN ``rerun/OUT`` of the input repository is written. ``IN:OUT``: what
        ``rerun/IN`` has is read, too. An output remembers what it was made from.
    calib : str or path-like, optional
        A collection of calibrations, or the path of a repository with calibrations.
    clobber_output : bool, optional
        Remove the output first, if it is there.

    Returns
    -------
    butler : Butler
        For reading only, without ``output`` and ``rerun``.

    Raises
    ------
    RepositoryError
        If a repository cannot be opened or written, there is no such collection, or the
        output was made from another input.
    ValueError
        If ``output`` and ``rerun`` exclude each other, or ``rerun`` is no name.
    """
    root = os.path.abspath(input)
    if output is not None and rerun is not None:
        raise ValueError("output and rerun exclude each other, got both")
    if clobber_output and output is None and rerun is None:
        raise ValueError("clobber_output needs an output or a rerun")
    writes_here = rerun is not None
    with connect(root, writeable=writes_here) as butler:
        chosen, calib_root = _calib(butler, root, calib)
        if output is None and rerun is None:
            return Butler(Places(root, calib=chosen, calib_root=calib_root))
        if rerun is not None:
            before, run = _rerun(rerun)
            inputs = () if before is None else (before,)
            if before is not None and not has_collection(butler, before):
                raise RepositoryError(f"{root}: there is no rerun {before.removeprefix(RERUN)!r}")
            if before == run:
                if clobber_output:
                    raise RepositoryError(f"{root}: {run} is the input, and cannot be removed")
                inputs = ()
            collections = _made(root, butler, run, inputs, clobber_output)
            return Butler(Places(root, collections, run, None, chosen, calib_root))
    assert output is not None
    place = os.path.abspath(output)
    if os.path.realpath(place) == os.path.realpath(root):
        if clobber_output:
            raise RepositoryError(f"{root}: is the input, and cannot be removed as the output")
        with connect(root, writeable=True) as butler:
            collections = _made(root, butler, OUTPUT_RUN, (), False)
        return Butler(Places(root, collections, OUTPUT_RUN, None, chosen, calib_root))
    _output_repository(place, clobber_output)
    with connect(place, writeable=True) as butler:
        _made(place, butler, OUTPUT_RUN, (root,), False)
    return Butler(Places(root, (DEFAULTS,), OUTPUT_RUN, place, chosen, calib_root))


def _rerun(text: str) -> tuple[str | None, str]:
    names = text.split(":")
    if len(names) > 2 or not all(name.strip("/ ") for name in names):
        raise ValueError(f"rerun is {text!r}, wanted OUT or IN:OUT")
    full = [RERUN + name.strip("/ ").removeprefix(RERUN) for name in names]
    if any(part in ("..", ".", "") for name in full for part in name.split("/")):
        raise ValueError(f"rerun is {text!r}, wanted names without '.' and '..'")
    return (full[0] if len(full) == 2 else None), full[-1]


def _calib(
    butler: Any, root: str, calib: str | os.PathLike[str] | None
) -> tuple[tuple[str, ...], str | None]:
    if calib is None:
        return (CALIB,), None
    name = os.fspath(calib)
    if has_collection(butler, name):
        return (name,), None
    if os.path.isdir(name):
        path = os.path.abspath(name)
        if os.path.realpath(path) == os.path.realpath(root):
            return (CALIB,), None
        connect(path).close()
        return (CALIB,), path
    raise RepositoryError(
        f"{root}: {name!r} is neither a collection of it nor the folder of a repository with "
        "calibrations"
    )


def _made(
    root: str, butler: Any, run: str, inputs: tuple[str, ...], clobber: bool
) -> tuple[str, ...]:
    """Make a RUN, or open the one that is there; return the collections that it reads."""
    if clobber:
        Store(root, butler, run).clobber()
    note = _INPUTS + ", ".join(inputs)
    if has_collection(butler, run):
        told = butler.collections.get_info(run).doc or ""
        before = _split(told)
        if inputs and before and set(inputs) != set(before):
            raise RepositoryError(
                f"{root}: {run} was made from {', '.join(before)}, it cannot go on from "
                f"{', '.join(inputs)}; another name, or --clobber-output, starts anew"
            )
        inputs = before or inputs
    else:
        butler.collections.register(run, doc=note if inputs else None)
    return (*(name for name in inputs if not os.path.isabs(name)), DEFAULTS)


def _split(told: str) -> tuple[str, ...]:
    if not told.startswith(_INPUTS):
        return ()
    return tuple(name for name in told.removeprefix(_INPUTS).split(", ") if name)


def _output_repository(place: str, clobber: bool) -> None:
    from cfhtisr.butler.repository import CONFIG, create

    folder = Path(place)
    there = (folder / CONFIG).is_file()
    if clobber and folder.exists():
        if not there and any(folder.iterdir()):
            raise RepositoryError(
                f"{folder}: is no repository, and is not removed for an output; remove it yourself"
            )
        shutil.rmtree(folder)
        there = False
    if there:
        return
    try:
        create(folder)
    except RepositoryError:
        if not (folder / CONFIG).is_file():  # somebody else has made it meanwhile
            raise
