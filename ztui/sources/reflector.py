"""One kind of one cluster, kept up to date: list, watch, list again, back off.

Hop 1 of the way from watch event to pixel. Everything it learns leaves as store events; what goes wrong leaves as a hole with its
reason. It never gives up and never asks faster than its back-off.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import msgspec

from ztui.clock import Clock, within
from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, GoneError, LoginError, TrustError, ZtuiError
from ztui.kinds.base import UNNAMED, Kind, Malformed
from ztui.sources.backoff import Backoff
from ztui.sources.discovery import Resource
from ztui.sources.guard import SILENCE_S, WATCH_S, Progress, guard
from ztui.sources.kube import PAGES_LIMIT, Bare, Bookmark, Change, KubeApi, Page, TooLong, WatchEvent, too_large
from ztui.store import At, Broken, Drop, Event, Hole, Put, Whole
from ztui.view import EVERYWHERE, LOADING, Gap, Why

ASK_AGAIN_S: Final = 60.0
"""When something forbidden is tried again."""

POLL_S: Final = 30.0
"""How often a single named object is read."""

NAME_S: Final = 10
"""How long the name of an object that is too large may take."""

RESYNC_S: Final = 5.0
"""Two resyncs within this time are a failure."""

BEHIND_TRIES: Final = 6
"""Answers older than what was seen before the server is taken to have been restored from a backup."""

FAILURES: Final = 3
"""Tries of a first list after which its failure is told."""

Emit = Callable[[Event], None]


class Feed:
    """What all reflectors of a cluster share: the API, where events go, time, chance, and how many may list at once."""

    def __init__(self, api: KubeApi, emit: Emit, clock: Clock, *, rng: random.Random | None = None, lists: int = 8) -> None:
        self.api = api
        self.emit = emit
        self.clock = clock
        self.rng = rng or random.Random()  # noqa: S311  jitter, not a secret
        self.gate = asyncio.Semaphore(lists)
        self.again = asyncio.Event()

    def nudge(self) -> None:
        """End all waits of now, but those that the server asked for: the other side is known to be back."""
        self.again.set()
        self.again.clear()


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
        self._again = feed.again
        self._rng = feed.rng
        self.kind = kind
        self._resource = resource
        self._scope = scope
        self._namespace = (kind.ONLY_IN or None) if scope == EVERYWHERE else scope
        self._streaming = streaming
        self._backoff = Backoff(feed.clock, feed.rng)
        self._version = ""
        self._floor = ""
        self._behind = 0
        self._failures = 0
        self._gone_at = -RESYNC_S
        self._cut = asyncio.Event()
        self.progress = Progress(kind, scope, feed.clock)

    def cut(self) -> None:
        """End the open stream as if the network had: somebody knows better that the other side is gone."""
        self._cut.set()

    async def run(self) -> Gap:
        """Follow the kind until cancelled, or until it is gone from the server or forbidden: returns that gap, and tells nobody.

        Whoever started it decides what comes next (other versions, single namespaces, another try later), and tells both at once.
        """
        while True:
            try:
                await self._round()
            except (ForbiddenError, AbsentError) as error:
                gap = gap_of(error)
                self.progress.state, self.progress.note = "blocked", str(gap)
                return gap
            except GoneError:
                await self._resync()
            except ConnectError as error:
                self._hole(error)
                behind = self._fall_behind(error)
                await self._pause(self._backoff, error, "server behind, waiting" if behind else _why(error))
            except ZtuiError as error:
                self._hole(error)
                self._version = ""
                self.progress.restarts += 1
                await self._pause(self._backoff, error, _why(error))

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
            await self._pause(self._backoff, None, "resyncing")

    def _fall_behind(self, error: ConnectError) -> bool:
        """Whether the server is older than what was seen.

        That is waited for; a server that stays so (restored from a backup) is believed in the end.
        """
        if "resource version" not in error.why.lower():
            self._behind = 0
            return False
        self._behind += 1
        if self._behind >= BEHIND_TRIES:
            self._behind, self._floor, self._version = 0, "", ""
        return True

    async def _list(self) -> str:
        """Read all pages; objects show from the first page, and at the end what was not listed is gone."""
        progress = self.progress
        progress.state = "listing"
        keep: set[At] = set()
        token, seen_tokens, count = "", set[str](), 0
        while True:
            page = await self._page(token)
            self._alive()
            for obj in page.objects:
                keep.add(_at(obj))
                self._emit(Put(obj))
            for what in page.broken:
                keep.add(self._broken(what))
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
        self._whole(keep)
        self._floor = page.version
        return page.version

    async def _page(self, token: str) -> Page:
        """One page; a page that fails in passing is asked for again rather than all of them. Nobody waits for its patience."""
        patience = Backoff(self._clock, self._rng)
        tries = 0
        while True:
            try:
                async with self._gate:
                    return await self._api.page(
                        self.kind, self._resource, namespace=self._namespace, token=token, not_older_than=self._floor
                    )
            except TrustError:
                raise
            except ConnectError as error:
                tries += 1
                if tries >= 4 or not token:
                    raise
                await self._pause(patience, error, _why(error))
                self.progress.state = "listing"

    async def _watch(self, *, initial: bool = False) -> None:
        planned = round(WATCH_S * (0.8 + 0.4 * self._rng.random()))
        self.progress.due_s = planned + SILENCE_S
        self.progress.state = "listing" if initial else "watching"
        started = self._clock.monotonic()
        keep: set[At] | None = set() if initial else None
        skipped = 0
        try:
            async with (
                guard(self._clock, self.progress, self._cut, planned, initial=initial),
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
                    keep, skipped = self._take_all(batch, keep)
                    if skipped:
                        break
        except ConnectError as error:
            if initial and self._refuses_streaming(error, keep):
                return
            raise
        if keep is not None:
            self._streaming, self._version = False, ""
        elif skipped:
            await self._name(skipped)
        elif self._clock.monotonic() - started < planned / 4:
            self._ended_early()
        else:
            self._alive()

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

    def _take_all(self, batch: list[WatchEvent], keep: set[At] | None) -> tuple[set[At] | None, int]:
        """Hand watch events on, up to one that was too long: returns its size too, 0 where there was none."""
        for event in batch:
            self.progress.events += 1
            if isinstance(event, TooLong):
                return keep, event.size
            keep = self._take(event, keep)
        return keep, 0

    def _take(self, event: Bookmark | Change, keep: set[At] | None) -> set[At] | None:
        """Hand one watch event on; returns what a streaming list has named so far, ``None`` once it is complete."""
        match event:
            case Bookmark(version, is_initial_end):
                self._floor = version
                if keep is None or is_initial_end:
                    self._version = version
                if is_initial_end and keep is not None:
                    self._whole(keep)
                    self.progress.state = "watching"
                    return None
            case Change(obj, gone):
                at = self._change(obj, gone=gone)
                if keep is not None and not gone:
                    keep.add(at)
                if keep is None:
                    self._move(obj)
        return keep

    def _change(self, obj: Kind | Malformed, *, gone: bool) -> At:
        if isinstance(obj, Malformed):
            if obj.name == UNNAMED:
                msg = "a watch event does not say which object it is about"
                raise DataError(msg, where=self.kind.PLURAL, why=obj.why)
            if not gone:
                return self._broken(obj)
        at = _at(obj)
        self._emit(Drop(self.kind, *at) if gone or isinstance(obj, Malformed) else Put(obj))
        return at

    def _broken(self, what: Malformed) -> At:
        """Hand on what cannot be read; in a list of one namespace, that is where it is."""
        if not what.namespace and self._namespace:
            what = msgspec.structs.replace(what, namespace=self._namespace)
        self._emit(Broken(self.kind, what))
        return _at(what)

    def _move(self, obj: Kind | Malformed) -> None:
        version = obj.version if isinstance(obj, Malformed) else obj.metadata.resource_version
        if version:
            self._version = self._floor = version

    async def _name(self, size_bytes: int) -> None:
        """Find out which object was too long: from the same version on, its metadata is the first event of the kind."""
        async with (
            guard(self._clock, self.progress, self._cut, NAME_S),
            self._api.watch(Bare, self._resource, namespace=self._namespace, version=self._version, timeout_s=NAME_S) as batches,
        ):
            async for batch in batches:
                self._alive()
                for event in batch:
                    if isinstance(event, Change):
                        obj = event.obj
                        namespace, name = _at(obj)
                        what = Malformed(namespace, name, too_large(size_bytes))
                        self._change(obj if event.gone else what, gone=event.gone)
                        self._move(obj)
                        return
        msg = "an object is too large and does not tell its name"
        raise DataError(msg, where=self.kind.PLURAL, why=f"{size_bytes} bytes")

    def _alive(self) -> None:
        self.progress.alive_at = self._clock.monotonic()
        self._backoff.healthy()

    def _hole(self, error: ZtuiError) -> None:
        """Say why the kind cannot be read now. What was read before stays, until it is stale, unless the right to it is gone.

        A first list that fails in passing is still loading.
        """
        gap = gap_of(error)
        self._failures += 1
        if gap.why is Why.FORBIDDEN:  # a login that is over
            self._emit(Hole(self.kind, gap, self._scope, forget=True))
            self.progress.state, self.progress.note = "blocked", str(gap)
        elif not self.progress.lists:
            passing = isinstance(error, ConnectError) and self._failures < FAILURES
            self._emit(Hole(self.kind, LOADING if passing else gap, self._scope))

    def _whole(self, keep: set[At]) -> None:
        self._emit(Whole(self.kind, frozenset(keep), self._scope))
        self.progress.lists += 1
        self._failures = 0

    async def _pause(self, backoff: Backoff, error: ZtuiError | None, note: str) -> None:
        """Wait after a failure: as long as the server asked for, else until the back-off is over or somebody knows better."""
        asked_s = error.retry_after_s if isinstance(error, ConnectError) else None
        seconds = max(backoff.failed(), asked_s or 0.0)
        self.progress.state, self.progress.note, self.progress.retry_in_s = "backing off", note, seconds
        if asked_s:
            await self._clock.sleep(seconds)
        elif await within(self._clock, seconds, self._again):
            await self._clock.sleep(self._rng.random())  # Not all at once.
        self.progress.note, self.progress.retry_in_s = "", 0.0


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
