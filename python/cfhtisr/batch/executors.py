"""Executors of other libraries, by the address of their scheduler."""

__all__ = ["ClusterError", "dask"]

import platform
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from cfhtisr import __version__
from cfhtisr.errors import MissingExtraError

_PATIENCE = 10.0
"""How long a scheduler may take to answer, and to get a worker [s]."""


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
        How long it may take to answer, and to have a worker [s].

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
        yield client.get_executor(pure=False)


def _here() -> tuple[str, str]:
    """Return where this is called, and which version of the package is there."""
    return platform.node(), __version__
