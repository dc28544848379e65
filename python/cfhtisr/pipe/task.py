"""A task: a configuration, a name, a log, notes, and subtasks in a tree."""

__all__ = ["Task", "TaskError"]

import contextlib
import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from cfhtisr.pipe.metadata import PropertyList, PropertySet
from cfhtisr.pipe.timer import logInfo


class TaskError(Exception):
    """A failure that was to be expected: its text says all, a traceback adds nothing."""


class Task:
    """The base of all tasks.

    A subclass names its configuration class, ``ConfigClass``, and, if it can stand alone,
    ``_DefaultName``.

    Parameters
    ----------
    config : Config, optional
        Without it, a subtask takes its own part of the parent's configuration, and a task
        that stands alone the defaults of ``ConfigClass``.
    name : str, optional
        Brief name; ``_DefaultName`` without it.
    parentTask : Task, optional
        The task that this one is part of.
    log : logging.Logger, optional
        Parent of the log of a task that stands alone.

    Raises
    ------
    RuntimeError
        If there is no name.

    Attributes
    ----------
    config : Config
        The configuration.
    log : logging.Logger
        Named after the full name.
    metadata : PropertyList
        What the task noted down.
    """

    ConfigClass: ClassVar[Any] = None
    _DefaultName: ClassVar[str | None] = None

    def __init__(
        self,
        config: Any = None,
        name: str | None = None,
        parentTask: "Task | None" = None,
        log: logging.Logger | None = None,
    ) -> None:
        self.config: Any
        self.log: logging.Logger
        self.metadata = PropertyList()
        self._parentTask = parentTask
        if parentTask is not None:
            if name is None:
                raise RuntimeError("a subtask needs a name")
            self._name = name
            self._fullName = parentTask._computeFullName(name)
            if config is None:
                config = getattr(parentTask.config, name)
            self._taskDict: dict[str, Task] = parentTask._taskDict
            log_name = f"{parentTask.log.name}.{name}"
        else:
            name = self._DefaultName if name is None else name
            if name is None:
                raise RuntimeError(f"{type(self).__name__} has no _DefaultName, so it needs a name")
            self._name = self._fullName = name
            if config is None:
                config = self.ConfigClass()
            self._taskDict = {}
            log_name = name
            if log is not None and log.name and log.name != "root":
                log_name = f"{log.name}.{name}"
        self.config = config
        self.log = logging.getLogger(log_name)
        # What `debugView` shows: a frame, or a function, for each step of interest.
        self._display: dict[str, Any] = _debug_display(type(self).__module__)
        self._taskDict[self._fullName] = self

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.config, self._name, self._parentTask, None))

    def _computeFullName(self, name: str) -> str:
        return f"{self._fullName}.{name}"

    def emptyMetadata(self) -> None:
        """Forget the notes of this task and of all tasks of its tree."""
        for task in self._taskDict.values():
            task.metadata = PropertyList()

    def getSchemaCatalogs(self) -> dict[str, Any]:
        """Return the empty catalogs that this task makes, by type of dataset: none.

        A subclass that makes catalogs overrides this; the answer must not depend on data.
        """
        return {}

    def getAllSchemaCatalogs(self) -> dict[str, Any]:
        """Return the empty catalogs of all tasks of the tree, by type of dataset."""
        catalogs = self.getSchemaCatalogs()
        for task in self._taskDict.values():
            catalogs.update(task.getSchemaCatalogs())
        return catalogs

    def getFullMetadata(self) -> PropertySet:
        """Return the notes of all tasks of the tree.

        Returns
        -------
        metadata : PropertySet
            A nested set for each task, under its full name with ``:`` in place of ``.``, so
            that an item reads ``top:sub.item``.
        """
        full = PropertySet()
        for name, task in self._taskDict.items():
            notes = PropertySet()
            notes._items = task.metadata.copy()._items
            full.set(name.replace(".", ":"), notes)
        return full

    def getFullName(self) -> str:
        """Return the name with those of all parents, ``top.sub.sub2``."""
        return self._fullName

    def getName(self) -> str:
        """Return the brief name."""
        return self._name

    def getTaskDict(self) -> "dict[str, Task]":
        """Return all tasks of the tree by full name, in a dictionary of its own."""
        return dict(self._taskDict)

    def makeSubtask(self, name: str, **keyArgs: Any) -> None:
        """Make a subtask from the configuration's field of that name; it becomes an attribute.

        Parameters
        ----------
        name : str
            The name of a field with a ``ConfigurableField`` or ``RegistryField``.
        **keyArgs
            Further arguments of the subtask; ``config`` and ``parentTask`` are given to it.

        Raises
        ------
        KeyError
            If the configuration has no such field.
        """
        field = getattr(self.config, name, None)
        if field is None:
            raise KeyError(f"the configuration of {self.getFullName()} has no field {name!r}")
        for given in ("config", "parentTask"):
            if given in keyArgs:
                raise TypeError(f"{given} of subtask {name!r} is given by its parent")
        setattr(self, name, field.apply(name=name, parentTask=self, **keyArgs))

    @contextlib.contextmanager
    def timer(self, name: str, logLevel: int = 10000) -> Iterator[None]:
        """Time a block of code, also one that raises.

        Parameters
        ----------
        name : str
            The items in the metadata begin with ``<name>Start`` and ``<name>End``.
        logLevel : int, optional
            Level of the line in the log, LSST's (10000 is DEBUG) or Python's.

        Examples
        --------
        ::

            with self.timer("assemble"):
                ...
        """
        logInfo(self, f"{name}Start", logLevel)
        try:
            yield
        finally:
            logInfo(self, f"{name}End", logLevel)

    @classmethod
    def makeField(cls, doc: str) -> Any:
        """Return a ``ConfigurableField`` for a configuration of which this task is a part.

        Parameters
        ----------
        doc : str
            What the field is for.
        """
        from lsst.pex.config import ConfigurableField

        return ConfigurableField(doc=doc, target=cls)


def _debug_display(module: str) -> dict[str, Any]:
    """Return what LSST's debugging module, if somebody imported one, wants shown of a module."""
    info = getattr(sys.modules.get("lsstDebug"), "Info", None)
    display = None if info is None else getattr(info(module), "display", None)
    return dict(display) if isinstance(display, Mapping) else {}
