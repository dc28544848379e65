"""``cfhtisr verify``: check that products are whole."""

__all__ = ["add_parser"]

import argparse
import sys
from collections.abc import Iterator
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
        files += sorted(_products(path)) if path.is_dir() else [path]
    if not files:
        print("cfhtisr: there is no FITS file in what was given", file=sys.stderr)
        return 1
    bad = 0
    for file in files:
        try:
            problems = verify(file)
        except OSError as error:
            problems = [error.strerror or str(error)]
        bad += bool(problems)
        for problem in problems:
            print(f"{file}: {problem}")
    print(f"{len(files)} files: {len(files) - bad} whole, {bad} with problems")
    return 1 if bad else 0


def _products(folder: Path) -> Iterator[Path]:
    endings = (".fits", ".fits.fz", ".fits.gz")
    return (path for path in folder.iterdir() if path.name.endswith(endings) and path.is_file())
