"""Watches: synthetic ADDED events or the past since a version, then live changes, bookmarks, the planned end.

A watch keeps its own queue, filled by the store under its lock from any thread, so that no change falls between the
past and the present.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from ztui.demo.answers import ApiError, Obj, expired, invalid, too_large_version
from ztui.demo.calls import Call
from ztui.demo.catalogue import Resource, api_version
from ztui.demo.derived import DERIVED, source_of
from ztui.demo.present import Form, encode, one
from ztui.demo.reading import check_versions, predicate_of
from ztui.demo.store import Change

if TYPE_CHECKING:
    from ztui.demo.cluster import Cluster
    from ztui.demo.faults import Switch
    from ztui.demo.selectors import Predicate

BOOKMARK_S = 60.0
END_MARK = "k8s.io/initial-events-end"
SLOWEST = 20_000  # queued changes after which a watcher is cut off, as the real server does with slow ones


class Watch:
    """One watch: its filter, its form, its queue."""

    def __init__(self, cluster: Cluster, call: Call, form: Form) -> None:
        self.cluster = cluster
        self.call = call
        self.form = form
        derived = DERIVED.get(call.resource.id)
        self.source = source_of(cluster, call.resource)
        self.convert = derived.convert if derived else None
        self.predicate: Predicate | None = predicate_of(cluster, call)[0]
        self.bookmarks = call.flag("allowWatchBookmarks") and not cluster.faults.hit("no-bookmarks", call.resource.plural)
        self.loop = asyncio.get_running_loop()
        self.queue: deque[Change] = deque()
        self.awake = asyncio.Event()
        self.version = 0
        self.head = True

    def listen(self, resource: Resource, change: Change) -> None:
        """The store's call on every change, in whatever thread made it."""
        if resource.id == self.source.id:
            self.queue.append(change)
            self.loop.call_soon_threadsafe(self.awake.set)
        elif resource.plural == "customresourcedefinitions" and self.cluster.catalogue.get(*self.source.id) is None:
            self.loop.call_soon_threadsafe(self.awake.set)

    def event(self, kind: str, obj: Obj) -> bytes:
        """One line of the stream."""
        shown = one(self.call.resource, self.call.version, obj, self.form, head=self.head)
        self.head = False
        return encode({"type": kind, "object": shown}) + b"\n"

    def seen(self, change: Change) -> bytes | None:
        """What this watch's selectors make of a change; None if they make nothing of it."""
        new: Obj | None = self._shown(change.obj)
        old: Obj | None = self._shown(change.old) if change.old else None
        now = new is not None and change.type != "DELETED" and self._wants(new)
        before = old is not None and self._wants(old)
        if now and new is not None:
            return self.event("MODIFIED" if before else "ADDED", new)
        if before and old is not None:
            last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(change.version)}}
            return self.event("DELETED", last)
        return None

    def _shown(self, obj: Obj) -> Obj:
        return self.convert(obj) if self.convert else obj

    def _wants(self, obj: Obj) -> bool:
        return self.predicate is None or self.predicate(obj)

    def begin(self) -> Iterator[bytes]:
        """The first lines: existing objects, or the past since the asked version. Starts listening."""
        store, call = self.cluster.store, self.call
        with store.lock:
            asked = int(call.query.get("resourceVersion") or 0)
            if asked > store.version:
                raise too_large_version(asked, store.version)
            self.version = store.version
            past = store.since(self.source, asked) if asked and not self._initial() else None
            existing = store.all(self.source) if past is None else []
            store.listeners.append(self.listen)
        if past is not None:
            return filter(None, (self.seen(change) for change in past))
        shown = (self._shown(obj) for obj in existing)
        return (self.event("ADDED", obj) for obj in shown if self._wants(obj))

    def _initial(self) -> bool:
        return self.call.flag("sendInitialEvents")

    def bookmark(self, *, end: bool = False) -> bytes:
        """A bookmark at the newest version this watch has seen; `end` marks the end of the initial events."""
        resource = self.call.resource
        meta: Obj = {"resourceVersion": str(self.version), "creationTimestamp": None}
        if end:
            meta["annotations"] = {END_MARK: "true"}
        obj: Obj = {"kind": resource.kind, "apiVersion": api_version(resource.group, self.call.version)}
        if self.form.as_kind == "PartialObjectMetadata":
            obj = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        elif self.form.as_kind == "Table":
            row = {"cells": [], "object": {**obj, "metadata": meta}}
            shown = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": str(self.version)}}
            return encode({"type": "BOOKMARK", "object": {**shown, "columnDefinitions": None, "rows": [row]}}) + b"\n"
        return encode({"type": "BOOKMARK", "object": {**obj, "metadata": meta}}) + b"\n"

    def close(self) -> None:
        """Stops listening."""
        with self.cluster.store.lock, contextlib.suppress(ValueError):
            self.cluster.store.listeners.remove(self.listen)


