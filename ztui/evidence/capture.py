"""Capturing a bundle: facts first, then objects, lists and logs of the API server, then the journal's slice, then the manifest.

One failure costs one file: it is named in the manifest with its reason. Everything has a bound: the time of one request and
of all, the bytes of one log and of the whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ztui import __version__
from ztui.board import CellOf
from ztui.changes.change import Change
from ztui.changes.desk import Desk
from ztui.changes.entry import Record, line_of
from ztui.changes.ledger import touched
from ztui.clock import Clock
from ztui.engines.blast import Centre, NoSuchCentreError
from ztui.errors import ConnectError, DataError, JournalError, SettingsError, ZtuiError
from ztui.evidence.archive import Archive, place_of
from ztui.evidence.asking import MOST_PODS, Ask, LogAsk, kept_items, known_of, lists_of, log_asks_of_view, logs_of, objects_of
from ztui.evidence.facts import Facts, Item, facts_of
from ztui.evidence.manifest import LOG_LIMIT, SCHEMA, TOTAL_LIMIT, VERSION, Link, Manifest, Missing, stem_of
from ztui.evidence.scrub import json_bytes, log_text, scrubbed, tree_of
from ztui.frame import Frame
from ztui.health import Health
from ztui.sources.cluster import Cluster
from ztui.sources.discovery import Served
from ztui.sources.http import Http
from ztui.text import clean

T = TypeVar("T")
_A = TypeVar("_A", Ask, LogAsk)
_R = TypeVar("_R")

AT_ONCE: Final = 4
OBJECT_S: Final = 15.0
LOG_S: Final = 60.0
BUDGET_S: Final = 180.0
"""Seconds after which nothing more is asked for."""
CLEANING_S: Final = 30.0
"""Seconds that one log may take to be cleaned: what is left of it then is left out."""
PAGES: Final = 10
OBJECT_LIMIT: Final = 16 * 1024 * 1024

Tell = Callable[[str], None]


class Capturing(Protocol):
    """The part of the core that a capture needs."""

    @property
    def frame(self) -> Frame:
        """The frame of now."""

    @property
    def cell_of(self) -> CellOf:
        """How a pane asks for the cell of a check."""

    async def derive(self, function: Callable[..., T], *arguments: Hashable) -> T:
        """What a function says of the view of now."""

    def release(self, function: Callable[..., Any], *arguments: Hashable) -> None:
        """Drop what was only kept for it."""

    async def desk(self) -> Desk:
        """Where the journal is."""


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for: the target, the namespace that completes its name, where to, for which incident, and what goes along.

    ``also`` are files of the caller, such as the signals of an incident; they are scrubbed by whoever makes them. ``limit_bytes``
    bounds all files together, before they are packed.
    """

    target: str
    namespace: str = ""
    output: Path | None = None
    incident: str = ""
    also: tuple[Item, ...] = ()
    limit_bytes: int = TOTAL_LIMIT


class Captured(msgspec.Struct, frozen=True):
    """A bundle that was written. ``recorded`` is the number of its record in the journal, 0 where there is none; ``note`` why."""

    path: Path
    sha256: str
    manifest: Manifest
    recorded: int = 0
    note: str = ""


async def captured(core: Capturing, cluster: Cluster, clock: Clock, state: Path | None, wanted: Wanted, tell: Tell) -> Captured:
    """Write a bundle. Raises ZtuiError where nothing answers to the name, or it cannot be written."""
    desk, why = await _desk(core)
    changes = await desk.changes() if desk is not None else []
    found = await _facts(core, wanted, changes if desk is not None else None)
    health, at = cluster.health(), clock.now()
    stem = stem_of(found.centre.name, at)
    path = await asyncio.to_thread(place_of, wanted.output, state, f"{stem}.tar.gz", at)
    archive = await asyncio.to_thread(partial(Archive, path, stem, at, limit=wanted.limit_bytes))
    try:
        taking = _Taking(archive, cluster.http, clock, tell)
        for item in (*found.items, *wanted.also):
            await taking.keep(item)
        await taking.all(found.centre, cluster.served)
        link = await _journal(taking, desk, why, found.centre, changes)
        missing = tuple(dict.fromkeys((*found.missing, *taking.missing)))
        manifest = _manifest(stem, wanted, found, health, link, archive, missing, at=at)
        sha = await asyncio.to_thread(archive.finish, manifest)
    finally:
        await asyncio.to_thread(archive.close)
    return await _recorded(desk, why, Captured(path, sha, manifest), found.centre, wanted)


