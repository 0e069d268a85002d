"""Reading, working and writing in threads of their own, or in turn, gives what plain calls give."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskdcpt.overlap import in_turn, overlap

WAYS = pytest.mark.parametrize("run", [overlap, in_turn])

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


def called(job):
    try:
        return write(job, work(job, read(job)))
    except FaultError as error:
        return error


@WAYS
@settings(deadline=None, max_examples=60)
@given(jobs=JOBS)
def test_results_errors_and_early_ends_are_those_of_plain_calls(run, jobs):
    found = list(run(jobs, read, work, write))
    assert [job for job, _ in found] == jobs
    assert [repr(result) for _, result in found] == [repr(called(job)) for job in jobs]


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


def test_in_turn_a_job_begins_when_the_last_is_done():
    seen = []

    def stage(name):
        def follow(job, items=(1, 2)):
            seen.append((name, job))
            yield from items

        return follow

    list(in_turn(range(2), stage("read"), stage("work"), lambda job, items: seen.append(("write", job, list(items)))))
    assert seen == [each for job in range(2) for each in (("work", job), ("read", job), ("write", job, [1, 2]))]


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


@WAYS
def test_ending_early_ends_the_threads(run):
    before = threading.active_count()
    results = run(range(1000), lambda job: iter([job]), lambda job, items: items, lambda job, items: list(items))
    next(results)
    results.close()
    assert threading.active_count() == before


@WAYS
def test_an_interrupt_of_the_caller_ends_the_threads_and_cleans_up(run):
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
    results = run([0, 1], lambda job: iter([job]), work, write)
    assert next(results) == (0, [0])
    assert begun.wait(10)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt)
    assert cleaned.is_set()
    assert threading.active_count() == before


@WAYS
def test_an_error_of_the_list_of_jobs_reaches_the_caller(run):
    def jobs():
        yield 1
        raise FaultError("no more")

    results = run(jobs(), lambda job: iter([job]), lambda job, items: items, lambda job, items: list(items))
    with pytest.raises(FaultError, match="no more"):
        list(results)
