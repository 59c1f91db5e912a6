"""A loop whose time is a fact of the test: real sockets, real clients and servers, and hours that pass in milliseconds.

When nothing is ready and no thread works for the loop, its clock jumps to the next timer. Everything that asks this loop for the
time lives in it: the program under test, the demo server and the fault proxy, so their timers keep their order.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec

from ztui.clock import settle

P = ParamSpec("P")

START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

GRACE_S: Final = 0.0001
"""Real seconds that bytes on loopback may take from one socket to the other before time moves on."""


class _Selector(selectors.SelectSelector):
    """Looks for what is ready; where nothing is, it moves the loop's time on instead of waiting.

    The oldest of the selectors is the only one that can wait for less than a millisecond.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None or self._loop.threads:
            return super().select(0.01)
        found = super().select(GRACE_S)
        if not found:
            self._loop.skip(timeout)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """A selector loop with a time of its own."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self.threads = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._now

    def skip(self, seconds: float) -> None:
        """Let so much time pass."""
        self._now += seconds

    def run_in_executor(  # type: ignore[override]  # typeshed's variadic form says no more
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """As ever; time stands still until the thread has answered."""
        future = super().run_in_executor(executor, func, *args)
        self.threads += 1
        future.add_done_callback(self._came_back)
        return future

    def _came_back(self, _future: asyncio.Future[Any]) -> None:
        self.threads -= 1


class LoopClock:
    """The program's clock on the time of the running loop."""

    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass on the loop."""
        await asyncio.sleep(max(0.0, seconds))


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a virtual loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_to_the_end(test(*args, **kwargs)))

    return run


async def _to_the_end(test: Coroutine[Any, Any, None]) -> None:
    """Run a test and let what it closed be closed."""
    try:
        await test
    finally:
        await settle()
