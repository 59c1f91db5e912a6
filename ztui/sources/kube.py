"""The Kubernetes API as the rest of ztui uses it: discovery, pages, watch lines, reviews.

Hop 1 of the way from watch event to pixel. Bytes go from here straight to ``kinds.decode``; nothing keeps a decoded tree.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final

import msgspec

from ztui.errors import ConnectError, DataError, GoneError
from ztui.kinds.base import DECODE_ERRORS, UNNAMED, K, Kind, Malformed, decode_or_malformed, malformed
from ztui.sources.discovery import Resource, Served, discover
from ztui.sources.http import Http

PAGE: Final = 500
"""Objects asked for at once: the event loop never decodes longer than a few milliseconds."""

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one watch event that are read; a longer one is skipped to its end."""

HEAD: Final = 64
"""Bytes that are kept of a line beyond the limit."""

LARGE: Final = 4 * 1024 * 1024
"""Bytes of a list that are decoded in one go; more is decoded in slices of ``PAGE`` objects, with the event loop in between."""

PAGES_LIMIT: Final = 10_000
"""Pages of one list: a server that hands out page tokens for ever is stopped."""

_META_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"


class Bare(Kind, frozen=True):
    """Any object, for its metadata alone."""

    METADATA_ONLY: ClassVar[bool] = True


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
    """A line beyond ``LINE_LIMIT`` was skipped; ``head`` is how it began."""

    size: int
    head: bytes = b""


WatchEvent = Bookmark | Change | TooLong


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int = 0


class _RawPage(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None


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
        if kind.FIELDS:
            query["fieldSelector"] = kind.FIELDS
        self.requests += 1
        accept = _META_LIST if kind.METADATA_ONLY else "application/json"
        answer = await self.http.request("GET", resource.path(namespace), query=query, accept=accept)
        return await read_page(kind, answer.body, resource.path(namespace))

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
        if kind.FIELDS:
            query["fieldSelector"] = kind.FIELDS
        self.requests += 1
        accept = _META if kind.METADATA_ONLY else "application/json"
        async with self.http.stream(resource.path(namespace), query=query, accept=accept) as chunks:
            yield _events(kind, chunks)


def decode_page(kind: type[K], body: bytes, path: str) -> Page:
    """Decode a list; an object that the kind cannot hold costs only itself.

    Raises ``DataError`` where the answer is no list at all: it has no items, or they are null and it has no version.
    """
    try:
        found: Any = msgspec.json.decode(body, type=_typed_page(kind))
    except DECODE_ERRORS:
        raw = _raw_page(body, path)
        objects, broken = _salvaged(kind, raw.items or [], 0)
        return _page(raw.metadata, objects, broken)
    _must_be_list(found.metadata, found.items, path)
    return _page(found.metadata, list(found.items or []), [])


async def read_page(kind: type[K], body: bytes, path: str) -> Page:
    """Decode a list of any size: a large one a slice at a time, and what in it is beyond ``LINE_LIMIT`` only by name."""
    if len(body) <= LARGE:
        return decode_page(kind, body, path)
    raw = _raw_page(body, path)
    page, items = _page(raw.metadata, [], []), raw.items or []
    for start in range(0, len(items), PAGE):
        objects, broken = _salvaged(kind, items[start : start + PAGE], start)
        page.objects += objects
        page.broken += broken
        await asyncio.sleep(0)
    return page


class LineFramer:
    """Cuts a stream of bytes into lines; a line beyond the limit is skipped to its end, and only told of."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""

    def feed(self, chunk: bytes) -> list[bytes | TooLong]:
        """The lines that the chunk completes, without the empty ones."""
        out: list[bytes | TooLong] = []
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._take(piece)
            if self._size > self._limit:
                out.append(TooLong(self._size, self._head))
            elif self._size:
                out.append(b"".join(self._parts))
            self._parts, self._size, self._head = [], 0, b""
        self._take(rest)
        return out

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
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
                raise _stream_error(kind, msgspec.json.decode(event.object, type=_StatusObject))
    except DECODE_ERRORS as error:
        msg = "a watch event cannot be read"
        raise DataError(msg, where=kind.PLURAL, why=str(error)) from error
    msg = "a watch event has an unknown type"
    raise DataError(msg, where=kind.PLURAL, why=event.type)


_OBJECT_EVENTS: Final = tuple(b'{"type":"%s","object":{' % name for name in (b"ADDED", b"MODIFIED", b"DELETED"))
_EVENT: Final = msgspec.json.Decoder(_Event)


async def _events(kind: type[K], chunks: AsyncIterator[bytes]) -> AsyncIterator[list[WatchEvent]]:
    framer = LineFramer()
    async for chunk in chunks:
        lines = framer.feed(chunk)
        # An empty batch is news too: the other side is alive.
        yield [_too_long(kind, line) if isinstance(line, TooLong) else decode_event(kind, line) for line in lines]


def _too_long(kind: type[Kind], line: TooLong) -> TooLong:
    if not line.head.startswith(_OBJECT_EVENTS):
        msg = "a watch event cannot be read"
        raise DataError(msg, where=kind.PLURAL, why=f"{line.size} bytes, and no event of an object")
    return line


def _stream_error(kind: type[Kind], status: _StatusObject) -> GoneError | ConnectError | DataError:
    if not status.code and not status.reason:
        msg = "a watch event says that something failed, but not what"
        return DataError(msg, where=kind.PLURAL, why=status.message)
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
            [("metadata", _ListMeta), ("items", list[kind] | None)],  # type: ignore[valid-type]
        )
        _PAGES[kind] = found
    return found


_PAGES: Final[dict[type[Kind], type[msgspec.Struct]]] = {}


def too_large(size_bytes: int) -> str:
    """Why an object beyond ``LINE_LIMIT`` is named and not kept."""
    return f"too large, not shown ({size_bytes} bytes)"


def _raw_page(body: bytes, path: str) -> _RawPage:
    try:
        raw = msgspec.json.decode(body, type=_RawPage)
    except DECODE_ERRORS as error:
        msg = "a list cannot be read"
        raise DataError(msg, where=path, why=str(error)) from error
    _must_be_list(raw.metadata, raw.items, path)
    return raw


def _must_be_list(meta: _ListMeta, items: object, path: str) -> None:
    """Null stands for no items (Go writes an empty list so), but only on what is a list for the rest."""
    if items is None and not meta.resource_version:
        msg = "a list cannot be read"
        raise DataError(msg, where=path, why="it has neither items nor a version")


def _salvaged(kind: type[K], items: list[msgspec.Raw], first: int) -> tuple[list[Kind], list[Malformed]]:
    """What of these items the kind can hold, and the others by name, or by their place in the list where they have none."""
    objects: list[Kind] = []
    broken: list[Malformed] = []
    for number, item in enumerate(items, first):
        found = decode_or_malformed(kind, item) if len(item) <= LINE_LIMIT else malformed(item, too_large(len(item)))
        if not isinstance(found, Malformed):
            objects.append(found)
        elif found.name == UNNAMED:
            broken.append(msgspec.structs.replace(found, name=f"{UNNAMED}{number}"))
        else:
            broken.append(found)
    return objects, broken


def _page(meta: _ListMeta, objects: list[Kind], broken: list[Malformed]) -> Page:
    return Page(objects, broken, meta.resource_version, meta.continue_, meta.remaining_item_count)
