"""``cfhtisr run``: raw exposures in, corrected CCDs out."""

__all__ = ["add_parser"]

import argparse
import contextlib
import itertools
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfhtisr.cli._ccds import ccd_list
from cfhtisr.cli.arguments import add_configuration, positive, positive_number, size

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from cfhtisr.batch import Outcome, Report

_MOST_WARNINGS = 10

_DESCRIPTION = """\
Correct raw MegaCam exposures and write, for each CCD, the image [ADU], its mask and its
variance [ADU^2] as OUT/<raw>-ccdNN.fits, or with --format mosaic all CCDs as OUT/<raw>.fits.

Always done: saturation mask, overscan, trimming and assembly, variance, widening of
saturation trails, interpolation of saturated and invalid pixels. Bias, dark, flat, fringe and
defects are done when their calibration is given; the summary and the header say which were
not. Calibrations are multi-extension files or folders of one file per CCD (ccdNN in the
name), in raw geometry (2112 x 4644) or trimmed (2048 x 4612).

A linearizer file has a table for each amplifier, such as
  [ccd07.A]
  type = "Squared"            # x + c x^2
  coefficients = [1.2e-7]
Other types: Polynomial (coefficients), Spline (knots, corrections), LookupTable (table, offset).
"""

_EPILOG = """\
Finished CCDs of the same input and configuration are verified and skipped; --redo does them
again. A CCD that fails does not keep the others: the exit status is 1 and the end of the
output lists it. A product needs 113 MB per CCD. Up to four CCDs are worked on at a time, one
for each thread, so that reading, correcting and writing overlap; each needs about 0.5 GB.

--compress lossless keeps every bit in half the space. --compress rice needs a seventh: the
pixels of image and variance are rounded to steps of 1/16 of the noise of their row (--quantize
16), dithered so that no average shifts; the mask, NaN, and rows without noise keep every bit.
With 16 steps the noise grows by 0.02 %, with 4, as fpack has it, by 0.3 %, in three
quarters of the space. Products stay .fits; astropy, fitsio, DS9 and cfhtisr read them as they are.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "run",
        help="correct raw exposures",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("raws", nargs="+", type=Path, metavar="RAW", help="plain, .gz or .fz")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder")
    parser.add_argument("--ccd", type=ccd_list, metavar="LIST", help="such as 7 or 0..35; all")
    group = parser.add_argument_group("calibrations", "files or folders")
    for kind, text in (
        ("bias", "master bias [ADU]"),
        ("dark", "master dark [ADU], scaled by its DARKTIME"),
        ("flat", "master flat, of the filter of the raws"),
        ("fringe", "master fringe frame, of the filter of the raws; may be given several times"),
        ("defects", "FITS table, Elixir mask, DS9 regions or list of boxes"),
        ("crosstalk", "table of measure-crosstalk; the CCDs in it are corrected"),
        ("linearizer", "TOML: type and numbers of amplifiers; the CCDs in it are corrected"),
    ):
        action = "append" if kind == "fringe" else "store"
        group.add_argument(f"--{kind}", type=Path, metavar="F", help=text, action=action)
    add_configuration(parser)
    group = parser.add_argument_group("products")
    group.add_argument(
        "--format", choices=["ccd", "mosaic"], default="ccd", help="a file per CCD, or per exposure"
    )
    group.add_argument(
        "--units",
        choices=["adu", "electron"],
        default="adu",
        help="of the pixels; electrons: times the gain of each amplifier",
    )
    group.add_argument(
        "--compress",
        choices=["none", "lossless", "rice"],
        default="none",
        help="lossless: every bit, half the space; rice: rounded within the noise, a seventh",
    )
    group.add_argument(
        "--quantize",
        type=positive_number,
        default=16.0,
        metavar="Q",
        help="steps in the noise of a row, for --compress rice; 16",
    )
    group.add_argument("--weight", action="store_true", help="weight and flag maps as well")
    group.add_argument("--report", type=Path, metavar="FILE", help="all outcomes, as JSON")
    group.add_argument("--redo", action="store_true", help="correct again what is finished")
    group.add_argument("--no-sync", action="store_true", help="do not wait for the disk")
    group = parser.add_argument_group("inputs")
    group.add_argument(
        "--processed", action="store_true", help="take files that the observatory has processed"
    )
    group.add_argument(
        "--checksum",
        choices=["error", "warn", "ignore"],
        default="error",
        help="what a wrong CHECKSUM or DATASUM leads to",
    )
    group = parser.add_argument_group("resources")
    group.add_argument("-j", "--jobs", type=positive, default=1, metavar="N", help="processes")
    group.add_argument("--threads", type=positive, metavar="N", help="threads of all together")
    group.add_argument(
        "--max-memory",
        type=size,
        metavar="SIZE",
        help="of each process, such as 2G; fewer CCDs are then worked on at a time",
    )
    group.add_argument(
        "--executor",
        choices=["processes", "dask"],
        default="processes",
        help="where to work: -j processes of this machine, or a cluster of dask.distributed, whose "
        "workers see the same files (needs the extra dask)",
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="of the cluster, such as tcp://10.0.0.1:8786, for --executor dask",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Correct, show progress, print the summary."""
    from cfhtisr import batch
    from cfhtisr.batch.correct import Plan
    from cfhtisr.cli._progress import progress
    from cfhtisr.cli.settings import configuration, match_calibrations, validate
    from cfhtisr.io.atomic import AtomicFile

    _check_executor(options)
    paths = batch.CalibrationPaths(
        options.bias,
        options.dark,
        options.flat,
        options.fringe,
        options.defects,
        options.crosstalk,
        options.linearizer,
    )
    config = configuration(options)
    off = match_calibrations(config, paths, options.overrides)
    validate(config)
    plan = Plan(
        output=options.output,
        config=config,
        calibrations=paths,
        layout=options.format,
        weight=options.weight,
        units=options.units,
        compress=None if options.compress == "none" else options.compress,
        quantize=options.quantize,
        processed=options.processed,
        checksum=options.checksum,
        max_memory=options.max_memory,
        redo=options.redo,
        sync=not options.no_sync,
    )
    if off:
        print(f"off, for want of a calibration: {', '.join(off)}")
    if options.report is not None:
        _check_report(options.report, options.raws)
    totals: list[int] = []
    with _executor(options) as executor, progress("correcting") as tell:
        done = itertools.count(1)
        report = batch.run(
            options.raws,
            plan,
            options.ccd,
            jobs=options.jobs,
            threads=options.threads,
            executor=executor,
            started=totals.append,
            progress=lambda outcome: tell(next(done), totals[0], _line(outcome)),
        )
    status = _finish(report)
    if options.report is not None:
        with AtomicFile(options.report, overwrite=True) as file:
            file.write(f"{report.to_json()}\n".encode())
    return status


