"""Whoever waits can be cancelled at any moment: a cancellation that got lost keeps a program from ending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ztui.clock import ManualClock, settle, within
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
