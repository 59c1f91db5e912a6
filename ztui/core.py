"""The core: opens the sources, ticks, judges, publishes frames. Everything that does IO hangs on its one task group.

The console, ``ztui check`` and an agent are readers of the same frames. A frame that nobody took yet is replaced, never queued.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from ztui.board import Board, Judge
from ztui.checks.base import Check, CheckId, catalogue
from ztui.clock import Clock, SystemClock, within
from ztui.engines.units import SCOPE
from ztui.errors import ZtuiError
from ztui.frame import Frame
from ztui.kinds.base import Kind
from ztui.settings import Settings
from ztui.store import Event, Hole, Store
from ztui.view import EVERYWHERE, LOADING, Gap, State, Why

if TYPE_CHECKING:
    from ztui.sources.cluster import Cluster
    from ztui.sources.http import Http
    from ztui.sources.target import Target

GATHER_S: Final = 0.01
"""How long a tick waits for more events after the first."""

TICK_S: Final = 0.1
"""The shortest time between two ticks under a flood."""

HEALTH_S: Final = 1.0


class Core:
    """One cluster, assessed live.

    ``find_target`` is called when the core opens, so that an unreadable kubeconfig is a frame and not an exception; it may be
    called again after ``retry``. ``also`` are kinds to follow beside those of the checks.
    """

    def __init__(
        self,
        settings: Settings,
        find_target: Callable[[], Target],
        *,
        clock: Clock | None = None,
        cards: Mapping[CheckId, Check] | None = None,
        also: frozenset[type[Kind]] = frozenset(),
    ) -> None:
        self.settings = settings
        self.cards = dict(cards if cards is not None else catalogue())
        self._find_target = find_target
        self._clock = clock or SystemClock()
        self._store = Store()
        self._kinds: frozenset[type[Kind]] = also.union(SCOPE, *(card.kinds for card in self.cards.values()))
        self._judge = Judge(
            self.cards,
            strict=settings.strict,
            namespace=settings.namespace,
            platform_namespaces=frozenset(settings.platform_namespaces),
            include_addons=settings.include_addons,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._cluster: Cluster | None = None
        self._target_problem: ZtuiError | None = None
        self._stirred = asyncio.Event()
        self._published = asyncio.Event()
        self._again = asyncio.Event()
        self.frame = Frame(kinds=len(self._kinds))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Core]:
        """Run until the block is left. Nothing of the outside raises here: it shows in the frames."""
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._source(), name="cluster"),
                tasks.create_task(self._ticks(), name="ticks"),
                tasks.create_task(self._minutes(), name="minutes"),
                tasks.create_task(self._health(), name="health"),
            ]
            try:
                yield self
            finally:
                for task in running:
                    task.cancel()
        self._judge.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._cluster is not None:
            await self._cluster.http.close()

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """The frame of now, and each newer one that is ready when the reader is."""
        serial = -1
        while True:
            if self.frame.serial != serial:
                serial = self.frame.serial
                yield self.frame
            else:
                published = self._published
                await published.wait()

    async def settled(self, wait_s: float) -> Frame:
        """The frame once everything has been read, at the latest after so long: what is missing then is ``timeout``."""
        done = asyncio.Event()

        async def look() -> None:
            async for frame in self.frames():
                if frame.problem is not None or (frame.settled and frame.board is not None and not self._store.dirty):
                    done.set()

        watching = asyncio.ensure_future(look())
        try:
            if not await within(self._clock, wait_s, done):
                for kind in self._kinds:
                    if self._store.state.gap(kind) == LOADING:
                        self._store.apply(Hole(kind, Gap(Why.TIMEOUT, f"not read within {wait_s:g} s")))
            await self._tick()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
        return self.frame

    def retry(self) -> None:
        """Try again now what waits: finding a target, connecting, being allowed."""
        self._again.set()
        if self._cluster is not None:
            self._cluster.retry()

    async def _source(self) -> None:
        """Find the target and follow it; a target that cannot be found is looked for again when asked."""
        while True:
            self._again.clear()
            try:
                # In a thread: it reads files, imports the client, and may start a demo, all after the first paint.
                target, make_http, make_cluster = await asyncio.to_thread(self._prepare)
                break
            except ZtuiError as error:
                self._target_problem = error
                self._publish()
                await self._again.wait()
        self._target_problem = None
        hints = dict.fromkeys(name for name in (self.settings.namespace, target.namespace) if name)
        http = make_http(target, self._clock, timeout_s=self.settings.request_timeout_s)
        self._cluster = make_cluster(http, self._kinds, self._take, self._clock, hints)
        await self._cluster.run()

    def _prepare(self) -> tuple[Target, type[Http], type[Cluster]]:
        from ztui.sources.cluster import Cluster  # noqa: PLC0415  the first paint must not pay for the client
        from ztui.sources.http import Http  # noqa: PLC0415

        return self._find_target(), Http, Cluster

    def _take(self, event: Event) -> None:
        self._store.apply(event)
        self._stirred.set()

    async def _ticks(self) -> None:
        last = -TICK_S
        while True:
            await self._stirred.wait()
            await self._clock.sleep(max(GATHER_S, last + TICK_S - self._clock.monotonic()))
            self._stirred.clear()
            last = self._clock.monotonic()
            await self._tick()

    async def _tick(self) -> None:
        """Fold what came, judge it, publish."""
        state = self._store.tick(self._clock.now())
        board = await asyncio.get_running_loop().run_in_executor(self._thread, self._judge.judge, state)
        self._publish(state, board)

    async def _minutes(self) -> None:
        """Checks that read the time read it by the minute."""
        while True:
            now = self._clock.now()
            await self._clock.sleep(60.0 - now.second - now.microsecond / 1e6 + 0.01)
            self._stirred.set()

    async def _health(self) -> None:
        """Publish when the connection changed, not when only an age did: an idle screen sends no byte."""
        before: object = None
        while True:
            await self._clock.sleep(HEALTH_S)
            if self._cluster is None:
                continue
            health = self._cluster.health()
            now = (health.freshness, health.problem, tuple((item.state, item.freshness) for item in health.kinds))
            if now != before or health.silent_s > 10:
                before = now
                self._publish()

    def _publish(self, state: State | None = None, board: Board | None = None) -> None:
        found = state or self.frame.state
        loading = sum(found.gaps.get((kind, EVERYWHERE), LOADING) == LOADING for kind in self._kinds)
        self.frame = Frame(
            found,
            board or self.frame.board,
            self._cluster.health() if self._cluster else None,
            self._target_problem,
            len(self._kinds) - loading,
            len(self._kinds),
            self.frame.serial + 1,
        )
        published, self._published = self._published, asyncio.Event()
        published.set()
