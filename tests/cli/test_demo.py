"""The whole of it: simulate, ``cfhtisr run``, compare."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("cfhtisr.cli.run")
pytest.importorskip("matplotlib")


def test_a_small_demo_passes(tmp_path):
    command = [sys.executable, "-m", "cfhtisr.cli.main", "demo", "--small", "--ccds", "3,28"]
    done = subprocess.run(
        [*command, "-o", tmp_path, "-j", "1"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS: 2 of 2 CCDs" in done.stdout
    outcomes = json.loads((tmp_path / "run.json").read_text())
    assert [one["ccd"] for one in outcomes] == [3, 28]
    assert sorted(path.name for path in (tmp_path / "corrected").glob("*.fits")) == [
        "raw-2600100o-ccd03.fits",
        "raw-2600100o-ccd28.fits",
    ]
    assert (tmp_path / "demo.png").stat().st_size > 10_000
    for line in (tmp_path / "demo.txt").read_text().splitlines():
        if line.startswith(("03 ", "28 ")):
            assert "nan" not in line
