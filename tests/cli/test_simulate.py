"""The command ``simulate``."""

import argparse

import pytest

from cfhtisr.cli import simulate
from cfhtisr.cli._ccds import ccd_list


def command(*words):
    parser = argparse.ArgumentParser()
    simulate.add_parser(parser.add_subparsers())
    options = parser.parse_args(["simulate", *map(str, words)])
    return options.run(options)


def test_it_writes_a_set_and_lists_it(tmp_path, capsys):
    small = ("--rows", 64, "--columns", 64, "--ccds", "2,4..5", "--n-ccd", 36)
    assert command("-o", tmp_path / "new" / "set", *small) == 0
    out, err = capsys.readouterr()
    listed = [line.split()[0].rsplit("/", 1)[1] for line in out.splitlines()]
    assert sorted(listed) == sorted(path.name for path in (tmp_path / "new" / "set").iterdir())
    assert len(listed) == 7
    assert "3 CCDs" in err
    assert "simulate: 3/3 CCDs" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--rows", 3), "rows is 3"),
        (("--ccds", "38", "--n-ccd", 36), "0 to 35"),
        (("--only", "raw,row"), "'row'"),
    ],
)
def test_it_says_what_is_wrong(words, text, tmp_path, capsys):
    assert command("-o", tmp_path, *words) == 1
    assert text in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_lists_the_oddities(tmp_path, capsys):
    assert command("-o", tmp_path, "--header-variant", "list") == 0
    assert "double-extname" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "a", "3..", "5..3", "40", "1..2..3", "-1", "²"])
def test_a_list_of_ccds_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no"):
        ccd_list(text)
