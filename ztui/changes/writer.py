"""The only module that writes to a cluster. In read-only mode no writer is made, so that nothing can be sent by mistake.

Answers pass the door like everything that is read: what leaves here are the fields that a write is about, never an object.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from ztui.errors import AbsentError, ChangeError, ConflictError, ConnectError, DataError, OutcomeUnknownError
from ztui.kinds.base import DECODE_ERRORS, Kind, decode
from ztui.recipes.base import CHANGE_ID, MANAGED_BY, Verb, Write
from ztui.recipes.trees import ABSENT, PatchError, as_json_patch, hollow, merged, patched, picked, taken_back, touched, value_at
from ztui.sources.discovery import Resource, Served
from ztui.sources.http import Answer, Http
from ztui.view import Gap

META: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
TYPES: Final[dict[Verb, str]] = {
    "apply": "application/apply-patch+yaml",
    "patch": "application/json-patch+json",
    "status": "application/json-patch+json",
    "label": "application/merge-patch+json",
    "merge": "application/merge-patch+json",
    "scale": "application/merge-patch+json",
    "delete": "application/json",
}
SUBRESOURCES: Final = frozenset({"status", "scale"})
"""The verbs that are about a subresource, which is called like them."""

_REFUSED: Final = (400, 403, 404, 405, 409, 413, 415, 422)
"""Answers that say surely that nothing was written."""

_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_MANAGER: Final = re.compile(r'conflicts? with "([^"]*)"')
_LIMIT: Final = 8 * 1024 * 1024


class Pinned(msgspec.Struct, frozen=True):
    """What a patch is about, each by pointer: ``tests`` what it relies on, ``held`` what it sets, ``made`` what it makes of that.

    ``back`` is the patch that undoes it; ``None`` where it does not fit this object.
    """

    tests: dict[str, Any]
    held: dict[str, Any]
    made: dict[str, Any]
    back: list[dict[str, Any]] | None = None


class Live(msgspec.Struct, frozen=True):
    """An object as the server has it, as far as a write is concerned.

    ``values`` are those that the write is about: a tree, or ``Pinned`` for JSON Patches. ``print`` tells two
    versions apart in everything that a person sets. ``managers`` own parts of it. ``obj`` is it, through the door. ``hollow``
    are the empty maps in it that an ``apply`` fills.
    """

    uid: str
    version: str
    values: Any
    print: str
    managers: tuple[str, ...] = ()
    obj: Kind | None = None
    created_by: str = ""
    hollow: tuple[str, ...] = ()


class Sent(msgspec.Struct, frozen=True):
    """The server's answer to a write or a dry-run: the object afterwards (``None`` where it is gone), and its warnings."""

    live: Live | None
    warnings: tuple[str, ...] = ()


class _Cause(msgspec.Struct):
    reason: str = ""
    message: str = ""
    field: str = ""


class _Details(msgspec.Struct):
    causes: tuple[_Cause, ...] | None = None


