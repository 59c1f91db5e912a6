"""Network policies of every tier in one form: who is selected, and which rules apply in which order.

What ``reach`` evaluates. A selector stays a selector; addresses are parsed once. Source: networking.k8s.io/v1 NetworkPolicy;
policy.networking.k8s.io (network-policy-api); EgressFirewall of OVN-Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal

import msgspec

from ztui.kinds.base import Kind, Ref, Selector
from ztui.kinds.clusternetwork import NetworkConfig
from ztui.kinds.netpolicy import (
    AdminNetworkPolicy,
    AdminPort,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    EgressFirewall,
    EgressNetworkPolicy,
    FirewallRule,
    NetworkPolicy,
    PolicyPeer,
    PolicyPort,
    ProtocolMatch,
    TierPeer,
    TierPolicy,
    TierProtocol,
    TierRule,
)
from ztui.view import View

RULES: Final[tuple[type[Kind], ...]] = (NetworkPolicy,)
"""What every question about reach needs."""

RULES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    NetworkConfig,
)
FIREWALLS: Final[tuple[type[Kind], ...]] = (EgressFirewall, EgressNetworkPolicy)
"""What questions about places outside of the cluster read besides, where it is served."""

ANP_HIGHEST: Final = 99
"""OVN-Kubernetes honours AdminNetworkPolicies up to this priority. Source: its ANP controller."""

Network = IPv4Network | IPv6Network
Action = Literal["allow", "deny", "pass"]
Direction = Literal["ingress", "egress"]
HOST_GROUP: Final = "policy-group.network.openshift.io/host-network"

_ACTIONS: Final[dict[str, Action]] = {"Allow": "allow", "Accept": "allow", "Deny": "deny", "Pass": "pass"}


class Block(msgspec.Struct, frozen=True):
    """An address range without some parts."""

    range: Network
    without: tuple[Network, ...] = ()


class Peer(msgspec.Struct, frozen=True):
    """One other side, exactly one way. ``pods`` with ``namespaces``: both must match; with ``home``: pods of that namespace.

    ``hosts`` says that processes on host networks can be meant too; ``names`` is a domain name, which nobody can match without
    asking the DNS.
    """

    namespaces: Selector | None = None
    pods: Selector | None = None
    home: str = ""
    block: Block | None = None
    nodes: Selector | None = None
    hosts: bool = False
    names: bool = False


class Port(msgspec.Struct, frozen=True, gc=False):
    """Ports ``low`` to ``high`` of a protocol (empty: of any), or the port of the called pod with that ``name``."""

    protocol: str = ""
    low: int = 0
    high: int = 65_535
    name: str = ""


class NetRule(msgspec.Struct, frozen=True):
    """One rule. ``peers`` absent: everybody; ``ports`` absent: every port of every protocol."""

    action: Action
    index: int
    peers: tuple[Peer, ...] | None = None
    ports: tuple[Port, ...] | None = None


class NetPolicy(msgspec.Struct, frozen=True):
    """One policy. Its subject is ``pods`` of ``home``, or of the ``namespaces`` that a selector picks.

    ``ingress`` or ``egress`` is ``None`` where the policy says nothing about that direction.
    """

    ref: Ref
    pods: Selector
    home: str = ""
    namespaces: Selector | None = None
    priority: int = 0
    ingress: tuple[NetRule, ...] | None = None
    egress: tuple[NetRule, ...] | None = None
    enforced: bool = True


class Firewall(msgspec.Struct, frozen=True):
    """The rules for traffic that leaves the cluster from one namespace."""

    ref: Ref
    rules: tuple[NetRule, ...]


def policies_in(view: View, namespace: str) -> tuple[NetPolicy, ...]:
    """The NetworkPolicies of a namespace, by name."""
    found = sorted(view.within(NetworkPolicy, namespace), key=lambda item: item.name)
    return tuple(of_namespace(item) for item in found if not item.is_going)


def admin_policies(view: View) -> tuple[NetPolicy, ...]:
    """The tier before namespaces, in the order in which it is asked."""
    network = view.get(NetworkConfig, "cluster")
    ovn = network is not None and network.status.network_type == "OVNKubernetes"
    found = [of_tier(item, highest=ANP_HIGHEST if ovn else None) for item in view.all(AdminNetworkPolicy)]
    found += [of_tier(item) for item in view.all(ClusterNetworkPolicy) if item.spec.tier == "Admin"]
    return tuple(sorted(found, key=lambda item: (item.priority, item.ref)))


def baseline_policies(view: View) -> tuple[NetPolicy, ...]:
    """The tier after namespaces, in order; of the older API only the object ``default`` counts."""
    found = [of_tier(item) for item in view.all(BaselineAdminNetworkPolicy) if item.name == "default"]
    found += [of_tier(item) for item in view.all(ClusterNetworkPolicy) if item.spec.tier == "Baseline"]
    return tuple(sorted(found, key=lambda item: (item.priority, item.ref)))


def firewall_of(view: View, namespace: str) -> Firewall | None:
    """What bounds traffic from a namespace to places outside; ``None`` where nothing does."""
    ovn = view.get(EgressFirewall, "default", namespace)
    if ovn is not None:
        return Firewall(ovn.ref, _firewall_rules(ovn.spec.egress or ()))
    sdn = view.get(EgressNetworkPolicy, "default", namespace)
    return Firewall(sdn.ref, _firewall_rules(sdn.spec.egress or ())) if sdn else None


def inside(view: View) -> tuple[Network, ...]:
    """The addresses of pods and services; empty where the cluster does not say."""
    network = view.get(NetworkConfig, "cluster")
    found = (parsed(item) for item in (network.ranges if network else ()))
    return tuple(item for item in found if item is not None)


def of_namespace(policy: NetworkPolicy) -> NetPolicy:
    """A NetworkPolicy in the common form. An absent rule list allows nothing, an absent peer list everybody."""
    spec, home = policy.spec, policy.namespace
    ingress = [
        NetRule("allow", at, _peers(rule.from_, home), _policy_ports(rule.ports)) for at, rule in enumerate(spec.ingress or ())
    ]
    egress = [NetRule("allow", at, _peers(rule.to, home), _policy_ports(rule.ports)) for at, rule in enumerate(spec.egress or ())]
    return NetPolicy(
        policy.ref,
        spec.pod_selector or Selector(),
        home,
        ingress=tuple(ingress) if "Ingress" in policy.directions else None,
        egress=tuple(egress) if "Egress" in policy.directions else None,
    )


def of_tier(policy: TierPolicy, *, highest: int | None = None) -> NetPolicy:
    """A policy of the cluster's administrators in the common form. ``highest`` is the greatest priority that is honoured."""
    subject = policy.spec.subject
    pods = subject.pods
    return NetPolicy(
        policy.ref,
        pods.pod_selector if pods else Selector(),
        namespaces=pods.namespace_selector if pods else subject.namespaces or Selector(),
        priority=policy.spec.priority,
        ingress=tuple(_tier_rule(at, rule, rule.from_) for at, rule in enumerate(policy.spec.ingress or ())),
        egress=tuple(_tier_rule(at, rule, rule.to) for at, rule in enumerate(policy.spec.egress or ())),
        enforced=highest is None or policy.spec.priority <= highest,
    )


