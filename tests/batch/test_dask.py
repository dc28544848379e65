"""Correcting on a cluster of `distributed`, of real processes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from cfhtisr import __version__
from cfhtisr.cli.main import main
from small_sets import calibrations, contents, run, small_set

distributed = pytest.importorskip("distributed", reason="needs the extra [dask]")

PROGRAM = str(Path(sys.executable).parent / "dask")


def started(*words):
    return subprocess.Popen(
        [PROGRAM, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"), ccds=tuple(range(12)))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Simulate a raw whose correction takes some seconds, in which something can happen."""
    folder = tmp_path_factory.mktemp("many")
    return small_set(folder, ccds=tuple(range(40)), rows=1000, columns=512, only=("raw",)).raw


@contextmanager
def running(folder):
    """Start a scheduler and two workers of one thread each; yield its address, and all programs."""
    file = folder / "scheduler.json"
    quiet = ("--scheduler-file", file, "--no-dashboard")
    programs = [started("scheduler", "--port", "0", "--host", "127.0.0.1", *quiet)]
    try:
        for _ in range(2):
            alone = ("--nthreads", "1", "--no-nanny", "--local-directory", folder)
            programs.append(started("worker", *quiet, *alone))
        with distributed.Client(scheduler_file=str(file), timeout=30) as client:
            client.wait_for_workers(2, timeout=30)
            address = client.scheduler.address
        yield address, programs
    finally:
        for program in programs:
            program.kill()
            program.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return the address of a scheduler with two workers, and those."""
    with running(tmp_path_factory.mktemp("cluster")) as (address, programs):
        yield address, programs[1:]


def test_the_products_are_those_of_this_machine(files, cluster, tmp_path, monkeypatch, capfd):
    words = calibrations(files)
    assert run(files.raw, tmp_path / "here", *words) == 0
    # the workers are in another folder than these names
    monkeypatch.chdir(files.raw.parent)
    words = [word.name if isinstance(word, Path) else word for word in words]
    far = ("--executor", "dask", "--scheduler", cluster[0])
    assert run(files.raw.name, os.path.relpath(tmp_path / "far"), *words, *far) == 0
    assert "12 done, 0 skipped, 0 failed" in capfd.readouterr().out
    assert contents(tmp_path / "far") == contents(tmp_path / "here")
    assert run(files.raw.name, tmp_path / "far", *words, *far) == 0
    assert "0 done, 12 skipped" in capfd.readouterr().out


def test_a_task_uses_the_thread_that_it_was_given(cluster):
    from cfhtisr import get_num_threads
    from cfhtisr.batch.executors import dask
    from cfhtisr.pipe.processes import in_executor

    with dask(cluster[0]) as executor:
        results = list(in_executor(executor, lambda _: get_num_threads(), range(4)))
    assert [result.value for result in results] == [1] * 4


def test_what_workers_do_not_see_is_named(files, cluster, tmp_path, capsys):
    from cfhtisr.batch import runner
    from cfhtisr.batch.correct import Plan
    from cfhtisr.batch.executors import dask
    from cfhtisr.pipe.processes import in_executor
    from cfhtisr.tasks.cfht import CfhtIsrTaskConfig

    hidden = tmp_path / "hidden.fits"
    plan = Plan(output=tmp_path, config=CfhtIsrTaskConfig())
    unit = runner._Unit(((hidden, 40),), (3,))
    work = runner.partial(runner._work_alone, plan, __version__)
    other = runner.partial(runner._work_alone, plan, "0.0.1")
    with dask(cluster[0]) as executor:
        (result,) = in_executor(executor, work, [unit])
        (old,) = in_executor(executor, other, [unit])
    assert f"has cfhtisr {__version__}, wanted 0.0.1" in old.value[0].message
    (outcome,) = result.value
    assert outcome.status == "failed"
    assert f"does not see {hidden}" in outcome.message
    assert "the worker on " in outcome.message


def test_what_cannot_work_is_refused_at_once(files, tmp_path, monkeypatch, capsys):
    far = ("--executor", "dask")
    start = time.monotonic()
    assert run(files.raw, tmp_path, *far, "--scheduler", "tcp://127.0.0.1:1") == 1
    assert time.monotonic() - start < 20
    assert "scheduler tcp://127.0.0.1:1: cannot be reached" in capsys.readouterr().err
    for words, text in (
        (far, "needs the address of its scheduler"),
        (("--scheduler", "tcp://127.0.0.1:1"), "but not --executor dask"),
        ((*far, "--scheduler", "x", "-j", "2"), "--jobs and --threads are for this machine"),
    ):
        assert main(["run", str(files.raw), "-o", str(tmp_path), *words]) == 1
        assert text in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(files.raw, tmp_path, *far, "--scheduler", "tcp://127.0.0.1:1") == 1
    assert "pip install 'cfhtisr[dask]'" in capsys.readouterr().err


PROGRAM_THAT_HEEDS = """\
import signal, sys
from cfhtisr.cli.main import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # one in the background has it ignored
sys.exit(main(sys.argv[1:]))
"""


def at_work(raw, address, folder):
    """Return a process that has begun to correct, and written something."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", PROGRAM_THAT_HEEDS, "run", str(raw), "-o", folder),
            *("--executor", "dask", "--scheduler", address, "--no-sync"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not list(folder.glob("*.fits")):
        assert process.poll() is None
        time.sleep(0.005)
    return process


def test_an_interrupt_cancels(many, cluster, tmp_path, capsys):
    process = at_work(many, cluster[0], tmp_path)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert "interrupted; what was finished is kept" in told
    far = ("--executor", "dask", "--scheduler", cluster[0])
    assert run(many, tmp_path, *far) == 0
    assert " 0 skipped" not in capsys.readouterr().out


def test_a_worker_that_dies_costs_nothing(many, cluster, tmp_path):
    """The last test: it leaves one worker."""
    address, workers = cluster
    process = at_work(many, address, tmp_path)
    workers[0].send_signal(signal.SIGKILL)
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert " 0 failed" in told  # one may have been finished, and not told of
    assert len(list(tmp_path.glob("*.fits"))) == 40


@pytest.mark.parametrize("lost", ["workers", "scheduler"])
def test_a_cluster_that_is_lost_ends_the_work(tmp_path, lost):
    from cfhtisr.batch.executors import dask
    from cfhtisr.pipe.processes import ProcessDiedError, in_executor

    def slowly(item):  # defined here, it travels
        time.sleep(0.05)
        return item

    with running(tmp_path) as (address, programs):
        with dask(address, patience=2) as executor:
            coming = in_executor(executor, slowly, range(200), timeout=60)
            results = [next(coming)]
            for program in programs[1:] if lost == "workers" else programs[:1]:
                program.kill()
            results += coming
    assert sorted(result.index for result in results) == list(range(200))
    assert results[0].value == results[0].index
    failed = [result.error for result in results if result.error is not None]
    assert len(failed) > 100
    assert all(isinstance(error, ProcessDiedError) for error in failed)
