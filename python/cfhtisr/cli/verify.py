"""``cfhtisr verify``: check that products are whole."""

__all__ = ["add_parser"]

import argparse
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Read products of this package again and check them: the CHECKSUM and DATASUM of every HDU, the
three planes and their sizes. Nothing is written. The exit status is 1 if a file has a problem.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "verify",
        help="check that products are whole",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="FILE", help="FITS files, or folders of them"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify each file; print the problems."""
    from cfhtisr.io.verify import verify

    files: list[Path] = []
    for path in options.paths:
        files += sorted(path.glob("*.fits")) if path.is_dir() else [path]
    if not files:
        print("cfhtisr: there is no FITS file in what was given", file=sys.stderr)
        return 1
    bad = 0
    for file in files:
        problems = verify(file)
        bad += bool(problems)
        for problem in problems:
            print(f"{file}: {problem}")
    print(f"{len(files)} files: {len(files) - bad} whole, {bad} with problems")
    return 1 if bad else 0
