"""Executors of others: how many threads work gets there."""

import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

from cfhtisr import get_num_threads, set_num_threads
from cfhtisr.pipe.processes import in_executor


@pytest.fixture(autouse=True)
def threads():
    before = get_num_threads()
    set_num_threads(6)
    yield
    set_num_threads(before)


def threads_of(item):
    return get_num_threads()


def told(executor, **options):
    return [result.value for result in in_executor(executor, threads_of, range(3), **options)]


def test_threads_of_this_process_share_its_threads():
    with ThreadPoolExecutor(3) as executor:
        assert told(executor) == [6, 6, 6]


def test_processes_get_their_part():
    with ProcessPoolExecutor(2, get_context("spawn")) as executor:
        assert told(executor) == [3, 3, 3]
        assert told(executor, threads=2) == [1, 1, 1]
    assert get_num_threads() == 6


def take_number(number):
    os.getpid = lambda: number


def test_a_process_with_the_number_of_this_one_is_another():
    # As there may be on another machine.
    spawned = get_context("spawn")
    with ProcessPoolExecutor(2, spawned, take_number, [os.getpid()]) as executor:
        assert told(executor) == [3, 3, 3]


class Here(Executor):
    """An executor of which nobody knows how much it does at a time."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_this_process_keeps_its_threads():
    assert told(Here()) == [6, 6, 6]
    assert get_num_threads() == 6


class Elsewhere(Executor):
    """Processes of which nobody knows how many there are."""

    def __init__(self, pool):
        self.pool = pool

    def submit(self, function, /, *args, **kwargs):
        return self.pool.submit(function, *args, **kwargs)


def test_elsewhere_a_call_uses_one_thread():
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert told(Elsewhere(pool)) == [1, 1, 1]
    assert get_num_threads() == 6
