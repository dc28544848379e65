"""``cfhtisr repo``: repositories of LSST's data butler, one subcommand per file."""

__all__ = ["add_parser"]

import argparse
import importlib
import importlib.util
from typing import Any

COMMANDS = ("create", "ingest", "ingest-calibs", "import-gen2", "bps-file")

_DESCRIPTION = """\
Make and fill repositories of LSST's data butler (needs: pip install 'cfhtisr[butler]').
The stock command `butler` works on them too: butler query-datasets REPO, butler query-collections
REPO, and so on.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand and its own subcommands."""
    parser = commands.add_parser(
        "repo",
        help="make and fill a repository of LSST's data butler",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = f"{__name__}.{name.replace('-', '_')}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).add_parser(inner)
