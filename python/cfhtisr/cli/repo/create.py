"""``cfhtisr repo create``: make an empty repository."""

__all__ = ["add_parser"]

import argparse
from typing import Any

_DESCRIPTION = """\
Make an empty repository for MegaCam: its registry, the instrument with its 40 CCDs and all
filters, the types of datasets, and the collections MegaPrime/raw/all, MegaPrime/calib and
MegaPrime/defaults. Takes a few seconds and about 1 MB.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "create",
        help="make an empty repository",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repo", metavar="REPO", help="its folder: empty, or not there yet")
    parser.add_argument(
        "--registry",
        metavar="URL",
        help="where the registry is, such as postgresql://user@host/database (needs the extra "
        "postgres; leave the password to ~/.pgpass, the address is kept in the repository); "
        "default: a file of SQLite in the folder",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the repository."""
    from cfhtisr.butler.repository import create

    print(create(options.repo, options.registry))
    return 0
