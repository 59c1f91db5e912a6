"""The Vaults of a context as a source of events: a short look at each often, a whole round now and then.

One Vault that is slow, sealed or closed holds up neither another one nor the cluster. A kind is whole where every Vault told all
of it; what was read stays, marked as stale, until four looks in a row brought nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ztui.clock import Clock, within
from ztui.errors import ConnectError, ForbiddenError, LoginError, ZtuiError
from ztui.health import Freshness, VaultLink
from ztui.kinds import vault as kinds
from ztui.kinds.base import Kind, Malformed
from ztui.sources.vaultdoor import Reply, VaultDoor, plain_refusal, state_words
from ztui.sources.vaultlogin import VaultSession, is_login
from ztui.sources.vaultsweep import Found, Part, Sweep, vault_gap, vault_object
from ztui.sources.vaulttarget import VaultTarget
from ztui.store import Broken, Drop, Event, Hole, Lost, Put, Whole
from ztui.view import Gap, Why

if TYPE_CHECKING:
    from ztui.sources.vaultoidc import Show

SWEEP_S: Final = 60.0
HEALTH_S: Final = 15.0
STALE_AFTER: Final = 2
LOST_AFTER: Final = 4
"""Missed polls until what was read is stale, and until it counts no more."""

HEALTH_CODES: Final = (429, 472, 473, 474, 501, 503, 530)
NOT_CONFIGURED: Final = Gap(Why.NOT_CONNECTED, "vault")


class Vaults:
    """All Vaults of one context. ``kinds`` are those that somebody reads; runs until it is cancelled."""

    def __init__(
        self,
        targets: Iterable[VaultTarget],
        wanted: Iterable[type[Kind]],
        emit: Callable[[Event], None],
        clock: Clock,
        *,
        timeout_s: float = 30.0,
        show: Show | None = None,
    ) -> None:
        self._kinds = frozenset(wanted)
        turn = asyncio.Lock()
        self._emit = emit
        self._fold = _Fold(emit)
        doors = [VaultDoor(target, clock, timeout_s=timeout_s) for target in targets]
        sessions = [VaultSession(door, clock, show=show, turn=turn) for door in doors]
        self._watchers = [_Watcher(session, self._kinds, self._fold, clock) for session in sessions]
        places = frozenset(item.target.key(space) for item in self._watchers for space in item.target.namespaces)
        once = frozenset(item.target.key("") for item in self._watchers)
        for kind in self._kinds:
            self._fold.expect(kind, once if kind in ONCE else places)

    async def run(self) -> None:
        """Follow until cancelled; without any Vault, say so once."""
        if not self._watchers:
            for kind in self._kinds:
                self._emit(Hole(kind, NOT_CONFIGURED))
            return
        try:
            async with asyncio.TaskGroup() as tasks:
                for watcher in self._watchers:
                    tasks.create_task(watcher.look(), name=f"look at vault {watcher.target.name}")
                    tasks.create_task(watcher.sweep(), name=f"read vault {watcher.target.name}")
        finally:
            for watcher in self._watchers:
                await watcher.door.close()

    def retry(self) -> None:
        """Try now what waits."""
        for watcher in self._watchers:
            watcher.again.set()

    def door(self, name: str) -> VaultDoor | None:
        """The way to a Vault, with the token that we are logged in by; ``None`` for one that is not of this context."""
        return next((watcher.door for watcher in self._watchers if watcher.target.name == name), None)

    def ask_person(self, show: Show) -> bool:
        """Let somebody log in to the Vaults that wait for it; says whether there is one."""
        waiting = [watcher for watcher in self._watchers if watcher.session.wants_person]
        for watcher in waiting:
            watcher.session.show = show
            watcher.again.set()
        return bool(waiting)

    def links(self) -> tuple[VaultLink, ...]:
        """The connections as they are now."""
        return tuple(watcher.link() for watcher in self._watchers)


async def read_mounts(
    target: VaultTarget, clock: Clock, timeout_s: float, *, show: Show | None = None
) -> list[tuple[str, list[kinds.VaultMount]]]:
    """The mounts of each namespace of a Vault, asked once. Raises what kept them from being read."""
    door = VaultDoor(target, clock, timeout_s=timeout_s)
    found: dict[str, list[kinds.VaultMount]] = {}
    gaps: list[Gap] = []

    def take(_: type[Kind], place: str, part: Part) -> None:
        found[place] = [item for item in part.found if isinstance(item, kinds.VaultMount)]
        gaps.extend([part.gap] if part.gap is not None else [])

    try:
        await VaultSession(door, clock, show=show).log_in()
        await Sweep(door, frozenset({kinds.VaultMount}), take).run()
    finally:
        await door.close()
    if gaps:
        raise ConnectError(
            "the mounts of the Vault cannot be read", where=f"vault {target.name}, {target.host}", why=str(gaps[0])
        )
    return [(space, found[target.key(space)]) for space in target.namespaces]


ONCE: Final[frozenset[type[Kind]]] = frozenset(
    {kinds.VaultHealth, kinds.VaultNodes, kinds.VaultAudit, kinds.VaultLeases, kinds.VaultGauges, kinds.VaultLogin}
)
"""Kinds that a Vault has once, whatever its namespaces."""


class _Fold:
    """Adds up what the Vaults tell of each kind: whole where every place told all."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self._places: dict[type[Kind], frozenset[str]] = {}
        self._names: dict[tuple[type[Kind], str], frozenset[tuple[str, str]]] = {}
        self._gaps: dict[tuple[type[Kind], str], Gap | None] = {}
        self._lost: dict[type[Kind], set[str]] = {}

    def expect(self, kind: type[Kind], places: frozenset[str]) -> None:
        """The kind is read in these places."""
        self._places[kind] = places

    def take(self, kind: type[Kind], place: str, part: Part) -> None:
        """What one place told of a kind."""
        names = frozenset(_at(item, place) for item in part.found)
        kept = names if part.gap is None else names | self._kept(kind, place, part.gap)
        for namespace, name in self._names.get((kind, place), frozenset()) - kept:
            self._emit(Drop(kind, namespace, name))
        for item in part.found:
            self._emit(Broken(kind, item) if isinstance(item, Malformed) else Put(item))
        self._names[kind, place], self._gaps[kind, place] = kept, part.gap
        self._tell(kind)

    def lose(self, target: VaultTarget, wanted: Iterable[type[Kind]], gap: Gap | None) -> None:
        """A Vault has not been heard of for too long, or is again."""
        for kind in wanted:
            lost = self._lost.setdefault(kind, set())
            (lost.discard if gap is None else lost.add)(target.name)
            if gap is not None or not lost:
                self._emit(Lost(kind, gap))

    def _kept(self, kind: type[Kind], place: str, gap: Gap) -> frozenset[tuple[str, str]]:
        """What stays of what was read before: nothing that may not be read any more."""
        return frozenset() if gap.why is Why.FORBIDDEN else self._names.get((kind, place), frozenset())

    def _tell(self, kind: type[Kind]) -> None:
        places = self._places[kind]
        told = [self._gaps[kind, place] for place in sorted(places) if (kind, place) in self._gaps]
        gap = next((item for item in told if item is not None), None)
        if gap is not None:
            self._emit(Hole(kind, gap))
        elif len(told) == len(places):
            self._emit(Whole(kind, frozenset().union(*(self._names[kind, place] for place in places))))


