"""Reading, working and writing in three threads gives what one after another gives."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdcpt.overlap import overlap

# A job: how many items it has, and where each of the stages fails or stops early, if at all.
PLACES = st.none() | st.integers(0, 3)
JOBS = st.lists(st.tuples(st.integers(0, 4), PLACES, PLACES, PLACES, st.booleans()), max_size=6)


class FaultError(Exception):
    pass


def until(items, place, stops, name):
    for number, item in enumerate(items):
        if number == place:
            if stops:
                return
            raise FaultError(f"{name} {number}")
        yield item


def read(job):
    return until(range(job[0]), job[1], job[4], "read")


def work(job, items):
    return (item * 10 for item in until(items, job[2], job[4], "work"))


def write(job, items):
    return list(until(items, job[3], job[4], "write"))


def in_turn(job):
    try:
        return write(job, work(job, read(job)))
    except FaultError as error:
        return error


@settings(deadline=None, max_examples=60)
@given(JOBS)
def test_results_errors_and_early_ends_are_those_of_one_thread(jobs):
    found = list(overlap(jobs, read, work, write))
    assert [job for job, _ in found] == jobs
    assert [repr(result) for _, result in found] == [repr(in_turn(job)) for job in jobs]


def test_the_stages_run_at_the_same_time():
    # Each stage of a job waits for another stage of a neighbour, which one thread could never do.
    meeting = {number: threading.Barrier(2, timeout=10) for number in range(3)}

    def read(job):
        if job > 0:
            meeting[job - 1].wait()
        yield job

    def work(job, items):
        for item in items:
            if job < 3:
                meeting[job].wait()
            yield item

    assert [result for _, result in overlap(range(4), read, work, lambda job, items: list(items))] == [
        [0],
        [1],
        [2],
        [3],
    ]


def test_little_is_read_ahead():
    started = []

    def read(job):
        started.append(job)
        yield job

    gate = threading.Event()

    def work(job, items):
        gate.wait(10)
        yield from items

    results = overlap(range(100), read, work, lambda job, items: list(items))
    waiter = threading.Timer(0.3, gate.set)
    waiter.start()
    next(results)
    results.close()
    assert len(started) < 15


def test_ending_early_ends_the_threads():
    before = threading.active_count()
    results = overlap(range(1000), lambda job: iter([job]), lambda job, items: items, lambda job, items: list(items))
    next(results)
    results.close()
    assert threading.active_count() == before


def test_an_interrupt_of_the_caller_ends_the_threads_and_cleans_up():
    begun, cleaned = threading.Event(), threading.Event()

    def write(job, items):
        try:
            if job == 1:
                next(items)
                begun.set()
            return list(items)
        finally:
            if job == 1:
                cleaned.set()

    def work(job, items):
        for item in items:
            yield item
            if job == 1:
                while True:  # endless, until nobody takes the items
                    time.sleep(0.01)
                    yield item

    before = threading.active_count()
    results = overlap([0, 1], lambda job: iter([job]), work, write)
    assert next(results) == (0, [0])
    assert begun.wait(10)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert cleaned.is_set()
    assert threading.active_count() == before


def test_an_error_of_the_list_of_jobs_reaches_the_caller():
    def jobs():
        yield 1
        raise FaultError("no more")

    results = overlap(jobs(), lambda job: iter([job]), lambda job, items: items, lambda job, items: list(items))
    with pytest.raises(FaultError, match="no more"):
        list(results)
