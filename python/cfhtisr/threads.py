"""How many threads the kernels use, and which instructions of the processor."""

__all__ = ["get_cpu_level", "get_num_threads", "set_num_threads"]

from cfhtisr import _kernels


def get_cpu_level() -> str:
    """Return the instructions that the kernels use: ``baseline``, ``avx2`` or ``avx512``.

    It is the highest level that the machine has; the environment variable ``CFHTISR_CPU`` can
    lower it. Results do not depend on it.
    """
    return _kernels.cpu_level()


def get_num_threads() -> int:
    """Return the number of threads that the next call of a kernel uses."""
    return _kernels.num_threads()


def set_num_threads(n: int | None) -> None:
    """Set the number of threads of later calls.

    Results do not depend on it. Without a call to this function it is the value of the
    environment variable ``CFHTISR_NUM_THREADS``, else the processors that the process may
    use.

    Parameters
    ----------
    n : int or None
        At least 1; None returns to the default.

    Raises
    ------
    ValueError
        If ``n`` is not a positive whole number.
    """
    if n is None:
        _kernels.set_num_threads(0)
        return
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}, wanted a positive number of threads or None")
    _kernels.set_num_threads(n)
