"""``cfhtisr demo``: simulate, correct, compare."""

__all__ = ["add_parser", "run"]

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfhtisr.cli._ccds import ccd_list
from cfhtisr.cli._progress import progress

if TYPE_CHECKING:
    from cfhtisr.simulate.check import Checked
    from cfhtisr.simulate.files import SimulatedSet
    from cfhtisr.simulate.settings import Settings

_TEXT = """\
Show what cfhtisr does, on data of which the truth is known.

  1. simulates an exposure of 40 CCDs with bias, dark, flat, fringe and defects
  2. corrects it: cfhtisr run
  3. compares every CCD with the truth, prints a table and draws the mosaic

Passes if in every CCD the residual is below 0.2 ADU (median over 16 x 16 cells of the absolute
median residual), the reduced chi2 of good pixels is 0.98 to 1.02, and every injected defect,
saturated star pixel and dead pixel is in its mask plane; else the exit status is 1.

Everything is written below DIR: simulated/, corrected/, run.json (what cfhtisr run reports),
demo.txt (the table), demo.png.
A full demo takes up to 8 GB and, on two cores, less than five minutes. With --small the cells
have fewer pixels and noisier medians, so that the limit of the residual grows accordingly.

With --steps every CCD is simulated in i and in z with everything that can be wrong: crosstalk of
1e-4 between its halves, a response 1 % low at 50000 adu, fringes of 6 % and 14 % of the sky, a
bias that jumps by 20 adu, and amplifier A of the last CCD dead. Each is corrected, and a table
(also DIR/steps.txt) says what is left against the truth after each step; the exit status is 1 if
that is too much after the last. Files are removed as soon as their CCD is done, so that the disk
holds one CCD for each process; both bands together take some ten minutes on two cores.
"""

_REALISTIC = """\
With --realistic the true gains are about 3 % off the header's, the read noise has the decimals
that headers cut off, and some amplifiers saturate at a level of their own. The pixels do not
suffer, because no step relies on the header's gains; but the variance is computed with them, so
that the reduced chi2 is off by what they are off, and is not judged.
"""

