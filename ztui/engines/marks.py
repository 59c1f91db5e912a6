"""What rules can tell of a pod, as bits: pods with one mark are alike to every network policy of the cluster.

Compiled from the policies once for as long as they stay as they are; a namespace's marks are the same for most changes of a pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines.netrules import (
    RULES,
    RULES_WHERE_SERVED,
    Action,
    NetPolicy,
    NetRule,
    Peer,
    Port,
    admin_policies,
    baseline_policies,
    policies_in,
)
from ztui.engines.reach import PLACES, PLACES_WHERE_SERVED, Spot, asks_for_network, is_peer, namespace_labels, selects, spot_of
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, workloads
from ztui.kinds.base import Kind, Ref, Selector, matches
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.workload import Namespace, Pod
from ztui.view import Gap, View, Why

REACH: Final[tuple[type[Kind], ...]] = (*RULES, *PLACES, *WORKLOADS)
REACH_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*RULES_WHERE_SERVED, *PLACES_WHERE_SERVED, *WORKLOADS_WHERE_SERVED)

GapNote = tuple[str, Gap]
"""What is not whole, and why."""

ANY_PORT: Final = 0
"""Stands for a port that nobody names, where a pod declares none."""
UNNAMED: Final = 65_535
"""The number that is asked about then: ranges cover it, and hardly anybody names it."""
_NEEDED: Final = frozenset((*RULES, Namespace, Pod))


class Door(msgspec.Struct, frozen=True, order=True, gc=False):
    """A port that pods of a group listen on, or that a rule about them names."""

    protocol: str
    port: int

    def __str__(self) -> str:
        """``8080/TCP``, or ``any port``."""
        return f"{self.port}/{self.protocol}" if self.port else "any port"


class Mark(msgspec.Struct, frozen=True, order=True):
    """Everything that rules can tell of a pod. ``subject`` has a bit for each policy about it, ``peers`` one for each peer it is.

    ``ports`` are the named ports that some rule asks for. ``blind`` is the namespace where its rules could not all be read.
    """

    subject: int
    peers: int
    host: bool = False
    network: str = ""
    ports: tuple[tuple[str, str, int], ...] = ()
    blind: str = ""


class Member(msgspec.Struct, frozen=True):
    """The pods of one workload that have the same mark, with the ports that they declare."""

    mark: Mark
    workload: Ref
    pods: tuple[str, ...]
    doors: tuple[Door, ...]


class MaskRule(msgspec.Struct, frozen=True):
    """A rule whose peers are bits; ``None`` for everybody."""

    action: Action
    peers: int | None
    ports: tuple[Port, ...] | None


class MaskPolicy(msgspec.Struct, frozen=True):
    """A policy of any tier, by its bit."""

    bit: int
    priority: int
    enforced: bool
    ingress: tuple[MaskRule, ...] | None
    egress: tuple[MaskRule, ...] | None


class Terms(msgspec.Struct, frozen=True):
    """All rules of the cluster, and what they ask of pods.

    ``own`` and ``peers_at_home`` hold by namespace what only pods of that one can be; ``keys`` are the labels that anybody asks
    for, ``names`` the named ports.
    """

    tiers: tuple[tuple[NetPolicy, int], ...]
    own: dict[str, tuple[tuple[NetPolicy, int], ...]]
    peers: tuple[tuple[Peer, int], ...]
    peers_at_home: dict[str, tuple[tuple[Peer, int], ...]]
    admin: tuple[MaskPolicy, ...]
    closing: tuple[MaskPolicy, ...]
    baseline: tuple[MaskPolicy, ...]
    keys: frozenset[str]
    names: frozenset[str]


def members_in(view: View, namespace: str) -> tuple[Member, ...]:
    """The workloads of a namespace by mark; one whose pods are not alike is there more than once."""
    look = _Look(view, namespace)
    found = []
    for unit in view.derive(workloads, namespace):
        by_mark: dict[Mark, list[Pod]] = {}
        for pod in unit.pods:
            by_mark.setdefault(look.mark(pod), []).append(pod)
        for mark, pods in by_mark.items():
            found.append(Member(mark, unit.root, tuple(pod.name for pod in pods), doors_of(pods[0])))
    return tuple(found)


def marks_in(view: View, namespace: str) -> tuple[tuple[Mark, tuple[Door, ...]], ...]:
    """The marks of a namespace's pods and the ports declared there: the same for most changes of a pod."""
    doors: dict[Mark, set[Door]] = {}
    for member in view.derive(members_in, namespace):
        doors.setdefault(member.mark, set()).update(member.doors)
    return tuple((mark, tuple(sorted(found))) for mark, found in doors.items())


