"""The only module that writes to a Vault. In read-only mode it is not made, so that nothing can be sent by mistake.

A Vault has neither versions nor owners of fields, and tries nothing out: what is written was read a moment before, and is read
again afterwards. Some writes replace the whole object, so the whole body goes back with the change in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from ztui.changes.writer import Live, Sent, values_of
from ztui.errors import AbsentError, ChangeError, ConnectError, DriftError, ForbiddenError, OutcomeUnknownError, TrustError
from ztui.kinds.base import DECODE_ERRORS, Kind, Ref, decode
from ztui.kinds.vault import VaultRole, VaultToken
from ztui.kinds.vaultgiven import VaultCredentials, VaultEntity
from ztui.recipes.base import Write
from ztui.sources.vaultdoor import Reply, VaultDoor

Doors = Callable[[str], VaultDoor | None]
"""The door of a Vault by its name in the settings; ``None`` where it is not followed."""

Held = Callable[[type[Kind], Ref], Kind | None]
"""An object as the session holds it."""

ALIAS: Final = "/alias/"
_FOLDERS: Final = 100
"""Folders of leases that are counted; beyond it the count is the least there are."""

_ENTITY: Final = ("id", "name", "disabled", "policies", "metadata")
"""What a person sets of an identity."""

_BORN: Final = frozenset({"local_secret_ids"})
"""What is told of a role and taken only when the role is made. Source: ``path_role.go`` of the method approle."""

_TOKEN: Final = ("display_name", "policies", "path")
"""What tells a person which token it is."""


class VaultWriter:
    """Writes to the Vaults of one context. Raises ChangeError where one says no, OutcomeUnknownError where its answer is lost."""

    def __init__(self, doors: Doors, held: Held) -> None:
        self._doors = doors
        self._held = held

    async def read(self, write: Write) -> Live | None:
        """The object of a write as it is now; ``None`` where there is none. Raises ZtuiError."""
        if write.kind is VaultCredentials:
            count = await self._leases(write.ref, write.ref.name)
            return Live("", "", {"leases": count}, "") if count else None
        data = await self._data(write)
        return self._live(write, data) if data is not None else None

    async def send(self, write: Write, live: Live | None, change: str, *, dry_run: bool = False, force: bool = False) -> Sent:
        """Make a write to the object that was read as ``live``, and read it again."""
        del change, force  # a Vault keeps no marks, and nobody owns a field
        if dry_run:
            raise ChangeError("a Vault tries nothing out", where=str(write.ref))
        path, body = await self._request(write, live)
        reply = await self._ask(write.ref, path, method="POST", body=body)
        if write.kind is VaultCredentials and _is_lost(reply):
            reply = await self._ask(write.ref, path, method="POST", body=body)  # taking back twice takes back once
        _insist(write, reply)
        told = tuple(str(item)[:300] for item in reply.body.get("warnings") or ())
        if write.verb == "delete":
            return Sent(None, told)
        try:
            return Sent(await self.read(write), told)
        except (ConnectError, ForbiddenError) as error:
            raise OutcomeUnknownError("it was sent, and cannot be read back", where=str(write.ref), why=error.what) from error

    async def lacks(self, write: Write) -> tuple[str, ...]:
        """The rights that our token lacks for a write, in words. Source: ``sys/capabilities-self``."""
        path, needed = _rights(write)
        try:
            found = (await self._ask(write.ref, "sys/capabilities-self", method="POST", body={"paths": [path]})).data.get(path)
        except ForbiddenError as error:
            return (f"{error.verb} {error.resource}",)
        held = {str(item) for item in found} if isinstance(found, list) else set()
        if "root" in held:
            return ()
        return tuple(f"{word} {path} (vault)" for word in needed if word not in held)

    def version(self, kind: type[Kind]) -> str:
        """Nothing of a Vault has a version of its API."""
        return kind.GROUP

    async def _ask(self, ref: Ref, path: str, **how: Any) -> Reply:
        name, _, space = ref.namespace.partition("/")
        door = self._doors(name)
        if door is None:
            raise ConnectError("the Vault is not connected", where=f"vault {name}", next="`H` says what is wrong with it")
        return await door.ask((path,), namespace=space, **how)

    async def _data(self, write: Write) -> Mapping[str, Any] | None:
        """The Vault's own body of an object; ``None`` where it is not there."""
        ref = write.ref
        if write.kind is VaultToken:
            reply = await self._ask(ref, "auth/token/lookup-accessor", method="POST", body={"accessor": ref.name})
            if reply.status in {400, 403, 404} and "invalid accessor" in str(reply.body.get("errors")):
                return None
        elif write.kind is VaultEntity:
            reply = await self._entity(ref)
        else:
            reply = await self._ask(ref, _path(write))
        if isinstance(reply.error, AbsentError) or (reply.error is None and reply.status == 204):
            return None
        return reply.data

    async def _entity(self, ref: Ref) -> Reply:
        """An identity by the name that its login gives it. Raises ChangeError where the login's mount is not there."""
        mount, _, alias = ref.name.removeprefix("auth/").partition(ALIAS)
        table = (await self._ask(ref, "sys/auth")).data.get(f"{mount}/")
        accessor = table.get("accessor") if isinstance(table, dict) else None
        if not isinstance(accessor, str) or not alias:
            raise ChangeError("nothing was sent", where=str(ref), why=f"the Vault has no mount auth/{mount}")
        body = {"alias_name": alias, "alias_mount_accessor": accessor}
        return await self._ask(ref, "identity/lookup/entity", method="POST", body=body)

    async def _leases(self, ref: Ref, prefix: str) -> int:
        """How many leases are under a prefix, folder by folder. Their names are credentials' handles, and are dropped here."""
        count, folders = 0, [prefix]
        for _ in range(_FOLDERS):
            if not folders:
                break
            at = folders.pop()
            names = (await self._ask(ref, f"sys/leases/lookup/{at}", method="LIST")).keys
            folders += [f"{at}/{name.rstrip('/')}" for name in names if name.endswith("/")]
            count += sum(not name.endswith("/") for name in names)
        return count + len(folders)

    def _live(self, write: Write, data: Mapping[str, Any]) -> Live:
        uid = str(data.get("id", "")) if write.kind is VaultEntity else ""
        if write.verb == "delete":
            return Live(uid, "", {name: data[name] for name in _TOKEN if name in data}, _print(_fixed(write, data)))
        return Live(uid, "", values_of(write, {"data": data}), _print(_fixed(write, data)), obj=self._object(write, data))

    def _object(self, write: Write, data: Mapping[str, Any]) -> Kind | None:
        """The object through the door: what the session holds of it, with what was read in place of what it knew."""
        held = self._held(write.kind, write.ref)
        if held is None:
            return None
        tree = msgspec.json.decode(msgspec.json.encode(held))
        try:
            return decode(write.kind, msgspec.json.encode({**tree, "data": data}))
        except DECODE_ERRORS:
            return None  # the next round names it as one that cannot be read

    async def _request(self, write: Write, live: Live | None) -> tuple[str, Mapping[str, Any]]:
        """Where a write is sent, and what. Raises DriftError where the object moved since it was read."""
        path = _path(write, live)
        if write.kind is VaultToken:
            return path, {"accessor": write.ref.name}
        if write.kind is VaultCredentials:
            return path, {"sync": False}
        if write.kind is VaultEntity:
            return path, write.body["data"]
        data = await self._data(write)
        if data is None or live is None or _print(_fixed(write, data)) != live.print:
            raise DriftError("changed since the preview", where=str(write.ref), next="look at the new preview")
        data = {name: value for name, value in data.items() if name not in _BORN}
        wanted = dict(write.body["data"])
        emptied = {name: "" for name in (write.drops or {}).get("data", {}) if name not in wanted}
        return path, {name: value for name, value in {**data, **emptied, **wanted}.items() if value is not None}


