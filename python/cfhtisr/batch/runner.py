"""Many CCDs of many raws, in this process or in others."""

__all__ = ["run"]

import errno
import logging
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from cfhtisr import __version__
from cfhtisr.batch.correct import Plan, Worker, describe, stem
from cfhtisr.batch.lanes import count as lanes_of
from cfhtisr.batch.lanes import work
from cfhtisr.batch.report import Outcome, Report
from cfhtisr.io.hdu import BLOCK
from cfhtisr.io.raw import RawScan, scan_raw
from cfhtisr.pipe.processes import ProcessDiedError, Result, in_executor, in_processes, stopped
from cfhtisr.threads import get_num_threads, set_num_threads

_BYTES_PER_PIXEL = {"planes": 12, "weight": 8}


@dataclass(frozen=True)
class _Unit:
    """What one worker does in one go: a CCD of several raws, or a whole raw."""

    raws: tuple[tuple[Path, int], ...]  # with the number of CCDs in their era
    ccds: tuple[int, ...]

    def absolute(self) -> "_Unit":
        """Return the unit as a process in another folder can read it."""
        return _Unit(tuple((path.absolute(), n_ccd) for path, n_ccd in self.raws), self.ccds)


def run(
    raws: Iterable[str | os.PathLike[str]],
    plan: Plan,
    ccds: Iterable[int] | None = None,
    *,
    jobs: int = 1,
    threads: int | None = None,
    executor: Executor | None = None,
    progress: Callable[[Outcome], None] | None = None,
    started: Callable[[int], None] | None = None,
) -> Report:
    """Correct CCDs of raw exposures and write the products.

    Parameters
    ----------
    raws : iterable of path
        The raw files.
    plan : Plan
        What to do, with what, and where to.
    ccds : iterable of int, optional
        The CCDs wanted; all that a raw has if it is left out.
    jobs : int, optional
        Number of processes; 1 works in this one.
    threads : int, optional
        Threads of all processes together; each gets its share. The default is what
        `cfhtisr.get_num_threads` says.
    executor : concurrent.futures.Executor, optional
        Where to work instead of processes of our own: any; paths must mean the same there.
        Threads do not multiply, see `cfhtisr.pipe.processes.in_executor`.
    progress : callable, optional
        Called with each `Outcome` as it comes.
    started : callable, optional
        Called once with the number of CCDs, before the first is corrected.

    Returns
    -------
    report : Report
        An outcome for every CCD asked for: one that fails does not keep the others.

    Raises
    ------
    OSError, ValueError
        If a raw cannot be read at all, two raws would have one product, a product would take
        the place of an input, the configuration contradicts itself, or the disk is too small;
        nothing has been written then.
    """
    plan.config.validate()
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, wanted 1 or more")
    paths = [Path(path) for path in raws]
    _refuse_duplicates(paths)
    plan.calibrations.check()
    scans = {path: scan_raw(path) for path in paths}
    wanted = None if ccds is None else sorted(set(ccds))
    if wanted == []:
        raise ValueError("no CCD is wanted")
    pairs = [(path, ccd) for path in paths for ccd in wanted or scans[path].ccds]
    _refuse_overwriting(plan, pairs)
    _make_folder(plan.output)
    _check_space(plan, pairs, scans)
    units = _units(plan, pairs, scans)
    share = max(1, (threads or get_num_threads()) // (jobs if executor is None else 1))
    pixels = max((scan.pixels for scan in scans.values()), default=0)
    lanes = lanes_of(plan, len(units), pixels, share)
    report = Report()
    damaged = [] if wanted else list(_damaged(scans, plan, report))
    if started is not None:
        started(len(pairs) + len(damaged))
    for outcome in chain(damaged, _outcomes(plan, units, jobs, threads, executor, lanes)):
        report.add(outcome)
        if progress is not None:
            progress(outcome)
    order = {(path.name, ccd): index for index, (path, ccd) in enumerate(pairs)}
    report.sort(order)
    return report


def _refuse_duplicates(paths: list[Path]) -> None:
    if not paths:
        raise ValueError("no raw file is given")
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(stem(path), path)
        if other is not path and other == path:
            raise ValueError(f"{path}: is given twice")
        if other is not path:
            raise ValueError(f"{other} and {path} would both be written as {stem(path)}")


def _refuse_overwriting(plan: Plan, pairs: list[tuple[Path, int]]) -> None:
    """Refuse to write over what is read."""
    inputs = {path.resolve() for path, _ in pairs}
    inputs |= {path.resolve() for path in plan.calibrations.given()}
    for path, ccd in pairs:
        product = plan.product(path, ccd if plan.layout == "ccd" else None)
        for file in (product, *plan.maps(path, ccd)):
            if file.resolve() in inputs:
                raise ValueError(
                    f"{file}: a product would overwrite an input; choose another output folder"
                )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(
            errno.ENOTDIR, "is a file or below one, wanted a folder for the products", str(folder)
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no permission to write into this folder", str(folder))


def _damaged(scans: dict[Path, RawScan], plan: Plan, report: Report) -> Iterator[Outcome]:
    """Yield a failure for each file that is cut off, for the CCDs that nobody can name."""
    for path, scan in scans.items():
        stated = scan.n_stated
        problem = scan.damage
        if stated is not None and stated > scan.n_images:
            there = f"NEXTEND is {stated}, but there are {scan.n_images} images of CCDs"
            if not problem and path.stat().st_size % BLOCK and path.suffix != ".gz":
                problem = f"is truncated: {there}, and the last is not padded"
            elif not problem:
                report.notes.append(f"{path}: {there}: is it a part of an exposure?")
        elif plan.checksum != "error" or scan.damaged_ccd is not None:
            continue  # every CCD is there, and the one that is damaged says so itself
        if problem:
            yield Outcome(path.name, -1, "failed", message=_with_path(path, problem))


def _with_path(path: Path, text: str) -> str:
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _units(plan: Plan, pairs: list[tuple[Path, int]], scans: dict[Path, RawScan]) -> list[_Unit]:
    """Group the work: by CCD, so that a calibration is read once for all raws."""
    if plan.layout == "mosaic":
        raws = dict.fromkeys(path for path, _ in pairs)
        return [
            _Unit(((raw, scans[raw].n_ccd),), tuple(ccd for path, ccd in pairs if path == raw))
            for raw in raws
        ]
    ccds = dict.fromkeys(ccd for _, ccd in sorted(pairs, key=lambda pair: pair[1]))
    return [
        _Unit(tuple((path, scans[path].n_ccd) for path, ccd in pairs if ccd == one), (one,))
        for one in ccds
    ]


def _check_space(plan: Plan, pairs: list[tuple[Path, int]], scans: dict[Path, RawScan]) -> None:
    per_pixel = _BYTES_PER_PIXEL["planes"] + plan.weight * _BYTES_PER_PIXEL["weight"]
    need = 0
    for path, ccd in pairs:
        product = plan.product(path, ccd if plan.layout == "ccd" else None)
        # A product that is replaced still needs room beside the old one, but only one at a time.
        if not product.exists():
            need += scans[path].pixels * per_pixel
    free = shutil.disk_usage(plan.output).free
    if need > free:
        raise OSError(
            errno.ENOSPC,
            f"the products need up to {need / 1e9:.3g} GB, {free / 1e9:.3g} GB are free",
            str(plan.output),
        )


def _outcomes(
    plan: Plan,
    units: list[_Unit],
    jobs: int,
    threads: int | None,
    executor: Executor | None,
    lanes: int,
) -> Iterator[Outcome]:
    if executor is not None:
        work_alone = partial(_work_alone, plan.absolute(), __version__)
        units = [unit.absolute() for unit in units]
        with closing(in_executor(executor, work_alone, units, threads=threads)) as results:
            yield from _told(results, units)
    elif jobs == 1 or len(units) < 2:
        yield from _work_here(plan, units, threads, lanes)
    else:
        yield from _work_in_processes(plan, units, jobs, threads)


def _work_here(
    plan: Plan, units: list[_Unit], threads: int | None, lanes: int
) -> Iterator[Outcome]:
    before = get_num_threads()
    if threads is not None:
        set_num_threads(threads)
    try:
        yield from work(plan, units, lanes, _work)
    finally:
        if threads is not None:
            set_num_threads(before)


def _work_in_processes(
    plan: Plan, units: list[_Unit], jobs: int, threads: int | None
) -> Iterator[Outcome]:
    begin = partial(_log_in_worker, logging.getLogger().level)
    work = partial(_work_in_turn, plan)
    with closing(in_processes(work, units, jobs, threads=threads, begin=begin)) as results:
        yield from _told(results, units)


def _told(results: Iterator[Result], units: list[_Unit]) -> Iterator[Outcome]:
    for result in results:
        if result.error is None:
            yield from result.value
        else:
            yield from _lost(units[result.index], _reason(result.error))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ProcessDiedError) else describe(error)


def _lost(unit: _Unit, message: str) -> list[Outcome]:
    return [
        Outcome(raw.name, ccd, "failed", message=f"{raw}: {message}")
        for raw, _ in unit.raws
        for ccd in unit.ccds
    ]


def _work(worker: Worker, plan: Plan, unit: _Unit) -> Iterator[Outcome]:
    for raw, n_ccd in unit.raws:
        if plan.layout == "mosaic":
            yield from worker.mosaic(raw, unit.ccds, n_ccd)
        else:
            yield from (worker.ccd(raw, ccd, n_ccd) for ccd in unit.ccds)


def _work_alone(plan: Plan, version: str, unit: _Unit) -> list[Outcome]:
    """Work in an executor of the caller's, of which we know neither process nor thread."""
    where = f"the worker on {platform.node()}"
    if version != __version__:
        return _lost(unit, f"{where} has cfhtisr {__version__}, wanted {version}")
    blind = [path for path in (*plan.inputs(), *(raw for raw, _ in unit.raws)) if not path.exists()]
    if not plan.output.is_dir():
        blind.insert(0, plan.output)
    if blind:
        return _lost(unit, f"{where} does not see {blind[0]}")
    worker = Worker(plan)
    try:
        return list(_work(worker, plan, unit))
    finally:
        worker.close()


# A process of our own works for one plan; its worker, and its open files, last as long as it.
_worker: Worker | None = None


def _log_in_worker(level: int) -> None:
    handler = logging.StreamHandler()
    # What is warned of comes back with the outcomes.
    handler.setLevel(level if level < logging.WARNING else logging.ERROR)
    logging.basicConfig(
        level=level, format="%(levelname)s %(name)s: %(message)s", handlers=[handler]
    )


def _work_in_turn(plan: Plan, unit: _Unit) -> list[Outcome]:
    global _worker
    if _worker is None:
        _worker = Worker(plan, stopped)
    return list(_work(_worker, plan, unit))