_PIXEL = 12  # bytes of a corrected pixel: image, mask, variance


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add the command to those of the program."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="simulate an exposure, correct it, compare it with the truth",
        description=_TEXT,
        epilog=_REALISTIC,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-o", "--output", metavar="DIR", type=Path, default=Path("demo"), help="folder (demo)")
    add("-j", "--workers", type=int, default=2, metavar="N", help="processes at work (2)")
    add("--small", action="store_true", help="CCDs of 512 x 576 pixels: seconds, not minutes")
    add("--ccds", type=ccd_list, metavar="LIST", help="some CCDs only, such as 0,3..5")
    add("--seed", type=int, default=1, help="seed of the simulation (1)")
    add("--realistic", action="store_true", help="gains and noise differ from the header's")
    add(
        "--steps",
        action="store_true",
        help="everything on, in i and in z: what is left against the truth after each step",
    )
    add("--no-picture", action="store_true", help="draw nothing (and need no matplotlib)")
    keep = parser.add_mutually_exclusive_group()
    keep.add_argument("--keep", action="store_true", help="keep all files (the default)")
    keep.add_argument("--clean", action="store_true", help="keep only table, report and picture")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the demo; return the exit status."""
    from cfhtisr.qa.picture import require_matplotlib
    from cfhtisr.simulate.check import check_files, report_lines
    from cfhtisr.simulate.files import simulate_files
    from cfhtisr.simulate.settings import Settings

    start = time.monotonic()
    rows, columns = (576, 512) if options.small else (4612, 2048)
    folder: Path = options.output
    try:
        if not options.no_picture and not options.steps:
            require_matplotlib()
        settings = Settings(
            ccds=options.ccds or (),
            rows=rows,
            columns=columns,
            seed=options.seed,
            realistic=options.realistic,
        )
        folder.mkdir(parents=True, exist_ok=True)
        if options.steps:
            return _steps(settings, folder, options.workers)
        _check_disk(settings, folder)
        with progress("1/3 simulate") as report:
            files = simulate_files(
                settings, folder / "simulated", workers=options.workers, progress=report
            )
    except (ImportError, OSError, ValueError) as error:
        print(f"cfhtisr demo: {error}", file=sys.stderr)
        return 1
    simulated = time.monotonic()
    status = _correct(files, folder, options.workers)
    corrected = time.monotonic()
    with progress("3/3 compare") as report:
        checked = check_files(
            files,
            folder / "corrected",
            factor=0 if options.no_picture else max(1, columns // 128),
            workers=options.workers,
            progress=report,
        )
    lines = report_lines(checked, _times(folder / "run.json"), options.realistic)
    failed = [one.ccd for one in checked if one.problems(options.realistic)]
    good = not failed and status == 0
    if options.realistic:
        lines += ["", *_REALISTIC.rstrip().splitlines()]
    if not options.no_picture:
        _draw(folder / "demo.png", checked, settings, max(1, columns // 128))
    end = time.monotonic()
    lines += [
        "",
        f"simulated in {simulated - start:.1f} s, corrected in {corrected - simulated:.1f} s, "
        f"compared in {end - corrected:.1f} s; {end - start:.1f} s in all",
        f"{'PASS' if good else 'FAIL'}: {len(checked) - len(failed)} of {len(checked)} CCDs "
        "meet the criteria" + (f"; cfhtisr run ended with status {status}" if status else ""),
    ]
    print("\n".join(lines))
    (folder / "demo.txt").write_text("\n".join(lines) + "\n", "utf-8")
    if options.clean:
        _remove(files, folder / "corrected")
    else:
        print(f"simulated files: {folder / 'simulated'}; corrected: {folder / 'corrected'}")
    names = "demo.txt, run.json" + ("" if options.no_picture else ", demo.png")
    print(f"kept in {folder}: {names}")
    return 0 if good else 1


def _steps(settings: "Settings", folder: Path, workers: int) -> int:
    """Print what each step leaves; return the exit status."""
    from cfhtisr.cli._steps import FAULTS, STEP_ROOM, table

    need = STEP_ROOM * settings.rows * settings.columns * workers
    free = shutil.disk_usage(folder).free
    if need > free:
        raise OSError(
            f"{folder} has {free / 1e9:.2f} GB free, {workers} CCDs at a time take up to "
            f"{need / 1e9:.2f} GB; choose another folder with -o, or fewer --workers"
        )
    dead = (f"{settings.ccds[-1]}A",) if len(settings.ccds) > 1 else ()
    with progress("steps") as report:
        lines, good = table(
            replace(settings, dead_amplifiers=dead, **FAULTS), folder, workers, report
        )
    print("\n".join(lines))
    (folder / "steps.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return 0 if good else 1


def _check_disk(settings: "Settings", folder: Path) -> None:
    """Refuse if the demo does not fit on the disk."""
    from cfhtisr.simulate.files import disk_space

    # Each corrected CCD has headers and tables beside its planes.
    pixels = settings.rows * settings.columns * len(settings.ccds)
    need = disk_space(settings) + _PIXEL * pixels + 200_000 * len(settings.ccds)
    free = shutil.disk_usage(folder).free
    print(
        f"the demo takes up to {need / 1e9:.1f} GB in {folder}, {free / 1e9:.1f} GB are free",
        file=sys.stderr,
    )
    # The files of a demo before this one are replaced one by one, so they count as room.
    before = (*folder.glob("simulated/*-*.fits*"), *folder.glob("corrected/raw-*.fits"))
    if need > free + sum(path.stat().st_size for path in before if path.is_file()):
        raise OSError(
            f"{folder} has {free / 1e9:.1f} GB free and the demo takes up to {need / 1e9:.1f} "
            "GB; choose another folder with -o, or --small"
        )


def _correct(files: "SimulatedSet", folder: Path, workers: int) -> int:
    """Correct the exposure with the command; return its exit status."""
    command = [sys.executable, "-m", "cfhtisr.cli.main", "run", str(files.raw)]
    command += ["-o", str(folder / "corrected"), "-j", str(workers), "--redo"]
    command += ["--report", str(folder / "run.json")]
    for kind in ("bias", "dark", "flat", "fringe", "defects"):
        command += [f"--{kind}", str(files.paths[kind])]
    shown = " ".join(["cfhtisr", *command[3:]])
    print(f"2/3 correct: {shown}", file=sys.stderr, flush=True)
    return subprocess.run(command, check=False).returncode


def _remove(files: "SimulatedSet", folder: Path) -> None:
    """Remove the files of the demo, and their folders if nothing else is in them."""
    from cfhtisr.simulate.check import product_path

    for path in files.paths.values():
        path.unlink(missing_ok=True)
    for ccd in files.settings.ccds:
        product_path(folder, files.raw, ccd).unlink(missing_ok=True)
    for place in (files.raw.parent, folder):
        with contextlib.suppress(OSError):
            place.rmdir()


def _times(report: Path) -> dict[int, float]:
    """Return how long each CCD took to be corrected [s], as the report says."""
    try:
        outcomes = json.loads(report.read_text("utf-8"))
        return {int(one["ccd"]): float(one["seconds"]) for one in outcomes}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _draw(path: Path, checked: "list[Checked]", settings: "Settings", factor: int) -> None:
    """Draw the mosaic before and after."""
    import numpy as np

    from cfhtisr.qa.mosaic import paste
    from cfhtisr.qa.picture import before_and_after

    before = after = None
    labels = {}
    for one in checked:
        if one.before is None:
            continue
        before = paste(before, one.before, one.detsec, factor)
        shown = np.full_like(one.before, np.nan) if one.after is None else one.after
        after = paste(after, shown, one.detsec, factor)
        (x0, x1), (y0, y1) = (
            map(int, axis.split(":")) for axis in one.detsec.strip("[]").split(",")
        )
        labels[f"{one.ccd:02d}"] = ((x0 + x1) / 2 / factor, (y0 + y1) / 2 / factor)
    if before is not None and after is not None:
        title = (
            f"Simulated exposure {settings.obsid}, {settings.filter}, "
            f"{settings.exposure_time:g} s, {len(checked)} CCDs, {factor} x {factor} binned"
        )
        before_and_after(path, before, after, title, labels)
