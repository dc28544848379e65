"""What repositories and runners cost beside the pixel work: ``python -m benches.overhead``.

All of it on small CCDs, so that nearly nothing but bookkeeping is left. Each figure is the median
of some rounds, start-up and imports in processes of their own. The table goes to standard output,
or with ``-o FILE`` into a page.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benches.speed.machine import describe
from cfhtisr.simulate.files import exposure

SMALL = {"rows": 64, "columns": 96}
KINDS = ("bias", "dark", "flat", "fringe", "defects")
BLOCKED = "import sys; sys.modules.update({n: None for n in ('lsst.daf', 'distributed')}); "
IMPORTS = {
    "import numpy": "import numpy",
    "import cfhtisr": "import cfhtisr",
    "import cfhtisr, extras not installed": f"{BLOCKED}import cfhtisr",
    "cfhtisr.CfhtIsrTask": "import cfhtisr; cfhtisr.CfhtIsrTask",
    "cfhtisr.RunIsrTask": "import cfhtisr; cfhtisr.RunIsrTask",
    "import cfhtisr.butler.work_ref (what a worker needs)": "import cfhtisr.butler.work_ref",
    "from cfhtisr.butler import open_butler": "from cfhtisr.butler import open_butler; open_butler",
    "import cfhtisr.butler.pipeline": "import cfhtisr.butler.pipeline",
    "import lsst.daf.butler": "import lsst.daf.butler",
}


def median(call: Callable[[], object], rounds: int) -> float:
    """Return the median time of a call [s]."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def program(*words: object) -> Callable[[], object]:
    """Return a call of a program of this environment."""
    return lambda: subprocess.run(
        [sys.executable, *map(str, words)], check=True, capture_output=True
    )


def imports(rounds: int) -> list[tuple[str, str]]:
    """Return what it takes to import, in a process of its own, beyond starting it."""
    empty = median(program("-c", ""), rounds)
    rows = []
    for name, code in IMPORTS.items():
        rows.append((name, f"{1000 * (median(program('-c', code), rounds) - empty):.0f} ms"))
    return rows


def commands(root: Path, rounds: int) -> list[tuple[str, str]]:
    """Return what commands take that have nothing to do."""
    run_isr = ("-m", "cfhtisr.cli.run_isr", root)
    calls = {
        "cfhtisr --version": ("-m", "cfhtisr.cli.main", "--version"),
        "cfhtisr-runIsr --show config": (*run_isr, "--rerun", "x", "--show", "config"),
        "cfhtisr-runIsr --id --show data, 40 CCDs": (
            *(*run_isr, "--id", "--rerun", "x", "--show", "data"),
        ),
        "cfhtisr-runIsr, 40 CCDs finished": (*run_isr, "--id", "--rerun", "me", *_FRINGES),
    }
    return [(name, f"{median(program(*words), rounds):.2f} s") for name, words in calls.items()]


_FRINGES = ("-c", "isr.fringe.large=10")


def bookkeeping(folder: Path, rounds: int) -> list[tuple[str, str]]:
    """Return what a repository takes for each of 40 CCDs; one is left, corrected, in ``repo``."""
    from cfhtisr.butler import create, ingest, open_butler
    from cfhtisr.butler.calibs.certify import certify
    from cfhtisr.tasks.cfht import CfhtIsrTask, CfhtIsrTaskConfig

    files = exposure(folder / "files", **SMALL, only=("raw", *KINDS))
    masters = [files.paths[kind] for kind in KINDS]
    wanted = CfhtIsrTask.wantedDatasets(CfhtIsrTaskConfig())
    each: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], object], parts: int = 40) -> object:
        start = time.perf_counter()
        result = call()
        each.setdefault(name, []).append((time.perf_counter() - start) / parts)
        return result

    for number in range(rounds):
        root = folder / ("repo" if number == 0 else f"repo{number}")
        timed("make a repository", lambda root=root: create(root), 1)
        timed("take in a raw, of a CCD", lambda root=root: ingest(root, [files.raw]))
        timed(
            "take in and certify calibrations of five kinds, of a CCD",
            lambda root=root: certify(root, masters),
        )
        butler = timed("open", lambda root=root: open_butler(root, rerun="me"), 1)
        refs = list(timed("find raws (subset), of a CCD", lambda b=butler: list(b.subset("raw"))))
        timed("get(bias)", lambda refs=refs: refs[7].get("bias"), 1)
        work = timed(
            "look up all calibrations for other processes (prepare), of a CCD",
            lambda b=butler, refs=refs: b.prepare(refs, wanted),
        )
        frame = work[0].get("bias")
        for ref in work:
            ref.put(frame, "postISRCCD")
        timed("take in products (collect), of a CCD", lambda b=butler, work=work: b.collect(work))
    program("-m", "cfhtisr.cli.run_isr", folder / "repo", "--id", "--rerun", "me", *_FRINGES)()
    return [(name, f"{1000 * statistics.median(times):.1f} ms") for name, times in each.items()]


def page(groups: dict[str, list[tuple[str, str]]], rounds: int) -> str:
    """Return the figures as Markdown."""
    lines = [
        "# What repositories and runners cost",
        "",
        "Beside the pixel work, on CCDs so small that nearly nothing else is left. Medians of "
        f"{rounds} rounds by",
        "`python -m benches.overhead`.",
        "",
        "| machine | |",
        "| --- | --- |",
        *(f"| {name} | {text} |" for name, text in describe().items()),
    ]
    for title, rows in groups.items():
        lines += ["", f"## {title}", "", "| | |", "| --- | --- |"]
        lines += [f"| {name} | {text} |" for name, text in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, help="the page; default: standard output")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = {
            "Imports, beyond an empty process": imports(options.rounds),
            "Repository of one exposure of 40 CCDs": bookkeeping(folder, options.rounds),
        }
        groups["Commands that have nothing to do"] = commands(folder / "repo", options.rounds)
    text = page(groups, options.rounds)
    if options.output is None:
        print(text, end="")
    else:
        options.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
