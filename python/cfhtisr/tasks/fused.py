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
from typing import TYPE_CHECKING, Any

from cfhtisr.images import Exposure, MaskedImage
from cfhtisr.isr.fused import Batch
from cfhtisr.isr.immediate import Immediate

if TYPE_CHECKING:
    from cfhtisr.tasks.steps import Step

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
    out : MaskedImage or None
        What the CCD is written to.
    """

    def __init__(self, task: Any, own: type, out: MaskedImage | None = None) -> None:
        self._task, self._own = task, own
        shown = task._display or not self._has(("debugView", "amplifierBox"))
        self._batch = Batch(out=out, scratch=task._scratch) if task.fused and not shown else None
        self._alone = Immediate(out)

    def __enter__(self) -> "FusedSteps":
        return self

    def __exit__(self, *error: object) -> None:
        if self._batch is not None:
            self._batch.flush()

    @contextlib.contextmanager
    def step(self, step: "Step", exposure: Exposure) -> Iterator[None]:
        """Run a step in the block."""
        if self._batch is None:
            with self._doing(self._alone):
                yield
            return
        if step.pointwise is None or not self._has(step.pointwise):
            if step.spares_flags is not None and self._has(step.spares_flags):
                self._batch.flush()
            else:
                self._batch.forget()
            with self._doing(self._alone):
                yield
            return
        self._batch.begin(exposure.masked_image)
        with self._doing(self._batch):
            yield

    @contextlib.contextmanager
    def _doing(self, way: Immediate) -> Iterator[None]:
        token = _current.set(way)
        try:
            yield
        finally:
            _current.reset(token)

    def counts(self, exposure: Exposure) -> dict[str, int]:
        """Return how many pixels are in each plane of the mask."""
        return (self._batch or self._alone).count_planes(exposure.masked_image)

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
