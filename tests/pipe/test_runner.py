"""Running over data references: order, failures, deaths, time limits, interrupts, records."""

import logging
import os
import pickle
import pstats
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr import CfhtIsrTask, RunIsrTask
from cfhtisr.cli.run_isr import run_task
from cfhtisr.pipe import ButlerInitializedTaskRunner, PropertySet, TaskRunner
from cfhtisr.pipe.processes import RunTimeoutError, in_executor
from cfhtisr.threads import get_num_threads, set_num_threads
from toy_runs import IDS, TESTS, collected, out, run
from toys import LegacyToy, OddError, SolitaryToy, Toy, ToyConfig, calls, toy_repo


@pytest.fixture(params=[False, True], ids=["plain", "staging"])
def repo(tmp_path, request):
    return toy_repo(tmp_path / "repo", staging=request.param)


@pytest.fixture
def staging(tmp_path):
    return toy_repo(tmp_path / "repo", staging=True)


def status(repo, *words, **others):
    """Run and return the exit status."""
    try:
        run(repo, *words, **others)
    except SystemExit as error:
        return error.code
    return 0


def ids(done):
    return [(each.dataRef.dataId["visit"], each.dataRef.dataId["ccd"]) for each in done.resultList]


@pytest.mark.parametrize("words", [[], ["-j", "2"]], ids=["here", "processes"])
def test_results_come_in_the_order_of_the_call(words, repo):
    done = run(repo, *words, results=True)
    assert ids(done) == IDS
    assert [each.result.number for each in done.resultList] == [
        2.0 * (ccd + 100 * visit) for visit, ccd in IDS
    ]
    assert [each.exitStatus for each in done.resultList] == [0] * 6
    assert all(each.metadata.nameCount() == 0 for each in done.resultList)
    assert done.parsedCmd.input == repo
    assert type(done.taskRunner) is TaskRunner
    if words and "OMP_NUM_THREADS" not in os.environ:
        assert {each.result.libraries for each in done.resultList} == {"1"}
        assert "OMP_NUM_THREADS" not in os.environ
    name = (
        "staged-toy_metadata-2-1"
        if calls(out(repo), "prepare")
        else "toy_metadata-visit2-ccd1-filterr"
    )
    notes = pickle.loads((out(repo) / f"{name}.pickle").read_bytes())
    assert isinstance(notes, PropertySet)
    assert len(notes.getArray("toy:part.runEndCpuTime")) == 1


def test_results_are_only_returned_when_wanted(repo):
    done = run(repo)
    assert [each.getDict() for each in done.resultList] == [{"exitStatus": 0}] * 6


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_of_the_caller(kind, repo):
    executor = (
        ThreadPoolExecutor(3)
        if kind == "threads"
        else ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    )
    with executor:
        seen = []
        done = run(repo, results=True, executor=executor, progress=lambda *now: seen.append(now))
        assert executor.submit(int, 1).result() == 1  # it is left open
    assert ids(done) == IDS
    assert seen == [(number, 6) for number in range(1, 7)]


@pytest.fixture(scope="module")
def whole_repo(tmp_path_factory):
    return toy_repo(tmp_path_factory.mktemp("whole"))


class Later(ThreadPoolExecutor):
    """Works in the order of its own."""

    def __init__(self, pauses):
        super().__init__(4)
        self.pauses = list(pauses)

    def submit(self, function, *args):
        pause = self.pauses.pop() if self.pauses else 0
        return super().submit(lambda: (time.sleep(pause), function(*args))[1])


@given(pauses=st.lists(st.sampled_from([0, 0.001, 0.003]), max_size=8))
def test_results_keep_the_order_whatever_that_of_the_work(pauses, whole_repo):
    with Later(pauses) as executor:
        assert ids(run(whole_repo, executor=executor, results=True)) == IDS


@given(st.lists(st.sampled_from([0, 0.001, 0.003]), max_size=8), st.integers(0, 12))
def test_nothing_is_lost_whatever_the_order(pauses, count):
    with Later(pauses) as executor:
        found = list(in_executor(executor, lambda item: item * item, range(count)))
    assert sorted((each.index, each.value) for each in found) == [(n, n * n) for n in range(count)]


@pytest.mark.parametrize("words", [[], ["-j", "2"]], ids=["here", "processes"])
def test_failures_are_counted_and_keep_no_other(words, staging, capfd, caplog):
    broken = ["-c", "failing=0", "raising=2"]
    assert status(staging, *words, *broken) == 4
    err = capfd.readouterr().err
    assert "OddError: 2 and odd" in err
    assert "TaskError" not in err  # which was to be expected: a line in the log says it
    done = run(staging, *words, *broken, "--noExit", results=True)
    assert [each.exitStatus for each in done.resultList] == [1, 0, 1] * 2
    assert [each.result is None for each in done.resultList] == [True, False, True] * 2
    assert "4 of 6 data references failed; not exiting" in caplog.text
    made = {path.name for path in out(staging).glob("staged-result-*")}
    assert made == {"staged-result-1-1.pickle", "staged-result-2-1.pickle"}
    # what was noted until the failure is kept
    assert len(list(out(staging).glob("staged-toy_metadata-*"))) == 6


