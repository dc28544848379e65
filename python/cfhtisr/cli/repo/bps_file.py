"""``cfhtisr repo bps-file``: where the packaged file for LSST's batch system is."""

__all__ = ["add_parser"]

import argparse
from importlib.resources import files
from typing import Any

_DESCRIPTION = r"""\
Print the path of the file that tells LSST's batch system, bps, how to correct exposures: with
Parsl on the cores of this machine, one job for each exposure. Files for other sites can include it.
Needs: pip install 'cfhtisr[bps]'.

  bps submit "$(cfhtisr repo bps-file)" -b REPO -i MegaPrime/defaults -o u/me \
    -d "exposure = 2463796"
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "bps-file",
        help="print the path of the file for LSST's batch system",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the path."""
    print(files("cfhtisr.butler").joinpath("bps", "parsl.yaml"))
    return 0
