"""Executors of other libraries, by the address of their scheduler."""

__all__ = ["ClusterError", "dask"]

import contextlib
import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import contextmanager
from functools import partial
from typing import Any

from cfhtisr import __version__
from cfhtisr.errors import MissingExtraError

_log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""How long a scheduler may take to answer, to get a worker, and to be without any [s]."""


class ClusterError(OSError):
    """A cluster cannot be used; the text says which and why."""


@contextmanager
def dask(scheduler: str, patience: float = _PATIENCE) -> Iterator[Executor]:
    """Yield an executor that works on a cluster of `distributed`.

    Parameters
    ----------
    scheduler : str
        Its address, such as ``tcp://10.0.0.1:8786``.
    patience : float, optional
        How long it may take to answer, to have a worker, and to be without any later [s].

    Yields
    ------
    executor : concurrent.futures.Executor
        Work of a worker that dies goes to others. Each call uses one thread: the cluster has
        as many at a time as its workers have threads.

    Raises
    ------
    MissingExtraError
        If `distributed` is not installed.
    ClusterError
        If the scheduler does not answer or has no workers, or a worker does not have this
        version of cfhtisr.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            f"needs distributed: pip install 'cfhtisr[dask]' ({error})"
        ) from error
    try:
        client = Client(scheduler, timeout=patience, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(f"scheduler {scheduler}: cannot be reached: {reason}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=patience)
        except TimeoutError:
            raise ClusterError(f"scheduler {scheduler}: has no workers") from None
        for worker, told in client.run(_here, on_error="return").items():
            if isinstance(told, BaseException):
                reason = " ".join(str(told).split())
                raise ClusterError(f"worker {worker} of {scheduler}: cannot run cfhtisr: {reason}")
            host, version = told
            if version != __version__:
                raise ClusterError(
                    f"worker {worker} of {scheduler}, on {host}: has cfhtisr {version}, wanted "
                    f"{__version__} as here"
                )
        executor = _Watched(client.get_executor(pure=False))
        over = threading.Event()
        watch = threading.Thread(
            target=_watch, args=(client, executor, over, patience), daemon=True
        )
        watch.start()
        try:
            yield executor
        finally:
            over.set()
            watch.join()


class _Watched(Executor):
    """Calls of another executor, all of which can be given up.

    That of `distributed` does not always tell of those that it cancels, so that whoever waits
    for one would wait for ever.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._open: set[Future[Any]] = set()
        self._lock = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call."""
        ours: Future[Any] = Future()
        with self._lock:
            self._open.add(ours)
        theirs = self._executor.submit(fn, *args, **kwargs)
        ours.add_done_callback(lambda _: theirs.cancel())
        theirs.add_done_callback(partial(self._pass_on, ours))
        return ours

    def give_up(self) -> None:
        """Cancel all calls that have not come back, and say so to those who wait."""
        with self._lock:
            waiting, self._open = self._open, set()
        for future in waiting:
            _cancel(future)

    def _pass_on(self, ours: Future[Any], theirs: Future[Any]) -> None:
        with self._lock:
            if ours not in self._open:
                return  # given up
            self._open.remove(ours)
        if theirs.cancelled():
            _cancel(ours)
            return
        error = theirs.exception()
        with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
            if error is None:
                ours.set_result(theirs.result())
            else:
                ours.set_exception(error)


def _cancel(future: Future[Any]) -> None:
    """Cancel a call, and wake those who wait for it: `Future.cancel` alone does not."""
    if not future.done() and future.cancel():
        future.set_running_or_notify_cancel()


def _watch(client: Any, executor: _Watched, over: threading.Event, patience: float) -> None:
    """Give the work up when there have been no workers for some time: dask would wait for ever."""
    last = time.monotonic()
    while not over.wait(min(1.0, patience / 4)):
        try:
            workers = client.scheduler_info(n_workers=-1).get("workers")
        except Exception:  # of any kind, when the scheduler is gone
            workers = None
        if workers:
            last = time.monotonic()
        elif time.monotonic() - last > patience:
            _log.error("the scheduler has had no workers for %.0f s", patience)
            executor.give_up()
            return


def _here() -> tuple[str, str]:
    """Return where this is called, and which version of the package is there."""
    return platform.node(), __version__
