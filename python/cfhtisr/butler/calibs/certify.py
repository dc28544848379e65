"""Taking calibrations into a repository, and certifying from when to when they hold."""

__all__ = ["Certified", "certify", "take_in"]

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import Literal

from cfhtisr.butler.calibs.certifier import Certified, Certifier
from cfhtisr.butler.calibs.files import KINDS, SUFFIXES, Described, describe
from cfhtisr.butler.calibs.rules import DATED, Rule
from cfhtisr.butler.calibs.store import CalibrationStore
from cfhtisr.butler.calibs.validity import Range
from cfhtisr.butler.collection_names import check_collection
from cfhtisr.butler.connect import connect, explained
from cfhtisr.butler.errors import OtherKindError
from cfhtisr.butler.folders import files_in
from cfhtisr.butler.locks import locked
from cfhtisr.butler.names import CALIB
from cfhtisr.butler.transfers import MODES

_LOCK = ".calibrations.lock"
_REFUSED = (OSError, ValueError, LookupError, MemoryError)


def certify(
    root: str | PathLike[str],
    paths: Iterable[str | PathLike[str]],
    *,
    kind: str | None = None,
    taken: date | None = None,
    validity: int | Literal["default"] | None = None,
    explicit: Range | None = None,
    fences: Sequence[date] = (),
    replace: bool = False,
    mode: str = "direct",
    collection: str = CALIB,
    dry_run: bool = False,
    progress: Callable[[int, int, str], object] | None = None,
) -> Certified:
    """Take calibrations into a repository and certify them, each file wholly or not at all.

    Frames (bias, dark, flat, fringe) hold where no other of the same CCD and filter is nearer
    in time, for ``validity`` days before and after at most. Defects, linearizers and crosstalk
    hold from their night until a later one supersedes them. None of these holds across a fence:
    1 January 2015, when the camera got 40 CCDs, or one that the user set. Defects, linearizers
    and crosstalk without a night hold ever, until the first with one. Ranges that are given
    explicitly stand; others give way.

    Parameters
    ----------
    root : path-like
        The repository.
    paths : iterable of path-like
        Files of many CCDs or of one, or folders of them.
    kind : str, optional
        Type of the datasets, where the files do not say it.
    taken : date, optional
        The night, UTC, where the files do not say it.
    validity : int or "default", optional
        Days; ``"default"`` takes back what was stated before, with ``replace``.
    explicit : Range, optional
        When they hold; this excludes ``validity``.
    fences : sequence of date, optional
        More days that no calibration of this collection reaches across, from now on.
    replace : bool, optional
        Whether these take the place of those of the same night.
    mode : {"direct", "copy", "link", "hardlink", "move"}, optional
        Whether files stay where they are, or are copied, linked or moved into the repository.
    collection : str, optional
        The CALIBRATION collection.
    dry_run : bool, optional
        Only look what would be done.
    progress : callable, optional
        Called with the number of files done, that of all, and a line about the last if there
        is something to say.

    Returns
    -------
    certified : Certified

    Raises
    ------
    RepositoryError
        If the repository cannot be opened or written, explicit ranges overlap, or two files are
        of the same night. Nothing has changed then.
    ValueError
        If an argument is out of its range.
    """
    for name, value, choices in (("mode", mode, MODES), ("kind", kind, KINDS)):
        if value is not None and value not in choices:
            raise ValueError(f"{name} is {value!r}, wanted one of {', '.join(choices)}")
    if validity is not None and explicit is not None:
        raise ValueError("validity and an explicit range exclude each other")
    if validity not in (None, "default") and (not isinstance(validity, int) or validity < 0):
        raise ValueError(f"validity is {validity!r}, wanted 0 days or more, or 'default'")
    result = Certified()
    found: list[tuple[Described, Rule]] = []
    named = [Path(given).absolute() for given in paths]
    files = list(files_in(named, SUFFIXES))
    for done, path in enumerate(files, 1):
        line = ""
        try:
            described = describe(path, kind, taken)
            days = validity if isinstance(validity, int) else None
            found.append((described, _rule(described, days, explicit)))
        except _REFUSED as error:
            reason = _reason(error, path)
            other = isinstance(error, OtherKindError) and path not in named
            (result.passed if other else result.failed).append((str(path), reason))
            line = f"{path}: {reason}"
        if progress is not None:
            progress(done, len(files), line)
    take_in(
        root,
        found,
        result,
        fences=fences,
        replace=replace,
        states=validity is not None or explicit is not None,
        mode=mode,
        collection=collection,
        dry_run=dry_run,
    )
    return result


def take_in(
    root: str | PathLike[str] | None,
    found: list[tuple[Described, Rule]],
    result: Certified,
    *,
    fences: Sequence[date] = (),
    replace: bool = False,
    states: bool = True,
    mode: str = "direct",
    collection: str = CALIB,
    dry_run: bool = False,
) -> None:
    """Take files in whose rules are known, and tell ``result``; see `certify`.

    With ``dry_run`` the repository can be None, for one that is not made yet.
    """
    check_collection(collection, of_calibrations=True)
    if root is None:
        store = CalibrationStore(None, None, collection)
        Certifier(store, mode, replace, states).look(found, fences, result)
        return
    with connect(root, writeable=not dry_run) as butler, explained(root):
        folder = Path(root) if Path(root).is_dir() else Path(root).parent
        store = CalibrationStore(butler, folder, collection)
        certifier = Certifier(store, mode, replace, states)
        if dry_run:
            certifier.look(found, fences, result)
        elif found or fences:
            # What holds follows from all that is there: nobody may add to it in between.
            with locked(folder / _LOCK):
                butler.registry.refresh()
                certifier.take(found, fences, result)


def _rule(described: Described, validity: int | None, explicit: Range | None) -> Rule:
    name = Path(described.path).name
    if explicit is not None:
        return Rule(name, described.taken, None, explicit)
    if described.taken is None and described.kind in DATED:
        raise ValueError(
            f"{described.path}: the header has neither MJD-OBS nor DATE-OBS, so nobody knows when "
            "it holds; give the night with --date, or --begin and --end"
        )
    if described.taken is None and validity is not None:
        raise ValueError(
            f"{described.path}: no night is known from which {validity} days could be counted; "
            "give it with --date, or --begin and --end"
        )
    return Rule(name, described.taken, validity, None, described.dark_time)


def _reason(error: BaseException, path: Path) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        text = error.strerror or text
    return text.removeprefix(f"{path}: ") or type(error).__name__
