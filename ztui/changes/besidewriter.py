"""The only module that writes to what stands beside a cluster: silences of an alert manager, and violations that are resolved.

Neither tries anything out. What is written was read a moment before, and is read again afterwards. In read-only mode this is not
made, so that nothing can be sent by mistake.

Source: Alertmanager's API v2 (``/silences``, ``/silence/ID``); ACS Central's ``ResolveAlert``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import msgspec

from ztui.changes.writer import Live, Sent
from ztui.clock import Clock
from ztui.errors import ChangeError, ConnectError, DataError, DriftError, ForbiddenError, OutcomeUnknownError
from ztui.kinds.alert import Violation
from ztui.kinds.base import DECODE_ERRORS, Kind, Ref, instant
from ztui.kinds.told import ActiveViolation, AlertSilence
from ztui.recipes.base import Write
from ztui.sources.acs import NAME as CENTRAL
from ztui.sources.acs import violations
from ztui.sources.alerts import NAME as ALERT_MANAGER
from ztui.sources.http import Http
from ztui.store import Put

_LIMIT: Final = 16 * 1024 * 1024
_REFUSED: Final = (400, 404, 405, 409, 413, 415, 422)
"""Answers that say surely that nothing was written."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_MARK: Final = "ztui "
_LIVING: Final = frozenset({"active", "pending"})
_NEEDS: Final = {
    ALERT_MANAGER: "ask for the role monitoring-alertmanager-edit",
    CENTRAL: "the API token needs a role that may write Alert",
}


class Door(Protocol):
    """What stands beside a cluster, as far as something is written there."""

    def http(self, name: str) -> Http | None:
        """A client for one of them; ``None`` where it is not connected."""

    @property
    def cluster(self) -> str:
        """The name that ACS Central has for this cluster; empty where nothing tells."""