class _Taking:
    """One capture under way: what is kept, and what is missing."""

    def __init__(self, archive: Archive, http: Http, clock: Clock, tell: Tell) -> None:
        self.missing: list[Missing] = []
        self._archive = archive
        self._http = http
        self._clock = clock
        self._tell = tell
        self._until = clock.monotonic() + BUDGET_S

    def lacks(self, what: str, why: str) -> None:
        """Remember what could not be captured."""
        self.missing.append(Missing(clean(what), clean(why, limit=600)))

    async def keep(self, item: Item) -> None:
        """Put a file into the archive, or say why it is not there."""
        if not self._archive.takes(item.path):
            self.lacks(item.path, "it has no place in a bundle")
        elif not self._archive.fits(len(item.data)):
            self.lacks(item.path, "the bundle is full")
        else:
            await asyncio.to_thread(self._archive.add, item.path, item.data, item.source, item.note)

    async def all(self, centre: Centre, served: Served | None) -> None:
        """Everything that the API server has about a centre."""
        if served is None:
            self.lacks("objects, events and logs", "it is not known what the server serves")
            return
        asks, left_out = objects_of(centre, served)
        for what, why in left_out:
            self.lacks(what, why)
        self._tell(f"objects: {len(asks)}")
        pods = []
        for ask, tree in zip(asks, await self._many(asks, self._object), strict=True):
            if tree is not None:
                await self.keep(Item(ask.path, json_bytes(scrubbed(tree)), f"GET {ask.url}"))
                pods += [tree] if "/pods/" in ask.url else []
        known = known_of(centre)
        for ask in lists_of(centre):
            await self._list(ask, centre, known)
        shown = {str(pod["metadata"].get("uid")) for pod in pods if isinstance(pod.get("metadata"), dict)}
        logs = [*logs_of(pods), *log_asks_of_view(tuple(pod for pod in centre.pods[:MOST_PODS] if pod.metadata.uid not in shown))]
        self._tell(f"logs: {len(logs)}")
        for at in range(0, len(logs), AT_ONCE):  # a batch at a time: no more of them are held at once
            for found in await self._many(logs[at : at + AT_ONCE], self._log):
                if found is not None:
                    await self.keep(found)

    async def _many(self, asks: Sequence[_A], get: Callable[[_A], Coroutine[Any, Any, _R | None]]) -> list[_R | None]:
        """The answers in the order of the questions, a few at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(ask: _A) -> _R | None:
            async with gate:
                return await get(ask)

        return list(await asyncio.gather(*map(one, asks)))

    async def _object(self, ask: Ask) -> Any:
        try:
            return tree_of(await self._get(ask.url, {}, OBJECT_S, OBJECT_LIMIT), ask.url)
        except (ZtuiError, ValueError) as error:
            self.lacks(ask.what, str(error))
            return None

    async def _list(self, ask: Ask, centre: Centre, known: set[tuple[str, str]]) -> None:
        items: list[Any] = []
        token, note = "", ""
        try:
            for _ in range(PAGES):
                query = {"limit": "500", **({"continue": token} if token else {})}
                tree = tree_of(await self._get(ask.url, query, OBJECT_S, OBJECT_LIMIT * 4), ask.url)
                items += kept_items(ask, tree.get("items") or [], centre, known)
                token = str((tree.get("metadata") or {}).get("continue") or "")
                if not token:
                    break
            else:
                note = f"only the first {PAGES * 500} were looked at"
        except (ZtuiError, ValueError, TypeError, AttributeError) as error:
            self.lacks(ask.what, str(error))
            return
        if items or ask.keeps == "all":
            await self.keep(Item(ask.path, json_bytes(scrubbed(items)), f"GET {ask.url}", note))

    async def _log(self, ask: LogAsk) -> Item | None:
        try:
            raw = await self._get(ask.url, dict(ask.query), LOG_S, LOG_LIMIT + 64 * 1024, accept="*/*")
        except (ZtuiError, ValueError) as error:
            self.lacks(ask.what, str(error))
            return None
        until = self._clock.monotonic() + CLEANING_S
        whole = len(raw) < LOG_LIMIT
        text, note = await asyncio.to_thread(log_text, raw, whole=whole, late=lambda: self._clock.monotonic() > until)
        notes = [*([] if whole else [f"cut at {LOG_LIMIT // 1024 // 1024} MiB"]), *([note] if note else [])]
        return Item(ask.path, text.encode(errors="backslashreplace"), f"GET {ask.url}", "; ".join(notes))

    async def _get(
        self, url: str, query: dict[str, str], timeout_s: float, limit: int, accept: str = "application/json"
    ) -> bytes:
        if self._clock.monotonic() > self._until:
            raise ConnectError("the time for a bundle is up", where=f"{BUDGET_S:.0f} s")
        answer = await self._http.request("GET", url, query=query, accept=accept, timeout_s=timeout_s, limit_bytes=limit)
        return answer.body


async def _desk(core: Capturing) -> tuple[Desk | None, str]:
    try:
        return await core.desk(), ""
    except ZtuiError as error:
        return None, str(error)


async def _facts(core: Capturing, wanted: Wanted, changes: list[Change] | None) -> Facts:
    arguments = (core.cell_of, wanted.target, wanted.namespace, touched(changes) if changes is not None else None)
    try:
        return await core.derive(facts_of, *arguments)
    except NoSuchCentreError as error:
        raise SettingsError(str(error), where="the target of a bundle", next="Name it as in deployment/shop/api") from error
    finally:
        core.release(facts_of, *arguments)


async def _journal(taking: _Taking, desk: Desk | None, why: str, centre: Centre, changes: Iterable[Change]) -> Link:
    """Put the records of its objects into the bundle, and say where the journal ends."""
    journal = desk.journal if desk is not None else None
    if journal is None:
        taking.lacks("the journal", why or "there is none")
        return Link(note=clean(why or "there is none"))
    damage = next((str(item) for item in journal.problems if item.blocks), "")
    if damage:
        taking.lacks("the journal", f"it is damaged: {damage}")
    records = await asyncio.to_thread(journal.records)
    mine = [record for item in changes if _is_near(item, centre) for record in item.records]
    if mine:
        await taking.keep(Item("journal.jsonl", b"".join(map(line_of, sorted(mine, key=_seq))), "the journal of changes"))
    last = records[-1] if records else None
    return Link(last.seq if last else 0, last.hash if last else "", len(mine), clean(damage))


def _is_near(change: Change, centre: Centre) -> bool:
    """Whether a change is about the centre, or about anything in its namespaces."""
    places = {pod.namespace for pod in centre.pods} | {centre.ref.namespace} if centre.sort != "node" else set()
    names = {(centre.ref.kind, centre.ref.name), *(("Namespace", place) for place in places)}
    refs = [part.ref for part in change.parts if part.ref is not None]
    return any((ref.namespace and ref.namespace in places) or (ref.kind, ref.name) in names for ref in refs)


def _seq(record: Record) -> int:
    return record.seq


def _manifest(
    stem: str,
    wanted: Wanted,
    found: Facts,
    health: Health,
    link: Link,
    archive: Archive,
    missing: tuple[Missing, ...],
    *,
    at: Any,
) -> Manifest:
    return Manifest(
        SCHEMA,
        VERSION,
        stem,
        f"ztui {__version__}",
        at,
        clean(found.centre.name),
        found.centre.sort,
        clean(health.cluster_id),
        clean(health.context),
        clean(health.server),
        clean(health.user),
        link,
        tuple(archive.files),
        missing,
        clean(wanted.incident),
        {"log": LOG_LIMIT, "total": wanted.limit_bytes},
    )


async def _recorded(desk: Desk | None, why: str, found: Captured, centre: Centre, wanted: Wanted) -> Captured:
    """Chain the bundle to the journal by its hash, where there is one that can be written."""
    counts = f"{len(found.manifest.files)} files, {len(found.manifest.missing)} things not captured"
    told = f"bundle of evidence {found.path.name} of {centre.name}: SHA-256 {found.sha256}; {counts}"
    if desk is None:
        return msgspec.structs.replace(found, note=clean(why))
    try:
        record = await desk.note("bundle", told, None if centre.ref.is_hashed else centre.ref, wanted.incident)
    except (JournalError, DataError) as error:
        return msgspec.structs.replace(found, note=str(error))
    return msgspec.structs.replace(found, recorded=record.seq)
