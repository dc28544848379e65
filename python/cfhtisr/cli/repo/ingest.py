"""``cfhtisr repo ingest``: take raw exposures into a repository."""

__all__ = ["add_parser"]

import argparse
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Take raw exposures of any era into a repository: 36 or 40 CCDs, one HDU per CCD or per amplifier,
plain, .gz or .fz. Only headers are read, a few hundredths of a second for each file. Each file is
taken in wholly or not at all; one that is there already is left alone. Files in folders that are
no raw exposures are passed over. Files that cannot be taken in are listed at the end, and the exit
status is 1.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "ingest",
        help="take raw exposures into a repository",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repo", metavar="REPO", help="the repository")
    parser.add_argument(
        "raws", nargs="+", type=Path, metavar="RAW", help="raw files, or folders of them"
    )
    parser.add_argument(
        "--mode",
        choices=("direct", "copy", "link", "hardlink", "move"),
        default="direct",
        help="leave files where they are (direct), or copy, link or move them into the "
        "repository; default: direct",
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="pass over exposures that are there from another file",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Take the files in; list what failed."""
    from cfhtisr.butler.raw_files import ingest
    from cfhtisr.cli._progress import progress

    with progress("ingest", unit="files") as report:
        result = ingest(
            options.repo,
            options.raws,
            mode=options.mode,
            skip_existing=options.skip_existing,
            progress=lambda done, total, _: report(done, total),
        )
    passed = f"{len(result.passed)} passed over, " if result.passed else ""
    print(
        f"{len(result.files)} files taken in ({result.datasets} CCDs), {len(result.there)} were "
        f"there, {passed}{len(result.failed)} failed"
    )
    for path, reason in result.passed:
        print(f"passed over: {path}: {reason}")
    for path, reason in result.failed:
        print(f"failed: {path}: {reason}", file=sys.stderr)
    if not (result.files or result.there or result.failed):
        print("cfhtisr: there is no FITS file in what was given", file=sys.stderr)
        return 1
    return 1 if result.failed else 0
