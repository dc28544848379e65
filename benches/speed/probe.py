"""The probe of the hardware, ``benches/limit.rs``: built once, run by the contenders."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

from benches.speed import scratch
from benches.speed.exposure import CALIBRATIONS, Files
from benches.speed.measure import ROOT, Result


@cache
def build() -> Path:
    """Compile the probe if need be, and return its path.

    Raises
    ------
    RuntimeError
        If there is no cargo, or it fails.
    """
    words = ["cargo", "bench", "--quiet", "--no-run", "--bench", "limit"]
    words.append("--message-format=json-render-diagnostics")
    if shutil.which("cargo") is None:
        raise RuntimeError("the probe of the hardware needs a Rust toolchain (cargo)")
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr.strip()[-2000:]}")
    for line in done.stdout.splitlines():
        told = json.loads(line)
        if told.get("reason") == "compiler-artifact" and told["target"]["name"] == "limit":
            return Path(told["executable"])
    raise RuntimeError("cargo did not say where it put the probe of the hardware")


def time_streams(files: Files, repeats: int, threads: int) -> Result:
    """Measure the streams of a correction in memory, without arithmetic."""
    return _run("streams", threads, 3 * repeats)


def time_fits(files: Files, repeats: int, threads: int, form: str) -> Result:
    """Measure reading and writing the bytes of a whole exposure, decoding nothing."""
    inputs = [files.raw(form), *map(files.master, CALIBRATIONS)]
    with scratch.folder(files) as out:
        return _run("fits", threads, files.ccds, out, *inputs)


def _run(*words) -> Result:
    done = subprocess.run([build(), *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the probe of the hardware failed: {done.stderr.strip()}")
    return json.loads(done.stdout)