@contextlib.contextmanager
def _executor(options: argparse.Namespace) -> Iterator["Executor | None"]:
    """Yield where to work; None for this machine."""
    if options.executor == "processes":
        yield None
        return
    from cfhtisr.batch.executors import dask

    with dask(options.scheduler) as executor:
        yield executor


def _check_executor(options: argparse.Namespace) -> None:
    """Refuse what contradicts itself."""
    far = options.executor != "processes"
    if far and not options.scheduler:
        raise ValueError("--executor dask needs the address of its scheduler: --scheduler ADDRESS")
    if options.scheduler and not far:
        raise ValueError("--scheduler is given, but not --executor dask")
    if far and (options.jobs != 1 or options.threads is not None):
        raise ValueError(
            "--jobs and --threads are for this machine; the workers of a cluster have theirs"
        )


def _check_report(path: Path, raws: list[Path]) -> None:
    """Refuse now what would fail when all the work is done."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"--report {path}: wanted a file in a folder that is there")
    if path.resolve() in {raw.resolve() for raw in raws}:
        raise ValueError(f"--report {path}: would overwrite a raw file")


def _line(outcome: "Outcome") -> str:
    text = f"{outcome.name} {outcome.status}"
    if outcome.status == "done":
        facts = outcome.facts
        text += f" {outcome.seconds:.1f} s, sky {facts['sky']:.1f}, noise {facts['noise']:.2f}"
    if outcome.status == "failed":
        text += f": {outcome.message}"
    return text


def _finish(report: "Report") -> int:
    for line in _remarks(report):
        print(line)
    print(report.summary())
    for outcome in report.failed:
        print(f"  {outcome.name}: {outcome.message}", file=sys.stderr)
    return 1 if report.failed else 0


def _remarks(report: "Report") -> Iterator[str]:
    """Yield what somebody should know who looks at nothing but the end of the output."""
    done = [outcome for outcome in report if outcome.status == "done"]
    if done:
        unit = done[0].facts["unit"]
        for name, form in (("sky", ".1f"), ("noise", ".2f"), ("saturation", ".0f")):
            values = [outcome.facts[name] for outcome in done]
            numbers = [value for value in values if value is not None and math.isfinite(value)]
            if numbers:
                middle = statistics.median(numbers)
                yield (
                    f"{name:<10} {middle:{form}} {unit} (median), "
                    f"{min(numbers):{form}} to {max(numbers):{form}}"
                )
    given: Counter[str] = Counter()
    for outcome in done:
        for name, why in outcome.facts["not_applied"].items():
            given[f"{name.removesuffix('s') if name == 'fringes' else name} {why}"] += 1
    for text, count in given.items():
        yield f"{text} ({count} CCDs)"
    yield from report.notes
    warned = Counter(text for outcome in report for text in dict.fromkeys(outcome.warnings))
    for text, count in warned.most_common(_MOST_WARNINGS):
        yield f"warning: {text}" + (f" ({count} CCDs)" if count > 1 else "")
    if len(warned) > _MOST_WARNINGS:
        yield f"{len(warned) - _MOST_WARNINGS} more warnings; --report lists them all"
