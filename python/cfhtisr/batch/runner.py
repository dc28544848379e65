"""Many CCDs of many raws, in this process or in others."""

__all__ = ["run"]

import hashlib
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from cfhtisr.batch.correct import Plan, Worker, describe, stem
from cfhtisr.batch.report import Outcome, Report
from cfhtisr.io.raw import RawScan, scan_raw
from cfhtisr.threads import get_num_threads, set_num_threads

_BYTES_PER_PIXEL = {"planes": 12, "weight": 8}


@dataclass(frozen=True)
class _Unit:
    """What one worker does in one go: a CCD of several raws, or a whole raw."""

    raws: tuple[Path, ...]
    ccds: tuple[int, ...]


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
        Where to work instead of processes of our own.
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
        If a raw cannot be read at all, two raws would have one product, or the disk is too
        small; nothing has been written then.
    """
    paths = [Path(path) for path in raws]
    _refuse_duplicates(paths)
    scans = {path: scan_raw(path) for path in paths}
    wanted = None if ccds is None else sorted(set(ccds))
    pairs = [(path, ccd) for path in paths for ccd in wanted or scans[path].ccds]
    plan.output.mkdir(parents=True, exist_ok=True)
    _check_space(plan, pairs, scans)
    if started is not None:
        started(len(pairs))
    report = Report()
    for outcome in _outcomes(plan, _units(plan, pairs), jobs, threads, executor):
        report.add(outcome)
        if progress is not None:
            progress(outcome)
    report.sort({(path.name, ccd): index for index, (path, ccd) in enumerate(pairs)})
    return report


def _refuse_duplicates(paths: list[Path]) -> None:
    if not paths:
        raise ValueError("no raw file is given")
    seen: dict[str, Path] = {}
    for path in paths:
        other = seen.setdefault(stem(path), path)
        if other is not path:
            raise ValueError(f"{other} and {path} would both be written as {stem(path)}")


def _units(plan: Plan, pairs: list[tuple[Path, int]]) -> list[_Unit]:
    """Group the work: by CCD, so that a calibration is read once for all raws."""
    if plan.layout == "mosaic":
        raws = dict.fromkeys(path for path, _ in pairs)
        return [_Unit((raw,), tuple(ccd for path, ccd in pairs if path == raw)) for raw in raws]
    ccds = dict.fromkeys(ccd for _, ccd in sorted(pairs, key=lambda pair: pair[1]))
    return [_Unit(tuple(path for path, ccd in pairs if ccd == one), (one,)) for one in ccds]


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
            f"{plan.output}: the products need {need / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
        )


def _outcomes(
    plan: Plan, units: list[_Unit], jobs: int, threads: int | None, executor: Executor | None
) -> Iterator[Outcome]:
    if executor is None and jobs == 1:
        if threads is not None:
            set_num_threads(threads)
        worker = Worker(plan)
        try:
            for unit in units:
                yield from _work(worker, plan, unit)
        finally:
            worker.close()
        return
    if executor is not None:
        yield from _collect(executor, plan, units)
        return
    share = max(1, (threads or get_num_threads()) // jobs)
    with ProcessPoolExecutor(
        max_workers=min(jobs, len(units)) or 1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=set_num_threads,
        initargs=(share,),
    ) as own:
        try:
            yield from _collect(own, plan, units)
        except BaseException:
            own.shutdown(wait=False, cancel_futures=True)
            raise


def _collect(executor: Executor, plan: Plan, units: list[_Unit]) -> Iterator[Outcome]:
    # Configurations do not compare by value, so the plan is known by what is sent of it.
    key = hashlib.sha256(pickle.dumps(plan)).hexdigest()
    futures = {executor.submit(_work_elsewhere, key, plan, unit): unit for unit in units}
    for future in as_completed(futures):
        try:
            yield from future.result()
        except BrokenProcessPool:
            yield from _lost(futures[future], "a worker process died; see the system's log")
        except Exception as error:
            yield from _lost(futures[future], describe(error))


def _lost(unit: _Unit, message: str) -> Iterator[Outcome]:
    for raw in unit.raws:
        for ccd in unit.ccds:
            yield Outcome(raw.name, ccd, "failed", message=message)


def _work(worker: Worker, plan: Plan, unit: _Unit) -> Iterator[Outcome]:
    for raw in unit.raws:
        if plan.layout == "mosaic":
            yield from worker.mosaic(raw, unit.ccds)
        else:
            yield from (worker.ccd(raw, ccd) for ccd in unit.ccds)


# The worker of a process of its own lives as long as the process: its files stay open.
_worker: tuple[str, Worker] | None = None


def _work_elsewhere(key: str, plan: Plan, unit: _Unit) -> list[Outcome]:
    global _worker
    if _worker is None or _worker[0] != key:
        if _worker is not None:
            _worker[1].close()
        _worker = (key, Worker(plan))
    return list(_work(_worker[1], plan, unit))
