"""What makes tasks by their names: an interface only."""

__all__ = ["TaskFactory"]

from abc import ABC, abstractmethod
from typing import Any


class TaskFactory(ABC):
    """Finds the classes of tasks and makes tasks of them."""

    @abstractmethod
    def loadTaskClass(self, taskName: str) -> tuple[type[Any], str]:
        """Return the class of a task and its full name.

        Parameters
        ----------
        taskName : str
            The name, of which the factory knows the meaning.
        """

    @abstractmethod
    def makeTask(self, taskClass: type[Any], config: Any, overrides: Any, butler: Any) -> Any:
        """Return a task.

        Parameters
        ----------
        taskClass : type
            Its class.
        config : Config or None
            Its configuration; excludes ``overrides``.
        overrides : object or None
            What changes the default configuration.
        butler : object or None
            Where a task may look for schemas.
        """
