"""Many CCDs by many workers: nothing is lost, nothing hangs, nothing is left lying about."""

import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import deadly_task
from cfhtisr import get_num_threads
from cfhtisr.batch import CalibrationPaths, Report, run
from cfhtisr.batch.correct import Plan, Worker, stem
from cfhtisr.batch.report import Outcome
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.io.atomic import is_leftover
from cfhtisr.io.verify import verify
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig
from small_sets import CCDS, contents, small_set

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


def config(task=None):
    made = CfhtIsrTaskConfig()
    made.fringe.large = 10
    for name in ("doDark", "doFringe", "doDefect"):
        setattr(made, name, False)
    if task is not None:
        made.doCameraSpecificMasking = True
        made.masking.retarget(task)
    return made


def plan_for(files, out, task=None, **changes):
    paths = CalibrationPaths(bias=files.bias, flat=files.flat)
    return Plan(out, config(task), paths, sync=False, **changes)


@pytest.mark.parametrize("layout", ["ccd", "mosaic"])
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_of_the_caller(kind, layout, files, tmp_path):
    second = small_set(tmp_path / "second", frame=1, only=["raw"])
    raws = [files.raw, second.raw]
    run(raws, plan_for(files, tmp_path / "here", layout=layout))
    executor = (
        ThreadPoolExecutor(3)
        if kind == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    )
    started, told = [], []
    with executor:
        report = run(
            raws,
            plan_for(files, tmp_path / "there", layout=layout),
            executor=executor,
            started=started.append,
            progress=told.append,
        )
        assert executor.submit(int, 1).result() == 1  # it is the caller's, and left open
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert started == [6]
    assert len(told) == 6
    wanted = [(raw.name, ccd) for raw in raws for ccd in CCDS]
    assert [(one.raw, one.ccd) for one in report] == wanted
    assert not report.failed


def test_a_plan_can_be_sent(files, tmp_path):
    plan = plan_for(files, tmp_path)
    again = pickle.loads(pickle.dumps(plan))
    assert repr(again.config.toDict()) == repr(plan.config.toDict())
    assert (again.output, again.calibrations) == (plan.output, plan.calibrations)
    workers = [Worker(each) for each in (plan, again)]
    assert workers[0]._config_facts == workers[1]._config_facts


@pytest.mark.parametrize(("name", "value"), [("layout", "cube"), ("units", "Jy")])
def test_a_plan_of_nothing(name, value, tmp_path):
    with pytest.raises(UnknownChoiceError, match=f"{name} is '{value}', wanted one of"):
        Plan(tmp_path, config(), **{name: value})


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"raws": []}, "no raw file is given"),
        ({"ccds": []}, "no CCD is wanted"),
        ({"jobs": 0}, "jobs is 0, wanted 1 or more"),
    ],
)
def test_nothing_to_do(words, text, files, tmp_path):
    words = {"raws": [files.raw], **words}
    with pytest.raises(ValueError, match=text):
        run(plan=plan_for(files, tmp_path), **words)


def test_a_worker_that_dies_is_reported(files, tmp_path):
    plan = plan_for(files, tmp_path, deadly_task.DeadlyTask)
    report = run([files.raw], plan, jobs=2)
    assert [one.status for one in report] == ["done", "failed", "done"]
    assert f"{files.raw}: a worker process died" in report.failed[0].message
    for path in tmp_path.iterdir():
        assert is_leftover(path) or verify(path) == []


def test_a_process_of_the_caller_that_dies_is_reported(files, tmp_path):
    plan = plan_for(files, tmp_path, deadly_task.DeadlyTask)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        report = run([files.raw], plan, executor=executor)
        assert 7 in {outcome.ccd for outcome in report.failed}
        again = run([files.raw], plan, executor=executor)  # which is broken from the start
    assert len(report) == 3
    assert [one.status for one in again] == ["failed"] * 3


