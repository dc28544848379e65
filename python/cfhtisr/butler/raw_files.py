"""Taking raw exposures into a repository."""

__all__ = ["Ingested", "ingest"]

import errno
import filecmp
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfhtisr.butler._middleware import (
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    FileDataset,
)
from cfhtisr.butler.collection_names import check_collection
from cfhtisr.butler.connect import connect, explained, has_collection
from cfhtisr.butler.errors import OtherKindError, RepositoryError
from cfhtisr.butler.folders import files_in
from cfhtisr.butler.names import INSTRUMENT, RAW_RUN
from cfhtisr.butler.records import Described, describe
from cfhtisr.butler.transfers import MODES, finish_move, transfer
from cfhtisr.camera.record import value_of
from cfhtisr.errors import FileFormatError
from cfhtisr.io import FitsFile

_RAW = ("OBJECT", "FLAT", "BIAS", "DARK", "FOCUS", "LED")
_SUFFIXES = (".fits", ".fits.fz", ".fits.gz", ".fit", ".fz")


@dataclass
class Ingested:
    """What became of the files.

    Attributes
    ----------
    files : list of str
        Those that were taken in.
    datasets : int
        Number of the CCDs in them.
    there : list of str
        Those that were there before.
    failed : list of (str, str)
        Those that could not be taken in, and why.
    passed : list of (str, str)
        Those in folders that are no raw exposures, such as masters, and why.
    """

    files: list[str] = field(default_factory=list)
    datasets: int = 0
    there: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    passed: list[tuple[str, str]] = field(default_factory=list)


def ingest(
    root: str | os.PathLike[str],
    paths: Iterable[str | os.PathLike[str]],
    *,
    mode: str = "direct",
    skip_existing: bool = False,
    run: str = RAW_RUN,
    progress: Callable[[int, int, str], object] | None = None,
) -> Ingested:
    """Take raw exposures into a repository, each file wholly or not at all.

    A file that is there already is left alone.

    Parameters
    ----------
    root : path-like
        The repository.
    paths : iterable of path-like
        Raw files of any era, or folders of them.
    mode : {"direct", "copy", "link", "hardlink", "move"}, optional
        Whether files stay where they are, or are copied, linked or moved into the repository.
    skip_existing : bool, optional
        Whether an exposure that is there from another file is passed over; otherwise it
        counts as failed.
    run : str, optional
        The RUN that they go into.
    progress : callable, optional
        Called with the number of files done, that of all, and a line about the last if there
        is something to say.

    Returns
    -------
    ingested : Ingested

    Raises
    ------
    RepositoryError
        If the repository cannot be opened or written.
    ValueError
        If the mode is none of these.
    """
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}, wanted one of {', '.join(MODES)}")
    result = Ingested()
    check_collection(run)
    with connect(root, writeable=True) as butler, explained(root):
        _register(butler, root, run)
        folder = Path(root) if Path(root).is_dir() else Path(root).parent
        named = [Path(given).absolute() for given in paths]
        files = list(files_in(named, _SUFFIXES))
        for done, path in enumerate(files, 1):
            try:
                line = _one(butler, folder, describe(path), mode, skip_existing, run, result)
            except RepositoryError:
                raise
            except _REFUSED as error:
                reason = _reason(error, path)
                other = path not in named and _is_of_other_kind(path, error)
                (result.passed if other else result.failed).append((str(path), reason))
                line = f"{path}: {reason}"
            if progress is not None:
                progress(done, len(files), line)
    return result


def _register(butler: Any, root: str | os.PathLike[str], run: str) -> None:
    if has_collection(butler, run):
        kind = butler.collections.get_info(run).type
        if kind is not CollectionType.RUN:
            raise RepositoryError(f"{root}: {run} is a collection of type {kind.name}, wanted RUN")
    butler.collections.register(run)


class _KnownError(ValueError):
    """An exposure that is in the repository already."""


_REFUSED = (OSError, ValueError, LookupError, MemoryError)


def _reason(error: BaseException, path: Path) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        text = os.strerror(error.errno)
    return text.removeprefix(f"{path}: ") or type(error).__name__


def _is_of_other_kind(path: Path, error: BaseException) -> bool:
    """Whether a file that was refused is whole, and says itself that it is no raw exposure."""
    if isinstance(error, OtherKindError) or not isinstance(error, FileFormatError):
        return isinstance(error, OtherKindError)
    try:
        with FitsFile(path, checksum="ignore") as file:
            images = [hdu for hdu in file.hdus if hdu.shape is not None]
            headers = [file.hdus[0], *images[:1]]
            told = [value_of(hdu.cards, "OBSTYPE") for hdu in headers]
            says = next((str(each).strip().upper() for each in told if each), None)
            made = any("CFHTISR" in hdu.cards for hdu in headers)  # a product of this package
            return file.damage is None and (made or not images or says not in (None, *_RAW))
    except (OSError, ValueError):
        return False


def _one(
    butler: Any,
    root: Path,
    described: Described,
    mode: str,
    skip_existing: bool,
    run: str,
    result: Ingested,
) -> str:
    path = described.path
    there = _existing(butler, described.exposure, run)
    fresh = [ccd for ccd in described.ccds if ccd not in there]
    other = _other_file(butler, path, [there[ccd] for ccd in described.ccds if ccd in there])
    if other is not None and not skip_existing:
        raise _KnownError(
            f"exposure {described.exposure} is in the repository already, from {other}; "
            "skip_existing, or --skip-existing, passes it over"
        )
    if not fresh or other is not None:
        result.there.append(path)
        return ""
    kind = butler.get_dataset_type("raw")
    refs = [
        DatasetRef(
            kind,
            DataCoordinate.standardize(
                instrument=INSTRUMENT,
                exposure=described.exposure,
                detector=ccd,
                physical_filter=described.physical_filter,
                universe=butler.dimensions,
            ),
            run=run,
            # The same file gets the same numbers, whoever takes it in and when.
            id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN,
        )
        for ccd in fresh
    ]
    from lsst.daf.butler.registry import ConflictingDefinitionError

    from cfhtisr.butler.formatters import RawFormatter

    try:
        with butler.transaction():
            for element, record in described.records:
                butler.registry.syncDimensionData(element, record)
            butler.ingest(
                FileDataset(path=Path(path).as_uri(), refs=refs, formatter=RawFormatter),
                transfer=transfer(mode, path, root),
            )
    except ConflictingDefinitionError as error:
        raise _KnownError(
            f"exposure {described.exposure} is in the repository with other facts: "
            f"{' '.join(str(error).split())}"
        ) from error
    except FileExistsError as error:
        raise FileExistsError(
            errno.EEXIST, "the repository has a file of that name", path
        ) from error
    result.files.append(path)
    result.datasets += len(fresh)
    if mode == "move":
        finish_move(path, butler.getURI(refs[0]).ospath)
    return ""


def _existing(butler: Any, exposure: int, run: str) -> dict[int, Any]:
    refs = butler.query_datasets(
        "raw",
        run,
        data_id={"instrument": INSTRUMENT, "exposure": exposure},
        explain=False,
        limit=None,
    )
    return {ref.dataId["detector"]: ref for ref in refs}


def _other_file(butler: Any, path: str, refs: list[Any]) -> str | None:
    """Return the file that these datasets are in, if it is not the one given."""
    found = {butler.getURI(ref).ospath for ref in refs}
    for there in sorted(found):
        if not os.path.exists(there):
            return f"{there}, which is gone"
        if not os.path.samefile(there, path) and not filecmp.cmp(there, path, shallow=False):
            return str(there)
    return None