def test_the_line_of_a_failure_says_which_and_why(repo, caplog):
    assert status(repo, "-c", "failing=1") == 2
    text = "Failed on dataId={'visit': 1, 'ccd': 1, 'filter': 'i2', 'gone': False}: "
    assert f"{text}TaskError: ccd 1 is to fail" in caplog.text


def test_doraise_ends_at_the_first_failure(repo):
    with pytest.raises(OddError):
        run(repo, "-c", "raising=1", "--doraise")
    with pytest.raises(RuntimeError, match="OddError: 1 and odd"):
        # it cannot come back from another process as what it was
        run(repo, "-c", "raising=1", "--doraise", "-j", "2")


def test_exit_status_is_at_most_255(tmp_path, monkeypatch):
    repo = toy_repo(tmp_path / "repo", visits=[1], ccds=range(300))
    monkeypatch.setattr(Toy, "_getMetadataName", lambda self: None)
    words = ["-c", f"failing={','.join(map(str, range(300)))}"]
    assert status(repo, *words) == 255
    assert status(repo, *words, "--noExit", "--clobber-config") == 0


@pytest.mark.parametrize("how", ["dying", "leaving", "exiting"])
def test_a_worker_that_dies_costs_its_ccd(how, staging, caplog):
    done = run(staging, "-j", "2", "-c", f"{how}=1", "--noExit", results=True)
    assert [each.exitStatus for each in done.resultList] == [0, 1, 0] * 2
    assert ids(done) == IDS
    text = "SystemExit: 4" if how == "exiting" else "a worker process died before its work was done"
    if how != "exiting":  # whose line is in the log of the worker
        assert caplog.text.count(text) == 2
    finished = sorted(collected(staging))
    assert finished == [each for each in IDS if how == "exiting" or each[1] != 1]


def test_the_time_limit_is_for_all_and_kills(staging, capsys):
    start = time.monotonic()
    with pytest.raises(RunTimeoutError, match="2 of 6 were not done"):
        run(staging, "-j", "2", "-t", "4", "-c", "hanging=2")
    assert time.monotonic() - start < 12
    # what was finished is kept
    assert set(collected(staging)) == {each for each in IDS if each[1] != 2}
    assert TaskRunner.TIMEOUT == 2592000
    words = ["--rerun", "new", "--id", "ccd=2", "-j", "2", "-t", "1.5", "-c", "hanging=2"]
    assert run_task(Toy, [staging, "--no-versions", *words]) == 1
    assert "the time limit was over when 2 of 2 were not done" in capsys.readouterr().err


def test_time_limit_of_an_executor(repo):
    with ThreadPoolExecutor(2) as executor, pytest.raises(RunTimeoutError):
        run(repo, "-t", "0.2", "-c", "pause=0.5", executor=executor)


def test_a_repository_is_asked_in_bulk_and_told_by_exposure(staging):
    run(staging, "-j", "2")
    (prepared,) = calls(out(staging), "prepare")
    assert prepared == [[ccd for _, ccd in IDS], None]
    told = [[tuple(one) for one in call[0]] for call in calls(out(staging), "collect")]
    assert sorted(told) == [IDS[:3], IDS[3:]]


def test_what_a_task_wants_is_told(staging, monkeypatch):
    monkeypatch.setattr(
        Toy, "wantedDatasets", classmethod(lambda cls, config: [("raw", {"gain": config.gain})])
    )
    run(staging, "-c", "gain=3")
    assert calls(out(staging), "prepare")[0][1] == [["raw", {"gain": 3.0}]]


@pytest.mark.parametrize(("processes", "share"), [(1, 7), (2, 3), (6, 1), (40, 1)])
def test_the_threads_are_shared(processes, share, staging):
    set_num_threads(7)
    try:
        done = run(staging, "-j", processes, results=True)
        assert get_num_threads() == 7
    finally:
        set_num_threads(None)
    assert {each.result.threads for each in done.resultList} == {share}


def test_a_task_for_one_process(repo, caplog):
    assert run(repo, "-j", "2", task=SolitaryToy).taskRunner.numProcesses == 1
    assert "SolitaryToy cannot work in several processes; one is used" in caplog.text


def test_a_task_of_the_old_kind(repo):
    done = run(repo, task=LegacyToy, results=True)
    assert done.resultList[0].result.number == 300.0


class ButlerToy(Toy):
    RunnerClass = ButlerInitializedTaskRunner

    def __init__(self, butler, **kwargs):
        super().__init__(**kwargs)
        self.butler = butler

    def runDataRef(self, dataRef, bonus=0):
        assert self.butler is dataRef.getButler()
        return super().runDataRef(dataRef)


