"""One cluster as a source of events.

It connects, learns what is served, keeps one follower for each kind, falls back to single namespaces where a cluster-wide list is
forbidden, and knows how fresh everything is. It runs until it is cancelled: an outside that fails is reported and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from ztui.clock import Clock, within
from ztui.errors import AbsentError, ConnectError, ForbiddenError, ZtuiError
from ztui.health import Freshness, Health, KindHealth
from ztui.kinds.base import CLUSTER, Kind, Malformed
from ztui.kinds.policy import APIService
from ztui.kinds.session import Session
from ztui.kinds.workload import Namespace
from ztui.sources.backoff import Backoff
from ztui.sources.discovery import Resource, Served
from ztui.sources.guard import Progress
from ztui.sources.http import Http
from ztui.sources.kube import KubeApi
from ztui.sources.pulse import BEAT_S, CUT_S, LOOK_S, STALE_S, Pulse
from ztui.sources.reflector import ASK_AGAIN_S, POLL_S, Feed, Reflector, gap_of
from ztui.sources.session import Login, who_am_i
from ztui.sources.visible import Visible
from ztui.store import Broken, Drop, Event, Hole, Lost, Put, Whole
from ztui.view import EVERYWHERE, LOADING, Gap, Why

REDISCOVER_S: Final = 300.0
"""How often discovery is repeated where nothing tells that it changed; more often where CRDs cannot be watched."""

REDISCOVER_BLIND_S: Final = 30.0
"""The same where changes of CRDs cannot be seen, and while a group is down."""

SETTLE_S: Final = 1.0
REDISCOVER_SOON_S: Final = 10.0
"""When discovery is asked once more after news: a server serves a new group some seconds after it told of it."""

STREAMING_SINCE: Final = 34
"""The minor version since which servers stream lists by default. Source: the WatchList feature gate, beta on by default."""


class CustomResourceDefinition(Kind, frozen=True):
    """The names of CRDs: a change says that discovery must be asked again."""

    GROUP = "apiextensions.k8s.io"
    PLURAL = "customresourcedefinitions"
    KIND = "CustomResourceDefinition"
    NAMESPACED = False
    METADATA_ONLY = True


class Cluster:
    """The source of one target. ``namespaces`` are those to look into where the whole cluster may not be listed."""

    def __init__(
        self, http: Http, kinds: Iterable[type[Kind]], emit: Callable[[Event], None], clock: Clock, namespaces: Iterable[str] = ()
    ) -> None:
        self.http = http
        self.api = KubeApi(http)
        self.problem: ZtuiError | None = None
        self.login = Login()
        self.pulse = Pulse(clock, http.ping, self._nudge)
        self._kinds: tuple[type[Kind], ...] = (
            *(kind for kind in kinds if kind.SOURCE == "cluster"),
            CustomResourceDefinition,
        )
        self._out = emit
        self._clock = clock
        self._served: Served | None = None
        self._news = asyncio.Event()
        self._retry = asyncio.Event()
        self._crds: dict[str, str] = {}
        self._feed = Feed(self.api, self._emit, clock)
        self._followers: dict[type[Kind], asyncio.Task[None]] = {}
        self._reflectors: dict[tuple[type[Kind], str], Reflector] = {}
        self._notes: dict[type[Kind], Progress] = {}
        self._lost: set[type[Kind]] = set()
        self._visible = Visible(self.api, lambda: self._served, clock, namespaces)

    async def run(self) -> None:
        """Connect and follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_freshness(), name="freshness")
            await self._connect()
            tasks.create_task(self.pulse.beat(), name="heartbeat")
            for kind in self._kinds:
                self._follow(tasks, kind)
            await self._rediscover(tasks)

    @property
    def served(self) -> Served | None:
        """What the server serves; ``None`` before it was asked."""
        return self._served

    def retry(self) -> None:
        """Try now what waits for its back-off, the login included."""
        self.http.credentials.forget_failure()
        self._retry.set()
        self._news.set()
        self._feed.nudge()

    def look_again(self) -> None:
        """Read single objects now, not at the next round."""
        self._feed.nudge()

    def _nudge(self, silent_s: float) -> None:
        """The target is back: nobody waits on, and streams from before a long silence are not trusted to have survived it."""
        self._feed.nudge()
        self._news.set()
        if silent_s >= STALE_S:
            for reflector in self._reflectors.values():
                reflector.cut()

    def health(self) -> Health:
        """The connection as it is now."""
        kinds = tuple(self._kind_health(item) for item in self._progress())
        target = self.http.target
        return Health(
            freshness=self.pulse.overall(item.freshness for item in kinds),
            problem=self.problem or (self.pulse.error if self.pulse.silent_s > 0 else None),
            user=self.login.user,
            groups=self.login.groups,
            server=target.server,
            server_version=self.login.version,
            cluster_id=self.login.cluster_id,
            context=target.context,
            silent_s=self.pulse.silent_s,
            latency_s=self.pulse.latency_s,
            skew_s=self.http.skew_s,
            requests=self.api.requests,
            kinds=kinds,
            warnings=tuple(self.http.warnings),
            login_program=self.http.credentials.program_name,
            login_waiting_s=self.http.credentials.waiting_s,
        )

    async def _connect(self) -> None:
        """Ask who we are and what is served, until there is an answer."""
        backoff = Backoff(self._clock)
        while True:
            try:
                self._served = await self.api.discover(frozenset(self._kinds))
                self.login = await who_am_i(self.api)
                break
            except ZtuiError as error:
                self.problem = error
                everything: tuple[type[Kind], ...] = (*self._kinds, Session)
                for kind in everything:
                    self._out(Hole(kind, gap_of(error)))
                self._retry.clear()
                await within(self._clock, backoff.failed(), self._retry)
        self.problem = None
        self.pulse.heard_at = self._clock.monotonic()
        self._out(Put(self.login.as_kind()))
        self._out(Whole(Session, frozenset({(CLUSTER, "self")})))

    async def _rediscover(self, tasks: asyncio.TaskGroup) -> None:
        """Ask again what is served when a CRD or an API service changed, and now and then in any case."""
        was_news = False
        while True:
            was_news = await within(self._clock, self._patience(was_news=was_news), self._news)
            await self._clock.sleep(SETTLE_S)
            self._news.clear()
            before = self._served
            try:
                self._served = await self.api.discover(frozenset(self._kinds))
            except ZtuiError:
                continue  # The heartbeat and the followers say what is wrong; the next round asks again.
            for kind in self._kinds:
                if before is None or before.resolve(kind) != self._served.resolve(kind):
                    self._follow(tasks, kind)

    def _patience(self, *, was_news: bool) -> float:
        """Seconds until discovery is asked again where nothing happens."""
        if was_news:
            return REDISCOVER_SOON_S
        blind = CustomResourceDefinition not in self._notes or self._notes[CustomResourceDefinition].state == "blocked"
        down = self._served is not None and self._served.down
        return REDISCOVER_BLIND_S if blind or down else REDISCOVER_S

    def _follow(self, tasks: asyncio.TaskGroup, kind: type[Kind]) -> None:
        """Start a kind's follower, in place of the one it may have."""
        old = self._followers.get(kind)
        if old is not None:
            old.cancel()
        self._followers[kind] = tasks.create_task(self._keep(kind), name=f"follow {kind.PLURAL}")

    async def _keep(self, kind: type[Kind]) -> None:
        assert self._served is not None  # noqa: S101  followers start after discovery
        where = self._served.resolve(kind)
        note = self._notes[kind] = Progress(kind, EVERYWHERE, self._clock)
        if isinstance(where, Gap):
            note.state, note.note = "blocked", str(where)
            self._out(Hole(kind, where, forget=where.why is Why.ABSENT))
            return
        if kind.SINGLE:
            await self._poll(kind, where, note, kind.SINGLE)
        while True:
            gap = await self._reflect(kind, where, EVERYWHERE)
            if gap.why is Why.ABSENT:
                self._news.set()  # Discovery said otherwise: it is out of date.
            await self._fall_back(kind, where, gap)

    async def _reflect(self, kind: type[Kind], where: Resource, scope: str) -> Gap:
        streaming = self.login.minor >= STREAMING_SINCE
        reflector = self._reflectors[kind, scope] = Reflector(self._feed, kind, where, scope, streaming=streaming)
        if scope == EVERYWHERE:
            self._notes[kind] = reflector.progress
        return await reflector.run()

    async def _fall_back(self, kind: type[Kind], where: Resource, gap: Gap) -> None:
        """A cluster-wide list was refused: follow the namespaces that are known, until the list is allowed.

        What was held is forgotten at once. Until the namespaces are known, and then until each was read, the kind is loading:
        who waits for everything must not take the refusal for all of the answer.
        """
        in_parts = gap.why is Why.FORBIDDEN and not kind.ONLY_IN and (kind.NAMESPACED or kind is Namespace)
        parts: dict[str, asyncio.Task[None]] = {}
        try:
            if in_parts:
                self._out(Hole(kind, LOADING, forget=True))
                self._begin(kind, where, parts, await self._visible.names())
            self._out(Hole(kind, gap, forget=True))
            while True:
                await self._clock.sleep(ASK_AGAIN_S)
                with contextlib.suppress(ZtuiError):
                    await self.api.page(kind, where, namespace=kind.ONLY_IN or None, limit=1)
                    return
                if in_parts:
                    names = await self._visible.names()
                    self._begin(kind, where, parts, names)
                    await self._end(kind, parts, parts.keys() - set(names), gap)
        finally:
            await self._end(kind, parts, set(parts))

    def _begin(self, kind: type[Kind], where: Resource, parts: dict[str, asyncio.Task[None]], names: Iterable[str]) -> None:
        """Follow a kind in these namespaces too."""
        for name in names:
            if name not in parts:
                self._out(Hole(kind, LOADING, name))
                parts[name] = asyncio.ensure_future(self._part(kind, where, name))

    async def _end(self, kind: type[Kind], parts: dict[str, asyncio.Task[None]], names: set[str], gap: Gap | None = None) -> None:
        """Follow a kind in these namespaces no more. Where they cannot be seen any longer (a gap), what was held is forgotten."""
        ended = [parts.pop(name) for name in names]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        for name in names:
            self._reflectors.pop((kind, name), None)
            if gap is not None:
                self._out(Drop(kind, CLUSTER, name) if kind is Namespace else Hole(kind, gap, name, forget=True))

    async def _part(self, kind: type[Kind], where: Resource, namespace: str) -> None:
        if kind is Namespace:
            await self._poll_one(kind, where, namespace)
        while True:
            gap = await self._reflect(kind, where, namespace)
            self._out(Hole(kind, gap, namespace, forget=True))
            await self._clock.sleep(ASK_AGAIN_S)

    async def _poll(self, kind: type[Kind], where: Resource, note: Progress, at: tuple[str, str]) -> None:
        """Read one named object now and then: the right to it says nothing about the rest of its resource."""
        note.state, note.due_s = "watching", POLL_S * 2
        while True:
            pause_s = POLL_S
            try:
                self._out(await self._single(kind, where, at))
                self._out(Whole(kind, frozenset({at})))
                note.state, note.note, note.lists = "watching", "", note.lists + 1
            except AbsentError:
                self._out(Whole(kind, frozenset()))
                note.state, note.note, note.lists = "watching", "", note.lists + 1
            except ZtuiError as error:
                gap = gap_of(error)
                note.state, note.note = "blocked" if gap.why is Why.FORBIDDEN else "backing off", str(gap)
                if isinstance(error, ConnectError):
                    pause_s = max(BEAT_S, error.retry_after_s or 0.0)
                if note.lists == 0 or not isinstance(error, ConnectError):
                    self._out(Hole(kind, gap, forget=gap.why is Why.FORBIDDEN))
            if note.state != "backing off":
                note.alive_at = self._clock.monotonic()
            await within(self._clock, pause_s, self._feed.again)

    async def _single(self, kind: type[Kind], where: Resource, at: tuple[str, str]) -> Event:
        obj = await self.api.get(kind, where, *at)
        if isinstance(obj, Malformed):
            return Broken(kind, msgspec.structs.replace(obj, namespace=at[0], name=at[1]))
        return Put(obj)

    async def _poll_one(self, kind: type[Kind], where: Resource, name: str) -> None:
        """Keep one namespace, where they may not be listed."""
        while True:
            try:
                obj = await self.api.get(kind, where, None, name)
                self._out(Broken(kind, obj) if isinstance(obj, Malformed) else Put(obj))
            except (AbsentError, ForbiddenError):
                self._out(Drop(kind, CLUSTER, name))
            except ZtuiError:
                pass  # What was read stays until the heartbeat says that it is lost.
            self._out(Whole(kind, frozenset(), name))  # it was looked for, whatever came of it
            await self._clock.sleep(ASK_AGAIN_S)

    def _emit(self, event: Event) -> None:
        """Pass an event on; CRDs and API services also say that discovery is out of date."""
        match event:
            case Put(CustomResourceDefinition() as crd):
                if self._crds.get(crd.name) != crd.metadata.resource_version:
                    self._crds[crd.name] = crd.metadata.resource_version
                    self._news.set()
            case Drop(kind=kind, name=name) if kind is CustomResourceDefinition:
                self._crds.pop(name, None)
                self._news.set()
            case Whole(kind=kind, keep=keep) if kind is CustomResourceDefinition:
                left = {name: version for name, version in self._crds.items() if (CLUSTER, name) in keep}
                if len(left) < len(self._crds):
                    self._crds = left
                    self._news.set()
            case Put(APIService()):
                self._news.set()
        if isinstance(event, Put) and isinstance(event.obj, Namespace) and event.obj.name == "kube-system":
            self.login.cluster_id = event.obj.metadata.uid
        self._out(event)

    async def _watch_freshness(self) -> None:
        """Turn silence into lost kinds, and end streams to a server that is gone."""
        while True:
            await self._clock.sleep(LOOK_S)
            states: dict[type[Kind], tuple[Freshness, float]] = {}
            for progress in self._progress():
                found = self.pulse.freshness(progress)
                states[progress.kind] = max(states.get(progress.kind, found), found, key=lambda item: item[1])
            for kind, (fresh, silent_s) in states.items():
                if (fresh is Freshness.LOST) != (kind in self._lost):
                    lost = fresh is Freshness.LOST
                    (self._lost.add if lost else self._lost.discard)(kind)
                    self._out(Lost(kind, Gap(Why.STALE, f"no news for {silent_s:.0f} s") if lost else None))
            if self.pulse.silent_s >= CUT_S:
                for reflector in self._reflectors.values():
                    reflector.cut()

    def _progress(self) -> list[Progress]:
        parts = [item.progress for (_, scope), item in self._reflectors.items() if scope != EVERYWHERE]
        return [*self._notes.values(), *parts]

    def _kind_health(self, progress: Progress) -> KindHealth:
        fresh, silent_s = self.pulse.freshness(progress)
        scope = "" if progress.scope == EVERYWHERE else progress.scope
        return KindHealth(
            progress.kind.PLURAL,
            progress.kind.GROUP,
            scope,
            progress.state,
            progress.note,
            fresh,
            silent_s,
            progress.lists,
            progress.restarts,
            progress.events,
        )
