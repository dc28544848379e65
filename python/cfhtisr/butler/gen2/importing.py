"""From repositories of LSST's second generation into one of today, files staying where they are."""

__all__ = ["Imported", "import_gen2"]

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path

from cfhtisr.butler.calibs.certify import Certified, take_in
from cfhtisr.butler.calibs.files import Described, describe
from cfhtisr.butler.calibs.rules import Rule
from cfhtisr.butler.calibs.validity import ERA_FENCES, Range
from cfhtisr.butler.connect import connect
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.gen2.detrend import read_detrend
from cfhtisr.butler.gen2.registry import (
    CALIB_REGISTRY,
    RAW_REGISTRY,
    Listed,
    OldRaw,
    Problems,
    calibrations,
    raws,
)
from cfhtisr.butler.gen2.roots import roots
from cfhtisr.butler.names import RAW_RUN
from cfhtisr.butler.raw_files import Ingested, ingest
from cfhtisr.butler.records import describe as describe_raw
from cfhtisr.butler.repository import create
from cfhtisr.camera.filters import lookup
from cfhtisr.io.raw import RawFile, scan_raw

Progress = Callable[[int, int, str], object]

_REFUSED = (OSError, ValueError, LookupError, MemoryError)
_CALIB_LINK = "CALIB"
_SUFFIX = re.compile(r"(\.fits|\.fit)?(\.gz|\.fz)?$", re.IGNORECASE)
_NO_NAME = re.compile(r"[^A-Za-z0-9.+-]+")
_OLD_CCDS = 36


@dataclass
class Imported:
    """What became of an old repository.

    Attributes
    ----------
    raws : Ingested
        Of its exposures.
    calibrations : Certified
        Of its calibrations.
    missing : list of (str, str)
        What the registries list and is not there: ``raw`` or the kind of calibration, and the
        path.
    passed : list of (str, str)
        What cannot be in a repository of today, or makes no sense in the old one, and why.
    """

    raws: Ingested = field(default_factory=Ingested)
    calibrations: Certified = field(default_factory=Certified)
    missing: list[tuple[str, str]] = field(default_factory=list)
    passed: Problems = field(default_factory=list)


