"""A few threads for clients that block: bounded, never waited for at the end, each answer taken or left.

A thread that hangs keeps its place until it comes back, so a slow server can hold up itself and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ztui.clock import Clock

T = TypeVar("T")

THREADS: Final = 4

_Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class Workers:
    """At most ``count`` jobs at a time, each in a thread of this pool. To be used from one event loop."""

    def __init__(self, clock: Clock, count: int = THREADS, name: str = "worker") -> None:
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._free = asyncio.Semaphore(count)
        self._count, self._name = count, name
        self._threads: list[threading.Thread] = []

    @property
    def busy(self) -> bool:
        """Whether every thread has something to do."""
        return self._free.locked()

    async def run(self, job: Callable[[], T], limit_s: float) -> T:
        """What ``job`` returns or raises; TimeoutError once it has had so long (the thread goes on, its answer is left)."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put((job, loop, future))
        timer = asyncio.ensure_future(self._clock.sleep(limit_s))
        try:
            await asyncio.wait([future, timer], return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                found: T = future.result()
                return found
            raise TimeoutError
        finally:
            future.cancel()
            timer.cancel()
            await asyncio.wait({timer})  # awaited itself, it would take our own cancellation for its own

    def close(self) -> None:
        """Let idle threads end; a busy one ends with its job, or with the process."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (found := self._jobs.get()) is not None:
            job, loop, future = found
            result: Any = None
            error: BaseException | None = None
            try:
                if not future.cancelled():
                    result = job()
            except BaseException as caught:  # noqa: BLE001  handed to whoever waits
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits
                loop.call_soon_threadsafe(self._hand_over, future, result, error)
            del found, job, future, result, error

    def _hand_over(self, future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
        self._free.release()
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
