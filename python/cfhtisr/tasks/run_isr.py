"""A task whose only part is the ISR task, so that a camera's own can take its place."""

__all__ = ["RunIsrConfig", "RunIsrTask"]

from collections.abc import Iterator
from typing import Any, ClassVar

from lsst.pex.config import Config, ConfigurableField

from cfhtisr.pipe import CmdLineTask, Struct
from cfhtisr.tasks.isr import IsrTask


class RunIsrConfig(Config):
    """Which ISR task is run."""

    isr: Any = ConfigurableField(doc="The ISR task.", target=IsrTask)


class RunIsrTask(CmdLineTask):
    """Remove the instrument signature from CCDs of a repository.

    The configuration says which corrections run, and with -c isr.retarget=MODULE.CLASS which
    task; it is CfhtIsrTask otherwise. A correction that is on and has no calibration is an
    error that names its switch. The products, postISRCCD, are written unless isr.doWrite is
    False. (LSST's own set-up for this camera switched writing and all calibrations off; that
    is not done here.)
    """

    ConfigClass: ClassVar[Any] = RunIsrConfig
    _DefaultName = "runIsr"
    canMultiprocess = True
    isr: IsrTask

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.makeSubtask("isr")

    @classmethod
    def applyCameraOverrides(cls, config: Any) -> None:
        """Let the ISR task be that of MegaCam, unless it is another than the plain one already.

        What was set of the plain one is kept.
        """
        if config.isr.target is not IsrTask:
            return
        from cfhtisr.tasks.cfht import CfhtIsrTask

        old = config.isr.value
        config.isr.retarget(CfhtIsrTask)
        for name, value in _touched(old, type(old)()):
            *path, last = name.split(".")
            owner = config.isr.value
            for part in path:
                owner = getattr(owner, part).value if _swaps(owner, part) else getattr(owner, part)
            if _swaps(owner, last):
                getattr(owner, last).retarget(value)
            else:
                setattr(owner, last, value)

    @classmethod
    def wantedDatasets(cls, config: Any) -> list[tuple[str, dict[str, Any]]]:
        """Return what the ISR task asks a data reference for; see `IsrTask.wantedDatasets`."""
        found: list[tuple[str, dict[str, Any]]] = config.isr.target.wantedDatasets(config.isr.value)
        return found

    def runDataRef(self, dataRef: Any) -> Struct:
        """Correct one CCD; see `IsrTask.runDataRef`."""
        return self.isr.runDataRef(dataRef)


def _swaps(config: Any, name: str) -> bool:
    return isinstance(config._fields[name], ConfigurableField)


def _touched(config: Any, fresh: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that differ from those of a configuration as it was made."""
    for name, field in config._fields.items():
        value = getattr(config, name)
        if isinstance(field, ConfigurableField):
            usual = getattr(fresh, name)
            if value.target is not usual.target:
                yield prefix + name, value.target
                usual = type(value.value)()
            else:
                usual = usual.value
            yield from _touched(value.value, usual, f"{prefix}{name}.")
        elif isinstance(value, Config):
            yield from _touched(value, getattr(fresh, name), f"{prefix}{name}.")
        elif repr(_plain(value)) != repr(_plain(getattr(fresh, name))):
            yield prefix + name, _plain(value)


def _plain(value: Any) -> Any:
    """Return lists and mappings of the configuration library as Python's own."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return dict(value.items()) if hasattr(value, "items") else list(value)
