"""One kind of one cluster, kept up to date: list, watch, list again, back off.

Hop 1 of the way from watch event to pixel. Everything it learns leaves as store events; what goes wrong leaves as a hole with its
reason. It never gives up and never asks faster than its back-off.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal

from ztui.clock import Clock
from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, GoneError, LoginError, TrustError, ZtuiError
from ztui.kinds.base import Kind, Malformed
from ztui.sources.backoff import Backoff
from ztui.sources.discovery import Resource
from ztui.sources.kube import PAGES_LIMIT, Bookmark, Change, KubeApi, Page, TooLong
from ztui.store import At, Broken, Drop, Event, Hole, Put, Whole
from ztui.view import EVERYWHERE, LOADING, Gap, Why

WATCH_S: Final = 60
"""Planned length of a watch, ± 20 %: its end is a sign of life even where nothing happens."""

SILENCE_S: Final = 15.0
"""How long past its planned end a silent watch counts as alive."""

STREAM_LIST_S: Final = 10.0
"""How long a streaming list may take to deliver its first event before pages are asked for instead."""

ASK_AGAIN_S: Final = 60.0
"""When something forbidden is tried again."""

POLL_S: Final = 30.0
"""How often a single named object is read."""

RESYNC_S: Final = 5.0
"""Two resyncs within this time are a failure."""

BEHIND_TRIES: Final = 6
"""Answers older than what was seen before the server is taken to have been restored from a backup."""

Emit = Callable[[Event], None]


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


class Feed:
    """What all reflectors of a cluster share: the API, where events go, time, chance, and how many may list at once."""

    def __init__(self, api: KubeApi, emit: Emit, clock: Clock, *, rng: random.Random | None = None, lists: int = 8) -> None:
        self.api = api
        self.emit = emit
        self.clock = clock
        self.rng = rng or random.Random()  # noqa: S311  jitter, not a secret
        self.gate = asyncio.Semaphore(lists)


class Reflector:
    """Keeps one kind, everywhere or in one namespace, as store events.

    ``streaming`` asks for streaming lists first (servers that have them on by default); pages are the fallback.
    """

    def __init__(
        self, feed: Feed, kind: type[Kind], resource: Resource, scope: str = EVERYWHERE, *, streaming: bool = False
    ) -> None:
        self._api = feed.api
        self._emit = feed.emit
        self._clock = feed.clock
        self._gate = feed.gate
        self._rng = feed.rng
        self.kind = kind
        self._resource = resource
        self._scope = scope
        self._namespace = None if scope == EVERYWHERE else scope
        self._streaming = streaming
        self._backoff = Backoff(feed.clock, feed.rng)
        self._version = ""
        self._floor = ""
        self._behind = 0
        self._gone_at = -RESYNC_S
        self._cut = asyncio.Event()
        self.progress = Progress(kind, scope, feed.clock)

    def cut(self) -> None:
        """End the open stream as if the network had: somebody knows better that the other side is gone."""
        self._cut.set()

    async def run(self) -> None:
        """Follow the kind until cancelled, or until it is gone from the server or forbidden: then returns, with a hole left.

        Whoever started it decides what comes next (other versions, single namespaces, another try later).
        """
        while True:
            try:
                await self._round()
            except (ForbiddenError, AbsentError) as error:
                self._hole(error)
                return
            except GoneError:
                await self._resync()
            except ConnectError as error:
                self._hole(error)
                self._fall_behind(error)
                await self._wait(max(self._backoff.failed(), error.retry_after_s or 0.0), _why(error))
            except ZtuiError as error:
                self._hole(error)
                self._version = ""
                await self._wait(self._backoff.failed(), _why(error))

    async def _round(self) -> None:
        """List where no version is known, then watch until the stream ends as planned."""
        if not self._version and self._streaming:
            await self._watch(initial=True)
            return
        if not self._version:
            self._version = await self._list()
        await self._watch()

    async def _resync(self) -> None:
        """List again at once; a server that says so twice within seconds gets the patience of any other failure."""
        now = self._clock.monotonic()
        soon, self._gone_at = now - self._gone_at < RESYNC_S, now
        self._version = ""
        self.progress.restarts += 1
        if soon:
            await self._wait(self._backoff.failed(), "resyncing")

    def _fall_behind(self, error: ConnectError) -> None:
        """A server older than what was seen is waited for; one that stays so (restored from a backup) is believed in the end."""
        if "resource version" not in error.why.lower():
            self._behind = 0
            return
        self._behind += 1
        if self._behind >= BEHIND_TRIES:
            self._behind, self._floor, self._version = 0, "", ""

    async def _list(self) -> str:
        """Read all pages; objects show from the first page, and at the end what was not listed is gone."""
        progress = self.progress
        progress.state, progress.lists = "listing", progress.lists + 1
        keep: set[At] = set()
        token, seen_tokens, count = "", set[str](), 0
        async with self._gate:
            while True:
                page = await self._page(token)
                self._alive()
                for obj in page.objects:
                    keep.add((obj.metadata.namespace, obj.metadata.name))
                    self._emit(Put(obj))
                for what in page.broken:
                    keep.add((what.namespace, what.name))
                    self._emit(Broken(self.kind, what))
                count += 1
                if not page.token:
                    break
                if page.token in seen_tokens or count >= PAGES_LIMIT:
                    msg = "a list does not end"
                    raise DataError(msg, where=self.kind.PLURAL, why="the same page token came again")
                seen_tokens.add(page.token)
                token = page.token
                progress.note = f"{len(keep)} so far, {page.remaining} to come"
        progress.note = ""
        self._emit(Whole(self.kind, frozenset(keep), self._scope))
        self._floor = page.version
        return page.version

    async def _page(self, token: str) -> Page:
        """One page; a page that fails in passing is asked for again rather than all of them."""
        patience = Backoff(self._clock, self._rng)
        tries = 0
        while True:
            try:
                return await self._api.page(
                    self.kind, self._resource, namespace=self._namespace, token=token, not_older_than=self._floor
                )
            except TrustError:
                raise
            except ConnectError as error:
                tries += 1
                if tries >= 4 or not token:
                    raise
                await self._wait(max(patience.failed(), error.retry_after_s or 0.0), _why(error))
                self.progress.state = "listing"

    async def _watch(self, *, initial: bool = False) -> None:
        planned = round(WATCH_S * (0.8 + 0.4 * self._rng.random()))
        self.progress.due_s = planned + SILENCE_S
        self.progress.state = "listing" if initial else "watching"
        started = self._clock.monotonic()
        keep: set[At] | None = set() if initial else None
        try:
            async with (
                self._guard(planned, initial=initial),
                self._api.watch(
                    self.kind,
                    self._resource,
                    namespace=self._namespace,
                    version=self._version or self._floor,
                    timeout_s=planned,
                    initial=initial,
                ) as batches,
            ):
                async for batch in batches:
                    self._alive()
                    for event in batch:
                        keep = self._take(event, keep)
        except ConnectError as error:
            if initial and self._refuses_streaming(error, keep):
                return
            raise
        if keep is not None:
            self._streaming, self._version = False, ""
        elif self._clock.monotonic() - started < planned / 4:
            self._ended_early()

    def _ended_early(self) -> None:
        """A stream that ends long before its time is not to be trusted, whatever it brought: ask again, but slower."""
        self.progress.restarts += 1
        msg = "the watch ends at once"
        raise ConnectError(msg, where=self.kind.PLURAL)

    def _refuses_streaming(self, error: ConnectError, keep: set[At] | None) -> bool:
        """Whether a streaming list failed in a way that pages may not."""
        if keep is None or isinstance(error, TrustError) or error.status == 429:
            return False
        refused = error.status in {400, 422} or "streaming list" in error.what
        if refused:
            self._streaming, self._version = False, ""
        return refused

    def _take(self, event: Bookmark | Change | TooLong, keep: set[At] | None) -> set[At] | None:
        """Hand one watch event on; returns what a streaming list has named so far, ``None`` once it is complete."""
        self.progress.events += 1
        match event:
            case Bookmark(version, is_initial_end):
                self._floor = version
                if keep is None or is_initial_end:
                    self._version = version
                if is_initial_end and keep is not None:
                    self._emit(Whole(self.kind, frozenset(keep), self._scope))
                    self.progress.state, self.progress.lists = "watching", self.progress.lists + 1
                    return None
            case TooLong(size):
                self._emit(Broken(self.kind, Malformed("", "?", f"too large ({size} bytes)")))
            case Change(obj, gone):
                self._change(obj, gone=gone)
                if keep is not None and not gone:
                    keep.add(_at(obj))
                if keep is None and isinstance(obj, Kind):
                    self._version = self._floor = obj.metadata.resource_version
        return keep

    def _change(self, obj: Kind | Malformed, *, gone: bool) -> None:
        if gone:
            namespace, name = _at(obj)
            self._emit(Drop(self.kind, namespace, name))
        elif isinstance(obj, Malformed):
            self._emit(Broken(self.kind, obj))
        else:
            self._emit(Put(obj))

    @asynccontextmanager
    async def _guard(self, planned: int, *, initial: bool) -> AsyncIterator[None]:
        """Cut a stream that has been silent past its planned end, a streaming list that never starts, or one told to end."""
        me = asyncio.current_task()
        assert me is not None  # noqa: S101  a coroutine always runs in a task
        self._cut.clear()
        opened, why = self._clock.monotonic(), ""

        async def look() -> None:
            nonlocal why
            while not why:
                now = self._clock.monotonic()
                still = max(opened + planned, self.progress.alive_at) + SILENCE_S - now
                if initial and self.progress.state == "listing":
                    still = min(still, max(opened, self.progress.alive_at) + STREAM_LIST_S - now)
                if still <= 0:
                    why = "the streaming list does not end" if self.progress.state == "listing" else "the stream is silent"
                    break
                await self._clock.sleep(still)
            me.cancel()

        async def obey() -> None:
            nonlocal why
            await self._cut.wait()
            why = "the server is gone"
            me.cancel()

        self.progress.alive_at = min(self.progress.alive_at, opened)
        watchers = (asyncio.ensure_future(look()), asyncio.ensure_future(obey()))
        try:
            yield
        except asyncio.CancelledError as error:
            if why and me.uncancel() == 0:
                raise ConnectError(why, where=self.kind.PLURAL) from error
            raise
        finally:
            for task in watchers:
                task.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)

    def _alive(self) -> None:
        self.progress.alive_at = self._clock.monotonic()
        self._backoff.healthy()

    def _hole(self, error: ZtuiError) -> None:
        """Say why the kind cannot be read now. What was read before stays, until it is stale, unless the right to it is gone."""
        gap = gap_of(error)
        if gap.why is Why.FORBIDDEN or gap.why is Why.ABSENT:
            self._emit(Hole(self.kind, gap, self._scope, forget=True))
            self.progress.state, self.progress.note = "blocked", str(gap)
        elif not self.progress.lists:
            self._emit(Hole(self.kind, gap if gap.why is not Why.STALE else LOADING, self._scope))

    async def _wait(self, seconds: float, note: str) -> None:
        self.progress.state, self.progress.note = "backing off", note
        self.progress.retry_in_s = seconds
        await self._clock.sleep(seconds)


def gap_of(error: ZtuiError) -> Gap:
    """What an error of the reading side means for whoever needed the data."""
    match error:
        case ForbiddenError(verb=verb, resource=resource, scope=scope):
            return Gap(Why.FORBIDDEN, f"{verb} {resource}" if scope == "cluster" else f"{verb} {resource} in {scope}")
        case AbsentError():
            return Gap(Why.ABSENT, error.what)
        case LoginError():
            return Gap(Why.FORBIDDEN, "login: " + error.what)
        case DataError():
            return Gap(Why.MALFORMED, str(error))
        case ConnectError() if error.status == 503:
            return Gap(Why.UNAVAILABLE, error.why or error.what)
        case _:
            return Gap(Why.TIMEOUT, error.why or error.what)


def _at(obj: Kind | Malformed) -> At:
    return (obj.namespace, obj.name)


def _why(error: ZtuiError) -> str:
    if isinstance(error, ConnectError) and error.retry_after_s:
        return f"server asks to wait {error.retry_after_s:g} s"
    return error.what
