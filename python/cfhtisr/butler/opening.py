"""Opening a repository as a command line asks for it."""

__all__ = ["open_butler"]

import contextlib
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cfhtisr.butler.connect import CONFIG, connect, has_collection
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.facade import Butler
from cfhtisr.butler.names import CALIB, DEFAULTS, RERUN
from cfhtisr.butler.places import Places
from cfhtisr.butler.storing import Store

OUTPUT_RUN = f"{RERUN}output"
"""The RUN of an output repository of its own."""

_INPUTS = "inputs"

Between = tuple[tuple[str, tuple[str, ...]], ...]
"""Folders of repositories and their collections."""


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
        The repository that data come from. If it is the output of another one and has no raws
        of its own, they come from there, and so on.
    output : path-like, optional
        Another repository that is written; made if need be.
    rerun : str, optional
        ``OUT``: the RUN ``rerun/OUT`` of the input repository is written. ``IN:OUT``: what
        ``rerun/IN`` has is read, too, and what that was made from. An output remembers what
        it was made from.
    calib : str or path-like, optional
        A collection of calibrations, or the path of a repository with calibrations.
    clobber_output : bool, optional
        Remove what is in the output first: its RUN, and nothing else of its repository.

    Returns
    -------
    butler : Butler
        For reading only, without ``output`` and ``rerun``.

    Raises
    ------
    RepositoryError
        If a repository cannot be opened or written, there is no such collection, the output
        was made from another input, what is to be removed is read, or calibrations are in
        several of the repositories and ``calib`` does not say in which.
    ValueError
        If ``output`` and ``rerun`` exclude each other, or ``rerun`` is no name.
    """
    asked = _folder(input)
    if output is not None and rerun is not None:
        raise ValueError("output and rerun exclude each other, got both")
    if clobber_output and output is None and rerun is None:
        raise ValueError("clobber_output needs an output or a rerun")
    place = None if output is None else _folder(output)
    with contextlib.ExitStack() as stack:

        @functools.cache
        def opened(folder: str) -> Any:
            writeable = rerun is not None and folder == asked
            return stack.enter_context(connect(folder, writeable=writeable))

        root, between = _chain(asked, opened)
        chosen, calib_root = _calib(opened(root), root, calib)
        collections = _read(opened(root), (OUTPUT_RUN,)) if root == asked else ()
        run = None if place is None else OUTPUT_RUN
        if clobber_output and place is not None:
            if _is_same(place, asked):
                raise RepositoryError(f"{asked}: is the input, and cannot be removed as the output")
            _check_unread(place, OUTPUT_RUN, (*between, (root, collections)))
        if calib is None:
            others = [folder for folder, _ in between]
            if place is not None and os.path.isfile(os.path.join(place, CONFIG)):
                others.append(place)
            _check_calibrations(root, others, opened)
        if rerun is not None:
            read = (*between, (root, collections))
            names, run = _open_rerun(asked, opened(asked), rerun, clobber_output, read)
            if asked == root:
                collections = (*names, *collections)
            else:
                between, place = ((asked, names), *between), asked
    if output is not None and place is not None:
        if _is_same(place, asked):
            # It is searched as the output: that is enough.
            between = tuple(pair for pair in between if pair[0] != asked)
            place, collections = None if asked == root else asked, ()
        _open_output(place or root, asked, clobber_output)
    return Butler(Places(root, (*collections, DEFAULTS), run, place, chosen, calib_root, between))


def _folder(given: str | os.PathLike[str]) -> str:
    """Return the folder of a repository, which may be named by its configuration."""
    path = Path(os.path.abspath(given))
    return str(path.parent if path.name == CONFIG and path.is_file() else path)


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _check_unread(folder: str, run: str, read: Between) -> None:
    """Refuse to remove what data are read from."""
    for each, collections in read:
        if run in collections and _is_same(folder, each):
            raise RepositoryError(f"{folder}: {run} is read, and cannot be removed as the output")


def _check_calibrations(root: str, others: list[str], opened: Callable[[str], Any]) -> None:
    """Refuse to pass over calibrations: they are searched in one repository only."""
    for folder in others:
        if not _is_same(folder, root) and _has_calibrations(opened(folder)):
            raise RepositoryError(
                f"{folder}: has calibrations of its own, beside those of {root}; --calib with one "
                "of the two folders says which are to be used"
            )


def _has_calibrations(butler: Any) -> bool:
    if not has_collection(butler, CALIB):
        return False
    (found,) = butler.collections.query_info(CALIB, include_summary=True)
    return bool(found.dataset_types)


def _chain(root: str, opened: Callable[[str], Any]) -> tuple[str, Between]:
    """Return the repository with the raws that an output was made from, and what lies between."""
    between: list[tuple[str, tuple[str, ...]]] = []
    while True:
        butler = opened(root)
        inputs = [name for name in _noted(butler, OUTPUT_RUN) if os.path.isabs(name)]
        if not inputs or butler.query_datasets("raw", DEFAULTS, limit=1, explain=False):
            return root, tuple(between)
        between.append((root, (OUTPUT_RUN,)))
        if any(inputs[0] == folder for folder, _ in between):
            raise RepositoryError(f"{root}: was made from {inputs[0]}, which was made from it")
        try:
            opened(inputs[0])
        except RepositoryError as error:
            raise RepositoryError(f"{root}: was made from another repository; {error}") from error
        root = inputs[0]


def _open_rerun(
    root: str, butler: Any, rerun: str, clobber: bool, read: Between
) -> tuple[tuple[str, ...], str]:
    """Make a rerun, or open the one that is there; return what it reads, and its RUN."""
    before, run = _rerun(rerun)
    if before is not None and not has_collection(butler, before):
        raise RepositoryError(f"{root}: there is no rerun {before.removeprefix(RERUN)!r}")
    if clobber:
        more = () if before is None else _read(butler, (before,))
        _check_unread(root, run, (*read, (root, more)))
    inputs = () if before is None or before == run else (before,)
    return _read(butler, _made(root, butler, run, inputs, clobber)), run


def _open_output(place: str, root: str, clobber: bool) -> None:
    """Make an output repository, or open the one that is there."""
    same = _is_same(place, root)
    if not same:
        _output_repository(place)
    with connect(place, writeable=True) as butler:
        _made(place, butler, OUTPUT_RUN, () if same else (root,), clobber)


def _rerun(text: str) -> tuple[str | None, str]:
    names = text.split(":")
    if len(names) > 2 or not all(name.strip("/ ") for name in names):
        raise ValueError(f"rerun is {text!r}, wanted OUT or IN:OUT")
    full = [RERUN + name.strip("/ ").removeprefix(RERUN) for name in names]
    if any(part in ("..", ".", "") for name in full for part in name.split("/")):
        raise ValueError(f"rerun is {text!r}, wanted names without '.' and '..'")
    if OUTPUT_RUN in full:
        raise ValueError(f"rerun is {text!r}, but {OUTPUT_RUN} is what --output writes")
    return (full[0] if len(full) == 2 else None), full[-1]


def _calib(
    butler: Any, root: str, calib: str | os.PathLike[str] | None
) -> tuple[tuple[str, ...], str | None]:
    if calib is None:
        return (CALIB,), None
    name = os.fspath(calib)
    if has_collection(butler, name):
        if (kind := butler.collections.get_info(name).type.name) not in ("CALIBRATION", "CHAINED"):
            raise RepositoryError(
                f"{root}: {name} is a collection of type {kind}, wanted one of calibrations"
            )
        return (name,), None
    if os.path.isdir(name):
        path = os.path.abspath(name)
        if _is_same(path, root):
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
    """Make a RUN, or open the one that is there; return what it was made from."""
    if clobber:
        Store(root, butler, run).clobber()
    if not has_collection(butler, run):
        butler.collections.register(run, doc=json.dumps({_INPUTS: inputs}) if inputs else None)
        return inputs
    before = _noted(butler, run)
    if inputs and before and all(os.path.isabs(each) for each in (*before, *inputs)):
        if [*map(os.path.realpath, before)] == [*map(os.path.realpath, inputs)]:
            return before
        if not any(os.path.exists(each) for each in before):  # it has been moved
            butler.registry.setCollectionDocumentation(run, json.dumps({_INPUTS: inputs}))
            return inputs
    if inputs and before and set(inputs) != set(before):
        raise RepositoryError(
            f"{root}: {run} was made from {', '.join(before)}, it cannot go on from "
            f"{', '.join(inputs)}; another name, or --clobber-output, starts anew"
        )
    return before or inputs


def _noted(butler: Any, run: str) -> tuple[str, ...]:
    """Return what a RUN was made from, as its description says."""
    if not has_collection(butler, run):
        return ()
    try:
        return tuple(json.loads(butler.collections.get_info(run).doc or "")[_INPUTS])
    except (ValueError, LookupError, TypeError):
        return ()


def _read(butler: Any, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Return collections that are there, and what they were made from, depth first."""
    found: dict[str, None] = {}
    waiting = list(inputs)
    while waiting:
        name = waiting.pop(0)
        if name not in found and has_collection(butler, name):
            found[name] = None
            waiting[:0] = _noted(butler, name)
    return tuple(found)


def _output_repository(place: str) -> None:
    from cfhtisr.butler.repository import create

    folder = Path(place)
    if (folder / CONFIG).is_file():
        return
    try:
        create(folder)
    except RepositoryError:
        if not (folder / CONFIG).is_file():  # somebody else has made it meanwhile
            raise
