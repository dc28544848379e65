"""Whatever goes wrong at whatever call: the old file, no file, or the whole new one."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cfhtisr import Exposure, MaskedImage
from cfhtisr.io import write_exposure
from cfhtisr.io.atomic import is_leftover
from cfhtisr.io.verify import verify
from faults import ERRORS, calls_of, injected

OLD = b"what was there before"
ALL = os.environ.get("CFHTISR_PROVE") == "1"


def exposure(rows=40):
    values = np.arange(rows * 30, dtype=np.float32).reshape(rows, 30)
    return Exposure(MaskedImage(values, values.astype(np.int32) % 7, values), {"OBJECT": "M31"})


def write(path, overwrite):
    write_exposure(exposure(), path, overwrite=overwrite)


@pytest.fixture(params=[False, True], ids=["new", "over an old file"])
def case(request, tmp_path):
    """Return a path, the action that writes it and the bytes of a whole file."""
    write(tmp_path / "whole.fits", False)
    whole = (tmp_path / "whole.fits").read_bytes()
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "ccd07.fits"

    def start():
        for old in folder.iterdir():
            old.unlink()
        if request.param:
            path.write_bytes(OLD)

    start()
    return path, start, request.param, whole


def check_state(path, had_old, whole):
    """Refuse anything but the old file, no file or the whole new one."""
    if path.exists():
        content = path.read_bytes()
        assert content == whole or (had_old and content == OLD)
    else:
        assert not had_old


@pytest.mark.parametrize("kind", [*ERRORS, "interrupt"])
def test_an_error_at_any_call_leaves_old_or_none_or_new(case, kind):
    path, start, overwrite, whole = case
    calls = calls_of(lambda: write(path, overwrite))
    assert {"open", "write", "pwrite", "fsync", "close"} < set(calls)
    for at, call in enumerate(calls):
        start()
        raised = KeyboardInterrupt if kind == "interrupt" else OSError
        with injected(kind, at), pytest.raises(raised) as caught:
            write(path, overwrite)
        if kind in ERRORS:
            assert caught.value.errno == ERRORS[kind], call
            assert caught.value.filename == str(path), call
            assert os.strerror(ERRORS[kind]) in str(caught.value), call
        check_state(path, overwrite, whole)
        assert [p.name for p in path.parent.iterdir() if p != path] == [], f"{kind} at {call}"


def test_a_full_disk_is_told_with_file_and_sizes(tmp_path):
    path = tmp_path / "ccd07.fits"
    with injected("ENOSPC", 5), pytest.raises(OSError, match="No space left on device") as caught:
        write(path, False)
    whole = tmp_path / "whole.fits"
    write(whole, False)
    assert f"of {whole.stat().st_size:,} bytes" in str(caught.value)
    assert str(path) in str(caught.value)


def test_short_writes_are_carried_on(case):
    path, start, overwrite, whole = case
    for at in range(len(calls_of(lambda: write(path, overwrite)))):
        start()
        with injected("short", at):
            write(path, overwrite)
        assert path.read_bytes() == whole
        assert len(list(path.parent.iterdir())) == 1


def test_a_system_that_writes_nothing_is_no_endless_loop(tmp_path, monkeypatch):
    monkeypatch.setattr("cfhtisr.io._os.write", lambda fd, data: 0)
    with pytest.raises(OSError, match="wrote no byte"):
        write(tmp_path / "ccd07.fits", False)
    assert list(tmp_path.iterdir()) == []


def killed_at(kind, at, path, overwrite):
    with injected(kind, at):
        write(path, overwrite)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")
@pytest.mark.parametrize("kind", ["kill", "torn"])
def test_a_kill_at_any_call_leaves_old_or_none_or_new(case, kind):
    path, start, overwrite, whole = case
    count = len(calls_of(lambda: write(path, overwrite)))
    step = 1 if ALL else 5
    fork = multiprocessing.get_context("fork")
    for at in range(count - 1, -1, -step):
        start()
        child = fork.Process(target=killed_at, args=(kind, at, path, overwrite))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        check_state(path, overwrite, whole)
        others = [p for p in path.parent.iterdir() if p != path]
        assert all(is_leftover(p) for p in others)
        assert len(others) <= 1
        if overwrite or not path.exists():  # the next run is not held up by what is left
            write(path, overwrite)
            assert path.read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_limit_of_the_kernel_is_an_error_with_the_name(tmp_path):
    """RLIMIT_FSIZE is a failure that no harness made up."""
    path = tmp_path / "ccd07.fits"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000));"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r});"
        f"import test_faults; test_faults.write({str(path)!r}, False)"
    )
    tests = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])}
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert str(path) in done.stderr
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 10000


def test_a_whole_file_verifies(tmp_path):
    write(tmp_path / "ccd07.fits", False)
    assert verify(tmp_path / "ccd07.fits") == []
