"""Executors of other libraries, by the address of their scheduler."""

__all__ = ["ClusterError", "dask"]

import logging
import platform
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
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
        executor = client.get_executor(pure=False)
        over = threading.Event()
        watch = threading.Thread(
            target=_give_up, args=(client, executor, over, patience), daemon=True
        )
        watch.start()
        try:
            yield executor
        finally:
            over.set()
            watch.join()


def _give_up(client: Any, executor: Executor, over: threading.Event, patience: float) -> None:
    """Cancel the work when there have been no workers for some time: dask would wait for ever."""
    last = time.monotonic()
    while not over.wait(min(1.0, patience / 4)):
        try:
            workers = client.scheduler_info(n_workers=-1)["workers"]
        except OSError:
            workers = {}
        if workers:
            last = time.monotonic()
        elif time.monotonic() - last > patience:
            _log.error("the scheduler has had no workers for %.0f s", patience)
            executor.shutdown(wait=False)
            return


def _here() -> tuple[str, str]:
    """Return where this is called, and which version of the package is there."""
    return platform.node(), __version__
