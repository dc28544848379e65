"""The parser of a task's command line."""

__all__ = ["ArgumentParser", "InputOnlyArgumentParser"]

import argparse
import importlib
import logging
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cfhtisr import config_files
from cfhtisr.pipe import debugging
from cfhtisr.pipe.data_ids import DataIdContainer, IdAction
from cfhtisr.pipe.dataset_arguments import DynamicDatasetType
from cfhtisr.pipe.logs import LogSetup
from cfhtisr.pipe.options import add_options
from cfhtisr.pipe.show import ShowError, show, show_data

_RESERVED = ("camera", "config", "butler", "log", "obsPkg")
_REMOVED = ("overrides", "configfile", "loglevel", "longlog", "allowCode")

_EPILOG = """\
data ids:
  --id visit=1038843 ccd=0..35           ranges, both ends included; 0..35:5 in steps of 5
  --id visit=1038843^1038845 ccd=7       alternatives
  --id filter=i2 --id object=D3          options add up; keys within one are combined
  --id                                   everything there is

notes:
  The input comes first. Options with several values take them after a blank, not after an =.
  @FILE stands for the words in a file: any number in a line, quoted as in a shell, # comments.
  Of the environment: PIPE_INPUT_ROOT, PIPE_CALIB_ROOT, PIPE_OUTPUT_ROOT go before relative paths.

exit status:
  0 all went well; otherwise the number of CCDs that failed, at most 255; 1 also if the
  configuration or the versions are not those of the output; 2 if the call itself is wrong.
"""


@dataclass
class _IdArgument:
    """An option of data ids."""

    name: str
    datasetType: str | DynamicDatasetType
    level: str | None
    doMakeDataRefList: bool
    ContainerClass: type[DataIdContainer]


