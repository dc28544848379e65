"""What is needed for a database server is told, and nothing of a server is left."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import postgres_server


def report(when="call", outcome="passed", reason=None, version=None):
    properties = [] if version is None else [(postgres_server.PROPERTY, version)]
    return SimpleNamespace(
        when=when,
        skipped=outcome == "skipped",
        failed=outcome == "failed",
        longrepr=("file", 1, f"Skipped: {reason}"),
        user_properties=properties,
    )


SKIPPED = report("setup", "skipped", "there is none")
RAN = report(version="15.18")


@pytest.mark.parametrize(
    ("reports", "line"),
    [
        ([], None),
        ([SKIPPED, SKIPPED], "PostgreSQL: skipped, because there is none"),
        (
            [report("setup", version="15.18"), RAN, report(outcome="failed", version="15.18")],
            "PostgreSQL: 2 tests ran on server 15.18",
        ),
        ([report("setup", "failed")], "PostgreSQL: no test ran, because the server failed"),
    ],
)
def test_one_line_sums_it_up(reports, line):
    assert postgres_server.summary(reports) == line


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres_server, "programs", lambda: None)
    assert postgres_server.missing().endswith("apt install postgresql")
    (tmp_path / "pg_config").write_text(f"#!/bin/sh\necho {tmp_path}\n")
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setattr(postgres_server, "programs", lambda: tmp_path)
    assert "lacks the extension btree_gist" in postgres_server.missing()
    (tmp_path / "extension").mkdir()
    (tmp_path / "extension" / "btree_gist.control").write_text("")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "psycopg2", None)
        assert postgres_server.missing() == "needs psycopg2: pip install 'cfhtisr[postgres]'"
    monkeypatch.setattr(postgres_server.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres_server, "ACCOUNTS", ("no-such-account",))
    assert "there is no account no-such-account" in postgres_server.missing()


def test_nothing_is_left_when_the_tests_are_killed():
    if (reason := postgres_server.missing()) is not None:
        pytest.skip(reason)
    code = (
        "import postgres_server, time\n"
        "with postgres_server.running() as server:\n"
        "    print(server.folder, flush=True)\n"
        "    time.sleep(100)\n"
    )
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=here, stdout=subprocess.PIPE, text=True
    )
    folder = Path(process.stdout.readline().strip())
    number = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while folder.exists() or Path(f"/proc/{number}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
