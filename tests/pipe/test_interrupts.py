"""A program that is interrupted or killed leaves no process, and loses nothing that is finished."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from toy_runs import IDS, TESTS, collected, out
from toys import calls, toy_repo

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"
)


@pytest.fixture
def staging(tmp_path):
    return toy_repo(tmp_path / "repo", staging=True)


def start(repo, *words):
    """Start the toys' program, and wait for the first lines of its workers."""
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "toys.py"), repo, "--rerun", "me", "--id", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith("toy INFO: at 1"):
            break
    return process


def members(session):
    """Return the processes of a session that are at work."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(number) == session and state != "Z":
            found.append(stat)
    return found


def gone(session):
    """Wait until no process of a session is left; return whether that happened."""
    end = time.monotonic() + 10
    while members(session):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("everybody", [True, False])
@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_keeps_what_is_finished(processes, everybody, tmp_path):
    repo = toy_repo(tmp_path / "repo", ccds=range(12), staging=True)
    words = [repo, "--rerun", "me", "--id", "--no-versions", "-c", "pause=0.3"]
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "toys.py"), *words, "-j", str(processes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(TESTS)])},
    )
    deadline = time.monotonic() + 30
    while len(list(out(repo).glob("staged-result-*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 130, err
    assert err == "toys.py: interrupted; what was finished is kept\n"
    made = {path.stem.removeprefix("staged-result-") for path in out(repo).glob("staged-result-*")}
    finished = {f"{v}-{c}" for call in calls(out(repo), "collect") for v, c in call[0]}
    assert 3 <= len(made) < 24
    assert finished == made
    assert gone(process.pid)


def test_a_second_interrupt_does_not_wait(staging):
    process = start(staging, "--no-versions", "-j", "2", "-c", "hanging=0,1")
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.7)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert gone(process.pid)


def test_an_interrupted_run_collects_what_its_workers_were_at(staging):
    process = start(staging, "--no-versions", "-j", "2", "-c", "pause=1")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert sorted(collected(staging)) == [(1, 0), (1, 1)]


def test_workers_end_with_the_program(staging):
    process = start(staging, "--no-versions", "-j", "2", "-c", "hanging=0,1")
    process.kill()
    process.communicate(timeout=20)
    assert gone(process.pid)


def test_whoever_reads_the_log_may_leave(staging):
    process = start(staging, "--no-versions", "-j", "2", "-c", "pause=0.2")
    process.stdout.close()
    assert process.wait(timeout=20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert sorted(collected(staging)) == IDS


def test_workers_log_what_the_program_would(staging):
    words = [staging, "--rerun", "me", "--id", "--no-versions", "-j", "2", "--longlog"]
    command = [sys.executable, str(TESTS / "toys.py"), *words]
    done = subprocess.run(
        [*command, "-L", "warn", "toy=debug"], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert sum(" toy ({'visit': " in line and line.startswith("INFO") for line in lines) == 6
    assert any(line.startswith("DEBUG") and "toy.part" in line for line in lines)
    done = subprocess.run([*command, "-L", "warn"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
