"""May this pod talk to that one, on that port, and which rule decides on each side.

Egress of the caller and ingress of the called must both allow. Each direction asks the administrators' tier, then the policies of
the pod's namespace, then the baseline; what nobody decides is allowed. Source: networking.k8s.io/v1 NetworkPolicy; the
network-policy-api; OVN-Kubernetes for host networks, priorities and egress firewalls. ICMP is outside of what ports can match.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import groupby
from typing import Final, Literal

import msgspec

from ztui.engines.netrules import (
    HOST_GROUP,
    Block,
    Direction,
    Firewall,
    NetPolicy,
    NetRule,
    Network,
    Peer,
    Port,
    admin_policies,
    baseline_policies,
    firewall_of,
    inside,
    policies_in,
)
from ztui.kinds.base import Kind, Ref, Selector, matches
from ztui.kinds.security import ClusterUserDefinedNetwork, UserDefinedNetwork
from ztui.kinds.workload import Namespace, Node, Pod
from ztui.view import View

PLACES: Final[tuple[type[Kind], ...]] = (Namespace, Pod)
PLACES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (UserDefinedNetwork, ClusterUserDefinedNetwork)

ANYWHERE: Final = "198.51.100.1"
"""An address of the range for documentation: only a rule for the whole internet covers it."""

NAME_LABEL: Final = "kubernetes.io/metadata.name"
_PRIMARY: Final = "k8s.ovn.org/primary-user-defined-network"


class Spot(msgspec.Struct, frozen=True):
    """One end of a connection: a pod, a node's own process, or an address outside (then ``namespace`` is empty).

    ``ports`` are the named ones: (name, protocol) -> number. ``network`` is the primary network that the pod is on, empty for the
    cluster's. ``node`` and ``node_labels`` are of the machine it is on.
    """

    key: str
    namespace: str = ""
    labels: dict[str, str] = {}
    namespace_labels: dict[str, str] = {}
    addresses: tuple[str, ...] = ()
    host: bool = False
    node: str = ""
    node_labels: dict[str, str] | None = None
    ports: dict[tuple[str, str], int] = {}
    network: str = ""

    @property
    def is_pod(self) -> bool:
        """Whether policies select it: a pod on the pod network."""
        return bool(self.namespace) and not self.host


class Rulebook(msgspec.Struct, frozen=True):
    """The rules that a question needs: both tiers of the administrators, the policies and firewalls of the namespaces in it."""

    admin: tuple[NetPolicy, ...] = ()
    own: Mapping[str, tuple[NetPolicy, ...]] = {}
    baseline: tuple[NetPolicy, ...] = ()
    firewalls: Mapping[str, Firewall | None] = {}
    inside: tuple[Network, ...] = ()


Tier = Literal["exempt", "admin", "policy", "baseline", "default", "firewall", "network"]


class Decision(msgspec.Struct, frozen=True):
    """What one direction says, and who: tier, deciding object and rule. ``rule`` is -1 where no single rule did."""

    allowed: bool
    tier: Tier
    by: Ref | None = None
    rule: int = -1


class Reach(msgspec.Struct, frozen=True):
    """The answer for a connection. ``notes`` say what makes it less than sure (``ambiguous``, ``unknown-dns`` …)."""

    allowed: bool
    egress: Decision
    ingress: Decision
    notes: tuple[str, ...] = ()


def rulebook(view: View, *namespaces: str, outside: bool = False) -> Rulebook:
    """The rules for questions between pods of these namespaces; ``outside`` adds what bounds traffic out of the cluster."""
    return Rulebook(
        view.derive(admin_policies),
        {name: view.derive(policies_in, name) for name in namespaces if name},
        view.derive(baseline_policies),
        {name: view.derive(firewall_of, name) for name in namespaces if name} if outside else {},
        view.derive(inside) if outside else (),
    )


def spot_of(view: View, pod: Pod) -> Spot:
    """A pod as one end of a connection. The labels of its node are only read where a host network makes them matter."""
    host = pod.spec.host_network
    node = view.get(Node, pod.spec.node_name) if host and pod.spec.node_name else None
    ports = {
        (port.name, port.protocol or "TCP"): port.container_port
        for container in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
        for port in container.ports or ()
        if port.name and (container.restart_policy == "Always" or container in (pod.spec.containers or ()))
    }
    return Spot(
        str(pod.ref),
        pod.namespace,
        pod.labels,
        namespace_labels(view, pod.namespace),
        pod.addresses,
        host,
        pod.spec.node_name,
        node.labels if node else None,
        ports,
        "" if host else view.derive(network_of, pod.namespace),
    )


def outside(address: str) -> Spot:
    """An address outside of the cluster."""
    return Spot(address, addresses=(address,))


def namespace_labels(view: View, name: str) -> dict[str, str]:
    """The labels of a namespace, with the one that the server always adds."""
    found = view.get(Namespace, name)
    return {NAME_LABEL: name, **(found.labels if found else {})}


def asks_for_network(view: View, name: str) -> bool:
    """Whether pods of a namespace are on a primary network of their own, if there is one for it."""
    return _PRIMARY in namespace_labels(view, name)


def network_of(view: View, name: str) -> str:
    """The primary network that pods of a namespace are on; empty for the cluster's."""
    namespace = view.get(Namespace, name)
    if namespace is None or not asks_for_network(view, name):
        return ""
    for own in view.within(UserDefinedNetwork, name):
        if own.spec.is_primary:
            return f"{name}/{own.name}"
    for shared in sorted(view.all(ClusterUserDefinedNetwork), key=lambda item: item.name):
        if shared.spec.network.is_primary and matches(shared.spec.namespace_selector, namespace.labels):
            return shared.name
    return ""


