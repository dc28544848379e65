"""Several CCDs at a time in this process: while one is read, others are corrected and written."""

__all__ = ["count", "work"]

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import TypeVar

from cfhtisr.batch.correct import Plan, Worker
from cfhtisr.batch.report import Outcome

Unit = TypeVar("Unit")

_MOST = 4  # more would only wait for each other
_PROCESS = 120_000_000  # what the process itself needs [byte]
_PLANES = 12  # bytes of a pixel: image, mask, variance
_RAW = 2
_FRAME = 4  # of a calibration


def count(plan: Plan, units: int, pixels: int, threads: int) -> int:
    """Return how many CCDs are worked on at a time.

    Parameters
    ----------
    plan : Plan
        What is done; its ``max_memory`` [byte] is kept to.
    units : int
        How many there are.
    pixels : int
        Pixels of the largest raw CCD.
    threads : int
        Threads that work.

    Raises
    ------
    ValueError
        If the memory does not suffice for one.
    """
    most = max(1, min(units, threads, _MOST))
    if plan.max_memory is None:
        return most
    frames = sum(len(plan.calibrations.of(kind)) for kind in ("bias", "dark", "flat", "fringe"))
    # A frame may come with flags and variance, and is read as it is stored before it is used.
    each = pixels * (_RAW + _PLANES + frames * 3 * _FRAME + _PLANES)
    room = (plan.max_memory - _PROCESS) // max(1, each)
    if room < 1:
        raise ValueError(
            f"--max-memory is {plan.max_memory / 1e6:.0f} MB, wanted at least "
            f"{(_PROCESS + each) / 1e6:.0f} MB, for one CCD and its calibrations"
        )
    return min(most, room)


def work(
    plan: Plan,
    units: Iterable[Unit],
    lanes: int,
    do: Callable[[Worker, Plan, Unit], Iterable[Outcome]],
) -> Iterator[Outcome]:
    """Yield the outcomes of all units, as they come.

    When the caller stops in between, or is interrupted, what is in work is finished and the
    rest is left.
    """
    stop = threading.Event()
    made: list[Worker] = []
    free: SimpleQueue[Worker] = SimpleQueue()
    for _ in range(lanes):
        made.append(Worker(plan, stop.is_set))
        free.put(made[-1])

    def one(unit: Unit) -> list[Outcome]:
        worker = free.get()
        try:
            return list(do(worker, plan, unit))
        finally:
            free.put(worker)

    pool = ThreadPoolExecutor(lanes, thread_name_prefix="cfhtisr-ccd")
    try:
        waiting: list[Future[list[Outcome]]] = [pool.submit(one, unit) for unit in units]
        for future in as_completed(waiting):
            yield from future.result()
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for worker in made:
            worker.close()
