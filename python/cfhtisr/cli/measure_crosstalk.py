"""``cfhtisr measure-crosstalk``: coefficients for ``cfhtisr run --crosstalk``."""

__all__ = ["add_parser"]

import argparse
import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfhtisr.cli._ccds import ccd_list

if TYPE_CHECKING:
    from cfhtisr.batch.crosstalk import Measurement

_DESCRIPTION = """\
Measure what bright pixels of each amplifier leave on the other one of their CCD, and write the
coefficients, their scatter and the number of ratios as an ECSV table that 'cfhtisr run
--crosstalk' reads. Raws are corrected for overscan and saturation in memory; products [ADU] are
taken as they are, and must have been made without a crosstalk correction. All files together
give one set of coefficients. Saturated, bad and interpolated pixels do not count.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "measure-crosstalk",
        help="measure crosstalk between amplifiers",
        description=_DESCRIPTION,
        epilog="A pair without any ratio is written as nan, 0 ratios; --crosstalk refuses it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="raw exposures or products"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="such as crosstalk.ecsv"
    )
    parser.add_argument("--ccd", type=ccd_list, metavar="LIST", help="such as 7 or 0..35; all")
    parser.add_argument(
        "--threshold",
        type=_level,
        default=30000.0,
        metavar="ADU",
        help="pixels from this level on count as bright (30000)",
    )
    parser.add_argument(
        "--ratios", type=Path, metavar="FITS", help="all ratios as a FITS table as well"
    )
    parser.add_argument(
        "--processed", action="store_true", help="take files that the observatory has processed"
    )
    parser.add_argument(
        "--checksum",
        choices=["error", "warn", "ignore"],
        default="error",
        help="what a wrong CHECKSUM or DATASUM of a raw leads to",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, write, print the coefficients."""
    from cfhtisr.batch.crosstalk import measure_crosstalk
    from cfhtisr.cli._progress import progress
    from cfhtisr.io.crosstalk_table import write_crosstalk

    for path in (options.output, options.ratios):
        if path is not None:
            _check_output(path, options.files)
    with progress("measuring") as tell:
        found = measure_crosstalk(
            options.files,
            options.ccd,
            threshold=options.threshold,
            processed=options.processed,
            checksum=options.checksum,
            progress=tell,
        )
    for text in found.failed:
        print(f"cfhtisr: {text}", file=sys.stderr)
    if not found.rows:
        print("cfhtisr: there is no CCD to measure; nothing is written", file=sys.stderr)
        return 1
    files = ", ".join(path.name for path in options.files)
    write_crosstalk(options.output, found.rows, {"threshold": options.threshold, "files": files})
    if options.ratios is not None:
        _write_ratios(options.ratios, found)
    for ccd, rows in found.rows.items():
        for i, target in enumerate(rows.amplifiers):
            for j, source in enumerate(rows.amplifiers):
                if i != j:
                    value = f"{rows.coefficient[i, j]:+.3e} +- {rows.error[i, j]:.1e}"
                    print(f"{ccd} {target} from {source}: {value} ({rows.number[i, j]} ratios)")
    return 1 if found.failed else 0


def _level(text: str) -> float:
    try:
        level = float(text)
    except ValueError:
        level = math.nan
    if not (math.isfinite(level) and level > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a level above 0")
    return level


def _check_output(path: Path, files: list[Path]) -> None:
    """Refuse now what would fail when all the work is done."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: wanted a file in a folder that is there")
    if path.resolve() in {file.resolve() for file in files}:
        raise ValueError(f"{path}: would overwrite an input")


def _write_ratios(path: Path, found: "Measurement") -> None:
    import numpy as np
    from astropy.table import Table

    from cfhtisr.io.atomic import AtomicFile

    columns = {
        name: np.concatenate([np.repeat(key[k], part.size) for key, part in found.ratios.items()])
        for k, name in enumerate(("ccd", "target", "source"))
    }
    columns["ratio"] = np.concatenate(list(found.ratios.values()))
    table = io.BytesIO()
    Table(columns).write(table, format="fits")
    with AtomicFile(path, overwrite=True) as file:
        file.write(table.getvalue())