def reach(book: Rulebook, src: Spot, dst: Spot, protocol: str, port: int) -> Reach:
    """Whether ``src`` may open a connection to ``port`` (the pod's own, after Services) of ``dst``, and why.

    Where policies of one priority disagree the more permissive one counts, with the note ``ambiguous``.
    """
    notes: dict[str, None] = {}
    if src.key == dst.key:
        same = Decision(allowed=True, tier="exempt")
        return Reach(allowed=True, egress=same, ingress=same, notes=("same pod",))
    if src.is_pod and dst.is_pod and src.network != dst.network:
        apart = Decision(allowed=False, tier="network")
        return Reach(allowed=False, egress=apart, ingress=apart, notes=("udn-isolated",))
    ask = Ask(protocol, port, dst, notes)
    egress = _egress(book, src, dst, ask)
    ingress = _ingress(book, src, dst, ask)
    return Reach(allowed=egress.allowed and ingress.allowed, egress=egress, ingress=ingress, notes=tuple(notes))


class Ask(msgspec.Struct, frozen=True):
    """The port in question, whose pod resolves its name, and where notes go."""

    protocol: str
    port: int
    dst: Spot
    notes: dict[str, None]


def _egress(book: Rulebook, src: Spot, dst: Spot, ask: Ask) -> Decision:
    if not src.is_pod:
        return Decision(allowed=True, tier="exempt")
    found = _tiers(book, "egress", src, dst, ask)
    if not found.allowed or src.namespace not in book.firewalls or not _leaves(book, dst):
        return found
    wall = book.firewalls[src.namespace]
    hit = next((rule for rule in wall.rules if _applies(rule, dst, ask, "egress")), None) if wall else None
    if wall is None or hit is None:
        return found
    return Decision(allowed=hit.action == "allow", tier="firewall", by=wall.ref, rule=hit.index)


def _ingress(book: Rulebook, src: Spot, dst: Spot, ask: Ask) -> Decision:
    if not dst.is_pod:
        return Decision(allowed=True, tier="exempt")
    if src.host and src.node and src.node == dst.node:
        ask.notes["own node"] = None  # kubelets probe; plugins let the pod's own node in
        return Decision(allowed=True, tier="exempt")
    return _tiers(book, "ingress", dst, src, ask)


def _tiers(book: Rulebook, direction: Direction, pod: Spot, other: Spot, ask: Ask) -> Decision:
    found = _ordered(book.admin, "admin", direction, pod, other, ask)
    if found is not None:
        return found
    isolating = [item for item in book.own.get(pod.namespace, ()) if _rules(item, direction) is not None and selects(item, pod)]
    if isolating:
        return _isolated(isolating, direction, other, ask)
    found = _ordered(book.baseline, "baseline", direction, pod, other, ask)
    return found or Decision(allowed=True, tier="default")


def _isolated(policies: list[NetPolicy], direction: Direction, other: Spot, ask: Ask) -> Decision:
    for policy in policies:
        for rule in _rules(policy, direction) or ():
            if _applies(rule, other, ask, direction):
                return Decision(allowed=True, tier="policy", by=policy.ref, rule=rule.index)
    return Decision(allowed=False, tier="policy", by=policies[0].ref)


