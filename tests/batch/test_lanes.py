import threading
import time

import pytest

from cfhtisr.batch import CalibrationPaths
from cfhtisr.batch.correct import Plan
from cfhtisr.batch.lanes import count, work
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig

PIXELS = 2112 * 4644


def plan(tmp_path, **options):
    return Plan(tmp_path, CfhtIsrTaskConfig(), **options)


@pytest.mark.parametrize(
    ("units", "threads", "wanted"), [(40, 2, 2), (40, 1, 1), (1, 8, 1), (40, 64, 4), (0, 2, 1)]
)
def test_there_are_as_many_lanes_as_work_and_threads(units, threads, wanted, tmp_path):
    assert count(plan(tmp_path), units, PIXELS, threads) == wanted


def test_lanes_keep_to_the_memory(tmp_path):
    paths = CalibrationPaths(bias=tmp_path, dark=tmp_path, flat=tmp_path)
    small = plan(tmp_path, max_memory=10**9, calibrations=paths)
    assert count(small, 40, PIXELS, 4) == 1
    assert count(plan(tmp_path, max_memory=10**9), 40, PIXELS, 4) == 3
    with pytest.raises(ValueError, match=r"--max-memory is 100 MB, wanted at least \d+ MB"):
        count(plan(tmp_path, max_memory=10**8), 40, PIXELS, 4)


def test_units_are_worked_on_at_the_same_time(tmp_path):
    meeting = threading.Barrier(2, timeout=20)

    def do(worker, plan, unit):
        meeting.wait()
        return [unit, id(worker)]

    outcomes = list(work(plan(tmp_path), [1, 2], 2, do))
    assert {1, 2} < set(outcomes)
    assert len(set(outcomes)) == 4  # each unit has a worker of its own


def test_what_is_not_begun_is_left_when_the_caller_goes(tmp_path):
    begun = []

    def do(worker, plan, unit):
        begun.append(unit)
        time.sleep(0.05)
        return [unit]

    outcomes = work(plan(tmp_path), range(50), 2, do)
    next(outcomes)
    outcomes.close()
    assert len(begun) < 10
    assert not any(t.name.startswith("cfhtisr-ccd") for t in threading.enumerate())


def test_an_error_that_no_worker_foresaw_comes_out(tmp_path):
    def do(worker, plan, unit):
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        list(work(plan(tmp_path), [1, 2, 3], 2, do))
