"""The pool of threads: any number of them, after a fork, and two calls on one array."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import cfhtisr
from cfhtisr.isr import masking, overscan, saturation, statistics


@pytest.fixture(autouse=True)
def default_threads():
    yield
    cfhtisr.set_num_threads(None)


def frame():
    rng = np.random.default_rng(11)
    return rng.normal(1200, 30, (400, 500)).astype(np.float32)


def measure(image):
    """Everything that adds up floating numbers over many blocks."""
    return [
        *statistics.compute(image, statistics.STATISTICS),
        *overscan.fit(image[:, :32], "POLY", 3).tolist(),
        *overscan.fit(image[:, :32], "AKIMA_SPLINE", 20).tolist(),
        saturation.estimate_level(image * np.float32(50)),
    ]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    cfhtisr.set_num_threads(1)
    wanted = measure(frame())
    cfhtisr.set_num_threads(threads)
    assert cfhtisr.get_num_threads() == threads
    assert_array_equal(measure(frame()), wanted)


def test_the_environment_sets_the_number_of_threads():
    code = "import cfhtisr; print(cfhtisr.get_num_threads())"
    environment = {
        **os.environ,
        "CFHTISR_NUM_THREADS": "3",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "3", done.stderr


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_is_positive_and_whole(n):
    with pytest.raises(ValueError, match="n is"):
        cfhtisr.set_num_threads(n)


def test_importing_starts_no_thread():
    code = (
        "import os, cfhtisr, cfhtisr.isr.statistics\n"
        "print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 1)"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_computes_after_a_fork():
    cfhtisr.set_num_threads(2)
    wanted = measure(frame())
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of pytest is to run here: whatever happens, this process ends.
        status = 1
        try:
            os.write(write, json.dumps(measure(frame())).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    ended = threading.Event()
    # A child that waits for threads which it does not have is stopped: the pipe then closes.
    guard = threading.Timer(60, lambda: ended.is_set() or os.kill(child, 9))
    guard.start()
    try:
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
    finally:
        ended.set()
        guard.cancel()
    assert os.waitstatus_to_exitcode(status) == 0
    assert_array_equal(json.loads(text), wanted)
    assert_array_equal(measure(frame()), wanted)  # and the parent still does


def test_calls_from_several_threads_do_not_disturb_each_other():
    image = frame()
    wanted = measure(image)
    results = {}

    def work(number):
        results[number] = [measure(image) for _ in range(3)]

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    for several in results.values():
        for one in several:
            assert_array_equal(one, wanted)


def test_overlapping_calls_on_one_array_raise():
    """While one call changes an array, another that wants it is refused, and nothing else."""
    mask = np.zeros((3000, 3000), np.int32)
    mask[::50, ::50] = 1
    stop = threading.Event()
    errors = []

    def grow():
        while not stop.is_set() and not errors:
            try:
                masking.grow(mask, "BAD", 1)
            except Exception as error:
                errors.append(error)

    workers = [threading.Thread(target=grow) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    stop.set()
    for worker in workers:
        worker.join()
    assert errors, "two threads changed one array at the same time"
    for error in errors:
        assert "borrow" in str(error), repr(error)


def test_callers_with_a_thread_of_their_own_do_not_wait_for_each_other():
    """Each works on its own thread: none of ours is made, and all get the same."""
    cfhtisr.set_num_threads(1)
    wanted, found = measure(frame()), []
    callers = [threading.Thread(target=lambda: found.append(measure(frame()))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 4
    for values in found:
        assert_array_equal(values, wanted)