def _at(item: Found, place: str) -> tuple[str, str]:
    return (item.namespace or place, item.name)


class _Watcher:
    """One Vault: the short look, the round, and how both are doing."""

    def __init__(self, session: VaultSession, wanted: frozenset[type[Kind]], fold: _Fold, clock: Clock) -> None:
        self.session = session
        self.door = session.door
        self.target = self.door.target
        self.again = asyncio.Event()
        self.problem: ZtuiError | None = None
        self.status = 0
        self._wanted = wanted
        self._fold = fold
        self._clock = clock
        self._heard_at: float | None = None
        self._read_at: float | None = None
        self._is_lost = False
        self._trouble: ZtuiError | None = None
        self._missed: Counter[tuple[type[Kind], str]] = Counter()

    async def look(self) -> None:
        """Ask for its health, again and again."""
        while True:
            if self.target.is_plain:
                self._tell_health(self._health("none"))
                self.problem = plain_refusal(self.target)
                return
            await self._look()
            await self._clock.sleep(HEALTH_S)

    async def sweep(self) -> None:
        """Read everything, again and again."""
        while True:
            self.again.clear()
            if self.target.is_plain:
                self._refuse(plain_refusal(self.target))
                return
            await self._round()
            await within(self._clock, SWEEP_S, self.again)

    def link(self) -> VaultLink:
        """How this connection is doing."""
        return VaultLink(
            name=self.target.name,
            address=self.target.address,
            state=state_words(self.status) if self.status else "",
            freshness=self._freshness(),
            silent_s=self._silent_s(),
            user=self.session.name,
            token_left_s=self.session.left_s,
            renewable=self.session.renewable,
            problem=self._trouble or self.problem,
            waiting=self.door.waiting,
            requests=self.door.requests,
            warnings=self.target.warnings,
        )

    async def _look(self) -> None:
        seal = await self._open("sys/seal-status")
        if seal.error is not None:
            self._miss(seal.error)
            return
        health = await self._open("sys/health", also=HEALTH_CODES)
        if health.error is not None:
            self._miss(health.error)
            return
        leader = await self._open("sys/leader")
        attempt = await self._open("sys/generate-root/attempt")
        self.status, self.problem = health.status, None
        self._heard()
        tls = "verified" if self.target.address.startswith("https://") else "loopback"
        fields: dict[str, Any] = {"status": health.status, "seal": dict(seal.body)}
        if leader.error is None:
            fields["leader"] = dict(leader.body)
        started = attempt.body.get("started") if attempt.error is None else None
        if isinstance(started, bool):
            fields["rootAttempt"] = started
        self._tell_health(self._health(tls, **fields))

    async def _open(self, path: str, also: tuple[int, ...] = ()) -> Reply:
        """One of the paths that answer anybody: our token stays here."""
        return await self.door.ask((path,), with_token=False, also=also)

    def _health(self, tls: str, **fields: Any) -> Found:
        return vault_object(self.target, kinds.VaultHealth, "", "health", address=self.target.address, tls=tls, **fields)

    def _tell_health(self, found: Found) -> None:
        if kinds.VaultHealth in self._wanted:
            self._fold.take(kinds.VaultHealth, self.target.key(""), Part((found,)))

    async def _round(self) -> None:
        try:
            await self.session.log_in()
            await self.session.keep()
            await self._who()
        except ZtuiError as error:
            self._trouble = error if is_login(error) else None
            self._refuse(error)
            return
        self._trouble = None
        before = self.door.requests
        await Sweep(self.door, self._wanted, self._take).run()
        if self.door.requests > before:
            self._read_at = self._clock.monotonic()

    async def _who(self) -> None:
        """Ask who we are. A token that may not look at itself is still a token; one that may nothing at all is none."""
        at = self.target.namespaces[0]
        reply = await self.door.ask(("auth/token/lookup-self",), namespace=at)
        if isinstance(reply.error, ForbiddenError):
            probe = await self.door.ask(("sys/mounts",), namespace=at)
            if isinstance(probe.error, ForbiddenError):
                self.session.forget()
                raise LoginError(
                    "the Vault does not accept our token",
                    where=f"vault {self.target.name}, {self.target.host}",
                    why="expired, revoked, or without any right",
                    next="log in again; `ztui roles vault` prints the policy that ztui needs",
                )
        elif reply.error is not None:
            raise reply.error
        if reply.error is None:
            found = vault_object(self.target, kinds.VaultLogin, "", "auth/token/lookup-self", data=reply.body.get("data"))
            if isinstance(found, kinds.VaultLogin):
                self.session.learn(found.data)
            part = Part((found,))
        else:
            part = Part((), vault_gap(reply.error))
        if kinds.VaultLogin in self._wanted:
            self._fold.take(kinds.VaultLogin, self.target.key(""), part)

    def _refuse(self, error: ZtuiError) -> None:
        """Nothing behind the login can be read now; what was read before stays while the Vault may only be away."""
        gap = vault_gap(error)
        for kind in self._wanted - {kinds.VaultHealth}:
            for place in {self.target.key(space) for space in (("",) if kind in ONCE else self.target.namespaces)}:
                self._take(kind, place, Part((), gap))

    def _take(self, kind: type[Kind], place: str, part: Part) -> None:
        """Pass on what was found. An answer that did not come is no news yet, where there was one before."""
        late = part.gap is not None and part.gap.why is Why.TIMEOUT
        self._missed[kind, place] = self._missed[kind, place] + 1 if late else 0
        if late and self._read_at is not None and self._missed[kind, place] < LOST_AFTER:
            return
        self._fold.take(kind, place, part)

    def _miss(self, error: ZtuiError) -> None:
        self.problem = error
        if self._heard_at is None:
            if kinds.VaultHealth in self._wanted:
                self._fold.take(kinds.VaultHealth, self.target.key(""), Part((), vault_gap(error)))
        elif self._freshness() is Freshness.LOST and not self._is_lost:
            self._is_lost = True
            self._fold.lose(self.target, self._wanted, Gap(Why.STALE, f"vault: no news for {self._silent_s():.0f} s"))

    def _heard(self) -> None:
        self._heard_at = self._clock.monotonic()
        if self._is_lost:
            self._is_lost = False
            self._fold.lose(self.target, self._wanted, None)

    def _silent_s(self) -> float:
        return 0.0 if self._heard_at is None else self._clock.monotonic() - self._heard_at

    def _freshness(self) -> Freshness:
        if self._heard_at is None:
            return Freshness.CONNECTING
        missed = self._silent_s() / HEALTH_S
        if missed > LOST_AFTER:
            return Freshness.LOST
        return Freshness.STALE if missed > STALE_AFTER else Freshness.LIVE