def doors_of(pod: Pod) -> tuple[Door, ...]:
    """The ports that the containers of a pod declare."""
    containers = (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
    return tuple(sorted({Door(port.protocol or "TCP", port.container_port) for box in containers for port in box.ports or ()}))


def terms(view: View) -> Terms:
    """All rules of the cluster, with a bit for each policy and each peer."""
    admin, baseline = view.derive(admin_policies), view.derive(baseline_policies)
    homes = sorted({item.namespace for item in view.all(NetworkPolicy)})
    own = {home: view.derive(policies_in, home) for home in homes}
    compiler = _Compiler()
    numbered = [*admin, *(item for found in own.values() for item in found), *baseline]
    compiled = [compiler.policy(at, item) for at, item in enumerate(numbered)]
    first, last = len(admin), len(numbered) - len(baseline)
    number = {id(item): at for at, item in enumerate(numbered)}
    return Terms(
        tuple((item, number[id(item)]) for item in (*admin, *baseline)),
        {home: tuple((item, number[id(item)]) for item in found) for home, found in own.items()},
        tuple(pair for pair in compiler.peers if not pair[0].home),
        {home: tuple(pair for pair in compiler.peers if pair[0].home == home) for home in homes},
        tuple(compiled[:first]),
        tuple(compiled[first:last]),
        tuple(compiled[last:]),
        frozenset(compiler.keys),
        frozenset(compiler.names),
    )


def rules_gap(view: View, namespace: str) -> GapNote | None:
    """Why it is not known what policies say about pods of a namespace; ``None`` where it is."""
    networks = PLACES_WHERE_SERVED if asks_for_network(view, namespace) else ()
    return gap_in(view, (*RULES, *RULES_WHERE_SERVED, Namespace, *networks), namespace)


def gap_in(view: View, kinds: Iterable[type[Kind]], namespace: str) -> GapNote | None:
    """The first kind that is not whole there; one that is proven not to be served has nothing to say."""
    for kind in kinds:
        found = view.gap(kind, namespace) if kind.NAMESPACED and namespace else view.gap(kind)
        if found is not None and (found.why is not Why.ABSENT or kind in _NEEDED):
            return kind.PLURAL, found
    return None


class _Compiler:
    """Gives each different peer a bit, and collects what rules ask of pods."""

    def __init__(self) -> None:
        self.peers: list[tuple[Peer, int]] = []
        self.keys: set[str] = set()
        self.names: set[str] = set()
        self._known: dict[str, int] = {}

    def policy(self, bit: int, policy: NetPolicy) -> MaskPolicy:
        self._ask(policy.pods)
        ways = (self._rules(policy.ingress), self._rules(policy.egress))
        return MaskPolicy(bit, policy.priority, policy.enforced, *ways)

    def _rules(self, rules: tuple[NetRule, ...] | None) -> tuple[MaskRule, ...] | None:
        return None if rules is None else tuple(self._rule(rule) for rule in rules)

    def _rule(self, rule: NetRule) -> MaskRule:
        self.names.update(port.name for port in rule.ports or () if port.name)
        if rule.peers is None:
            return MaskRule(rule.action, None, rule.ports)
        mask = 0
        for peer in rule.peers:
            mask |= 1 << self._peer(peer)
        return MaskRule(rule.action, mask, rule.ports)

    def _peer(self, peer: Peer) -> int:
        name = repr(peer)
        if name not in self._known:
            self._known[name] = len(self.peers)
            self.peers.append((peer, self._known[name]))
            self._ask(peer.pods)
        return self._known[name]

    def _ask(self, selector: Selector | None) -> None:
        if selector is not None:
            self.keys.update(selector.match_labels or {})
            self.keys.update(item.key for item in selector.match_expressions or ())


class _Look:
    """Marks of the pods of one namespace; pods that are alike are looked at once."""

    def __init__(self, view: View, namespace: str) -> None:
        self._view = view
        self._terms = found = view.derive(terms)
        self._policies = (*found.tiers, *found.own.get(namespace, ()))
        self._peers = (*found.peers, *found.peers_at_home.get(namespace, ()))
        self._known: dict[object, Mark] = {}
        self._blind = namespace if rules_gap(view, namespace) else ""
        self._blocks = [pair for pair in self._peers if pair[0].block is not None]
        self._selectors = [pair for pair in self._peers if pair[0].block is None]
        labels = namespace_labels(view, namespace)
        self._here = [pair for pair in self._selectors if pair[0].namespaces is None or matches(pair[0].namespaces, labels)]

    def mark(self, pod: Pod) -> Mark:
        told = self._terms
        spot = spot_of(self._view, pod)
        labels = tuple(sorted((key, value) for key, value in spot.labels.items() if key in told.keys))
        ports = tuple(sorted((*key, number) for key, number in spot.ports.items() if key[0] in told.names))
        key = (labels, ports, spot.host, spot.network)
        if key not in self._known:
            self._known[key] = self._marked(spot, ports)
        found = self._known[key]
        ranges = _which(self._blocks, spot)  # addresses are each pod's own
        return msgspec.structs.replace(found, peers=found.peers | ranges) if ranges else found

    def _marked(self, spot: Spot, ports: tuple[tuple[str, str, int], ...]) -> Mark:
        subject = 0
        for policy, bit in self._policies:
            if selects(policy, spot):
                subject |= 1 << bit
        peers = self._selectors if spot.host else self._here  # host networks are meant by labels of their own
        return Mark(subject, _which(peers, spot), spot.host, spot.network, ports, self._blind)


def _which(peers: Iterable[tuple[Peer, int]], spot: Spot) -> int:
    """The peers that a pod is, as bits."""
    found = 0
    for peer, bit in peers:
        if is_peer(peer, spot, {}):
            found |= 1 << bit
    return found
