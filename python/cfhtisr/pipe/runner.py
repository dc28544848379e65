"""Running a task over many data references."""

__all__ = ["ButlerInitializedTaskRunner", "LegacyTaskRunner", "TaskRunner"]

import argparse
import contextlib
import functools
import logging
import sys
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

from cfhtisr.pipe import debugging
from cfhtisr.pipe.logs import LogSetup, label
from cfhtisr.pipe.processes import Result, in_executor, in_processes
from cfhtisr.pipe.staging import Staging
from cfhtisr.pipe.struct import Struct
from cfhtisr.pipe.task import TaskError


class TaskRunner:
    """Runs a task over data references, here or in other processes.

    Parameters
    ----------
    TaskClass : type
        The class of the task.
    parsedCmd : Namespace
        What was parsed; it is not kept, as the runner is sent to other processes.
    doReturnResults : bool, optional
        Return what the task returns.
    executor : concurrent.futures.Executor, optional
        Where to work instead of processes of our own.
    progress : callable, optional
        Called with the number done and that of all.

    Attributes
    ----------
    TIMEOUT : int
        Longest time of a run in several processes, if none is given [s].
    precallFailed : bool
        Whether nothing was run because the output was made otherwise.
    """

    TIMEOUT = 3600 * 24 * 30

    def __init__(
        self,
        TaskClass: Any,
        parsedCmd: argparse.Namespace,
        doReturnResults: bool = False,
        executor: Executor | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        self.TaskClass = TaskClass
        self.doReturnResults = bool(doReturnResults)
        self.config = parsedCmd.config
        self.log: logging.Logger | None = parsedCmd.log
        self.doRaise = bool(parsedCmd.doraise)
        self.clobberConfig = bool(parsedCmd.clobberConfig)
        self.doBackup = not bool(parsedCmd.noBackupConfig)
        self.numProcesses = int(getattr(parsedCmd, "processes", 1))
        timeout = getattr(parsedCmd, "timeout", None)
        timeout = 0.0 if timeout is None else timeout
        usable = 0 < timeout < threading.TIMEOUT_MAX
        self.timeout: float = float(timeout if usable else self.TIMEOUT)
        self.executor = executor
        self.progress = progress
        self.precallFailed = False
        self._setup: LogSetup = getattr(parsedCmd, "logSetup", LogSetup())
        self._debug = bool(getattr(parsedCmd, "debug", False))
        if self.numProcesses > 1 and not TaskClass.canMultiprocess:
            self._logger().warning(
                "%s cannot work in several processes; one is used", TaskClass.__name__
            )
            self.numProcesses = 1

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"executor": None, "progress": None}

    def prepareForMultiProcessing(self) -> None:
        """Give up what cannot be sent to another process: nothing, as a log goes by its name."""

    def run(self, parsedCmd: argparse.Namespace) -> list[Any]:
        """Run the task over all targets.

        Parameters
        ----------
        parsedCmd : Namespace
            What was parsed.

        Returns
        -------
        results : list of Struct
            One for each target, in their order; none if `precall` says no.

        Raises
        ------
        RunTimeoutError
            If several processes take longer than they may.
        """
        log = self._logger()
        if self._is_parallel():
            self.prepareForMultiProcessing()
        if not self.precall(parsedCmd):
            self.precallFailed = True
            return []
        targets = list(self.getTargetList(parsedCmd))
        if not targets:
            log.warning(
                "There is nothing to do: no data was found; --show data tells what --id stands for"
            )
            return []
        with _profiled(getattr(parsedCmd, "profile", None), log):
            return self._map(parsedCmd, targets, log)

    def _logger(self) -> logging.Logger:
        """Return the log of the run; the root's lines would not say whose they are."""
        if self.log is not None and self.log is not logging.getLogger():
            return self.log
        return logging.getLogger(self.TaskClass._DefaultName)

    def _is_parallel(self) -> bool:
        return self.numProcesses > 1 or self.executor is not None

    def _map(
        self, parsedCmd: argparse.Namespace, targets: list[Any], log: logging.Logger
    ) -> list[Any]:
        """Return the results of all targets, in order."""
        results: list[Any] = [None] * len(targets)
        wanted = None
        if hasattr(self.TaskClass, "wantedDatasets"):
            wanted = self.TaskClass.wantedDatasets(self.config)
        with (
            Staging(getattr(parsedCmd, "butler", None), targets, wanted) as staging,
            contextlib.closing(self._results(staging)) as coming,
        ):
            for done, result in enumerate(coming, start=1):
                target = targets[result.index]
                if result.error is None:
                    value = result.value
                    staging.note(result.index)
                    if self.doReturnResults and isinstance(value, Struct):
                        value.dataRef = _ref(target)
                else:
                    if self.doRaise:
                        raise result.error
                    log.critical("Failed on dataId=%s: %s", _id(target), _told(result.error))
                    value = self._failure(target)
                results[result.index] = value
                staging.settle(result.index)
                if self.progress is not None:
                    self.progress(done, len(targets))
        return results

    def _results(self, staging: Staging) -> Generator[Result, None, None]:
        """Return an iterator over what comes, as it comes."""
        targets = staging.targets
        if self.executor is not None:
            return in_executor(self.executor, self, targets, timeout=self.timeout)
        if self.numProcesses > 1:
            level = logging.getLogger().level
            begin = functools.partial(_begin, self._setup, level, self._debug)
            return in_processes(
                self,
                targets,
                self.numProcesses,
                begin=begin,
                timeout=self.timeout,
                late=lambda result: staging.note(result.index),
            )
        return self._here(targets)

    def _here(self, targets: Sequence[Any]) -> Generator[Result, None, None]:
        for index, target in enumerate(targets):
            yield Result(index, self(target))

    def _failure(self, target: Any) -> Struct:
        if not self.doReturnResults:
            return Struct(exitStatus=1)
        return Struct(exitStatus=1, dataRef=_ref(target), metadata=None, result=None)

    def makeTask(self, parsedCmd: argparse.Namespace | None = None, args: Any = None) -> Any:
        """Return a task; the same from either argument.

        Parameters
        ----------
        parsedCmd : Namespace, optional
            What was parsed.
        args : tuple, optional
            A target.
        """
        return self.TaskClass(config=self.config, log=self.log)

    @staticmethod
    def getTargetList(parsedCmd: argparse.Namespace, **kwargs: Any) -> list[Any]:
        """Return the targets: pairs of a data reference and further arguments.

        Parameters
        ----------
        parsedCmd : Namespace
            What was parsed; its ``id`` has the data references.
        **kwargs
            The further arguments.
        """
        return [(ref, kwargs) for ref in parsedCmd.id.refList]

    def precall(self, parsedCmd: argparse.Namespace) -> bool:
        """Write configuration, schemas and versions, or compare them with the output's.

        Parameters
        ----------
        parsedCmd : Namespace
            What was parsed.

        Returns
        -------
        goOn : bool
            Whether they agree.
        """
        task = self.makeTask(parsedCmd=parsedCmd)
        try:
            self._precall(task, parsedCmd)
        except Exception as error:
            if self.doRaise:
                raise
            task.log.critical("Nothing is run: %s", _told(error))
            if not isinstance(error, TaskError):
                traceback.print_exc(file=sys.stderr)
            return False
        return True

    def _precall(self, task: Any, parsedCmd: argparse.Namespace) -> None:
        butler = parsedCmd.butler
        if not parsedCmd.noVersions:
            task.writePackageVersions(butler, clobber=parsedCmd.clobberVersions)
        task.writeConfig(butler, clobber=self.clobberConfig, doBackup=self.doBackup)
        task.writeSchemas(butler, clobber=self.clobberConfig, doBackup=self.doBackup)

    def __call__(self, args: Any) -> Struct:
        """Run a new task over one target.

        Parameters
        ----------
        args : tuple
            A data reference, and a dictionary of further arguments.

        Returns
        -------
        result : Struct
            ``exitStatus``, 1 after a failure; with results ``dataRef``, ``metadata`` and
            ``result``.
        """
        dataRef, kwargs = args
        about = getattr(dataRef, "dataId", dataRef)
        result, status = None, 0
        with label(str(about)):
            task = self.makeTask(args=args)
            try:
                result = self.runTask(task, dataRef, kwargs)
            except (Exception, SystemExit) as error:
                if self.doRaise:
                    raise
                status = 1
                task.log.critical("Failed on dataId=%s: %s", about, _told(error))
                if not isinstance(error, TaskError):
                    traceback.print_exc(file=sys.stderr)
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            if not (getattr(result, "wasFinished", False) and _has_notes(task, dataRef)):
                task.writeMetadata(dataRef)
        if not self.doReturnResults:
            return Struct(exitStatus=status)
        return Struct(exitStatus=status, dataRef=dataRef, metadata=task.metadata, result=result)

    def runTask(self, task: Any, dataRef: Any, kwargs: dict[str, Any]) -> Any:
        """Call the task: its ``runDataRef``."""
        return task.runDataRef(dataRef, **kwargs)


