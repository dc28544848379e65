"""``cfhtisr-runIsr``: correct CCDs of a repository."""

__all__ = ["main", "run_task"]

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from cfhtisr.cli._progress import progress


def main(args: Sequence[str] | None = None) -> int:
    """Run `RunIsrTask`; return the exit status: the number of CCDs that failed, at most 255."""
    _calm()
    from cfhtisr.tasks.run_isr import RunIsrTask

    return run_task(RunIsrTask, args)


def run_task(task: Any, args: Sequence[str] | None = None) -> int:
    """Run a task by its command line; return the exit status.

    Parameters
    ----------
    task : type
        A `CmdLineTask`.
    args : sequence of str, optional
        The words; those of the program by default.

    Returns
    -------
    status : int
        0: all went well; otherwise the number of data references that failed; 1 also for any
        other failure, 2 for a wrong call, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if args is None else args)
    try:
        try:
            with _shown() as report:
                task.parseAndRun(words, progress=report)
        finally:
            sys.stdout.flush()
    except SystemExit as error:
        code = error.code
        return code if isinstance(code, int) else int(code is not None)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print(f"{_name()}: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except (OSError, ValueError, LookupError, RuntimeError, MemoryError) as error:
        if any(word.startswith("--dor") for word in words):
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"{_name()}: {text or type(error).__name__}", file=sys.stderr)
        return 1
    return 0


@contextlib.contextmanager
def _shown() -> Iterator[Any]:
    """Show progress on a terminal, from the first CCD that is done; elsewhere the log tells."""
    if not sys.stderr.isatty():
        yield None
        return
    with contextlib.ExitStack() as stack:
        report: Any = None

        def show(done: int, total: int) -> None:
            nonlocal report
            if report is None:
                report = stack.enter_context(progress("correcting"))
            report(done, total)

        yield show


def _calm() -> None:
    if "numpy" not in sys.modules:
        # There is little linear algebra, and OpenBLAS spends longer on starting threads for it.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _name() -> str:
    return os.path.basename(sys.argv[0]) or "cfhtisr"


if __name__ == "__main__":
    sys.exit(main())
