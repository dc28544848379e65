"""All contenders in rounds of fresh processes, and the page of what came out."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benches.speed import check, exposure, goals, machine, page, probe, workload
from benches.speed.contenders import CONTENDERS
from benches.speed.exposure import Files
from benches.speed.measure import ROOT, Result
from cfhtisr.cli._progress import progress

_PAGE = ROOT / "docs" / "speed.md"


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.speed",
        description="Time cfhtisr, its peers and the limit of the hardware; write docs/speed.md.",
    )
    add = parser.add_argument
    add("--rounds", type=int, default=7, help="rounds of fresh processes (7)")
    add("--exposure-rounds", type=int, default=5, help="of them with whole exposures (5)")
    add("--repeats", type=int, default=5, help="calls in a process, of which the median counts (5)")
    add("--ccds", type=int, default=40, help="CCDs of an exposure, 4 to 40 (40)")
    text = "one round, 4 CCDs, only what has a goal; the page goes to the terminal"
    add("--quick", action="store_true", help=text)
    add("--only", metavar="WORD", action="append", help="contenders with this in their names")
    add("--work", type=Path, help="folder for the files, kept; else a temporary one")
    add("-o", "--output", type=Path, help="where the page goes (docs/speed.md)")
    add("--json", type=Path, help="where all that was measured goes, too")
    add("--render", type=Path, metavar="JSON", help="measure nothing, write the page of this file")
    return parser


def main(words: list[str] | None = None) -> int:
    """Measure, write the page, and return 1 if a contender failed."""
    parser = arguments()
    options = parser.parse_args(words)
    if options.quick:
        options.rounds = options.exposure_rounds = 1
        options.repeats, options.ccds = 2, 4
    if options.rounds < 1 or options.repeats < 1 or options.exposure_rounds < 0:
        parser.error("--rounds and --repeats are 1 or more, --exposure-rounds 0 or more")
    if not 4 <= options.ccds <= 40:
        parser.error(f"--ccds is {options.ccds}, wanted 4 to 40")
    if options.render is not None:
        told = json.loads(options.render.read_text())
        return _publish(told, options)
    names = _names(options.only, options.quick)
    if not names:
        parser.error(f"no contender has {' or '.join(options.only)} in its name")
    print("building the probe of the hardware", file=sys.stderr)
    probe.build()
    with _folder(options.work) as folder:
        files = exposure.prepare(folder, options.ccds)
        agreement = [str(one) for one in check.compare(files)]
        rounds, failures = _measure(files, names, options)
    told = {
        "quick": options.quick,
        "ccds": options.ccds,
        "shape": workload.RAW_SHAPE,
        "machine": machine.describe(),
        "agreement": agreement,
        "rounds": rounds,
    }
    if options.json is not None:
        options.json.write_text(json.dumps(told, indent=1))
    status = _publish(told, options)
    for name, text in failures.items():
        print(f"{name} failed: {text}", file=sys.stderr)
    return 1 if failures else status


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="cfhtisr-speed-") as path:
        yield Path(path)


def _names(only: list[str] | None, quick: bool) -> list[str]:
    able = [name for name, contender in CONTENDERS.items() if contender.available()]
    if quick:
        compared = {name for row in goals.ROWS if row.goal is not None for name in row.names}
        able = [name for name in able if name in compared]
    return able if only is None else [n for n in able if any(word in n for word in only)]


def _measure(
    files: Files, names: list[str], options: argparse.Namespace
) -> tuple[list[dict[str, Result]], dict[str, str]]:
    """Return what each round measured, and the texts of failures."""
    plan = []
    for number in range(options.rounds):
        these = [
            name
            for name in names
            if CONTENDERS[name].group != "files" or number < options.exposure_rounds
        ]
        # Every other round runs backwards, so that nobody always comes after the same one.
        plan.append(these[::-1] if number % 2 else these)
    total, done = sum(map(len, plan)), 0
    rounds: list[dict[str, Result]] = []
    failures: dict[str, str] = {}
    with progress("measuring", "processes") as tell:
        for these in plan:
            results = {}
            for name in these:
                try:
                    results[name] = _one(files, name, options.repeats)
                except RuntimeError as error:
                    failures[name] = str(error)
                done += 1
                tell(done, total)
            rounds.append(results)
    return rounds, failures


def _one(files: Files, name: str, repeats: int) -> Result:
    words = [sys.executable, "-m", "benches.speed.one", name, "--work", str(files.folder)]
    words += ["--ccds", str(files.ccds), "--repeats", str(repeats)]
    environment = {**os.environ, "CFHTISR_NUM_THREADS": str(CONTENDERS[name].threads)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles modules at each start
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2000:] or f"exit status {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def _publish(told: dict, options: argparse.Namespace) -> int:
    text = page.render(told)
    if options.quick and options.output is None:
        print(text)
    else:
        output = options.output or _PAGE
        output.write_text(text)
        print(f"{output} is written")
    missed = page.missed(told["rounds"])
    print(f"{len(missed)} goals are not met" if missed else "all goals are met", file=sys.stderr)
    return 0
