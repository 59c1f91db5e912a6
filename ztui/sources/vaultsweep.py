"""One round of reading one Vault: which paths are asked, and what each answer becomes.

What a path does not give makes a gap of the kinds that are read from it, and of no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from ztui.errors import AbsentError, ConnectError, DataError, ForbiddenError, ZtuiError
from ztui.kinds import vault as kinds
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.kinds.vaultpaths import ENGINES, LOGIN_METHODS
from ztui.kinds.vaultpolicy import VaultPolicy
from ztui.sources.reflector import gap_of
from ztui.sources.vaultdoor import Reply, VaultDoor
from ztui.sources.vaulttarget import VaultTarget
from ztui.view import Gap, Why

T = TypeVar("T")

Found = Kind | Malformed
Take = Callable[[type[Kind], str, "Part"], None]
"""Told of a kind, the object namespace, and what was found there."""

SHIPPED_POLICIES: Final = frozenset({"root", "default"})
DEPTH_LIMIT: Final = 32
TABLES: Final = {"auth": "sys/auth", "secret": "sys/mounts"}
"""Where the mounts of each side are listed."""


class Part(msgspec.Struct, frozen=True):
    """What was found of one kind in one Vault namespace; ``gap`` where that is not all."""

    found: tuple[Found, ...] = ()
    gap: Gap | None = None


class _PartialError(Exception):
    """Some objects were read, others not."""

    def __init__(self, found: tuple[Found, ...], gap: Gap) -> None:
        super().__init__(str(gap))
        self.found = found
        self.gap = gap


class Sweep:
    """Reads everything once. ``wanted`` are the kinds that somebody needs."""

    def __init__(self, door: VaultDoor, wanted: frozenset[type[Kind]], take: Take) -> None:
        self._door = door
        self._wanted = wanted
        self._take = take
        self._left = door.target.budget

    async def run(self) -> None:
        """Read the whole Vault, then each of its namespaces."""
        await self._whole()
        for namespace in self._door.target.namespaces:
            await _Namespace(self, namespace).run()

    async def ask(self, *path: str, namespace: str = "", **how: Any) -> Reply:
        """Ask, within the budget. Raises ``_PartialError`` beyond it."""
        if self._left <= 0:
            raise _PartialError((), Gap(Why.PARTIAL, f"vault: stopped after {self._door.target.budget} requests"))
        self._left -= 1
        return await self._door.ask(path, namespace=namespace, **how)

    async def part(self, kind: type[Kind], namespace: str, read: Callable[[], Awaitable[Iterable[Found]]]) -> None:
        """Read one kind and tell; whatever goes wrong is its gap."""
        if kind not in self._wanted:
            return
        found: tuple[Found, ...] = ()
        gap: Gap | None = None
        try:
            found = tuple(await read())
        except _PartialError as some:
            found, gap = some.found, some.gap
        except ZtuiError as error:
            gap = vault_gap(error)
        self._take(kind, self._door.target.key(namespace), Part(found, gap))

    async def _whole(self) -> None:
        """What a Vault has once, whatever its namespaces."""
        await self.part(kinds.VaultNodes, "", self._nodes)
        await self.part(kinds.VaultAudit, "", self._audits)
        await self.part(kinds.VaultLeases, "", self._leases)
        await self.part(kinds.VaultGauges, "", self._gauges)

    def make(self, kind: type[Kind], namespace: str, name: str, **fields: Any) -> Found:
        """An object of this Vault."""
        return vault_object(self._door.target, kind, namespace, name, **fields)

    async def _nodes(self) -> Iterable[Found]:
        reply = await self.ask("sys/ha-status")
        if reply.error is not None:
            raise reply.error
        nodes = reply.body.get("nodes") or reply.data.get("nodes")
        pilot = await self.ask("sys/storage/raft/autopilot/state")
        state = None
        if pilot.status not in {400, 404}:  # other storage than raft; a failure is none, and says nothing of spare nodes
            state = pilot.data
        return [self.make(kinds.VaultNodes, "", "nodes", nodes=nodes or [], autopilot=state)]

    async def _audits(self) -> Iterable[Found]:
        found = (await self.ask("sys/audit")).data
        return [self.make(kinds.VaultAudit, "", f"sys/audit/{path.strip('/')}", data=item) for path, item in found.items()]

    async def _leases(self) -> Iterable[Found]:
        count = (await self.ask("sys/leases/count", query={"type": "irrevocable"})).data.get("lease_count")
        return [self.make(kinds.VaultLeases, "", "leases", irrevocable=count)]

    async def _gauges(self) -> Iterable[Found]:
        reply = await self.ask("sys/metrics")
        if reply.error is not None:
            raise reply.error
        gauges = reply.body.get("Gauges")
        if not isinstance(gauges, list):
            raise DataError("the Vault's answer cannot be read", why="it has no gauges")
        items = [item for item in gauges if isinstance(item, dict)]
        total = next((item.get("Value") for item in items if str(item.get("Name")).endswith(".expire.num_leases")), None)
        return [self.make(kinds.VaultGauges, "", "gauges", leases=int(total) if isinstance(total, (int, float)) else None)]


class _Namespace:
    """One namespace of a Vault in one round."""

    def __init__(self, sweep: Sweep, namespace: str) -> None:
        self._sweep = sweep
        self._at = namespace
        self._tables: dict[str, Mapping[str, Any] | Exception] = {}

    async def run(self) -> None:
        part = self._sweep.part
        await part(kinds.VaultMount, self._at, self._mounts)
        await part(VaultPolicy, self._at, self._policies)
        await part(kinds.VaultAuthConfig, self._at, self._configs)
        await part(kinds.VaultRole, self._at, self._roles)
        await part(kinds.VaultUsers, self._at, self._users)
        await part(kinds.VaultToken, self._at, self._tokens)
        await part(kinds.VaultPkiRole, self._at, self._pki_roles)
        await part(kinds.VaultIssuer, self._at, self._issuers)
        await part(kinds.VaultEngineRole, self._at, self._engine_roles)
        await part(kinds.KvSecret, self._at, self._secrets)

    async def _ask(self, *path: str, **how: Any) -> Reply:
        return await self._sweep.ask(*path, namespace=self._at, **how)

    async def _list(self, *path: str) -> tuple[str, ...]:
        return (await self._ask(*path, method="LIST")).keys

    def _make(self, kind: type[Kind], name: str, **fields: Any) -> Found:
        return self._sweep.make(kind, self._at, name, **fields)

    async def _table(self, side: str) -> Mapping[str, Any]:
        """One of the two tables of mounts, asked for once: everything behind them is known from here, or why it is not.

        Raises each time what kept it from being read.
        """
        if side not in self._tables:
            try:
                self._tables[side] = (await self._ask(TABLES[side])).data
            except (ZtuiError, _PartialError) as error:
                self._tables[side] = error
        found = self._tables[side]
        if isinstance(found, Exception):
            raise found
        return found

    async def _mounts(self) -> Iterable[Found]:
        async def one(side: str) -> list[Found]:
            found = []
            for slashed, entry in (await self._table(side)).items():
                path = slashed.strip("/")
                name = f"auth/{path}" if side == "auth" else path
                found.append(self._make(kinds.VaultMount, name, side=side, path=path, data=entry))
            return found

        return await self._over(partial(one, side) for side in TABLES)

    async def _mounted(self, side: str, *types: str) -> list[tuple[str, str]]:
        """Path and type of the mounts of these types; of key-value stores those that keep versions."""
        entries = ((slashed.strip("/"), entry) for slashed, entry in (await self._table(side)).items() if isinstance(entry, dict))
        found = ((path, str(entry.get("type", ""))) for path, entry in entries if side == "auth" or not _is_flat(entry))
        return sorted((path, of) for path, of in found if of in types)

    async def _each(self, names: Iterable[T], read: Callable[[T], Awaitable[Found | None]]) -> list[Found]:
        """Read many objects; a refusal of one is a gap of the kind, one that is gone by now is none."""
        found: list[Found] = []
        gaps: list[Gap] = []

        async def one(name: T) -> None:
            try:
                obj = await read(name)
            except AbsentError:
                return
            except _PartialError as spent:
                gaps.append(spent.gap)
            except ZtuiError as error:
                gaps.append(vault_gap(error))
            else:
                if obj is not None:
                    found.append(obj)

        queue = iter(names)

        async def worker() -> None:
            for name in queue:
                await one(name)

        await asyncio.gather(*(worker() for _ in range(8)))
        if gaps:
            raise _PartialError(tuple(found), gaps[0])
        return found

    async def _policies(self) -> Iterable[Found]:
        names = [name for name in await self._list("sys/policies/acl") if name not in SHIPPED_POLICIES]

        async def read(name: str) -> Found:
            data = (await self._ask("sys/policies/acl", name)).data
            return self._make(VaultPolicy, name, data=data)

        return await self._each(names, read)

    async def _configs(self) -> Iterable[Found]:
        async def read(mount: tuple[str, str]) -> Found:
            reply = await self._ask("auth", mount[0], "config")
            data: Mapping[str, Any] = {} if isinstance(reply.error, AbsentError) else reply.data
            return self._make(kinds.VaultAuthConfig, f"auth/{mount[0]}/config", mount=mount[0], method=mount[1], data=data)

        return await self._each(await self._mounted("auth", "kubernetes", "jwt", "oidc"), read)

    async def _roles(self) -> Iterable[Found]:
        return await self._below(
            await self._mounted("auth", *LOGIN_METHODS),
            "role",
            lambda mount, of, name, data: self._make(
                kinds.VaultRole, f"auth/{mount}/role/{name}", mount=mount, method=of, data=data
            ),
            ("auth",),
        )

    async def _users(self) -> Iterable[Found]:
        async def read(mount: tuple[str, str]) -> Found:
            count = len(await self._list("auth", mount[0], "users"))
            return self._make(kinds.VaultUsers, f"auth/{mount[0]}/users", mount=mount[0], count=count)

        return await self._each(await self._mounted("auth", "userpass"), read)

    async def _tokens(self) -> Iterable[Found]:
        async def read(accessor: str) -> Found | None:
            reply = await self._ask("auth/token/lookup-accessor", method="POST", body={"accessor": accessor})
            if reply.status in {400, 403, 404} and "invalid accessor" in str(reply.body.get("errors")):
                return None  # it ended between the list and here
            return self._make(kinds.VaultToken, accessor, data=reply.data)

        return await self._each(await self._list("auth/token/accessors"), read)

    async def _pki_roles(self) -> Iterable[Found]:
        return await self._below(
            await self._mounted("secret", "pki"),
            "roles",
            lambda mount, _, name, data: self._make(kinds.VaultPkiRole, f"{mount}/roles/{name}", mount=mount, data=data),
        )

    async def _engine_roles(self) -> Iterable[Found]:
        def make(mount: str, of: str, name: str, data: Mapping[str, Any]) -> Found:
            return self._make(kinds.VaultEngineRole, f"{mount}/roles/{name}", mount=mount, engine=of, data=data)

        def static(mount: str, of: str, name: str, data: Mapping[str, Any]) -> Found:
            path = f"{mount}/static-roles/{name}"
            return self._make(kinds.VaultEngineRole, path, mount=mount, engine=of, data=data, isStatic=True)

        engines, databases = await self._mounted("secret", *ENGINES), await self._mounted("secret", "database")
        roles = (partial(self._below, engines, "roles", make), partial(self._below, databases, "static-roles", static))
        return await self._over(roles)

    async def _below(
        self,
        mounts: Sequence[tuple[str, str]],
        word: str,
        make: Callable[[str, str, str, Mapping[str, Any]], Found],
        before: tuple[str, ...] = (),
    ) -> list[Found]:
        """The roles of mounts: list, then each."""

        async def one(mount: str, of: str) -> list[Found]:
            async def read(name: str) -> Found:
                return make(mount, of, name, (await self._ask(*before, mount, word, name)).data)

            return await self._each(await self._list(*before, mount, word), read)

        return await self._over(partial(one, *mount) for mount in mounts)

    async def _over(self, reads: Iterable[Callable[[], Awaitable[list[Found]]]]) -> list[Found]:
        """Read one after the other; what cannot be read of one costs none of the others."""
        found: list[Found] = []
        gap: Gap | None = None
        for read in reads:
            try:
                found += await read()
            except _PartialError as some:
                found += some.found
                gap = gap or some.gap
            except ZtuiError as error:
                gap = gap or vault_gap(error)
        if gap is not None:
            raise _PartialError(tuple(found), gap)
        return found

    async def _issuers(self) -> Iterable[Found]:
        async def one(mount: str) -> list[Found]:
            async def read(name: str) -> Found:
                data = (await self._ask(mount, "issuer", name, "json")).data
                return self._make(kinds.VaultIssuer, f"{mount}/issuer/{name}", mount=mount, **certificate_facts(data))

            return await self._each(await self._list(mount, "issuers"), read)

        return await self._over(partial(one, mount) for mount, _ in await self._mounted("secret", "pki"))

    async def _secrets(self) -> Iterable[Found]:
        """Every secret's metadata, folder by folder. The values have paths of their own, which are never asked for."""
        return await self._over(partial(self._folder, mount) for mount, _ in await self._mounted("secret", "kv"))

    async def _folder(self, mount: str, *at: str) -> list[Found]:
        names = await self._list(mount, "metadata", *at)

        async def read(name: str) -> Found:
            data = (await self._ask(mount, "metadata", *at, name)).data
            return self._make(kinds.KvSecret, "/".join((mount, *at, name)), mount=mount, data=data)

        async def below(folder: str) -> list[Found]:
            if len(at) >= DEPTH_LIMIT:
                raise _PartialError((), Gap(Why.PARTIAL, f"vault: {mount} is nested too deeply"))
            return await self._folder(mount, *at, folder.rstrip("/"))

        secrets = partial(self._each, [name for name in names if not name.endswith("/")], read)
        return await self._over((secrets, *(partial(below, name) for name in names if name.endswith("/"))))


