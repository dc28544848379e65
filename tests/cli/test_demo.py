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


def test_a_table_of_what_each_step_leaves(tmp_path, capsys):
    from cfhtisr.cli.main import main

    command = ["demo", "--steps", "--small", "--ccds", "7,9", "-j", "1", "-o", str(tmp_path)]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (tmp_path / "steps.txt").read_text().splitlines() == lines
    assert [path.name for path in tmp_path.iterdir()] == ["steps.txt"]
    starts = [n for n, line in enumerate(lines) if "CCDs, simulated: crosstalk" in line]
    assert [lines[n].partition(",")[0] for n in starts] == ["i.MP9703", "z.MP9901"]
    for first, last in ((starts[0], starts[1]), (starts[1], len(lines))):
        rows = {line.split()[0]: line.split()[1:] for line in lines[first + 2 : last] if line}
        scatter = {step: float(values[3]) for step, values in rows.items() if len(values) == 7}
        jump = {step: float(values[4]) for step, values in rows.items() if len(values) == 7}
        assert scatter["amplifiers"] > scatter["doFlat"] > 1.1 * scatter["doFringe"]
        assert jump["doConvertIntToFloat"] > 10 > 2 > abs(jump["postISRCCD"])
        assert float(rows["postISRCCD"][0]) < 0.5 < float(rows["amplifiers"][0])
        assert rows["ccd09:"][:5] == ["100%", "of", "the", "dead", "amplifier"]
        assert "PASS" in rows
