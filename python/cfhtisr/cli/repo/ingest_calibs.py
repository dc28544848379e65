"""``cfhtisr repo ingest-calibs``: take calibrations into a repository and certify them."""

__all__ = ["add_parser"]

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Take calibrations into a repository, and certify from when to when each of them holds: bias, dark,
flat and fringe frames, defects, linearizers (.toml) and crosstalk (.ecsv); multi-extension files,
files of one CCD (ccdNN in the name), or folders. Kind (OBSTYPE), filter and night come from the
headers; the exposures that they are for need not be there yet.

Without more ado the frame that is nearest in time holds; of two that are as near, the earlier
one. No frame holds across 1 January 2015, when the camera got 40 CCDs, nor across the days that
--fence gives. Defects, linearizers and crosstalk hold from their night until the next ones;
without a night, always. What a new file changes for older ones is certified anew, in one step
with it. Of two darks of one night the longer one holds. Raw exposures in folders are passed over.
"""

_EPILOG = """\
examples:
  cfhtisr repo ingest-calibs REPO masters/*.fits.fz       the nearest in time holds
  cfhtisr repo ingest-calibs REPO masters --validity 30   but 30 days before and after at most
  cfhtisr repo ingest-calibs REPO mask.fits --begin 2004-08-15 --end 2004-08-24
  cfhtisr repo ingest-calibs REPO masters -n              only show what would hold when

All times are UTC; a range ends before the moment that is given as its end.
"""


def _kinds() -> tuple[str, ...]:
    from cfhtisr.butler.names import CALIBRATION_TYPES

    return CALIBRATION_TYPES


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day, wanted 2008-03-30") from None


def _days(text: str) -> int | str:
    if text == "default":
        return text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days, 0 or more")
    return int(text)


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "ingest-calibs",
        help="take calibrations into a repository and certify them",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("repo", metavar="REPO", help="the repository")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files or folders")
    group = parser.add_argument_group("what they are, where their headers do not say it")
    group.add_argument("--type", choices=_kinds(), dest="kind", help="type of the datasets")
    group.add_argument("--date", type=_day, metavar="DAY", help="the night, such as 2008-03-30")
    group = parser.add_argument_group("when they hold")
    group.add_argument(
        "--validity",
        type=_days,
        metavar="DAYS",
        help="days before and after, at most; 'default' takes back, with --replace, what was "
        "stated before",
    )
    group.add_argument("--begin", metavar="TIME", help="from then on, and no rule changes it")
    group.add_argument("--end", metavar="TIME", help="until before then")
    group.add_argument(
        "--fence",
        action="append",
        default=[],
        type=_day,
        metavar="DAY",
        help="no calibration holds across the beginning of this day, such as a change of filter; "
        "stays in force; may be given several times",
    )
    group.add_argument(
        "--replace", action="store_true", help="take the place of those of the same night"
    )
    group = parser.add_argument_group("how")
    group.add_argument(
        "--mode",
        choices=("direct", "copy", "link", "hardlink", "move"),
        default="direct",
        help="leave files where they are (direct), or copy, link or move them into the "
        "repository; default: direct",
    )
    group.add_argument(
        "--collection", metavar="NAME", help="the collection; default: MegaPrime/calib"
    )
    group.add_argument("-n", "--dry-run", action="store_true", help="change nothing, only show")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Take the files in, show what holds when, list what failed."""
    from cfhtisr.butler.calibs.certify import certify
    from cfhtisr.butler.calibs.validity import Range, moment
    from cfhtisr.butler.names import CALIB
    from cfhtisr.cli._progress import progress

    explicit = None
    if options.begin is not None or options.end is not None:
        ends = (options.begin, options.end)
        explicit = Range(*(None if each is None else moment(each) for each in ends))
    with progress("look", unit="files") as report:
        result = certify(
            options.repo,
            options.files,
            kind=options.kind,
            taken=options.date,
            validity=options.validity,
            explicit=explicit,
            fences=options.fence,
            replace=options.replace,
            mode=options.mode,
            collection=options.collection or CALIB,
            dry_run=options.dry_run,
            progress=lambda done, total, _: report(done, total),
        )
    for kind, filter_, file, each, number in result.table:
        print(f"{kind:<10} {filter_:<12} {file}: {each}, {number} CCDs")
    passed = f"{len(result.passed)} passed over, " if result.passed else ""
    would = "would be " if options.dry_run else ""
    print(
        f"{len(result.files)} files {would}taken in ({result.datasets} CCDs), "
        f"{len(result.there)} were there, {passed}{len(result.failed)} failed"
    )
    for path, reason in result.passed:
        print(f"passed over: {path}: {reason}")
    for path, reason in result.failed:
        print(f"failed: {path}: {reason}", file=sys.stderr)
    if not (result.files or result.there or result.failed or options.fence):
        print("cfhtisr: there is no calibration in what was given", file=sys.stderr)
        return 1
    return 1 if result.failed else 0
