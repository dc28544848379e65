"""Work references: all look-ups before the work starts, all bookkeeping in the parent."""

__all__ = ["Staging"]

import logging
from collections import Counter
from types import TracebackType
from typing import Any, Self

_log = logging.getLogger(__name__)


class Staging:
    """Targets whose data references are prepared, and whose outputs are collected.

    A butler that has ``prepare`` and ``collect`` looks up in bulk what the work needs, and
    takes what it has made into the repository when an exposure is complete. Leaving the block
    collects what is left, also after an exception. Any other butler is left alone.

    Parameters
    ----------
    butler : object
        The repository.
    targets : list
        Tuples, of which the first member is a data reference.
    wanted : list of (str, dict), or None
        What the task asks a data reference for; see `CmdLineTask.wantedDatasets`.

    Attributes
    ----------
    targets : list
        The targets, with work references where the butler has some.
    """

    def __init__(
        self, butler: Any, targets: list[Any], wanted: list[tuple[str, dict[str, Any]]] | None
    ) -> None:
        self.targets = targets
        self._collect: Any = None
        self._finished: list[int] = []
        self._collected: set[int] = set()
        prepare = getattr(butler, "prepare", None)
        usual = all(isinstance(each, tuple) and hasattr(each[0], "dataId") for each in targets)
        if prepare is not None and usual:
            works = list(prepare([target[0] for target in targets], wanted))
            self.targets = [(work, *t[1:]) for work, t in zip(works, targets, strict=True)]
            self._collect = getattr(butler, "collect", None)
            self._groups = [_group(target[0].dataId) for target in targets]
            self._waiting = Counter(self._groups)

    def note(self, index: int) -> None:
        """Note that a target has been worked on: there is something to collect at the end."""
        self._finished.append(index)

    def settle(self, index: int) -> None:
        """Note that nothing more comes of a target; collect its exposure if that is complete."""
        if self._collect is None:
            return
        group = self._groups[index]
        self._waiting[group] -= 1
        if self._waiting[group]:
            return
        try:
            self._take([each for each in self._finished if self._groups[each] == group])
        except Exception as error:
            _log.warning("Could not collect exposure %s, to be tried again: %s", group, error)

    def _take(self, indices: list[int]) -> None:
        fresh = sorted(set(indices) - self._collected)
        if fresh:
            self._collect([self.targets[index][0] for index in fresh])
            self._collected.update(fresh)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._collect is None:
            return
        try:
            self._take(self._finished)
        except Exception as problem:
            if error is None:
                raise
            # What ended the run is the more important news.
            _log.error("Could not collect what was finished: %s", problem)


def _group(dataId: Any) -> Any:
    for key in ("visit", "exposure"):
        if key in dataId:
            return dataId[key]
    return None
