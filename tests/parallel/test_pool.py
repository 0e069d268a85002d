"""Work in processes: all of it is done, whatever becomes of a worker, and nothing outlives its end."""

import os
import signal
import threading
from contextlib import closing
from multiprocessing import active_children

import cv2
import pytest
import torch

from maskdcpt.errors import UserError
from maskdcpt.parallel import STARTS, Processes, one_thread, usual_workers


def square(task):
    return task**2


def threads(task):
    return torch.get_num_threads(), cv2.getNumThreads(), os.getpid()


def die_once(task):
    """Ends its process as the system does when memory is short, the first time that it is asked to."""
    number, marker = task
    if number == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(task):
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(task):
    raise UserError(f"{task} is no good")


def wait_for_ever(task):
    threading.Event().wait()


def results(pool, work, count, task=lambda number: number):
    return dict(pool.work_off(work, range(count), task, alive=lambda: None))


@pytest.mark.parametrize("workers", [0, 2])
def test_every_task_is_done_once(workers):
    found = list(Processes(workers).work_off(square, range(20), lambda n: n + 1, alive=lambda: None))
    assert sorted(found) == [(number, (number + 1) ** 2) for number in range(20)]
    assert not active_children()


def test_workers_compute_on_one_thread_each_in_processes_of_their_own():
    found = results(Processes(2), threads, 6).values()
    assert {each[:2] for each in found} == {(1, 1)}
    assert os.getpid() not in {each[2] for each in found}


def test_one_thread_ends_with_its_block():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with one_thread():
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before
    assert usual_workers() >= 1


def test_a_worker_that_the_system_ends_is_replaced_and_told_of(tmp_path):
    said = []
    found = results(Processes(2, said.append), die_once, 8, lambda number: (number, tmp_path / "died"))
    assert found == {number: number for number in range(8)}
    assert said == ["a worker was ended by the system; its work is done again"]


def test_workers_that_end_again_and_again_are_given_up():
    said = []
    with pytest.raises(UserError, match=rf"{STARTS} times without a result .* lower --workers \(1\)"):
        results(Processes(1, said.append), die, 4)
    assert len(said) == STARTS - 1
    assert not active_children()


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_task_is_raised_here(workers):
    with pytest.raises(UserError, match="0 is no good"):
        results(Processes(workers), refuse, 1)
    assert not active_children()


def test_who_no_longer_wants_results_leaves_no_worker_behind():
    def stop():
        raise UserError("enough")

    with pytest.raises(UserError, match="enough"):
        dict(Processes(1).work_off(wait_for_ever, range(4), lambda number: number, alive=stop))
    assert not active_children()
    with closing(Processes(2).work_off(square, range(50), lambda number: number, alive=lambda: None)) as some:
        next(some)
    assert not active_children()
