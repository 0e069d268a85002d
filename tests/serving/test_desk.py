"""How many tasks are taken, how long they may last, and what becomes of workers that go wrong."""

import asyncio
import os
import signal
import sys
import time

import pytest

from maskdcpt.errors import UserError
from maskdcpt.serving import Limits
from maskdcpt.serving.frames import Message

REFUSING = "import sys; from maskdcpt.serving.frames import Message; " + (
    'sys.stdout.buffer.write(Message({"refused": "no such weights"}).encode())'
)


def at_desk(command, scenario, **limits):
    """Runs a scenario, a function of a desk, in an event loop of its own; returns what it returns."""
    from maskdcpt.serving.desk import open_desk
    from maskdcpt.serving.telemetry import Telemetry

    async def run():
        async with open_desk(command, Limits(**{"seconds": 5, **limits}), Telemetry()) as desk:
            return await scenario(desk)

    return asyncio.run(run())


async def ask(desk, text):
    async with desk.place():
        return await desk.run(Message({}, (text.encode(),)))


async def refusal(desk, text):
    from maskdcpt.serving.refusal import Refusal

    with pytest.raises(Refusal) as caught:
        await ask(desk, text)
    return caught.value


async def pid(desk):
    return (await ask(desk, "work")).values["pid"]


def test_a_worker_answers_one_task_after_another(stand_in):
    async def scenario(desk):
        answers = [await ask(desk, f"work {number}") for number in range(3)]
        assert [answer.blobs[0] for answer in answers] == [b"0", b"1", b"2"]
        assert len({answer.values["pid"] for answer in answers}) == 1
        assert desk.classes == ["haze"]

    at_desk(stand_in, scenario)


def test_workers_work_at_the_same_time(stand_in):
    async def scenario(desk):
        begun = time.monotonic()
        answers = await asyncio.gather(*(ask(desk, "sleep 0.5") for _ in range(2)))
        assert len({answer.values["pid"] for answer in answers}) == 2
        return time.monotonic() - begun

    assert at_desk(stand_in, scenario, workers=2) < 0.95


def test_answers_go_to_those_who_asked(stand_in):
    async def scenario(desk):
        answers = await asyncio.gather(*(ask(desk, f"work {number}") for number in range(50)))
        assert [int(answer.blobs[0]) for answer in answers] == list(range(50))

    at_desk(stand_in, scenario, workers=2, queue=48)


def test_who_finds_no_place_is_told_when_to_come_back(stand_in):
    async def scenario(desk):
        working = [asyncio.create_task(ask(desk, "sleep 0.3")) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert desk.waiting == 2
        full = await refusal(desk, "work")
        assert (full.status, full.headers["Retry-After"]) == (503, "3")
        await asyncio.gather(*working)
        assert (await ask(desk, "work")).blobs
        assert desk.waiting == 0

    at_desk(stand_in, scenario, queue=2)


@pytest.mark.parametrize(("word", "status"), [("crash", 500), ("babble", 500), ("fail", 500), ("sleep 60", 504)])
def test_a_worker_that_goes_wrong_is_replaced(stand_in, word, status):
    async def scenario(desk):
        first = await pid(desk)
        assert (await refusal(desk, word)).status == status
        assert await pid(desk) != first
        assert desk.alive == 1

    at_desk(stand_in, scenario, seconds=2)


def test_a_worker_that_is_ended_while_idle_costs_nobody_an_answer(stand_in):
    async def scenario(desk):
        first = await pid(desk)
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(5):
            while desk.alive:
                await asyncio.sleep(0.01)
        assert await pid(desk) != first
        assert desk.alive == 1

    at_desk(stand_in, scenario)


def test_a_refused_task_leaves_the_worker_in_place(stand_in):
    async def scenario(desk):
        first = await pid(desk)
        refused = await refusal(desk, "refuse")
        assert (refused.status, refused.message, refused.headers) == (422, "a reason", {})
        assert await pid(desk) == first

    at_desk(stand_in, scenario)


@pytest.mark.parametrize(("seconds", "same"), [(0.3, True), (60, False)])
def test_work_that_nobody_waits_for_may_finish_soon_or_is_ended(stand_in, monkeypatch, seconds, same):
    monkeypatch.setattr("maskdcpt.serving.desk.GRACE", 1.0)

    async def scenario(desk):
        first = await pid(desk)
        working = asyncio.create_task(ask(desk, f"sleep {seconds}"))
        await asyncio.sleep(0.1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert (await pid(desk) == first) is same

    at_desk(stand_in, scenario)


def test_what_waits_is_dropped_without_reaching_a_worker(stand_in):
    async def scenario(desk):
        working = asyncio.create_task(ask(desk, "sleep 0.5"))
        waiting = asyncio.create_task(ask(desk, "crash"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        before = (await working).values["pid"]
        assert await pid(desk) == before

    at_desk(stand_in, scenario)


def test_waiting_ends_too(stand_in):
    async def scenario(desk):
        working = asyncio.create_task(refusal(desk, "sleep 60"))
        await asyncio.sleep(0)  # so that it comes first, by no more than it takes to replace a worker
        waited = await refusal(desk, "work")
        assert (waited.status, waited.retry_after is not None) == (503, True)
        assert (await working).status == 504

    at_desk(stand_in, scenario, seconds=1)


def test_weights_that_cannot_be_used_are_named():
    with pytest.raises(UserError, match=r"^no such weights$"):
        at_desk([sys.executable, "-c", REFUSING], None, workers=2)


def test_a_worker_that_does_not_start_is_told():
    with pytest.raises(UserError, match=r"^a worker ended with code 7$"):
        at_desk([sys.executable, "-c", "raise SystemExit(7)"], None)
