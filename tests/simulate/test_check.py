"""Files against files, and the command that shows it."""

import argparse
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from cfhtisr import simulate
from cfhtisr.cli import demo
from cfhtisr.simulate.check import check_files, product_path, report_lines
from simulate import standin


@pytest.fixture(scope="module")
def corrected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("check")
    files = simulate.exposure(folder, rows=256, columns=256, ccds=(3, 20, 36))
    standin.correct(files, folder / "out")
    return files, folder / "out"


def test_a_correction_in_numpy_meets_the_criteria(corrected):
    files, folder = corrected
    seen = []
    checked = check_files(files, folder, factor=4, progress=lambda *at: seen.append(at))
    assert [one.problems() for one in checked] == [[], [], []]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    for one in checked:
        assert one.before.shape == one.after.shape == (64, 64)
        assert abs(one.comparison.levels[0] - one.comparison.true_levels[0]) < 1
        assert np.nanmedian(one.before) > np.nanmedian(one.after) + 700
    lines = report_lines(checked, {3: 1.25})
    assert sum(line.startswith(("03 ", "20 ", "36 ")) for line in lines) == 3
    assert "1.25" in next(line for line in lines if line.startswith("03 "))


def test_workers_see_the_same(corrected):
    files, folder = corrected
    alone = check_files(files, folder)
    both = check_files(files, folder, workers=2)
    assert [one.comparison for one in alone] == [one.comparison for one in both]


def test_a_ccd_that_is_missing_or_broken_is_named(corrected, tmp_path):
    files, folder = corrected
    shutil.copytree(folder, tmp_path / "out")
    product_path(tmp_path / "out", files.raw, 20).unlink()
    product_path(tmp_path / "out", files.raw, 36).write_bytes(b"SIMPLE")
    good, missing, broken = check_files(files, tmp_path / "out")
    assert good.problems() == []
    assert "no corrected CCD" in missing.problems()[0]
    assert broken.problems()
    assert any(line.startswith("20   no corrected CCD") for line in report_lines([missing]))


def command(*words):
    parser = argparse.ArgumentParser()
    demo.add_parser(parser.add_subparsers())
    options = parser.parse_args(["demo", *map(str, words)])
    return options.run(options)


SMALL = ("--small", "--ccds", "0,28", "-j", 1)


@pytest.fixture
def by_standin(monkeypatch):
    def correct(files, folder, workers):
        standin.correct(files, folder / "corrected")
        return 0

    monkeypatch.setattr(demo, "_correct", correct)


@pytest.mark.usefixtures("by_standin")
def test_the_demo_passes_and_draws(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert command("-o", tmp_path, *SMALL) == 0
    out = capsys.readouterr().out
    assert "PASS: 2 of 2 CCDs" in out
    assert (tmp_path / "demo.txt").read_text().startswith("      overscan level")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "simulated").is_dir()


@pytest.mark.usefixtures("by_standin")
def test_the_demo_cleans_up_its_own_files_only(tmp_path):
    (tmp_path / "corrected").mkdir()
    (tmp_path / "corrected" / "mine.txt").write_text("keep")
    assert command("-o", tmp_path, *SMALL, "--clean", "--no-picture") == 0
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["corrected", "corrected/mine.txt", "demo.txt"]


def test_the_demo_fails_when_a_ccd_is_wrong(tmp_path, capsys, monkeypatch):
    def correct(files, folder, workers):
        standin.correct(files, folder / "corrected", ccds=[0])
        return 1

    monkeypatch.setattr(demo, "_correct", correct)
    assert command("-o", tmp_path, *SMALL, "--no-picture") == 1
    out = capsys.readouterr().out
    assert "FAIL: 1 of 2 CCDs" in out
    assert "status 1" in out


def test_the_demo_checks_the_disk_first(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000_000))
    assert command("-o", tmp_path, "--no-picture") == 1
    assert "choose another folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_extra_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert command("-o", tmp_path, *SMALL) == 1
    assert "cfhtisr[plot]" in capsys.readouterr().err
