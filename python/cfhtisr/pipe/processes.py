"""Work in processes of our own, or in an executor of the caller's: none is lost, none hangs."""

__all__ = [
    "ProcessDiedError",
    "Result",
    "RunTimeoutError",
    "in_executor",
    "in_processes",
    "stopped",
]

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any

from cfhtisr.threads import get_num_threads, set_num_threads

_GRACE = 30.0
"""How long an interrupted worker may take to finish what it is at [s]."""

_HOPELESS = 8
"""So many processes die before anything is done, and no more are started."""

_TOKEN = os.urandom(16).hex()

_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class ProcessDiedError(RuntimeError):
    """A worker process died before its work was done."""


class RunTimeoutError(multiprocessing.TimeoutError, TimeoutError):
    """All the work together took longer than it may.

    The reference raised the first of these, Python's executors raise the second.
    """


@dataclass(frozen=True)
class Result:
    """What has become of one item: a value, or an error in its place."""

    index: int
    value: Any = None
    error: Exception | None = None


def in_processes(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    jobs: int,
    *,
    threads: int | None = None,
    begin: Callable[[], object] | None = None,
    timeout: float | None = None,
    late: Callable[[Result], object] | None = None,
) -> Generator[Result, None, None]:
    """Call a function for each item, in spawned processes, and yield what comes as it comes.

    A process that dies costs the item that it was at; the others are done by other processes.
    When this process is interrupted, the workers finish what they are at and leave; when it
    dies, they leave at once.

    Parameters
    ----------
    function : callable
        Sent to each process once; called with an item.
    items : sequence
        What is worked on.
    jobs : int
        Number of processes.
    threads : int, optional
        Threads of all processes together; each gets its share. The default is what
        `cfhtisr.get_num_threads` says.
    begin : callable, optional
        Called without arguments in each process before its first item.
    timeout : float, optional
        Longest time for all items together [s]; then the workers are killed.
    late : callable, optional
        Called with each `Result` that comes when the caller has been interrupted already, or
        wants no more.

    Yields
    ------
    result : Result
        One for each item.

    Raises
    ------
    RunTimeoutError
        If it takes too long.
    """
    if not items:
        return
    jobs = min(jobs, len(items))
    share = max(1, (threads or get_num_threads()) // jobs)
    deadline = None if timeout is None else time.monotonic() + timeout
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    setting = (pickle.dumps(function), share, stop, begin)
    left: list[int] = list(range(len(items)))
    suspects: list[int] = []
    deaths, alive = 0, False
    while left or suspects:
        # Who was at work when a process died is given a process of its own, where the next
        # death tells who is to blame.
        now, count = (suspects, 1) if suspects else (left, min(jobs, len(left)))
        pool = ProcessPoolExecutor(count, context, _begin, setting)
        chosen = {index: items[index] for index in now}
        broken = yield from _round(pool, chosen, stop, deadline, late)
        lost = [index for index in now if index in broken]
        deaths, alive = deaths + bool(lost), alive or len(lost) < len(now)
        if deaths == _HOPELESS and not alive:
            for index in [*lost, *(left if suspects else ())]:
                yield Result(index, error=next(iter(broken.values())))
            return
        if count == 1 and lost:
            yield Result(lost[0], error=broken[lost.pop(0)])
        if suspects:
            suspects = lost
        elif count == 1:
            left = lost
        else:
            suspects, left = lost[:count], lost[count:]


def in_executor(
    executor: Executor,
    function: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    threads: int | None = None,
    timeout: float | None = None,
) -> Generator[Result, None, None]:
    """Call a function for each item in an executor of the caller's, which is left open.

    Thread counts do not multiply. What works in this process shares its threads; each process
    of a `ProcessPoolExecutor` gets its part of them, and keeps to it from then on; in other
    processes, where nobody knows how much works side by side, a call uses one.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Where to work.
    function : callable
        Sent with each item, and called with it.
    items : sequence
        What is worked on.
    threads : int, optional
        Threads of all processes of a `ProcessPoolExecutor` together. The default is what
        `cfhtisr.get_num_threads` says.
    timeout : float, optional
        Longest time for all items together [s]; then what has not begun is cancelled.

    Yields
    ------
    result : Result
        One for each item, as it comes.

    Raises
    ------
    RunTimeoutError
        If it takes too long.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    futures: dict[Future[Any], int] = {}
    broken: dict[int, Exception] = {}
    work = partial(_with_threads, _share(executor, threads), _home(), function)
    try:
        _submit(executor, work, dict(enumerate(items)), futures, broken)
        yield from _collect(futures, broken, deadline)
    finally:
        for future in futures:
            future.cancel()
    for index, error in broken.items():
        yield Result(index, error=error)


def stopped() -> bool:
    """Whether the process that this one works for wants it to come to an end."""
    return _stop is not None and _stop.is_set()


# In the parent


def _share(executor: Executor, threads: int | None) -> int | None:
    """Return how many threads a call may have; None leaves them as they are."""
    if isinstance(executor, ThreadPoolExecutor):
        return None
    if isinstance(executor, ProcessPoolExecutor):
        workers = int(getattr(executor, "_max_workers", 0)) or threads or get_num_threads()
        return max(1, (threads or get_num_threads()) // workers)
    return 1


def _round(
    pool: ProcessPoolExecutor,
    items: Mapping[int, Any],
    stop: Event,
    deadline: float | None,
    late: Callable[[Result], object] | None,
) -> Generator[Result, None, dict[int, Exception]]:
    """Yield what comes; return what did not, for want of a living process."""
    futures: dict[Future[Any], int] = {}
    broken: dict[int, Exception] = {}
    try:
        with _deaf_children(), _quiet_libraries():
            _submit(pool, _one, items, futures, broken)
        yield from _collect(futures, broken, deadline)
    except BaseException as error:
        stop.set()
        # Whatever is still running when a time limit is over would not end by itself.
        _end(pool, futures, 0.0 if isinstance(error, RunTimeoutError) else _GRACE)
        for future, index in futures.items():
            if late is not None and future.done() and not future.cancelled():
                failure = future.exception()
                if failure is None:
                    late(Result(index, future.result()))
        raise
    pool.shutdown(wait=True, cancel_futures=True)
    return broken


def _submit(
    executor: Executor,
    function: Callable[[Any], Any],
    items: Mapping[int, Any],
    futures: dict[Future[Any], int],
    broken: dict[int, Exception],
) -> None:
    for index, item in items.items():
        try:
            futures[executor.submit(function, item)] = index
        except BrokenExecutor as error:
            broken[index] = _death(error)


def _collect(
    futures: dict[Future[Any], int], broken: dict[int, Exception], deadline: float | None
) -> Iterator[Result]:
    """Yield what comes, and take it out of the futures; note whose process died."""
    rest = None if deadline is None else max(0.0, deadline - time.monotonic())
    coming = as_completed(list(futures), timeout=rest)
    total = len(futures)
    while True:
        try:
            future = next(coming, None)
        except TimeoutError:
            raise RunTimeoutError(
                f"the time limit was over when {len(futures)} of {total} were not done"
            ) from None
        if future is None:
            return
        index = futures.pop(future)  # its result is not kept
        try:
            result = Result(index, future.result())
        except BrokenExecutor as error:
            broken[index] = _death(error)
            continue
        except CancelledError:
            result = Result(
                index,
                error=ProcessDiedError(
                    "the executor gave this work up: it has no workers any more"
                ),
            )
        except Exception as error:
            result = Result(index, error=error)
        del future
        yield result


def _death(error: BrokenExecutor) -> Exception:
    return ProcessDiedError(
        "a worker process died before its work was done, perhaps for want of memory; fewer "
        f"processes need less ({error})"
    )


def _end(pool: ProcessPoolExecutor, futures: Mapping[Future[Any], int], grace: float) -> None:
    """Let the workers finish within some time, then kill those that did not."""
    workers = list((pool._processes or {}).values())  # which Python 3.14 has a method for
    at_work = [future for future in futures if not future.cancel()]
    pool.shutdown(wait=False, cancel_futures=True)
    try:
        wait(at_work, timeout=grace)
    finally:  # also when the user is tired of waiting, and interrupts once more
        if not all(future.done() for future in at_work):
            for worker in workers:
                with contextlib.suppress(ValueError):
                    worker.kill()
        sentinels = []
        for worker in workers:
            with contextlib.suppress(ValueError):
                sentinels.append(worker.sentinel)
        end = time.monotonic() + _GRACE
        while sentinels and time.monotonic() < end:
            gone = multiprocessing.connection.wait(sentinels, timeout=end - time.monotonic())
            sentinels = [sentinel for sentinel in sentinels if sentinel not in gone]


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that start within the block not hear Ctrl-C: this one hears it for all."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Let processes that start within the block have no threads of NumPy's libraries."""
    if "LSST_ALLOW_IMPLICIT_THREADS" in os.environ:
        yield
        return
    unset = [name for name in _LIBRARIES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


# In the workers


def _home() -> tuple[str, int]:
    """Return what tells this process from any other; a number alone may be there elsewhere."""
    return _TOKEN, os.getpid()


def _with_threads(
    share: int | None, home: tuple[str, int], function: Callable[[Any], Any], item: Any
) -> Any:
    # In the process of the caller all calls share the threads that it has.
    if share is not None and home != _home():
        set_num_threads(share)
    return function(item)


_stop: Event | None = None
_payload: bytes | None = None
_function: Callable[[Any], Any] | None = None


def _begin(payload: bytes, threads: int, stop: Event, begin: Callable[[], object] | None) -> None:
    """Prepare a process of our own."""
    global _stop, _payload
    _stop, _payload = stop, payload
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    set_num_threads(threads)
    if begin is not None:
        begin()


def _end_with(sentinel: int) -> None:
    """End this process when its parent has: nobody would ever give it work again."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)


def _one(item: Any) -> Any:
    """Work on an item; what is wrong with the function is an error of each item."""
    global _function
    if stopped():
        raise KeyboardInterrupt
    try:
        if _function is None:
            assert _payload is not None
            _function = pickle.loads(_payload)
        return _function(item)
    except SystemExit as error:
        raise RuntimeError(f"the work called sys.exit({error.code!r})") from error
    except Exception as error:
        raise _portable(error) from error


def _portable(error: Exception) -> Exception:
    """Return an exception that the parent can read: one that it cannot would end all workers."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