class _Allowed(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Allowed = _Allowed()


class _Status(msgspec.Struct):
    reason: str = ""
    message: str = ""
    details: _Details | None = None


class Writer:
    """Writes to one cluster. Raises ChangeError where the server says no, OutcomeUnknownError where its answer is lost."""

    def __init__(self, http: Http, served: Served) -> None:
        self._http = http
        self._served = served

    async def read(self, write: Write) -> Live | None:
        """The object of a write as it is now; ``None`` where there is none. Raises ZtuiError."""
        accept = META if write.is_secret_like else "application/json"
        try:
            answer = await self._http.request("GET", self._path(write), accept=accept, limit_bytes=_LIMIT)
        except AbsentError:
            return None
        return live_of(write, answer.body)

    async def send(self, write: Write, live: Live | None, change: str, *, dry_run: bool = False, force: bool = False) -> Sent:
        """Make a write. ``live`` is the object as it was read, whose values the patch tests; ``change`` marks what is made."""
        if dry_run and write.is_secret_like:
            raise ChangeError("no preview of secrets", where=str(write.ref), why="a dry-run answer would hold its values")
        query = [("dryRun", "All")] if dry_run else []
        if write.verb == "apply":
            query += [("fieldManager", write.manager), ("force", "true" if force else "false")]
        elif write.verb != "delete":
            query.append(("fieldManager", write.manager))
        accept = META if write.is_secret_like or write.verb in {"label", "delete"} else "application/json"
        try:
            answer = await self._http.request(
                "DELETE" if write.verb == "delete" else "PATCH",
                self._path(write) + (f"/{write.verb}" if write.verb in SUBRESOURCES else ""),
                query=query,
                accept=accept,
                body=msgspec.json.encode(self._body(write, live, change, dry_run=dry_run)),
                content_type=TYPES[write.verb],
                limit_bytes=_LIMIT,
                also=_REFUSED,
            )
        except DataError as error:
            raise OutcomeUnknownError("the answer cannot be read", where=str(write.ref), why=error.why) from error
        except ConnectError as error:
            if dry_run or error.status == 429:
                raise
            raise OutcomeUnknownError("the answer was lost", where=str(write.ref), why=error.what) from error
        if answer.status in _REFUSED:
            raise refused(write, answer)
        found = None if write.verb == "delete" else live_of(write, answer.body, dry_run=dry_run)
        return Sent(found, warnings_of(answer))

    async def lacks(self, write: Write) -> tuple[str, ...]:
        """The rights for a write that the server would not give us, in words."""
        place = f" in {write.ref.namespace}" if write.ref.namespace else ""
        plural = self.resource(write.kind).plural
        return tuple([f"{verb} {plural}{place}" for verb in _verbs(write) if not await self.may(write, verb)])

    def version(self, kind: type[Kind]) -> str:
        """The version of its API by which the server serves a kind."""
        return self.resource(kind).base.removeprefix("/apis/").removeprefix("/api/")

    async def may(self, write: Write, verb: str) -> bool:
        """Whether the server would let us. Source: authorization.k8s.io/v1 SelfSubjectAccessReview."""
        where = self.resource(write.kind)
        asked = {
            "verb": verb,
            "group": write.kind.GROUP,
            "resource": where.plural,
            "name": "" if verb == "create" else write.ref.name,
        }
        if write.verb in SUBRESOURCES:
            asked["subresource"] = write.verb
        if write.ref.namespace:
            asked["namespace"] = write.ref.namespace
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await self._http.request("POST", path, body=msgspec.json.encode(body))
        try:
            return msgspec.json.decode(answer.body, type=_Review).status.allowed
        except msgspec.MsgspecError as error:
            raise DataError("an access review cannot be read", why=str(error)) from error

    def _path(self, write: Write) -> str:
        where = self.resource(write.kind)
        return where.path(write.ref.namespace or None, write.ref.name)

    def resource(self, kind: type[Kind]) -> Resource:
        """Where a kind is served. Raises ChangeError where it is not."""
        where = self._served.resolve(kind)
        if isinstance(where, Gap):
            raise ChangeError("this cluster does not serve that", where=kind.KIND, why=str(where))
        return where

    def _body(self, write: Write, live: Live | None, change: str, *, dry_run: bool) -> Any:
        if write.verb == "delete":
            # A server that is sent options in the body does not look at those of the query, a dry-run included.
            tried = {"dryRun": ["All"]} if dry_run else {}
            uid = {"uid": live.uid if live else write.ref.uid}
            # Without a word a Job would be kept until what it owns had been cut loose.
            how = {"propagationPolicy": "Background"}
            return {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": uid, **how, **tried}
        if write.verb == "label":
            return {"metadata": {"uid": live.uid if live else write.ref.uid, "labels": write.body}}
        if write.verb in {"merge", "scale"}:
            uid = {"uid": live.uid if live else write.ref.uid}
            return {**write.body, "metadata": {**write.body.get("metadata", {}), **uid}}
        if write.verb == "apply":
            return applied_body(write, self.resource(write.kind), live, change)
        try:
            return pinned(write.body, live)
        except PatchError as error:
            raise ChangeError("the patch does not fit the object", where=str(write.ref), why=str(error)) from error


def _verbs(write: Write) -> tuple[str, ...]:
    if write.verb == "delete":
        return ("delete",)
    return ("patch", "create") if write.creates else ("patch",)


def applied_body(write: Write, where: Resource, live: Live | None, change: str = "") -> dict[str, Any]:
    """The whole object of an apply: what is made is marked as ours, what is there is named by its uid."""
    body = dict(write.body)
    meta: dict[str, Any] = {"name": write.ref.name, **dict(body.pop("metadata", {}))}
    if write.ref.namespace:
        meta["namespace"] = write.ref.namespace
    if live is not None and not write.creates:
        meta["uid"] = live.uid
    if write.creates:
        meta["labels"] = {MANAGED_BY: "ztui", **meta.get("labels", {})}
        if change:
            meta["annotations"] = {**meta.get("annotations", {}), CHANGE_ID: change}
    version = where.base.removeprefix("/apis/").removeprefix("/api/")
    return {"apiVersion": version, "kind": write.kind.KIND, "metadata": meta, **body}


def pinned(operations: list[dict[str, Any]], live: Live | None) -> list[dict[str, Any]]:
    """A patch whose tests ask for exactly what was read: our kinds keep only a part of what a list holds. Raises PatchError."""
    tests = live.values.tests.items() if live is not None else ()
    exact = [{"op": "test", "path": path, "value": value} for path, value in tests if value is not ABSENT]
    made = live.values.made if live is not None else {}
    return [*exact, *as_json_patch([item for item in operations if item["op"] != "test"], made)]


def live_of(write: Write, body: bytes, *, dry_run: bool = False) -> Live:
    """What a write needs to know of an object; a dry-run's may have no version. Raises DataError where the bytes are none."""
    try:
        tree = msgspec.json.decode(body)
        meta = tree["metadata"]
        bare = dry_run or write.is_secret_like or write.verb in {"label", "delete"} or tree.get("kind") == "Scale"
        obj = None if bare else decode(write.kind, body)
        return Live(
            str(meta.get("uid", "")),
            str(meta.get("resourceVersion", "")),
            values_of(write, tree),
            _print(tree),
            tuple(dict.fromkeys(str(item.get("manager", "")) for item in meta.get("managedFields") or ())),
            obj,
            str((meta.get("annotations") or {}).get(CHANGE_ID, "")),
            tuple(hollow(tree, write.body)) if write.verb == "apply" else (),
        )
    except (*DECODE_ERRORS, KeyError, TypeError, AttributeError, PatchError) as error:
        raise DataError("an answer cannot be read", where=str(write.ref), why=str(error)) from error


def values_of(write: Write, tree: Any) -> Any:
    """The values of an object that a write is about."""
    if write.verb == "delete":
        return {}
    if write.verb == "label":
        labels = tree["metadata"].get("labels") or {}
        return {key: labels[key] for key in write.body if key in labels}
    if write.verb in {"merge", "scale"}:
        return picked(tree, write.body)
    if write.verb == "apply":
        return picked(tree, merged(write.drops or {}, write.body))
    return _pinned_values(tree, write.body)


def _pinned_values(tree: Any, operations: list[dict[str, Any]]) -> Pinned:
    tests = {item["path"]: _at(tree, item["path"]) for item in operations if item["op"] == "test"}
    held = touched(tree, operations)
    doing = [item for item in operations if item["op"] != "test"]
    try:
        made = patched(tree, doing)
        return Pinned(tests, held, {pointer: _at(made, pointer) for pointer in held}, taken_back(tree, doing))
    except PatchError:
        return Pinned(tests, held, {})


def _at(tree: Any, pointer: str) -> Any:
    try:
        return value_at(tree, pointer)
    except PatchError:
        return ABSENT


def refused(write: Write, answer: Answer) -> ChangeError:
    """The error for a write that the server did not make."""
    try:
        status = msgspec.json.decode(answer.body, type=_Status)
    except (msgspec.MsgspecError, ValueError):
        status = _Status(message=f"status {answer.status}")
    causes = (status.details.causes or ()) if status.details else ()
    owners: dict[str, list[str]] = {}
    for cause in causes:
        match = _MANAGER.search(cause.message)
        if cause.reason == "FieldManagerConflict" and match:
            owners.setdefault(match[1], []).append(cause.field.lstrip("."))
    if owners:
        return ConflictError(
            "others own these fields", {name: tuple(fields) for name, fields in owners.items()}, where=str(write.ref)
        )
    return ChangeError("the server said no", where=str(write.ref), why=status.message or status.reason)


def warnings_of(answer: Answer) -> tuple[str, ...]:
    """The server's warnings. Source: RFC 7234 section 5.5, as the API server writes it."""
    return tuple(text.replace('\\"', '"').replace("\\\\", "\\") for text in _WARNING.findall(answer.headers.get("warning", "")))


_VOLATILE: Final = ("managedFields", "resourceVersion", "generation", "selfLink", "creationTimestamp")


def _print(tree: dict[str, Any]) -> str:
    """A hash of everything that a person sets: not of the status, nor of what the server counts."""
    meta = {key: value for key, value in tree.get("metadata", {}).items() if key not in _VOLATILE}
    rest = {key: value for key, value in tree.items() if key not in {"metadata", "status"}}
    return hashlib.sha256(msgspec.json.encode({**rest, "metadata": meta}, order="deterministic")).hexdigest()