class _Matcher(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    name: str
    value: str
    is_regex: bool
    is_equal: bool | None = None


class _State(msgspec.Struct, frozen=True):
    state: str = ""


class _Silence(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    matchers: tuple[_Matcher, ...] = ()
    starts_at: str = ""
    ends_at: str = ""
    comment: str = ""
    status: _State = _State()


class _Made(msgspec.Struct, frozen=True):
    silence_id: str = msgspec.field(name="silenceID")


class BesideWriter:
    """Writes beside one cluster. Raises ChangeError where one says no, OutcomeUnknownError where its answer is lost."""

    def __init__(self, door: Callable[[], Door | None], user: str, clock: Clock) -> None:
        self._door = door
        self._user = user
        self._clock = clock

    async def read(self, write: Write) -> Live | None:
        """The silence, or the violations, of a write as they are now; ``None`` where there are none. Raises ZtuiError."""
        if write.kind is AlertSilence:
            return await self._silence(write.ref)
        ids = await self._violations(write.ref)
        return Live("", "", {"active": len(ids)}, _print(ids)) if ids else None

    async def send(self, write: Write, live: Live | None, change: str, *, dry_run: bool = False, force: bool = False) -> Sent:
        """Make a write to what was read as ``live``."""
        del force  # nobody owns a field there
        if dry_run:
            raise ChangeError("nothing is tried out there", where=str(write.ref))
        if write.kind is ActiveViolation:
            return await self._resolve(write.ref, live)
        if write.verb == "delete":
            await self._ask(ALERT_MANAGER, "DELETE", f"/api/v2/silence/{_id(write.ref.uid)}", write.ref)
            return Sent(await self.read(write))
        if live is not None:
            raise ChangeError("nothing was sent", where=str(write.ref), why="a silence for it is there already")
        return await self._make(write, change)

    async def lacks(self, write: Write) -> tuple[str, ...]:
        """Neither tells rights beforehand: what is refused is said then."""
        del write
        return ()

    def version(self, kind: type[Kind]) -> str:
        """Nothing there has a version of its API."""
        return kind.GROUP

    async def _make(self, write: Write, change: str) -> Sent:
        now = self._clock.now()
        ends = now + timedelta(hours=write.body["hours"])
        wanted = {"alertname": write.ref.name, "namespace": write.ref.namespace}
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in wanted.items()],
            "startsAt": now.isoformat(),
            "endsAt": ends.isoformat(),
            "createdBy": self._user,
            "comment": f"{_MARK}{change}",
        }
        answer = await self._ask(ALERT_MANAGER, "POST", "/api/v2/silences", write.ref, body)
        try:
            made = msgspec.json.decode(answer, type=_Made).silence_id
        except DECODE_ERRORS as error:
            raise OutcomeUnknownError("the answer cannot be read", where=str(write.ref), why=str(error)) from error
        return Sent(_live(made, write.ref.name, now, ends, change))

    async def _resolve(self, ref: Ref, live: Live | None) -> Sent:
        """Resolve what was shown. Raises DriftError where it is not the same any more."""
        ids = await self._violations(ref)
        if live is None or _print(ids) != live.print:
            raise DriftError("changed since the preview", where=str(ref), next="look at the new preview")
        for name in ids:
            await self._ask(CENTRAL, "PATCH", f"/v1/alerts/{_id(name)}/resolve", ref, {})
        return Sent(None)

    async def _silence(self, ref: Ref) -> Live | None:
        """The living silence of exactly this alert and namespace; of several the one that is meant by its id, or ends last."""
        answer = await self._ask(ALERT_MANAGER, "GET", "/api/v2/silences", ref)
        try:
            told = msgspec.json.decode(answer, type=list[_Silence])
        except DECODE_ERRORS as error:
            raise DataError("the silences cannot be read", where=ALERT_MANAGER, why=str(error)) from error
        wanted = frozenset({("alertname", ref.name), ("namespace", ref.namespace)})
        mine = [
            item
            for item in told
            if item.status.state in _LIVING
            and not any(matcher.is_regex or matcher.is_equal is False for matcher in item.matchers)
            and frozenset((matcher.name, matcher.value) for matcher in item.matchers) == wanted
        ]
        found = max(mine, key=lambda item: (item.id == ref.uid, item.ends_at), default=None)
        if found is None:
            return None
        starts, ends = instant(found.starts_at), instant(found.ends_at)
        if starts is None or ends is None:
            raise DataError("a silence says not when it ends", where=ALERT_MANAGER)
        change = found.comment.removeprefix(_MARK) if found.comment.startswith(_MARK) else "?"
        return _live(found.id, ref.name, starts, ends, change)

    async def _violations(self, ref: Ref) -> list[str]:
        """The ids of what is meant, sorted: of one cluster, namespace, workload and policy."""
        http, cluster = self._http(CENTRAL, ref), self._cluster()
        kind, workload, policy = ActiveViolation.parts(ref.name)
        try:
            events = await violations(http, cluster)
        except ForbiddenError as error:
            raise _forbidden(CENTRAL, error) from error
        found = (item.obj for item in events if isinstance(item, Put) and isinstance(item.obj, Violation))
        return sorted(
            item.id
            for item in found
            if item.policy.name == policy
            and (about := next(item.signals(), None)) is not None
            and (about.subject.namespace, about.subject.kind, about.subject.name) == (ref.namespace, kind, workload)
        )

    async def _ask(self, name: str, method: str, path: str, ref: Ref, body: Any = None) -> bytes:
        http = self._http(name, ref)
        writes = method != "GET"
        try:
            answer = await http.request(
                method,
                path,
                body=msgspec.json.encode(body) if body is not None else None,
                accept="*/*" if writes else "application/json",
                limit_bytes=_LIMIT,
                also=_REFUSED if writes else (),
            )
        except ForbiddenError as error:
            raise _forbidden(name, error) from error
        except DataError as error:
            if not writes:
                raise
            raise OutcomeUnknownError("the answer cannot be read", where=str(ref), why=error.why) from error
        except ConnectError as error:
            if not writes or error.status == 429:
                raise
            raise OutcomeUnknownError("the answer was lost", where=str(ref), why=error.what) from error
        if answer.status in _REFUSED:
            why = answer.body[:300].decode(errors="replace").strip() or f"status {answer.status}"
            raise ChangeError("nothing was sent", where=str(ref), why=f"the {name} refuses it: {why}")
        return answer.body

    def _http(self, name: str, ref: Ref) -> Http:
        door = self._door()
        http = door.http(name) if door is not None else None
        if http is None:
            raise ConnectError(f"the {name} is not connected", where=str(ref), next="`H` says what is wrong with it")
        return http

    def _cluster(self) -> str:
        door = self._door()
        return door.cluster if door is not None else ""


def _id(text: str) -> str:
    """An id as a part of a path. Raises DataError for one that is more than an id."""
    if not _PLAIN.fullmatch(text):
        raise DataError("an id cannot be used", why=repr(text[:100]), next="end it by its own console")
    return text


def _live(name: str, alert: str, starts: datetime, ends: datetime, change: str) -> Live:
    """A silence as it is compared: by its alert, and how long it was made for."""
    hours = round((ends - starts).total_seconds() / 3600)
    return Live(name, "", {"alert": alert, "hours": hours}, _print([name, str(hours)]), created_by=change)


def _forbidden(name: str, error: ForbiddenError) -> ForbiddenError:
    return ForbiddenError("write", "silences" if name == ALERT_MANAGER else "alerts", name, why=error.why, next=_NEEDS[name])


def _print(parts: list[str]) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