@pytest.mark.parametrize(("jobs", "layout"), [(1, "ccd"), (2, "ccd"), (1, "mosaic")])
def test_an_unforeseen_failure_keeps_no_other_ccd(jobs, layout, files, tmp_path):
    plan = plan_for(files, tmp_path, deadly_task.BrokenTask, layout=layout)
    report = run([files.raw], plan, jobs=jobs)
    assert [one.status for one in report] == ["done", "failed", "done"]
    assert report.failed[0].message == "ZeroDivisionError: seven"
    assert report.summary() == "3 CCDs: 2 done, 0 skipped, 1 failed"


def test_the_caller_keeps_his_threads(files, tmp_path):
    before = get_num_threads()
    run([files.raw], plan_for(files, tmp_path), [7], threads=before + 3)
    assert get_num_threads() == before


def test_files_are_closed(files, tmp_path):
    def count():
        return len(os.listdir("/proc/self/fd"))

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not list the files that a process has open")
    run([files.raw], plan_for(files, tmp_path))
    before = count()
    run([files.raw], plan_for(files, tmp_path, redo=True))
    assert count() == before


def test_no_more_raws_are_open_than_the_system_allows(files, tmp_path, monkeypatch):
    monkeypatch.setattr("cfhtisr.batch.correct._MOST_OPEN", 2)
    raws = [files.raw]
    raws += [small_set(tmp_path / str(n), frame=n, only=["raw"]).raw for n in (1, 2)]
    worker = Worker(plan_for(files, tmp_path))
    for ccd in CCDS:
        for raw in raws:
            outcome = worker.ccd(raw, ccd, 40)
            assert outcome.status == "done", outcome.message
            assert len(worker._raws) <= 2
    worker.close()


@pytest.mark.parametrize(
    ("jobs", "layout", "everybody"),
    [(1, "ccd", True), (2, "ccd", True), (2, "ccd", False), (1, "mosaic", True)],
)
def test_an_interrupt_leaves_what_is_finished(jobs, layout, everybody, files, tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, TESTS / "slow_run.py", files.raw, out, layout, jobs]
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    wanted = "go" if layout == "mosaic" else "raw"
    for line in process.stdout:
        if line.startswith(wanted):
            break
    time.sleep(0.4)
    if everybody:  # as Ctrl-C does
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err == ""
    left = list(out.iterdir())
    assert not any(is_leftover(path) for path in left)
    if layout == "ccd":
        assert 1 <= len(left) < 4
    for path in left:
        assert verify(path) == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_workers_do_not_outlive_the_program(files, tmp_path):
    command = [sys.executable, TESTS / "slow_run.py", files.raw, tmp_path / "out", "ccd", 2]
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        for line in process.stdout:
            if line.startswith("raw"):
                break
        process.kill()
        process.stdout.close()
    end = time.monotonic() + 20
    while members(process.pid):
        assert time.monotonic() < end, "workers are still there"
        time.sleep(0.1)


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


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("1234567o.fits.fz", "1234567o"),
        ("1234567o.FITS", "1234567o"),
        ("1234567o.fits.gz", "1234567o"),
        ("a.b.fit", "a.b"),
        ("plain", "plain"),
    ],
)
def test_stem(name, wanted):
    assert stem(Path("folder.fits") / name) == wanted


def test_a_report_is_json_even_of_odd_numbers():
    import json

    report = Report()
    facts = {"sky": float("nan"), "planes": {"SAT": 1}, "list": [float("inf")]}
    report.add(Outcome("a", 1, "done", facts=facts))
    report.add(Outcome("a", 0, "skipped"))
    report.sort({("a", 0): 0, ("a", 1): 1})
    one, other = json.loads(report.to_json())
    assert (one["ccd"], other["ccd"]) == (0, 1)
    assert other["facts"] == {"sky": None, "planes": {"SAT": 1}, "list": [None]}


@pytest.mark.parametrize("layout", ["ccd", "mosaic"])
def test_thumbnails_lie_beside_the_products(layout, files, tmp_path):
    plan = plan_for(files, tmp_path / "out", layout=layout)
    plan.config.qa.doThumbnailOss = plan.config.qa.doThumbnailFlattened = True
    report = run([files.raw], plan)
    assert {each.status for each in report} == {"done"}
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert made == {
        f"{stem(files.raw)}-ccd{ccd:02d}.{kind}.png"
        for ccd in CCDS
        for kind in ("oss", "flattened")
    }
