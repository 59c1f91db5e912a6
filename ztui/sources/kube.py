"""The Kubernetes API as the rest of ztui uses it: discovery, pages, watch lines, reviews.

Hop 1 of the way from watch event to pixel. Bytes go from here straight to ``kinds.decode``; nothing keeps a decoded tree.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from ztui.errors import ConnectError, DataError, GoneError
from ztui.kinds.base import DECODE_ERRORS, K, Kind, Malformed, decode_or_malformed, malformed
from ztui.sources.discovery import Resource, Served, discover
from ztui.sources.http import Http

PAGE: Final = 500
"""Objects asked for at once: the event loop never decodes longer than a few milliseconds."""

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one watch event that are read; a longer one is skipped to its end."""

PAGES_LIMIT: Final = 10_000
"""Pages of one list: a server that hands out page tokens for ever is stopped."""

_META_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


class Page(msgspec.Struct):
    """One page of a list: what was read, the version of the list, and the token of the next page (empty at the end)."""

    objects: list[Kind]
    broken: list[Malformed]
    version: str
    token: str
    remaining: int = 0


class Bookmark(msgspec.Struct, frozen=True):
    """A watch event that only moves the version; ``is_initial_end`` closes a streaming list."""

    version: str
    is_initial_end: bool = False


class Change(msgspec.Struct, frozen=True):
    """A watch event: an object was put or is gone."""

    obj: Kind | Malformed
    gone: bool


class TooLong(msgspec.Struct, frozen=True):
    """A watch event beyond ``LINE_LIMIT`` was skipped."""

    size: int


WatchEvent = Bookmark | Change | TooLong


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int = 0