def _has_notes(task: Any, dataRef: Any) -> bool:
    """Whether the output has what the task noted when it did the work: it is not to be lost."""
    name = task._getMetadataName()
    try:
        return name is not None and bool(dataRef.datasetExists(name, write=True))
    except (AttributeError, LookupError, TypeError):
        return False


class ButlerInitializedTaskRunner(TaskRunner):
    """Runs a task whose constructor takes a ``butler``."""

    def makeTask(self, parsedCmd: argparse.Namespace | None = None, args: Any = None) -> Any:
        """Return a task.

        Raises
        ------
        RuntimeError
            If neither argument is given.
        """
        if parsedCmd is not None:
            butler = parsedCmd.butler
        elif args is not None:
            dataRef, _ = args
            getButler = getattr(dataRef, "getButler", None)
            butler = dataRef.butlerSubset.butler if getButler is None else getButler()
        else:
            raise RuntimeError("wanted parsedCmd or args, which have the butler")
        return self.TaskClass(config=self.config, log=self.log, butler=butler)


class LegacyTaskRunner(TaskRunner):
    """Runs a task by its method ``run``, which takes a data reference."""

    def runTask(self, task: Any, dataRef: Any, kwargs: dict[str, Any]) -> Any:
        """Call the task: its ``run``."""
        return task.run(dataRef, **kwargs)


def _begin(setup: LogSetup, level: int, debug: bool) -> None:
    """Prepare a worker process: what it logs is what the parent would."""
    setup.apply()
    logging.getLogger().setLevel(level)
    if debug:
        debugging.load()


def _ref(target: Any) -> Any:
    return target[0] if isinstance(target, tuple) and target else target


def _id(target: Any) -> Any:
    return getattr(_ref(target), "dataId", _ref(target))


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _profiled(path: str | None, log: logging.Logger) -> Iterator[None]:
    """Write a profile of the block, also if it raises."""
    if not path:
        yield
        return
    import cProfile

    profile = cProfile.Profile()
    try:
        with profile:
            yield
    finally:
        try:
            profile.dump_stats(path)
        except OSError as error:
            log.error("Could not write the profile %s: %s", path, error.strerror or error)