def _ordered(
    policies: Iterable[NetPolicy], tier: Tier, direction: Direction, pod: Spot, other: Spot, ask: Ask
) -> Decision | None:
    """The first rule that matches decides; a ``pass`` ends the tier. ``None`` where the tier decides nothing."""
    mine = (item for item in policies if selects(item, pod))
    for _, same in groupby(mine, key=lambda item: item.priority):
        hits = [(item, rule) for item in same if (rule := _first(item, direction, other, ask)) is not None]
        live = [hit for hit in hits if hit[0].enforced]
        if len(live) < len(hits):
            ask.notes["not-enforced"] = None
        if not live:
            continue
        if len({rule.action for _, rule in live}) > 1:
            ask.notes["ambiguous"] = None
        policy, rule = min(live, key=lambda hit: _LENIENT[hit[1].action])
        if rule.action == "pass":
            return None
        return Decision(allowed=rule.action == "allow", tier=tier, by=policy.ref, rule=rule.index)
    return None


_LENIENT: Final = {"allow": 0, "pass": 1, "deny": 2}


def _first(policy: NetPolicy, direction: Direction, other: Spot, ask: Ask) -> NetRule | None:
    return next((rule for rule in _rules(policy, direction) or () if _applies(rule, other, ask, direction)), None)


def _rules(policy: NetPolicy, direction: Direction) -> tuple[NetRule, ...] | None:
    return policy.ingress if direction == "ingress" else policy.egress


def selects(policy: NetPolicy, pod: Spot) -> bool:
    """Whether the policy is about the pod. Pods on a host network are nobody's subject."""
    if not pod.is_pod or not matches(policy.pods, pod.labels):
        return False
    if policy.home:
        return policy.home == pod.namespace
    return matches(policy.namespaces, pod.namespace_labels)


def _applies(rule: NetRule, other: Spot, ask: Ask, direction: Direction) -> bool:
    if rule.ports is not None and not any(_covers(item, ask) for item in rule.ports):
        return False
    if rule.peers is None:
        return True
    return any(is_peer(item, other, ask.notes, direction) for item in rule.peers)


def _covers(port: Port, ask: Ask) -> bool:
    if port.name:
        named = {
            protocol: number
            for (name, protocol), number in ask.dst.ports.items()
            if name == port.name and port.protocol in {"", protocol}
        }
        return named.get(ask.protocol) == ask.port
    return port.protocol in {"", ask.protocol} and port.low <= ask.port <= port.high


def is_peer(peer: Peer, other: Spot, notes: dict[str, None], direction: Direction = "ingress") -> bool:
    """Whether the other end is one that the peer means."""
    if peer.block is not None:
        return any(_in_block(peer.block, item) for item in other.addresses)
    if peer.names:
        if not other.namespace:
            notes["unknown-dns"] = None
        return False
    if peer.nodes is not None:
        return direction == "egress" and other.host and other.node_labels is not None and matches(peer.nodes, other.node_labels)
    if peer.pods is None and peer.namespaces is None:
        return False
    if not other.namespace:
        return False
    if other.host:
        return peer.hosts and _is_host_peer(peer, other)
    if peer.home:
        return peer.home == other.namespace and matches(peer.pods, other.labels)
    return matches(peer.namespaces, other.namespace_labels) and (peer.pods is None or matches(peer.pods, other.labels))


def _is_host_peer(peer: Peer, other: Spot) -> bool:
    """OVN-Kubernetes: host networks are a group of their own, which a namespace selector must name; or every pod is meant."""
    if peer.namespaces is None:
        return False
    if peer.pods is None:
        named = {*(peer.namespaces.match_labels or {}), *(item.key for item in peer.namespaces.match_expressions or ())}
        return HOST_GROUP in named and matches(peer.namespaces, {HOST_GROUP: ""})
    return peer.pods == Selector() and matches(peer.namespaces, other.namespace_labels)


def _leaves(book: Rulebook, dst: Spot) -> bool:
    """Whether a connection leaves the pod network: towards nodes too, which firewalls bound as well."""
    if dst.is_pod:
        return False
    return not any(_in_block(Block(item), address) for item in book.inside for address in dst.addresses)


def _in_block(block: Block, address: str) -> bool:
    found = _address(address)
    if found is None or found.version != block.range.version or found not in block.range:
        return False
    return not any(found.version == item.version and found in item for item in block.without)


@lru_cache(maxsize=65_536)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
