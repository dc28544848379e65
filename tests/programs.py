"""Programs of this environment, run as a user would."""

import os
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
}


def call(*words, cwd=None, check=True):
    """Run a program of this environment; return what it printed."""
    words = list(map(str, words))
    # Programs ask the variable where they are, as a shell sets it.
    environment = ENVIRONMENT if cwd is None else ENVIRONMENT | {"PWD": str(cwd)}
    done = subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=400
    )
    if check:
        assert done.returncode == 0, f"{words}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def cfhtisr(*words, **options):
    return call(sys.executable, "-m", "cfhtisr.cli.main", *words, **options)


def run_isr(*words, **options):
    return call(sys.executable, "-m", "cfhtisr.cli.run_isr", *words, **options)