def import_gen2(
    new: str | os.PathLike[str],
    old: str | os.PathLike[str] | None = None,
    *,
    calib: str | os.PathLike[str] | None = None,
    detrend: str | os.PathLike[str] | None = None,
    detrend_root: str | os.PathLike[str] | None = None,
    offset: float | None = None,
    skip_existing: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Take what an old repository has into a new one; the old one is only read.

    Exposures and calibrations stay where they are. Calibrations hold when their registry says,
    but none across the day on which the camera got 40 CCDs. Of several that hold, that of the
    highest version does, of these the one that was registered last; ranges that were given to
    `cfhtisr.butler.certify` go first. A repeat takes in what is new.

    Parameters
    ----------
    new : path-like
        A repository; made if it is not there.
    old : path-like, optional
        The folder of a repository of the second generation, or of its calibrations.
    calib : path-like, optional
        The folder of its calibrations, if that is another.
    detrend : path-like, optional
        The observatory's table of masters, see `cfhtisr.butler.gen2.detrend.read_detrend`.
    detrend_root : path-like, optional
        The folder that the paths in that table count from; by default that of the table.
    offset : float, optional
        What is to be added to the times in the registry of calibrations to get UTC [h]; by
        default what they look like.
    skip_existing : bool, optional
        Whether an exposure that is in the new repository from another file is passed over;
        otherwise it counts as failed.
    dry_run : bool, optional
        Only look what would be done.
    progress : callable, optional
        Called with the number of files done, that of all, and a line about the last if there
        is something to say.

    Returns
    -------
    imported : Imported

    Raises
    ------
    RepositoryError
        If a registry is missing or damaged, or the new repository cannot be opened or written.
    ValueError
        If there is nothing to import from.
    """
    result = Imported()
    exposures, listed = _read(old, calib, detrend, detrend_root, offset, result)
    folder = Path(new).absolute()
    there = folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))
    if there:
        connect(folder, writeable=not dry_run).close()  # before all work, and as read
    elif not dry_run:
        create(folder)
    files = _exposures(exposures, result)
    if not dry_run:
        if files:
            done = ingest(folder, files, skip_existing=skip_existing, progress=progress)
            done.failed = [*result.raws.failed, *done.failed]
            result.raws = done
    else:
        _look(folder if there else None, files, result)
    found = _rules(listed, result, progress)
    take_in(folder if there or not dry_run else None, found, result.calibrations, dry_run=dry_run)
    return result


def _read(
    old: str | os.PathLike[str] | None,
    calib: str | os.PathLike[str] | None,
    detrend: str | os.PathLike[str] | None,
    detrend_root: str | os.PathLike[str] | None,
    offset: float | None,
    result: Imported,
) -> tuple[list[OldRaw], list[Listed]]:
    """Return all that the old registries list."""
    if old is None and calib is None and detrend is None:
        raise ValueError("there is nothing to import from: neither old, calib nor detrend")
    folders = [] if old is None else roots(old)
    exposures = raws(folders, result.passed)
    places = folders if calib is None else roots(calib)
    # The link is one of habit, as the option for it was seldom given.
    places = [each for place in places for each in (place, place / _CALIB_LINK)]
    places = [place for place in places if (place / CALIB_REGISTRY).is_file()]
    if calib is not None and not places:
        raise RepositoryError(f"{calib}: there is no {CALIB_REGISTRY} in it")
    if folders and not places and not any((each / RAW_REGISTRY).is_file() for each in folders):
        raise RepositoryError(
            f"{old}: is no repository of LSST's second generation: there is neither "
            f"{RAW_REGISTRY} nor {CALIB_REGISTRY} in it"
        )
    # The first registry is the one that was asked, as the second generation had it.
    listed = calibrations(places[0], offset, result.passed) if places else []
    if detrend is not None:
        root = Path(detrend).parent if detrend_root is None else Path(detrend_root)
        if not root.is_dir():
            raise RepositoryError(f"{root}: there is no such folder")
        listed += read_detrend(detrend, [root.absolute()], result.passed)
    return exposures, listed


def _exposures(exposures: Iterable[OldRaw], result: Imported) -> list[Path]:
    """Return the files that are there and of the exposure that is listed."""
    files = []
    for each in exposures:
        if each.path is None:
            result.missing.append(("raw", each.listed))
            continue
        try:
            number = scan_raw(each.path).obsid
            if number != each.visit:
                raise ValueError(f"is of exposure {number}, the registry says {each.visit}")
        except _REFUSED as error:
            result.raws.failed.append((str(each.path), _reason(error, each.path)))
        else:
            files.append(each.path)
    return files


def _look(new: Path | None, files: Iterable[Path], result: Imported) -> None:
    """Tell what would become of exposures."""
    there: set[int] = set()
    if new is not None:
        with connect(new) as butler:
            refs = butler.query_datasets("raw", RAW_RUN, explain=False, limit=None)
            there = {ref.dataId["exposure"] for ref in refs}
    for path in files:
        try:
            described = describe_raw(path)
        except _REFUSED as error:
            result.raws.failed.append((str(path), _reason(error, path)))
            continue
        known = described.exposure in there
        (result.raws.there if known else result.raws.files).append(str(path))
        result.raws.datasets += 0 if known else len(described.ccds)


def _rules(
    listed: Iterable[Listed], result: Imported, progress: Progress | None
) -> list[tuple[Described, Rule]]:
    """Return the calibrations that are there, and what the old registries say of them."""
    together: dict[tuple[str, Path], list[Listed]] = {}
    for each in listed:
        if each.path is None:
            result.missing.append((each.kind, each.listed))
        else:
            together.setdefault((each.kind, each.path), []).append(each)
    found = []
    for done, ((kind, path), several) in enumerate(together.items(), 1):
        line = ""
        try:
            described = describe(path, kind)
            good = [each for each in several if _is_of_filter(described, each, result)]
            for number, each in enumerate(_apart(good), 1):
                found.append(_with_rule(described, each, number))
        except _REFUSED as error:
            reason = _reason(error, path)
            result.calibrations.failed.append((str(path), reason))
            line = f"{path}: {reason}"
        if progress is not None:
            progress(done, len(together), line)
    return found


def _is_of_filter(described: Described, listed: Listed, result: Imported) -> bool:
    own, wanted = described.physical_filter, lookup(listed.filter)
    if own is None or wanted is None or wanted.name == own:
        return True
    reason = f"FILTER is {own}, the registry says {listed.filter}"
    result.calibrations.failed.append((described.path, reason))
    return False


def _apart(several: Iterable[Listed]) -> list[Listed]:
    """Return the entries of a file that differ in when or for what they hold, each the last."""
    last: dict[Listed, Listed] = {}
    for each in sorted(several, key=lambda each: (each.version, each.registered)):
        last[replace(each, version=0, registered=datetime.min, filter="")] = each
    return sorted(last.values(), key=lambda each: (each.range.begin or datetime.min, each.version))


def _with_rule(described: Described, listed: Listed, number: int) -> tuple[Described, Rule]:
    ccds = _ccds(described, listed)
    # What it is called in the registry tells files of one name in several folders apart.
    stem = _NO_NAME.sub("_", _SUFFIX.sub("", listed.listed)).strip("._") or described.stem
    if number > 1:
        stem = f"{stem}-{number}"
    held = _within_era(listed.range, described)
    rank = (listed.version, listed.registered.isoformat())
    rule = Rule(Path(described.path).name, described.taken, explicit=held, rank=rank)
    return replace(described, ccds=ccds, stem=stem), rule


def _ccds(described: Described, listed: Listed) -> tuple[int, ...]:
    """Return the CCDs of the extensions that are listed."""
    if listed.extensions is None or listed.extensions.issuperset(range(1, len(described.ccds) + 1)):
        return described.ccds
    with RawFile(described.path, processed=True, checksum="ignore") as file:
        order = file.ccds
    ccds = [ccd for place, ccd in enumerate(order, 1) if place in listed.extensions]
    if not ccds:
        told = ", ".join(map(str, sorted(listed.extensions)))
        raise ValueError(f"has {len(order)} CCDs, the registry lists extension {told}")
    return tuple(sorted(ccds))


def _within_era(held: Range, described: Described) -> Range:
    """Return the part of a range that is in the era of a file, if it reaches across the end."""
    for day in ERA_FENCES:
        post = datetime.combine(day, time())
        if post not in held or post == held.begin:
            continue
        late = described.taken is not None and described.taken >= day
        if late or max(described.ccds) >= _OLD_CCDS:
            held = Range(post, held.end)
        else:
            held = Range(held.begin, post)
    return held


def _reason(error: BaseException, path: Path) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        text = os.strerror(error.errno)
    return text.removeprefix(f"{path}: ") or type(error).__name__
