"""Time: the one clock that everything with a deadline is given.

Durations are float seconds on the monotonic clock, instants are aware UTC datetimes.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait for so long on this clock."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        await asyncio.sleep(max(0.0, seconds))


class ManualClock:
    """A clock that stands still until it is told to advance: every timer becomes a fact of the test."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 1_000.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The wall clock of the test."""
        return self._now

    def monotonic(self) -> float:
        """The monotonic clock of the test."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Wait until ``advance`` has passed the moment."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), future))
        await future

    def jump(self, by: timedelta) -> None:
        """Move the wall clock alone, as an administrator or a time server would."""
        self._now += by

    async def advance(self, seconds: float) -> None:
        """Move both clocks on and let everything that waited until then run, in order."""
        goal = self._monotonic + seconds
        while self._sleepers and self._sleepers[0][0] <= goal:
            due, _, future = heapq.heappop(self._sleepers)
            self._step(max(due, self._monotonic))
            if not future.done():
                future.set_result(None)
            await settle()
        self._step(goal)
        await settle()

    @property
    def waiting(self) -> int:
        """How many sleepers have not been woken or cancelled."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def _step(self, to: float) -> None:
        self._now += timedelta(seconds=to - self._monotonic)
        self._monotonic = to


async def settle(rounds: int = 20) -> None:
    """Let tasks that are ready run; IO may need more than this."""
    for _ in range(rounds):
        await asyncio.sleep(0)


async def within(clock: Clock, seconds: float, event: asyncio.Event) -> bool:
    """Wait for ``event`` at most so long on ``clock``; says whether it came."""
    waiter = asyncio.ensure_future(event.wait())
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiter, timer}, return_when=asyncio.FIRST_COMPLETED)
        return waiter.done()
    finally:
        waiter.cancel()
        timer.cancel()
        await asyncio.wait({waiter, timer})  # not one by one: our own cancellation must not pass for theirs


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not be left half done; a cancellation that comes meanwhile, however often, is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