def _is_flat(entry: Mapping[str, Any]) -> bool:
    """Whether a mount is a key-value store without versions: it has no metadata to read."""
    options = entry.get("options")
    return entry.get("type") == "kv" and not (isinstance(options, dict) and str(options.get("version", "")) == "2")


def vault_object(target: VaultTarget, kind: type[Kind], namespace: str, name: str, **fields: Any) -> Found:
    """An object of a Vault through the door."""
    meta = {"namespace": target.key(namespace), "name": name, "uid": "", "resourceVersion": ""}
    try:
        raw = msgspec.json.encode({"metadata": meta, **fields})
    except RecursionError:  # the thread that read the answer had a few levels more to go
        return Malformed(target.key(namespace), name, "nested too deeply")
    return decode_or_malformed(kind, raw)


def vault_gap(error: ZtuiError) -> Gap:
    """What an error means for whoever needed the data; the words say that it was a Vault."""
    if isinstance(error, ForbiddenError):
        return Gap(Why.FORBIDDEN, f"vault: {error.verb} {error.resource.removesuffix(' (vault)')}")
    if isinstance(error, ConnectError) and error.status:
        return Gap(Why.UNAVAILABLE, f"vault: {error.why or error.what}")
    if isinstance(error, AbsentError):
        return Gap(Why.UNAVAILABLE, "vault: not there")
    found = gap_of(error)
    return Gap(found.why, f"vault: {found.detail}")


def certificate_facts(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is judged of an issuer's certificate. An unreadable one leaves the fields out, which the door refuses."""
    from cryptography import x509  # noqa: PLC0415  only with a PKI mount

    text = data.get("certificate")
    if not isinstance(text, str):
        return {}
    try:
        found = x509.load_pem_x509_certificate(text.encode("ascii", "replace"))
        subject = found.subject.rfc4514_string()
        basic = [item.value for item in found.extensions if isinstance(item.value, x509.BasicConstraints)]
        return {
            "subject": subject,
            "notAfter": found.not_valid_after_utc.isoformat(),
            "isCa": any(item.ca for item in basic),
            "isRoot": found.subject == found.issuer,
            "isRevoked": bool(data.get("revoked") or data.get("revocation_time")),
        }
    except (ValueError, x509.DuplicateExtension):
        return {}