def _check(call: Call) -> None:
    check_versions(call)
    asked = call.query.get("sendInitialEvents", "")
    if not asked:
        return
    if call.query.get("resourceVersionMatch") != "NotOlderThan":
        why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid("meta.k8s.io", "ListOptions", "", [("resourceVersionMatch", "FieldValueForbidden", why)])


async def serve(cluster: Cluster, call: Call, form: Form) -> web.StreamResponse:
    """Answers a watch request until its planned end, a fault, or the client leaves."""
    faults, plural = cluster.faults, call.resource.plural
    if faults.hit("watch-410-status", plural):
        raise expired("The resourceVersion for the provided watch is too old.")
    initial = call.query.get("sendInitialEvents")
    stream = faults.hit("stream-list", plural) if initial else None
    if stream and stream.get("mode") == "refuse":
        why = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise invalid("meta.k8s.io", "ListOptions", "", [("sendInitialEvents", "FieldValueForbidden", why)])
    _check(call)
    watch = Watch(cluster, call, form)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    try:
        try:
            lines = watch.begin()
        except ApiError as refused:
            if refused.code != 410:
                raise
            with contextlib.suppress(ConnectionError):  # whoever asked may be gone already
                await response.prepare(call.request)
                await response.write(encode({"type": "ERROR", "object": refused.status()}) + b"\n")
            return response
        with contextlib.suppress(ConnectionError):
            await response.prepare(call.request)
            await _run(watch, response, lines, stream)
    finally:
        watch.close()
    return response


async def _run(watch: Watch, response: web.StreamResponse, lines: Iterator[bytes], stream: Switch | None) -> None:
    faults, call = watch.cluster.faults, watch.call
    plural = call.resource.plural
    if faults.hit("watch-empty", plural):
        return
    if faults.hit("watch-silent", plural):
        await asyncio.Event().wait()
    send = Sender(watch, response)
    for line in lines:
        await send(line)
    if watch._initial() and watch.bookmarks and not (stream and stream.get("mode") in ("ignore", "endless")):
        await response.write(watch.bookmark(end=True))
    await send.odd()
    await _live(watch, response, send)


async def _live(watch: Watch, response: web.StreamResponse, send: Sender) -> None:
    loop = watch.loop
    asked = int(watch.call.query.get("timeoutSeconds") or 0)
    ends = loop.time() + (asked or 1800 + hash(watch) % 1800)
    mark = min(loop.time() + 1.0, ends - 0.2)  # a quiet stream gets its first bookmark at once
    while await _drain(watch, send):
        now = loop.time()
        gone = watch.cluster.catalogue.get(*watch.source.id) is None
        if gone or now >= ends or len(watch.queue) > SLOWEST:
            return
        if watch.bookmarks and now >= mark:
            await response.write(watch.bookmark())
            mark = ends - 2.0 if now + BOOKMARK_S >= ends - 2.0 > now else now + BOOKMARK_S
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watch.awake.wait(), max(0.01, (min(ends, mark) if watch.bookmarks else ends) - now))
        watch.awake.clear()


async def _drain(watch: Watch, send: Sender) -> bool:
    """Sends the changes that have come; false where a fault has ended the stream."""
    while watch.queue and not send.over:
        change = watch.queue.popleft()
        line = watch.seen(change)
        watch.version = max(watch.version, change.version)
        if line:
            await send(line)
    return not send.over


class Sender:
    """Writes event lines and, where a fault asks for it, what no server should write between them."""

    def __init__(self, watch: Watch, response: web.StreamResponse) -> None:
        self._watch = watch
        self._response = response
        self._sent = 0
        self.over = False

    async def __call__(self, line: bytes) -> None:
        """Sends one event; `over` becomes true where a fault ended the stream."""
        if self.over:
            return
        await self._response.write(line)
        self._sent += 1
        await self.odd()

    async def odd(self) -> None:
        """Sends what a fault has planned for this point of the stream."""
        faults, plural = self._watch.cluster.faults, self._watch.call.resource.plural
        if not faults or self.over:
            return
        cut = faults.hit("watch-410", plural, after=self._sent)
        if cut:
            error = expired("The resourceVersion for the provided watch is too old.").status()
            await self._response.write(encode({"type": "ERROR", "object": error}) + b"\n")
            self.over = True
        planned = faults.hit("watch-line", plural, after=self._sent)
        for line in planned.get("lines", ()) if planned else ():
            await self._response.write(line + b"\n")
