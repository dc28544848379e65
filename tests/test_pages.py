"""What the pages of the documentation show works as it stands there."""

import re
from pathlib import Path

import pytest

from small_sets import KINDS, small_set

DOCS = Path(__file__).resolve().parents[1] / "docs"


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_an_executor_of_ones_own(tmp_path, monkeypatch, capsys):
    (code,) = blocks("beyond-one-machine.md")
    small_set(tmp_path, ccds=(3, 7), only=("raw",)).raw.rename(tmp_path / "1927963o.fits.fz")
    monkeypatch.chdir(tmp_path)
    # A spawned process imports the main module: that of the tests, not this text.
    page = {"__name__": "page"}
    exec(compile(code, "beyond-one-machine.md", "exec"), page)
    page["main"]()
    assert "2 CCDs: 2 done" in capsys.readouterr().out


def test_a_repository_in_python(tmp_path, monkeypatch, capsys):
    pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
    from cfhtisr.cli.main import main

    files = small_set(tmp_path / "files", ccds=(7,), only=("raw", *KINDS))
    monkeypatch.chdir(tmp_path)
    assert main(["repo", "create", "REPO"]) == 0
    assert main(["repo", "ingest", "REPO", str(files.raw)]) == 0
    assert main(["repo", "ingest-calibs", "REPO", *(str(files.paths[kind]) for kind in KINDS)]) == 0
    capsys.readouterr()
    (code,) = blocks("repository.md")
    code = code.replace("2463796", str(files.settings.obsid))
    exec(compile(code, "repository.md", "exec"), {})
    told = capsys.readouterr().out
    assert f"'visit': {files.settings.obsid}" in told
    assert f"{files.flat.name}[ccd07] DATASUM" in told
    assert told.rstrip().endswith("False")


def test_the_commands_on_the_pages_are_there():
    from cfhtisr.cli.main import parser

    words = set()
    for page in DOCS.glob("*.md"):
        for text in re.findall(r"^ {4}(cfhtisr [^#\n]*)", page.read_text(), re.MULTILINE):
            words.add(tuple(text.split()[1:3]))
    assert {("repo", "ingest-calibs"), ("repo", "import-gen2"), ("repo", "create")} <= words
    for first, second in words:
        choices = parser()._subparsers._group_actions[0].choices
        assert first in choices
        if first == "repo":
            assert second in choices["repo"]._subparsers._group_actions[0].choices
