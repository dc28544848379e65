"""The ``cfhtisr`` command: one subcommand per file of this package."""

__all__ = ["main"]

import argparse
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence

from cfhtisr import __version__
from cfhtisr.errors import MissingExtraError

_FORMAT = "%(levelname)s %(name)s: %(message)s"
_TOLD = (OSError, ValueError, LookupError, RuntimeError, MemoryError, MissingExtraError)
"""What is told in a line; all else is a fault of ours."""
COMMANDS = (
    "run", "info", "verify", "undo", "config", "repo", "measure-crosstalk", "simulate", "demo",
)  # fmt: skip

_EPILOG = """\
examples:
  cfhtisr info *.fits.fz                       what is in these files
  cfhtisr run 1927963o.fits.fz -o out          overscan, saturation, variance, no calibrations
  cfhtisr run *o.fits.fz -o out --bias B.fits.fz --flat F.fits.fz --defects masks/ -j 2
  cfhtisr config                               every setting, what it means, what it is now
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = argparse.ArgumentParser(
        prog="cfhtisr",
        description="Remove the instrument signature from CFHT MegaCam exposures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"cfhtisr {__version__}")
    top.add_argument("-v", "--verbose", action="count", default=0, help="log more; twice: debug")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = name.replace("-", "_")
        importlib.import_module(f"cfhtisr.cli.{module}").add_parser(commands)
    for command in commands.choices.values():
        # Before or after the name of the command: nobody remembers which.
        command.add_argument(
            "-v", "--verbose", action="count", default=argparse.SUPPRESS, help="log more"
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    0: all went well; 1: some of it failed, and was named; 2: the call itself is wrong;
    130: interrupted.
    """
    if "numpy" not in sys.modules:
        # There is little linear algebra, and OpenBLAS spends longer on starting threads for it.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        try:
            options = parser().parse_args(arguments)
        finally:
            sys.stdout.flush()  # of --help, which ends the program
        return _run(options)
    except BrokenPipeError:
        # Whoever read our output has gone; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(options: argparse.Namespace) -> int:
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]
    if not logging.getLogger().handlers:  # whoever calls this from a program has set up his own
        handler = logging.StreamHandler()
        # What is warned of is repeated for each CCD; the summary says it once.
        handler.setLevel(level if options.verbose else logging.ERROR)
        logging.basicConfig(level=level, format=_FORMAT, handlers=[handler])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be text in any encoding.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("cfhtisr: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except (
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        MemoryError,
        MissingExtraError,
    ) as error:
        if options.verbose > 1:
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"cfhtisr: {text or type(error).__name__}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
