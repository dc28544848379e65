"""``cfhtisr info``: what is in a file."""

__all__ = ["add_parser"]

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfhtisr.cli._ccds import ccd_list

if TYPE_CHECKING:
    from cfhtisr.io.raw import RawScan

_DESCRIPTION = """\
Say what MegaCam files are: kind, era, layout, CCDs, filter, times. Only headers are read,
unless --levels asks for the overscan level, sky and highest value of each CCD as well.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "info",
        help="say what is in a file",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="raw FITS files")
    parser.add_argument("--levels", action="store_true", help="read the pixels and give levels")
    parser.add_argument("--ccd", type=ccd_list, metavar="LIST", help="CCDs of --levels; all")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Describe each file; one that cannot be read does not keep the others."""
    from cfhtisr.io.raw import scan_raw

    bad = 0
    for path in options.files:
        try:
            scan = scan_raw(path)
            print("\n".join(_describe(scan)))
            if options.levels:
                _print_levels(path, options.ccd or scan.ccds)
        except (OSError, ValueError, LookupError) as error:
            bad += 1
            print(f"cfhtisr: {error}", file=sys.stderr)
    return 1 if bad else 0


def _describe(scan: "RawScan") -> list[str]:
    numbers = ",".join(map(str, scan.ccds)) if len(scan.ccds) < 9 else f"{len(scan.ccds)} of them"
    return [
        str(scan.path),
        f"  kind       {scan.kind}",
        f"  era        {scan.n_ccd} CCDs, layout {scan.layout}",
        f"  CCDs       {numbers}",
        f"  exposure   {scan.obsid}, object {scan.object or '-'}",
        f"  filter     {scan.filter or '-'}",
        f"  times      exposure {scan.exposure_time:g} s, dark {scan.dark_time:g} s, "
        f"start MJD {scan.mjd:.5f}",
    ]


def _print_levels(path: Path, ccds: Any) -> None:
    from cfhtisr.io import open_raw
    from cfhtisr.isr import statistics

    print("  ccd    amp  overscan    data    highest   [ADU]")
    with open_raw(path, processed=True) as file:
        for ccd in ccds:
            exposure = file.read(ccd)
            for amp in exposure.detector or ():
                data = exposure.image.subset(amp.raw_data_bbox).array
                strip = exposure.image.subset(amp.raw_horizontal_overscan_bbox).array
                level = statistics.compute(strip, "MEDIAN")
                middle, top = statistics.compute(data, "MEDIAN"), statistics.compute(data, "MAX")
                print(f"  ccd{ccd:02d}  {amp.name}  {level:9.1f} {middle:9.1f} {top:9.0f}")
