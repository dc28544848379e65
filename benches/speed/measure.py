"""Seconds, processor time and memory of a call, and of a command."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Result = dict[str, float]
"""``seconds`` per CCD; perhaps ``cpu`` seconds per CCD, ``peak_mib``, ``bytes``."""


def repeat(call: Callable[[], object], repeats: int, share: float = 1.0) -> Result:
    """Measure a call after one that warms up.

    Parameters
    ----------
    call : callable
        What is measured; what it returns is dropped before the next call.
    repeats : int
        How often; the median counts.
    share : float, optional
        How many CCDs one call corrects.
    """
    base = _status("VmRSS")
    _forget_peak()
    call()
    walls, cpus = [], []
    for _ in range(repeats):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {
        "seconds": statistics.median(walls) / share,
        "cpu": statistics.median(cpus) / share,
        "peak_mib": max(_status("VmHWM") - base, 0.0),
    }


def once(call: Callable[[], object], share: float = 1.0) -> Result:
    """Measure a call that is long enough to be measured once, without warming up."""
    base = _status("VmRSS")
    _forget_peak()
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    seconds, used = time.perf_counter() - wall, time.process_time() - cpu
    peak = max(_status("VmHWM") - base, 0.0)
    return {"seconds": seconds / share, "cpu": used / share, "peak_mib": peak}


def command(words: Sequence[str], share: float, environment: Mapping[str, str]) -> Result:
    """Measure a ``cfhtisr`` command from its start to its end; ``peak_mib`` is all of its memory.

    Raises
    ------
    RuntimeError
        If the command fails; the text is what it said.
    """
    with tempfile.NamedTemporaryFile(suffix=".json") as note:
        script = str(Path(__file__).with_name("command.py"))
        before, start = os.times(), time.perf_counter()
        done = subprocess.run(
            [sys.executable, script, note.name, *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
        seconds, after = time.perf_counter() - start, os.times()
        if done.returncode:
            text = (done.stderr or done.stdout).strip()
            raise RuntimeError(f"cfhtisr {' '.join(words)} failed: {text[-2000:]}")
        peak = json.loads(Path(note.name).read_text())["peak_mib"]
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return {"seconds": seconds / share, "cpu": cpu / share, "peak_mib": peak}


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass  # not Linux, or not allowed: the peak counts from the start of the process


def _status(name: str) -> float:
    """Return a size of this process [MiB]; NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith(name)), float("nan"))