class _RawPage(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str
    annotations: dict[str, str] | None = None


class _BookmarkObject(msgspec.Struct):
    metadata: _BookmarkMeta


class _StatusObject(msgspec.Struct):
    code: int = 0
    reason: str = ""
    message: str = ""


class _Names(msgspec.Struct):
    items: list[_Named] | None = None


class _Named(msgspec.Struct):
    metadata: _NamedMeta


class _NamedMeta(msgspec.Struct):
    name: str


class KubeApi:
    """One cluster's API over one ``Http``. All methods raise the errors of ``errors.py``."""

    def __init__(self, http: Http) -> None:
        self.http = http
        self.requests = 0

    async def fetch(self, path: str, accept: str = "application/json") -> bytes:
        """The body of a GET."""
        self.requests += 1
        return (await self.http.request("GET", path, accept=accept)).body

    async def discover(self, kinds: frozenset[type[Kind]]) -> Served:
        """What the server serves, as far as these kinds are concerned."""
        return await discover(self.fetch, {kind.GROUP for kind in kinds})

    async def get(self, kind: type[K], resource: Resource, namespace: str | None, name: str) -> K | Malformed:
        """One object; ``AbsentError`` where it is not there."""
        accept = _META if kind.METADATA_ONLY else "application/json"
        return decode_or_malformed(kind, await self.fetch(resource.path(namespace, name), accept))

    async def names(self, resource: Resource) -> list[str]:
        """The names of all objects of a cluster-scoped resource, read as metadata."""
        body = await self.fetch(resource.path(), _META_LIST)
        try:
            found = msgspec.json.decode(body, type=_Names)
        except DECODE_ERRORS as error:
            msg = "a list of names cannot be read"
            raise DataError(msg, where=resource.path(), why=str(error)) from error
        return [item.metadata.name for item in found.items or []]

    async def page(
        self,
        kind: type[K],
        resource: Resource,
        *,
        namespace: str | None = None,
        token: str = "",
        not_older_than: str = "",
        limit: int = PAGE,
    ) -> Page:
        """One page of a list. ``not_older_than`` (first page only) keeps a lagging server from showing the past."""
        query: dict[str, str | int] = {"limit": limit}
        if token:
            query["continue"] = token
        elif not_older_than:
            query |= {"resourceVersion": not_older_than, "resourceVersionMatch": "NotOlderThan"}
        self.requests += 1
        accept = _META_LIST if kind.METADATA_ONLY else "application/json"
        answer = await self.http.request("GET", resource.path(namespace), query=query, accept=accept)
        return decode_page(kind, answer.body, resource.path(namespace))

    @asynccontextmanager
    async def watch(
        self, kind: type[K], resource: Resource, *, namespace: str | None, version: str, timeout_s: int, initial: bool = False
    ) -> AsyncIterator[AsyncIterator[list[WatchEvent]]]:
        """Open a watch; yields what each chunk of bytes holds. ``initial`` asks for a streaming list first."""
        query: dict[str, str | int] = {"watch": 1, "allowWatchBookmarks": "true", "timeoutSeconds": timeout_s}
        if initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        if version or initial:
            query["resourceVersion"] = version
        self.requests += 1
        accept = _META if kind.METADATA_ONLY else "application/json"
        async with self.http.stream(resource.path(namespace), query=query, accept=accept) as chunks:
            yield _events(kind, chunks)


def decode_page(kind: type[K], body: bytes, path: str) -> Page:
    """Decode a list; an object that the kind cannot hold costs only itself.

    Raises ``DataError`` where the answer is no list at all (no items, or items null on a list with no metadata).
    """
    try:
        found: Any = msgspec.json.decode(body, type=_typed_page(kind))
    except DECODE_ERRORS:
        return _salvaged(kind, body, path)
    return _page(found.metadata, list(found.items or []), [])


class LineFramer:
    """Cuts a stream of bytes into lines; a line beyond the limit is skipped to its end and counted."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes | int]:
        """The lines that the chunk completes; an ``int`` is the size of one that was too long."""
        out: list[bytes | int] = []
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._take(piece)
            out.append(b"".join(self._parts) if self._size <= self._limit else self._size)
            self._parts, self._size = [], 0
        self._take(rest)
        return [line for line in out if line]

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._limit:
            if piece:
                self._parts.append(piece)
        else:
            self._parts = []


def decode_event(kind: type[K], line: bytes) -> WatchEvent:
    """Decode one watch event.

    Raises ``GoneError`` for an expired version, ``ConnectError`` for any other error that the server puts into the stream, and
    ``DataError`` for what is no watch event: the stream is then restarted and the kind listed again.
    """
    try:
        event = _EVENT.decode(line)
        match event.type:
            case "ADDED" | "MODIFIED" | "DELETED":
                return Change(decode_or_malformed(kind, event.object), event.type == "DELETED")
            case "BOOKMARK":
                meta = msgspec.json.decode(event.object, type=_BookmarkObject).metadata
                return Bookmark(meta.resource_version, (meta.annotations or {}).get("k8s.io/initial-events-end") == "true")
            case "ERROR":
                raise _stream_error(msgspec.json.decode(event.object, type=_StatusObject))
    except DECODE_ERRORS as error:
        msg = "a watch event cannot be read"
        raise DataError(msg, where=kind.PLURAL, why=str(error)) from error
    msg = "a watch event has an unknown type"
    raise DataError(msg, where=kind.PLURAL, why=event.type)


_EVENT: Final = msgspec.json.Decoder(_Event)


async def _events(kind: type[K], chunks: AsyncIterator[bytes]) -> AsyncIterator[list[WatchEvent]]:
    framer = LineFramer()
    async for chunk in chunks:
        lines = framer.feed(chunk)
        # An empty batch is news too: the other side is alive.
        yield [TooLong(line) if isinstance(line, int) else decode_event(kind, line) for line in lines]


def _stream_error(status: _StatusObject) -> GoneError | ConnectError:
    if status.code == 410 or status.reason in {"Expired", "Gone"}:
        msg = "the version is gone"
        return GoneError(msg, why=status.message)
    msg = "the server ended the watch"
    return ConnectError(msg, why=status.message or status.reason, status=status.code)


def _typed_page(kind: type[K]) -> type[msgspec.Struct]:
    found = _PAGES.get(kind)
    if found is None:
        found = msgspec.defstruct(
            f"{kind.__name__}Page",
            [("metadata", _ListMeta), ("items", list[kind] | None, None)],  # type: ignore[valid-type]
        )
        _PAGES[kind] = found
    return found


_PAGES: Final[dict[type[Kind], type[msgspec.Struct]]] = {}


def _salvaged(kind: type[K], body: bytes, path: str) -> Page:
    try:
        raw = msgspec.json.decode(body, type=_RawPage)
    except DECODE_ERRORS as error:
        msg = "a list cannot be read"
        raise DataError(msg, where=path, why=str(error)) from error
    objects: list[Kind] = []
    broken: list[Malformed] = []
    for item in raw.items or []:
        if len(item) > LINE_LIMIT:
            broken.append(malformed(item, f"too large ({len(item)} bytes)"))
            continue
        found = decode_or_malformed(kind, item)
        if isinstance(found, Malformed):
            broken.append(found)
        else:
            objects.append(found)
    return _page(raw.metadata, objects, broken)


def _page(meta: _ListMeta, objects: list[Kind], broken: list[Malformed]) -> Page:
    return Page(objects, broken, meta.resource_version, meta.continue_, meta.remaining_item_count)