def test_a_task_that_takes_the_butler(tmp_path):
    repo = toy_repo(tmp_path / "repo")
    done = run(repo, task=ButlerToy)
    assert len(done.resultList) == 6
    with pytest.raises(RuntimeError, match="wanted parsedCmd or args"):
        done.taskRunner.makeTask()


def test_nothing_to_do(repo, caplog):
    done = Toy.parseAndRun([repo, "--rerun", "me", "--no-versions"])
    assert done.resultList == []
    assert "There is nothing to do" in caplog.text


def test_a_profile_is_written_also_if_the_run_raises(repo, tmp_path):
    for name, words in [
        ("good", []),
        ("bad", ["-c", "raising=0", "--doraise", "--clobber-config"]),
    ]:
        path = tmp_path / name
        try:
            run(repo, "--profile", path, *words)
        except OddError:
            assert name == "bad"
        assert any("runDataRef" in key for key in pstats.Stats(str(path)).stats for key in key[2:])


def test_results_without_a_status_are_taken_as_a_success(repo, caplog, monkeypatch):
    monkeypatch.setattr(TaskRunner, "__call__", lambda self, args: "odd")
    assert run(repo).resultList == ["odd"] * 6
    assert "Cannot tell failures" in caplog.text


def test_the_call_is_logged(repo, caplog):
    caplog.set_level(logging.INFO)
    run(repo, "-c", "title=two words")
    assert f"{repo} --rerun me --id --no-versions -c 'title=two words'" in caplog.text


def test_the_configuration_of_the_caller_is_used(repo):
    config = ToyConfig(gain=7.0)
    done = run(repo, config=config)
    assert done.parsedCmd.config is config
    assert config._frozen


def test_without_the_extra_the_call_says_what_to_install(tmp_path):
    code = """
import sys
sys.modules["lsst.daf"] = sys.modules["lsst.daf.butler"] = None
sys.path.insert(0, sys.argv.pop(1))
import toys
done = toys.Toy.parseAndRun([sys.argv[1], "--rerun", "me", "--id"], doReturnResults=True)
print([each.result.number for each in done.resultList])
loaded = {name.partition(".")[0] + "." + name.split(".")[1] for name in sys.modules if "." in name}
print(sorted(loaded & {"lsst.daf", "lsst.pipe", "lsst.ctrl"}))
from cfhtisr.cli.run_isr import main
sys.exit(main([sys.argv[1], "--rerun", "me", "--id"]))
"""
    repo = toy_repo(tmp_path / "repo", visits=[1], ccds=[0, 1])
    done = subprocess.run(
        [sys.executable, "-c", code, str(TESTS), repo], capture_output=True, text=True, check=False
    )
    numbers, loaded = done.stdout.splitlines()[-2:]
    assert numbers == "[200.0, 202.0]"
    assert loaded in ("['lsst.daf']", "[]")  # the blocked name itself
    assert done.returncode == 2
    assert done.stderr.count("\n") < 5


def test_a_repository_that_refuses_at_first_is_asked_again(staging, monkeypatch, caplog):
    tries = []

    def collect(self, refs):
        tries.append(len(refs))
        if len(tries) == 1:
            raise OSError("locked")
        self._note("collect", [(ref.dataId["visit"], ref.dataId["ccd"]) for ref in refs])

    monkeypatch.setattr("toys.StagingButler.collect", collect)
    run(staging)
    assert tries == [3, 3, 3]
    assert sorted(collected(staging)) == IDS
    assert "Could not collect exposure 1, to be tried again: locked" in caplog.text


def test_a_limit_without_end(repo):
    assert run(repo, "-t", "inf").taskRunner.timeout == TaskRunner.TIMEOUT
    assert run(repo, "-t", "-1").taskRunner.timeout == TaskRunner.TIMEOUT
    assert run(repo, "-t", "7").taskRunner.timeout == 7


def test_the_usual_runner():
    assert Toy.RunnerClass is Toy().RunnerClass is TaskRunner
    assert TaskRunner.__name__ in repr(Toy.RunnerClass)


def test_when_no_process_lives_the_rest_is_given_up(tmp_path):
    repo = toy_repo(tmp_path / "repo", visits=[1], ccds=range(40))
    start = time.monotonic()
    words = ["-c", f"dying={','.join(map(str, range(40)))}"]
    done = run(repo, "-j", "2", *words, "--noExit")
    assert [each.exitStatus for each in done.resultList] == [1] * 40
    assert time.monotonic() - start < 20


def test_the_real_tasks_can_be_sent():
    for task in (CfhtIsrTask(name="night"), RunIsrTask(), RunIsrTask().isr):
        again = pickle.loads(pickle.dumps(task))
        assert type(again) is type(task)
        assert again.getFullName() == task.getFullName()
        assert list(again.getTaskDict()) == list(task.getTaskDict())
        assert repr(again.config.toDict()) == repr(task.config.toDict())
