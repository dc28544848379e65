"""Progress: a bar on a terminal, plain lines elsewhere."""

__all__ = ["progress"]

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Protocol


class Report(Protocol):
    """What `progress` yields: call it with the number done, that of all, and a line to print."""

    def __call__(self, done: int, total: int, line: str = "") -> None: ...


@contextlib.contextmanager
def progress(label: str, unit: str = "CCDs") -> Iterator[Report]:
    """Show how far some work has come, on standard error.

    Parameters
    ----------
    label : str
        What is being done.
    unit : str, optional
        What is counted.

    Yields
    ------
    report : callable
        To be called with the number done, that of all and, if there is something to say of
        what was done last, a line that stays.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        # What goes to a file is not for the bar to show.
        out = sys.stdout.isatty()
        with Progress(*columns, console=Console(stderr=True), redirect_stdout=out) as bar:
            task = bar.add_task(label, total=None)

            def show(done: int, total: int, line: str = "") -> None:
                if line:
                    bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
                bar.update(task, completed=done, total=total)

            yield show
        return
    start = last = time.monotonic()

    def tell(done: int, total: int, line: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if line:
            print(f"[{done}/{total}] {line}", file=sys.stderr, flush=True)
        elif done == total or now - last >= 5:
            last = now
            print(f"{label}: {done}/{total} {unit}, {now - start:.0f} s", file=sys.stderr)

    yield tell
