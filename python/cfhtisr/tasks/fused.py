"""Which steps of a run are done together.

The steps run one after the other all the same, with their checks, log lines and cards; only the
arithmetic of neighbours waits for the last of them. A step whose method a subclass (or the
object itself) overrides finds all pixels as they are without this, and so does every step that
is not point-wise.
"""

__all__ = ["FusedSteps", "pixelwise"]

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from cfhtisr.images import Exposure
from cfhtisr.isr.fused import Batch, Immediate

_IMMEDIATE = Immediate()
_current: ContextVar[Immediate] = ContextVar("pixelwise", default=_IMMEDIATE)


def pixelwise() -> Immediate:
    """Return what does the point-wise corrections of the step that is running."""
    return _current.get()


class FusedSteps:
    """The steps of one run; what waits is done on leaving, also after an error.

    Parameters
    ----------
    task : IsrTask
        The task; its attribute ``fused`` switches all this off.
    own : type
        The class whose methods are known to be point-wise.
    """

    def __init__(self, task: Any, own: type) -> None:
        self._task, self._own = task, own
        shown = task._display or not self._has(("debugView", "amplifierBox"))
        self._batch = Batch() if task.fused and not shown else None

    def __enter__(self) -> "FusedSteps":
        return self

    def __exit__(self, *error: object) -> None:
        if self._batch is not None:
            self._batch.flush()

    @contextlib.contextmanager
    def step(self, methods: tuple[str, ...] | None, exposure: Exposure) -> Iterator[None]:
        """Run a step in the block.

        Parameters
        ----------
        methods : tuple of str or None
            What a point-wise step calls; None for other steps.
        exposure : Exposure
            What the step is for.
        """
        if self._batch is None:
            yield
            return
        if methods is None or not self._has(methods):
            self._batch.flush()
            yield
            return
        self._batch.begin(exposure.masked_image)
        token = _current.set(self._batch)
        try:
            yield
        finally:
            _current.reset(token)

    def _has(self, methods: tuple[str, ...]) -> bool:
        """Return whether the task has these methods, and subtasks, as they came."""
        task = self._task
        for name in methods:
            if name == "assembleCcd":
                from cfhtisr.tasks.assemble import AssembleCcdTask

                subtask = task.assembleCcd
                if type(subtask) is not AssembleCcdTask or name in vars(subtask):
                    return False
            elif name in vars(task) or getattr(type(task), name) is not getattr(self._own, name):
                return False
        return True
