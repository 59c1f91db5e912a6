"""How long a stream may be silent: what a reflector is doing, and the cut that ends a wait for a dead other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal

from ztui.clock import Clock
from ztui.errors import ConnectError
from ztui.kinds.base import Kind

WATCH_S: Final = 60
"""Planned length of a watch, ± 20 %: its end is a sign of life even where nothing happens."""

SILENCE_S: Final = 15.0
"""How long past its planned end a silent watch counts as alive."""

STREAM_LIST_S: Final = 10.0
"""How long a streaming list may take to deliver its first event before pages are asked for instead."""


class Progress:
    """What a reflector is doing, for the Health screen. Written by its reflector only; read on the same loop.

    ``alive_at`` is the monotonic time of the last sign of life, ``due_s`` how long it may stay silent from there.
    """

    def __init__(self, kind: type[Kind], scope: str, clock: Clock) -> None:
        self.kind = kind
        self.scope = scope
        self.state: Literal["waiting", "listing", "watching", "backing off", "blocked"] = "waiting"
        self.note = ""
        self.alive_at = clock.monotonic()
        self.due_s = WATCH_S * 1.2 + SILENCE_S
        self.lists = 0
        self.restarts = 0
        self.events = 0
        self.retry_in_s = 0.0


@asynccontextmanager
async def guard(
    clock: Clock, progress: Progress, cut: asyncio.Event, planned_s: float, *, initial: bool = False
) -> AsyncIterator[None]:
    """Cut a stream that has been silent past its planned end, a streaming list that never starts, or one told to end.

    Raises ``ConnectError`` in place of the cancellation that ends the wait; one from outside passes.
    """
    me = asyncio.current_task()
    assert me is not None  # noqa: S101  a coroutine always runs in a task
    cut.clear()
    opened, why = clock.monotonic(), ""

    def end(because: str) -> None:
        nonlocal why
        if not why:  # Two cancellations for one wait would count as one from outside.
            why = because
            me.cancel()

    async def look() -> None:
        while (still := _left(progress, opened, planned_s, initial=initial) - clock.monotonic()) > 0:
            await clock.sleep(still)
        end("the streaming list does not end" if progress.state == "listing" else "the stream is silent")

    async def obey() -> None:
        await cut.wait()
        end("the server is gone")

    progress.alive_at = min(progress.alive_at, opened)
    watchers = (asyncio.ensure_future(look()), asyncio.ensure_future(obey()))
    try:
        yield
    except asyncio.CancelledError as error:
        if why and me.uncancel() == 0:
            raise ConnectError(why, where=progress.kind.PLURAL) from error
        raise
    finally:
        for task in watchers:
            task.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


def _left(progress: Progress, opened: float, planned_s: float, *, initial: bool) -> float:
    """The monotonic time until which silence is no sign of death."""
    until = max(opened + planned_s, progress.alive_at) + SILENCE_S
    if initial and progress.state == "listing":
        return min(until, max(opened, progress.alive_at) + STREAM_LIST_S)
    return until
