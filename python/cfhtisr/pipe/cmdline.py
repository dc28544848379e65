"""A task with a command line of its own."""

__all__ = ["CmdLineTask"]

import inspect
import logging
import shlex
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, ClassVar

from cfhtisr.pipe.records import RecordMethods
from cfhtisr.pipe.struct import Struct
from cfhtisr.pipe.task import Task

_MOST = 255  # what an exit status can be


class _UsualRunner:
    """Stands for `TaskRunner`, and loads it when it is asked for: few programs need it."""

    def __get__(self, task: object, owner: type | None = None) -> Any:
        from cfhtisr.pipe.runner import TaskRunner

        return TaskRunner


class CmdLineTask(RecordMethods, Task):
    """A task that can be run from a command line, over many data references.

    A subclass has ``ConfigClass``, ``_DefaultName`` and a method ``runDataRef`` that takes a
    data reference and returns a `Struct`.

    Attributes
    ----------
    RunnerClass : type
        What runs the task: `TaskRunner`, if a subclass has no other.
    canMultiprocess : bool
        Whether several processes may work at a time.
    """

    RunnerClass: ClassVar[Any] = _UsualRunner()
    canMultiprocess: ClassVar[bool] = True

    def runDataRef(self, dataRef: Any) -> Struct:
        """Do the work for one data reference: a subclass's own."""
        raise NotImplementedError(f"{type(self).__name__} has no method runDataRef")

    @classmethod
    def applyOverrides(cls, config: Any) -> None:
        """Change the configuration before the command line does: a subclass's own.

        Parameters
        ----------
        config : Config
            What is changed.
        """

    @classmethod
    def applyCameraOverrides(cls, config: Any) -> None:
        """Change what the camera needs otherwise, before `applyOverrides`: a subclass's own.

        Parameters
        ----------
        config : Config
            What is changed.
        """

    @classmethod
    def wantedDatasets(cls, config: Any) -> list[tuple[str, dict[str, Any]]] | None:
        """Return what the task asks a data reference for, so that it can be looked up in bulk.

        Parameters
        ----------
        config : Config
            The configuration.

        Returns
        -------
        wanted : list of (str, dict), or None
            Types of datasets, each with what differs from the data id; None if that is not
            known.
        """
        return None

    @classmethod
    def parseAndRun(
        cls,
        args: Sequence[str] | None = None,
        config: Any = None,
        log: logging.Logger | None = None,
        doReturnResults: bool = False,
        *,
        executor: Executor | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Struct:
        """Parse a command line, and run the task over what it names.

        Parameters
        ----------
        args : sequence of str, optional
            The words of the command line; those of the program by default.
        config : Config, optional
            Where the configuration starts from.
        log : Logger, optional
            The log.
        doReturnResults : bool, optional
            Return what the task returns for each data reference: it may be large.
        executor : concurrent.futures.Executor, optional
            Where to work instead of processes of our own.
        progress : callable, optional
            Called with the number done and that of all.

        Returns
        -------
        struct : Struct
            ``argumentParser``, ``parsedCmd``, ``taskRunner`` and ``resultList``, a `Struct`
            for each data reference, in order, with ``exitStatus`` and, if results are wanted,
            ``dataRef``, ``metadata`` and ``result``.

        Raises
        ------
        SystemExit
            With the number of failures, at most 255; with 1 if the configuration, a schema or
            the versions are not those of the output; not if the call has ``--noExit``.
        """
        words = list(sys.argv[1:] if args is None else args)
        parser = cls._makeArgumentParser()
        if config is None:
            config = cls.ConfigClass()

        def override(changed: Any) -> None:
            cls.applyCameraOverrides(changed)
            cls.applyOverrides(changed)

        parsed = parser.parse_args(config=config, args=words, log=log, override=override)
        log = parsed.log
        if log is logging.getLogger():  # lines of the root would not say whose they are
            log = logging.getLogger(cls._DefaultName)
        log.info("Running: %s", shlex.join([parser.prog, *words]))
        runner = cls._makeRunner(parsed, doReturnResults, executor, progress)
        results = runner.run(parsed)
        try:
            failed = sum(result.exitStatus != 0 for result in results)
        except (TypeError, AttributeError) as error:
            log.warning("Cannot tell failures from the results (%s); taken as a success", error)
            failed = 0
        status = min(failed, _MOST)
        text = f"{failed} of {len(results or ())} data references failed"
        if getattr(runner, "precallFailed", False):
            status, text = 1, "nothing was run"
        if status:
            if parsed.noExit:
                log.error("%s; not exiting, as --noExit is set", text)
            else:
                log.error("%s", text)
                sys.exit(status)
        return Struct(
            argumentParser=parser, parsedCmd=parsed, taskRunner=runner, resultList=results
        )

    @classmethod
    def _makeRunner(
        cls,
        parsed: Any,
        doReturnResults: bool,
        executor: Executor | None,
        progress: Callable[[int, int], object] | None,
    ) -> Any:
        """Return the runner; one of another's making knows only the documented arguments."""
        made = cls.RunnerClass(TaskClass=cls, parsedCmd=parsed, doReturnResults=doReturnResults)
        made.executor, made.progress = executor, progress
        return made

    @classmethod
    def _makeArgumentParser(cls) -> Any:
        """Return the parser of the command line; a subclass may have another."""
        from cfhtisr.pipe.arguments import ArgumentParser

        assert cls._DefaultName is not None
        parser = ArgumentParser(name=cls._DefaultName, description=_summary(cls))
        parser.add_id_argument(
            name="--id",
            datasetType="raw",
            help="data ids, such as visit=1038843 ccd=0..35; --id alone: everything",
        )
        return parser


def _summary(cls: type) -> str:
    """Return what the documentation of a class says before it comes to parameters."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\nParameters\n")[0]
