"""The options that every command line of a task has."""

__all__ = ["add_options"]

import argparse
import math
from typing import Any

from cfhtisr.pipe.logs import parse_level


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the positional input, and all options, to a parser."""
    parser.add_argument(
        "input", help="path of the repository that is read; relative to $PIPE_INPUT_ROOT"
    )
    group = parser.add_argument_group("repository")
    group.add_argument(
        "--calib",
        metavar="CALIB",
        help="collection of calibrations, or path of another repository with them; "
        "relative to $PIPE_CALIB_ROOT",
    )
    group.add_argument(
        "--output",
        metavar="PATH",
        help="repository that is written, made if it is not there; relative to $PIPE_OUTPUT_ROOT",
    )
    group.add_argument(
        "--rerun",
        metavar="[IN:]OUT",
        help="write to the collection rerun/OUT of the input, and read from rerun/IN as well",
    )
    group.add_argument(
        "--clobber-output",
        action="store_true",
        dest="clobberOutput",
        help="delete what is in the output before the run",
    )
    _add_configuration(parser)
    group = parser.add_argument_group("log")
    group.add_argument(
        "-L",
        "--loglevel",
        nargs="*",
        action=_Levels,
        default=[],
        metavar="LEVEL|COMPONENT=LEVEL",
        help="trace, debug, info, warn, error or fatal; of all, or of one component",
    )
    group.add_argument(
        "--longlog", action="store_true", help="log level, time, data id and place in the source"
    )
    group.add_argument(
        "--debug", action="store_true", help="show what your module debug asks for (lsstDebug)"
    )
    group.add_argument("--profile", metavar="FILE", help="write a cProfile of this process")
    group = parser.add_argument_group("run")
    group.add_argument(
        "--show",
        nargs="+",
        action=_Items,
        default=(),
        metavar="ITEM",
        help="print config[=PATTERN], history=PATTERN, tasks or data, and end; with run, go on. "
        "Patterns ignore case unless they end in :NOIGNORECASE",
    )
    group.add_argument(
        "-j",
        "--processes",
        type=_processes,
        default=1,
        metavar="N",
        help="worker processes, each with its share of the threads",
    )
    group.add_argument(
        "-t",
        "--timeout",
        type=_seconds,
        metavar="S",
        help="longest time for all that several processes do [s]",
    )
    group.add_argument(
        "--doraise", action="store_true", help="end at the first failure, with its traceback"
    )
    group.add_argument(
        "--noExit", action="store_true", help="do not exit with a status when CCDs have failed"
    )


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("configuration", "applied from left to right")
    group.add_argument(
        "-c",
        "--config",
        nargs="*",
        action=_Override,
        dest="overrides",
        default=[],
        metavar="NAME=VALUE",
        help="settings, such as isr.doFlat=False isr.fringe.filters=i,i2,z",
    )
    group.add_argument(
        "-C",
        "--configfile",
        nargs="*",
        action=_Override,
        dest="overrides",
        metavar="FILE",
        help="settings from .py files as they are saved, .toml or .yaml (read, never executed)",
    )
    group.add_argument(
        "--allow-code",
        action="store_true",
        dest="allowCode",
        help="execute .py files of --configfile, which may do anything a program can",
    )
    group.add_argument(
        "--clobber-config",
        action="store_true",
        dest="clobberConfig",
        help="replace the configuration and schemas of the output instead of comparing them",
    )
    group.add_argument(
        "--no-backup-config",
        action="store_true",
        dest="noBackupConfig",
        help="keep no copies, FILE~1 and so on, of what --clobber-config replaces",
    )
    group.add_argument(
        "--clobber-versions",
        action="store_true",
        dest="clobberVersions",
        help="replace the versions of packages of the output instead of comparing them",
    )
    group.add_argument(
        "--no-versions",
        action="store_true",
        dest="noVersions",
        help="neither compare nor write versions of packages; for development only",
    )


class _Override(argparse.Action):
    """Keep ``--config`` and ``--configfile`` in one list, in the order of the call."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        kind = "file" if "--configfile" in self.option_strings else "item"
        for value in values:
            if kind == "item" and "=" not in value:
                parser.error(f"{option} {value}: wanted NAME=VALUE")
        given = [*namespace.overrides, *((kind, value) for value in values)]
        namespace.overrides = given


class _Levels(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        try:
            levels = [parse_level(value) for value in values]
        except ValueError as error:
            parser.error(f"{option} {error}")
        namespace.loglevel = [*namespace.loglevel, *levels]


class _Items(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        namespace.show = (*namespace.show, *values)


def _processes(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes, 1 or more")
    return number


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number