class ArgumentParser(argparse.ArgumentParser):
    """The parser of a task's command line.

    Parameters
    ----------
    name : str
        Name of the task.
    usage : str, optional
        The line of usage.
    opener : callable, optional
        Opens the repository: called with its path and the keywords ``output``, ``rerun``,
        ``calib`` and ``clobber_output``; the default is ``cfhtisr.butler.open_butler``.
    **kwargs
        Further arguments of `argparse.ArgumentParser`.

    Attributes
    ----------
    requireOutput : bool
        Whether a run needs ``--output`` or ``--rerun``.
    """

    requireOutput = True

    def __init__(
        self,
        name: str,
        usage: str = "%(prog)s input [options]",
        opener: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("epilog", _EPILOG)
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(usage=usage, fromfile_prefix_chars="@", **kwargs)
        self._name = name
        self._opener = opener
        self._ids: dict[str, _IdArgument] = {}
        add_options(self)

    def add_id_argument(
        self,
        name: str,
        datasetType: str | DynamicDatasetType,
        help: str,
        level: str | None = None,
        doMakeDataRefList: bool = True,
        ContainerClass: type[DataIdContainer] = DataIdContainer,
    ) -> None:
        """Add an option of data ids.

        Parameters
        ----------
        name : str
            Name of the option, such as ``--id``; its container becomes an attribute of what
            is parsed.
        datasetType : str, DatasetArgument or ConfigDatasetType
            The type of dataset that is looked up.
        help : str
            The help text.
        level : str, optional
            Level of the data references.
        doMakeDataRefList : bool, optional
            Whether the data are looked up at all.
        ContainerClass : type, optional
            Holds the data ids.

        Raises
        ------
        RuntimeError
            If the name is taken.
        """
        plain = name.lstrip("-")
        if plain in _RESERVED:
            raise RuntimeError(f"data ids cannot be called {plain!r}: the name is reserved")
        if plain in self._ids:
            raise RuntimeError(f"there are data ids called {plain!r} already")
        self._ids[plain] = _IdArgument(plain, datasetType, level, doMakeDataRefList, ContainerClass)
        self.add_argument(
            name,
            dest=plain,
            nargs="*",
            action=IdAction,
            help=help,
            metavar="KEY=VALUE[^VALUE...]",
        )
        if isinstance(datasetType, DynamicDatasetType):
            datasetType.addArgs(self, plain)

    def add_reuse_option(self, choices: Sequence[str]) -> None:
        """Add ``--reuse-outputs-from``.

        Parameters
        ----------
        choices : sequence of str
            The steps of the task, in order; ``all`` stands for every one.
        """
        steps = list(choices)

        class _Reuse(argparse.Action):
            def __call__(
                self, parser: Any, namespace: Any, values: Any, option: Any = None
            ) -> None:
                last = len(steps) if values == "all" else steps.index(values) + 1
                setattr(namespace, self.dest, steps[:last])

        self.add_argument(
            "--reuse-outputs-from",
            dest="reuse",
            choices=[*steps, "all"],
            default=[],
            action=_Reuse,
            help="keep what these steps, up to this one, have made before",
        )

    addReuseOption = add_reuse_option

    def handleCamera(self, namespace: argparse.Namespace) -> None:
        """Do what a camera needs, before anything changes the configuration: nothing."""

    def parse_args(  # type: ignore[override]  # the documented arguments differ
        self,
        config: Any,
        args: Sequence[str] | None = None,
        log: logging.Logger | None = None,
        override: Callable[[Any], object] | None = None,
    ) -> argparse.Namespace:
        """Parse a command line, open the repository and look up the data.

        Parameters
        ----------
        config : Config
            The configuration, which is changed and at last frozen.
        args : sequence of str, optional
            The words; those of the program by default.
        log : Logger, optional
            The log of the run; the root by default.
        override : callable, optional
            Changes the configuration before the command line does.

        Returns
        -------
        namespace : Namespace
            ``input``, ``output``, ``calib``, ``rerun``, ``butler``, ``config``, ``log``, a
            container for each option of data ids, and the flags.

        Raises
        ------
        SystemExit
            If the call is wrong, or only something is to be shown.
        """
        words = list(sys.argv[1:] if args is None else args)
        if not words or words[0][:1] in ("-", "@", ""):
            self.print_help()
            if words and words[0] in ("-h", "--help"):
                self.exit()
            self.exit(1, f"{self.prog}: error: the input must be the first argument\n")
        root = _rooted("PIPE_INPUT_ROOT", words[0])
        if not os.path.isdir(root):
            self.error(f"input {root} is not a directory")
        namespace = argparse.Namespace()
        namespace.config = config
        namespace.log = log if log is not None else logging.getLogger()
        namespace.camera, namespace.obsPkg = "megacam", "cfhtisr"
        self.handleCamera(namespace)
        if override is not None:
            override(config)
        for name, each in self._ids.items():
            setattr(namespace, name, each.ContainerClass(level=each.level))
        super().parse_args(words, namespace)
        namespace.input = root
        # By its name the log of the run has its level in other processes too.
        own = "" if log is None or log is logging.getLogger() else log.name
        levels = {component or own: level for component, level in namespace.loglevel}
        namespace.logSetup = LogSetup(namespace.longlog, levels)
        namespace.logSetup.apply(log)
        self._locate(namespace)
        self._override(namespace)
        self._finish(namespace)
        for name in _REMOVED:
            if hasattr(namespace, name):
                delattr(namespace, name)
        return namespace

    def convert_arg_line_to_args(self, arg_line: str) -> list[str]:
        """Split a line of a file of arguments as a shell would."""
        try:
            return shlex.split(arg_line, comments=True)
        except ValueError as error:
            self.error(f"{arg_line!r} in a file of arguments: {error}")

    def _locate(self, namespace: argparse.Namespace) -> None:
        """Find the output and the calibrations."""
        if namespace.output is not None and namespace.rerun is not None:
            self.error("--output and --rerun exclude each other")
        namespace.rerunText, namespace.rerun = namespace.rerun, None
        if namespace.output is not None:
            namespace.output = _rooted("PIPE_OUTPUT_ROOT", namespace.output)
        elif namespace.rerunText is not None:
            parts = namespace.rerunText.split(":")
            if len(parts) > 2 or not all(parts):
                self.error(f"--rerun {namespace.rerunText!r}: wanted OUT or IN:OUT")
            namespace.rerun = parts
            namespace.output = os.path.join(namespace.input, "rerun", parts[-1])
        namespace.calib = _calibrations(namespace.calib)
        if namespace.clobberOutput:
            if namespace.output is None:
                self.error("--clobber-output needs --output or --rerun")
            if os.path.realpath(namespace.output) == os.path.realpath(namespace.input):
                self.error("--clobber-output would delete the input, which is the output too")

    def _override(self, namespace: argparse.Namespace) -> None:
        """Change the configuration, strictly from left to right."""
        config = namespace.config
        for option, value in namespace.overrides:
            try:
                if option == "file":
                    config_files.apply(config, value, allow_code=namespace.allowCode)
                else:
                    config_files.apply_item(config, value)
            except OSError as error:
                self.error(f"--configfile {value}: {error.strerror or error}")
            except (AttributeError, TypeError, ValueError) as error:
                self.error(f"--config{'file' * (option == 'file')} {_line(error)}")
            except Exception as error:
                if not namespace.allowCode:
                    raise
                # what a file of code may end in nobody can tell
                self.error(f"--configfile {value}: {type(error).__name__}: {_line(error)}")

    def _finish(self, namespace: argparse.Namespace) -> None:
        """Show what is wanted; open the repository and look up the data."""
        items = namespace.show
        runs = not items or "run" in items
        try:
            show(items, namespace.config)
        except ShowError as error:
            self.exit(1, f"{self.prog}: error: {error}\n")
        if not runs and "data" not in items:
            self.exit()
        if runs and self.requireOutput and namespace.output is None:
            self.error("there is no output: give --output or --rerun")
        if runs:
            self._check(namespace.config)
        namespace.butler = self._open(namespace, namespace.clobberOutput and runs, runs)
        del namespace.rerunText
        try:
            self._find_data(namespace)
        except (RuntimeError, LookupError, ValueError) as error:
            self.error(_line(error))
        if "data" in items:
            show_data(namespace, list(self._ids))
        if not runs:
            self.exit()
        if namespace.debug:
            reason = debugging.load()
            if reason is not None:
                print(f"{self.prog}: --debug is off: {reason}", file=sys.stderr)
                namespace.debug = False
        namespace.config.freeze()

    def _check(self, config: Any) -> None:
        try:
            config.validate()
        except ValueError as error:
            self.error(_line(error))

    def _open(self, namespace: argparse.Namespace, clobber: bool, runs: bool) -> Any:
        """Open the repository."""
        rerun, output = namespace.rerunText, namespace.output
        if not runs:  # nothing is written; what is read may still be in another rerun
            rerun, output = (rerun if rerun is not None and ":" in rerun else None), None
        try:
            opener = self._opener
            if opener is None:
                opener = importlib.import_module("cfhtisr.butler").open_butler
            return opener(
                namespace.input,
                output=None if rerun is not None else output,
                rerun=rerun,
                calib=namespace.calib,
                clobber_output=clobber,
            )
        except (ImportError, OSError, RuntimeError, LookupError, ValueError) as error:
            self.error(_line(error))

    def _find_data(self, namespace: argparse.Namespace) -> None:
        for name, each in self._ids.items():
            container: DataIdContainer = getattr(namespace, name)
            type_ = each.datasetType
            if isinstance(type_, DynamicDatasetType):
                type_ = type_.getDatasetType(namespace)
            container.setDatasetType(type_)
            container.castDataIds(butler=namespace.butler)
            if each.doMakeDataRefList:
                container.makeDataRefList(namespace)


class InputOnlyArgumentParser(ArgumentParser):
    """The parser of a task that writes into its input."""

    requireOutput = False


def _rooted(variable: str, path: str) -> str:
    return os.path.abspath(os.path.join(os.environ.get(variable, ""), path))


def _calibrations(given: str | None) -> str | None:
    """Return a folder as a path of its own; anything else is the name of a collection."""
    if given is None:
        return os.environ.get("PIPE_CALIB_ROOT") or None
    path = _rooted("PIPE_CALIB_ROOT", given)
    return path if os.path.isdir(path) else given


def _line(error: BaseException) -> str:
    """Return the text of an exception in one line."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return " ".join(str(text).partition("\nFor more")[0].split()) or type(error).__name__
