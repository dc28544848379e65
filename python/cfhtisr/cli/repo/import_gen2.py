"""``cfhtisr repo import-gen2``: take over repositories of LSST's second generation."""

__all__ = ["add_parser"]

import argparse
import sys
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
Take what a repository of LSST's second generation has into a new one: exposures (table raw of
registry.sqlite3), those of the repositories that it stands on (_parent) too, and bias, dark, flat
and fringe frames (the first calibRegistry.sqlite3 among them). OLD is only read, and its files stay
where they are, so it must stay, too. NEW is made if it is not there; a repeat takes in what is new.

Calibrations hold when the old registry says; an end that is a bare day means the whole of that day.
Where several hold, the highest version does, and of these the one registered last. None holds
across 1 January 2015, when the camera got 40 CCDs. Files that are listed and not there are told
of, and do no harm; files that cannot be taken in are listed, and the exit status is 1.
"""

_EPILOG = """\
examples:
  cfhtisr repo import-gen2 OLD NEW -n                     only show what would be done
  cfhtisr repo import-gen2 OLD NEW --calib OLD/CALIB
  cfhtisr repo import-gen2 NEW --detrend detrend_db.csv --root /archive/detrend
"""


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = float("nan")
    if not -24 <= hours <= 24:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours from -24 to 24")
    return hours


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "import-gen2",
        help="take over a repository of LSST's second generation",
        usage="cfhtisr repo import-gen2 [OLD] NEW [options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "repos",
        nargs="+",
        type=Path,
        metavar="OLD NEW",
        help="the old repository, or the folder of its calibrations, and the new one; OLD can be "
        "left out with --calib or --detrend",
    )
    parser.add_argument(
        "--calib",
        type=Path,
        metavar="DIR",
        help="folder with calibRegistry.sqlite3; default: OLD, or OLD/CALIB",
    )
    parser.add_argument(
        "--detrend",
        type=Path,
        metavar="CSV",
        help="the observatory's table of masters (columns type, filter, version, "
        "valid_start_utc, valid_stop_utc, registered_utc, path; times are UTC)",
    )
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder that the paths in that table count from; default: that of the table",
    )
    parser.add_argument(
        "--offset",
        type=_hours,
        metavar="HOURS",
        help="what to add to the times of calibRegistry.sqlite3 to get UTC; default: 6 or 5 if all "
        "of them are at 18:00 or 19:00, as in the published registry, else 0. Bare days are UTC",
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="pass over exposures that are in NEW from another file",
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="change nothing, only show")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import; show what holds when, what is missing, what was passed over and what failed."""
    sources = (options.calib, options.detrend)
    least = 1 if any(each is not None for each in sources) else 2
    if not least <= len(options.repos) <= 2:
        wanted = "OLD NEW" if least == 2 else "[OLD] NEW"
        print(
            f"cfhtisr: got {len(options.repos)} repositories, wanted {wanted} (OLD can be left out "
            "with --calib or --detrend)",
            file=sys.stderr,
        )
        return 2
    if options.root is not None and options.detrend is None:
        print("cfhtisr: --root is for --detrend, which is not given", file=sys.stderr)
        return 2
    from cfhtisr.butler.gen2.importing import import_gen2
    from cfhtisr.cli._progress import progress

    *old, new = options.repos
    with progress("import", unit="files") as report:
        result = import_gen2(
            new,
            old[0] if old else None,
            calib=options.calib,
            detrend=options.detrend,
            detrend_root=options.root,
            offset=options.offset,
            skip_existing=options.skip_existing,
            dry_run=options.dry_run,
            progress=lambda done, total, _: report(done, total),
        )
    raws, frames = result.raws, result.calibrations
    would = "would be " if options.dry_run else ""
    if options.dry_run:
        for path in raws.files:
            print(f"raw        {path}")
    for kind, filter_, file, each, number in frames.table:
        print(f"{kind:<10} {filter_:<12} {file}: {each}, {number} CCDs")
    for kind, path in result.missing:
        print(f"missing: {kind} {path}")
    for path, reason in result.passed:
        print(f"passed over: {path}: {reason}")
    failed = [*raws.failed, *frames.failed]
    for path, reason in failed:
        print(f"failed: {path}: {reason}", file=sys.stderr)
    print(
        f"{len(raws.files)} exposures and {len(frames.files)} calibrations {would}taken in, "
        f"{len(raws.there) + len(frames.there)} were there, {len(result.missing)} missing, "
        f"{len(result.passed)} passed over, {len(failed)} failed"
    )
    return 1 if failed else 0