def _path(write: Write, live: Live | None = None) -> str:
    """Where a kind is written. Raises ChangeError for one that nobody writes."""
    name = write.ref.name
    if write.kind is VaultRole:
        return name
    if write.kind is VaultToken:
        return "auth/token/revoke-accessor"
    if write.kind is VaultCredentials:
        if name.count("/") < 2:
            raise ChangeError("nothing was sent", where=str(write.ref), why="the leases of a whole engine stay")
        return f"sys/leases/revoke-prefix/{name}"
    if write.kind is VaultEntity:
        return f"identity/entity/id/{live.uid if live else write.ref.uid or '+'}"
    raise ChangeError("nothing was sent", where=str(write.ref), why=f"no {write.kind.KIND} is written to a Vault")


def _rights(write: Write) -> tuple[str, tuple[str, ...]]:
    """The path of a write, and what it takes."""
    return _path(write), ("update", "sudo") if write.kind is VaultCredentials else ("update",)


def _fixed(write: Write, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a body that changes only when a person changes it."""
    names: Iterable[str] = _TOKEN if write.kind is VaultToken else _ENTITY if write.kind is VaultEntity else data
    return {name: data[name] for name in names if name in data}


def _print(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(dict(data), order="deterministic")).hexdigest()


def _is_lost(reply: Reply) -> bool:
    """Whether it is not known what became of a request: no answer, one that cannot be read, or a server's own trouble."""
    if reply.error is None or isinstance(reply.error, TrustError):
        return False
    return reply.status < 400 or reply.status >= 500


def _insist(write: Write, reply: Reply) -> None:
    """Raise what the Vault said against a write, or that nobody knows what it said."""
    error = reply.error
    if error is None:
        return
    if _is_lost(reply):
        raise OutcomeUnknownError("the answer was lost", where=str(write.ref), why=error.what) from error
    raise ChangeError("the server said no", where=str(write.ref), why=error.why or error.what) from error