def parsed(cidr: str) -> Network | None:
    """An address range; ``None`` for what is none."""
    try:
        return ip_network(cidr.strip(), strict=False)
    except ValueError:
        return None


def _peers(peers: tuple[PolicyPeer, ...] | None, home: str) -> tuple[Peer, ...] | None:
    return tuple(_peer(item, home) for item in peers) if peers else None


def _peer(peer: PolicyPeer, home: str) -> Peer:
    if peer.ip_block is not None:
        return _block(peer.ip_block.cidr, peer.ip_block.except_ or ())
    if peer.namespace_selector is not None:
        return Peer(namespaces=peer.namespace_selector, pods=peer.pod_selector, hosts=True)
    return Peer(pods=peer.pod_selector or Selector(), home=home)


def _block(cidr: str, without: Iterable[str] = ()) -> Peer:
    """A range that cannot be read matches nobody; an exception that cannot be read excepts nothing."""
    found = parsed(cidr)
    gaps = tuple(item for item in map(parsed, without) if item is not None)
    return Peer(block=Block(found, gaps)) if found is not None else Peer()


def _policy_ports(ports: tuple[PolicyPort, ...] | None) -> tuple[Port, ...] | None:
    return tuple(_policy_port(item) for item in ports) if ports else None


def _policy_port(port: PolicyPort) -> Port:
    protocol = port.protocol or "TCP"
    if port.port is None:
        return Port(protocol)
    if isinstance(port.port, str):
        return Port(protocol, name=port.port)
    return Port(protocol, port.port, max(port.end_port, port.port))


def _tier_rule(at: int, rule: TierRule, peers: tuple[TierPeer, ...] | None) -> NetRule:
    found = tuple(way for item in peers or () for way in _tier_peers(item))
    ports = tuple(_admin_port(item) for item in rule.ports or ()) + tuple(_protocol(item) for item in rule.protocols or ())
    # An action that is not known decides nothing, and says so by passing on.
    return NetRule(_ACTIONS.get(rule.action, "pass"), at, found, ports or None)


def _tier_peers(peer: TierPeer) -> tuple[Peer, ...]:
    if peer.pods is not None:
        return (Peer(namespaces=peer.pods.namespace_selector, pods=peer.pods.pod_selector),)
    if peer.namespaces is not None:
        return (Peer(namespaces=peer.namespaces, pods=Selector()),)
    if peer.nodes is not None:
        return (Peer(nodes=peer.nodes),)
    if peer.domain_names:
        return (Peer(names=True),)
    return tuple(_block(item) for item in peer.networks or ())


def _admin_port(port: AdminPort) -> Port:
    if port.port_number is not None:
        return Port(port.port_number.protocol or "TCP", port.port_number.port, port.port_number.port)
    if port.port_range is not None:
        return Port(port.port_range.protocol or "TCP", port.port_range.start, port.port_range.end)
    return Port(name=port.named_port)


def _protocol(item: TierProtocol) -> Port:
    for name, match in (("TCP", item.tcp), ("UDP", item.udp), ("SCTP", item.sctp)):
        if match is not None:
            return _protocol_port(name, match)
    return Port(name=item.destination_named_port)


def _protocol_port(protocol: str, match: ProtocolMatch) -> Port:
    port = match.destination_port
    if port is None:
        return Port(protocol)
    if port.range is not None:
        return Port(protocol, port.range.start, port.range.end)
    return Port(protocol, port.number, port.number)


def _firewall_rules(rules: Iterable[FirewallRule]) -> tuple[NetRule, ...]:
    found = []
    for at, rule in enumerate(rules):
        ports = tuple(Port(item.protocol, item.port, item.port) for item in rule.ports or ()) or None
        if rule.to.cidr_selector:
            peer = _block(rule.to.cidr_selector)
        else:
            peer = Peer(nodes=rule.to.node_selector) if rule.to.node_selector is not None else Peer(names=True)
        found.append(NetRule("deny" if rule.type == "Deny" else "allow", at, (peer,), ports))
    return tuple(found)
