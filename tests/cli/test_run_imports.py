"""What a run of the command loads."""

import subprocess
import sys

from small_sets import calibrations, small_set

CODE = """
import sys
from cfhtisr.cli.main import main
status = main(sys.argv[1:])
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"astropy", "matplotlib", "rich"}))
sys.exit(status)
"""


def test_a_plain_run_needs_no_astropy(tmp_path):
    files = small_set(tmp_path / "in")
    words = ["run", files.paths["raw"], "-o", tmp_path / "out", "--no-sync", *calibrations(files)]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
