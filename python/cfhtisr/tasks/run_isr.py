"""A task whose only part is the ISR task, so that a camera's own can take its place."""

__all__ = ["RunIsrConfig", "RunIsrTask"]

from typing import Any, ClassVar

from lsst.pex.config import Config, ConfigurableField

from cfhtisr.pipe import Struct, Task
from cfhtisr.tasks.isr import IsrTask


class RunIsrConfig(Config):
    """Which ISR task is run."""

    isr: Any = ConfigurableField(doc="The ISR task.", target=IsrTask)


class RunIsrTask(Task):
    """Run the configured ISR task."""

    ConfigClass: ClassVar[Any] = RunIsrConfig
    _DefaultName = "runIsr"
    canMultiprocess = True
    isr: IsrTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.makeSubtask("isr")

    @classmethod
    def wantedDatasets(cls, config: Any) -> list[tuple[str, dict[str, Any]]]:
        """Return what the ISR task asks a data reference for; see `IsrTask.wantedDatasets`."""
        found: list[tuple[str, dict[str, Any]]] = config.isr.target.wantedDatasets(config.isr.value)
        return found

    def runDataRef(self, dataRef: Any) -> Struct:
        """Correct one CCD; see `IsrTask.runDataRef`."""
        return self.isr.runDataRef(dataRef)
