"""What a Vault does that somebody should know of at once: it seals itself, goes away, changes its leader, makes a root token.

Signals of changes alone: what was so when it was first seen is a matter of the checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ztui.kinds.incident import Level, Signal, Subject, signal
from ztui.kinds.logline import ROOT_USED, VAULT
from ztui.kinds.vault import VaultHealth, VaultKind, VaultLogin, VaultToken
from ztui.view import State, View, Why

FLAPS: Final = 3
FLAP_SPAN: Final = timedelta(minutes=15)
"""How many changes of the leader within how long are flapping."""

READS: Final = (VaultHealth, VaultLogin, VaultToken)
"""What ``VaultTurns`` reads."""

_AWAY: Final = frozenset({Why.STALE, Why.TIMEOUT, Why.UNAVAILABLE})


class _Known(msgspec.Struct):
    """One Vault as it was last seen."""

    sealed: bool | None = None
    making: bool | None = None
    leader: str = ""
    changes: list[datetime] = msgspec.field(default_factory=list)


class VaultTurns:
    """What was last seen of each Vault, and what has changed since."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._roots: dict[type[VaultKind], frozenset[tuple[str, str]]] = {}
        self._away = False

    def since(self, view: View) -> Iterator[Signal]:
        """Signals of what has changed since it was last asked."""
        state = view.state
        for item in view.all(VaultHealth):
            yield from self._health(item, state.now)
        yield from self._reach(state)
        for kind in (VaultLogin, VaultToken):
            if state.gap(kind) is None:
                yield from self._rooted(view, kind)

    def _health(self, item: VaultHealth, now: datetime) -> Iterator[Signal]:
        known = self._known.setdefault(item.namespace, _Known())
        if item.seal is not None:
            if item.seal.sealed and known.sealed is False:
                yield _signal(item, now, "high", "sealed", f"{item.vault} is sealed: nobody gets a secret from it")
            known.sealed = item.seal.sealed
        if item.root_attempt is not None:
            if item.root_attempt and known.making is False:
                yield _signal(item, now, "high", "root token in the making", f"a root token of {item.vault} is being made")
            known.making = item.root_attempt
        leader = item.leader.leader_address if item.leader else ""
        if leader and known.leader and leader != known.leader:
            known.changes = [at for at in known.changes if now - at <= FLAP_SPAN] + [now]
            if len(known.changes) >= FLAPS:
                words = f"the leader of {item.vault} changed {len(known.changes)} times in {FLAP_SPAN.seconds // 60} minutes"
                yield _signal(item, now, "medium", "leader flapping", words)
                known.changes = []
        known.leader = leader or known.leader

    def _reach(self, state: State) -> Iterator[Signal]:
        """A Vault that was there and is not; the store does not tell which one of several."""
        gap = state.gap(VaultHealth)
        away = gap is not None and gap.why in _AWAY
        if away and not self._away and gap is not None and self._known:
            name = next(iter(self._known)) if len(self._known) == 1 else ""
            about = Subject(name, group="vault", kind="VaultHealth", name="health")
            at, words = state.now, f"{name or 'a Vault'}: {gap}"
            yield signal(VAULT, f"unreachable/{at.isoformat()}", at, "medium", "unreachable", words, about)
        self._away = away

    def _rooted(self, view: View, kind: type[VaultLogin | VaultToken]) -> Iterator[Signal]:
        held = {(item.namespace, item.name): item for item in view.all(kind) if item.data.is_root}
        before = self._roots.get(kind)
        self._roots[kind] = frozenset(held)
        for at, item in held.items() if before is not None else ():
            if at not in before:  # type: ignore[operator]  # asked above
                words = f"{item.data.display_name or 'a token'} of {item.vault} is a root token, which no policy holds"
                yield _signal(item, view.now, "high", ROOT_USED, words)


def _signal(item: VaultKind, at: datetime, level: Level, rule: str, words: str) -> Signal:
    ref = item.ref
    about = Subject(ref.namespace, group=ref.group, kind=ref.kind, name=ref.name)
    return signal(VAULT, f"{rule}/{item.namespace}/{ref.name}/{at.isoformat()}", at, level, rule, words, about)
