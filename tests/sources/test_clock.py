"""Whoever waits can be cancelled at any moment: a cancellation that got lost keeps a program from ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ztui.clock import ManualClock, settle, to_the_end, within
from ztui.sources.workers import Workers

STEPS = 12
"""More turns of the loop than one round of waiting takes."""


async def _again(wait: Callable[[], Awaitable[object]]) -> None:
    while True:
        await wait()


@pytest.mark.parametrize("after", range(STEPS))
async def test_a_wait_that_ends_keeps_no_cancellation(after: int) -> None:
    clock, event = ManualClock(), asyncio.Event()
    task = asyncio.create_task(_again(lambda: within(clock, 30.0, event)))
    await settle()
    event.set()
    for _ in range(after):
        await asyncio.sleep(0)
    event.clear()
    task.cancel()
    await asyncio.wait({task, asyncio.ensure_future(settle(50))}, return_when=asyncio.FIRST_COMPLETED)
    assert task.cancelled()


@pytest.mark.parametrize("after", range(STEPS))
async def test_a_job_that_ends_keeps_no_cancellation(after: int) -> None:
    workers, done = Workers(ManualClock()), asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(_again(lambda: workers.run(lambda: loop.call_soon_threadsafe(done.set), 30.0)))
    await done.wait()
    for _ in range(after):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert task.cancelled()
    workers.close()


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_what_must_end_ends_however_often_it_is_cancelled(times: int) -> None:
    done: list[int] = []

    async def closing() -> None:
        for step in range(10):
            await asyncio.sleep(0)
            done.append(step)

    task = asyncio.create_task(to_the_end(closing()))
    await asyncio.sleep(0)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.wait({task})
    assert done == list(range(10))
    assert task.cancelled() is bool(times)


async def test_what_fails_at_its_end_says_so() -> None:
    async def failing() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await to_the_end(failing())
