"""Who may talk to whom: policies of namespaces, of the cluster's administrators, and for traffic that leaves the cluster.

Source: networking.k8s.io/v1; policy.networking.k8s.io/v1alpha1 and v1alpha2; k8s.ovn.org/v1; network.openshift.io/v1, field paths
as in their CRDs.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class IPBlock(msgspec.Struct, frozen=True):
    """Addresses, without some of them."""

    cidr: str
    except_: tuple[str, ...] | None = msgspec.field(default=None, name="except")


class PolicyPeer(msgspec.Struct, frozen=True, rename="camel"):
    """One other side. Two selectors in one entry must both match."""

    pod_selector: Selector | None = None
    namespace_selector: Selector | None = None
    ip_block: IPBlock | None = None


class PolicyPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port of the pod that is called: a number, a range to ``end_port``, a name of the pod's own, or every port."""

    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int = 0


class IngressAllow(msgspec.Struct, frozen=True):
    """Who may call, on which ports. Without peers everybody, without ports every port."""

    from_: tuple[PolicyPeer, ...] | None = msgspec.field(default=None, name="from")
    ports: tuple[PolicyPort, ...] | None = None


class EgressAllow(msgspec.Struct, frozen=True):
    """Who may be called, on which ports."""

    to: tuple[PolicyPeer, ...] | None = None
    ports: tuple[PolicyPort, ...] | None = None


class NetworkPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """Whom a policy isolates, and what it then allows."""

    pod_selector: Selector | None = None
    policy_types: tuple[str, ...] | None = None
    ingress: tuple[IngressAllow, ...] | None = None
    egress: tuple[EgressAllow, ...] | None = None


class NetworkPolicy(Kind, frozen=True):
    """A policy of a namespace: whoever it selects is isolated, and its rules are the exceptions."""

    GROUP = "networking.k8s.io"
    PLURAL = "networkpolicies"
    KIND = "NetworkPolicy"

    spec: NetworkPolicySpec = NetworkPolicySpec()

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that it isolates. Without types: ingress always, egress where it has rules for it."""
        if self.spec.policy_types:
            return self.spec.policy_types
        return ("Ingress", "Egress") if self.spec.egress else ("Ingress",)


class NamespacedPods(msgspec.Struct, frozen=True, rename="camel"):
    """Pods by label in namespaces by label; an empty selector is all of them."""

    namespace_selector: Selector = Selector()
    pod_selector: Selector = Selector()


class TierSubject(msgspec.Struct, frozen=True):
    """Whom a policy of the cluster is about: all pods of some namespaces, or some of their pods."""

    namespaces: Selector | None = None
    pods: NamespacedPods | None = None


class TierPeer(msgspec.Struct, frozen=True, rename="camel"):
    """One other side of a cluster's policy."""

    namespaces: Selector | None = None
    pods: NamespacedPods | None = None
    networks: tuple[str, ...] | None = None
    nodes: Selector | None = None
    domain_names: tuple[str, ...] | None = None


class PortNumber(msgspec.Struct, frozen=True, gc=False):
    """One port."""

    port: int
    protocol: str = "TCP"


class PortRange(msgspec.Struct, frozen=True, gc=False):
    """Ports from ``start`` to ``end``, both in."""

    start: int
    end: int
    protocol: str = "TCP"


class AdminPort(msgspec.Struct, frozen=True, rename="camel"):
    """A port in v1alpha1: exactly one of its fields."""

    port_number: PortNumber | None = None
    port_range: PortRange | None = None
    named_port: str = ""


class ProtocolRange(msgspec.Struct, frozen=True, gc=False):
    """Ports from ``start`` to ``end``, both in."""

    start: int
    end: int


class ProtocolPort(msgspec.Struct, frozen=True):
    """A number or a range."""

    number: int = 0
    range: ProtocolRange | None = None


class ProtocolMatch(msgspec.Struct, frozen=True, rename="camel"):
    """A protocol's port; without one, all its ports."""

    destination_port: ProtocolPort | None = None


class TierProtocol(msgspec.Struct, frozen=True, rename="camel"):
    """A protocol and its port in v1alpha2: exactly one of its fields."""

    tcp: ProtocolMatch | None = None
    udp: ProtocolMatch | None = None
    sctp: ProtocolMatch | None = None
    destination_named_port: str = ""


class TierRule(msgspec.Struct, frozen=True):
    """One rule of a cluster's policy. ``action`` is Allow, Accept, Deny or Pass."""

    action: str
    from_: tuple[TierPeer, ...] | None = msgspec.field(default=None, name="from")
    to: tuple[TierPeer, ...] | None = None
    ports: tuple[AdminPort, ...] | None = None
    protocols: tuple[TierProtocol, ...] | None = None


class TierSpec(msgspec.Struct, frozen=True):
    """Subject, precedence and rules. A lower priority goes first."""

    subject: TierSubject
    priority: int = 0
    tier: str = ""
    ingress: tuple[TierRule, ...] | None = None
    egress: tuple[TierRule, ...] | None = None


class TierStatus(msgspec.Struct, frozen=True):
    """Whether the network plugin has taken it."""

    conditions: tuple[Condition, ...] | None = None


class TierPolicy(Kind, frozen=True):
    """What the three policies of a cluster's administrators share."""

    GROUP = "policy.networking.k8s.io"
    NAMESPACED = False

    spec: TierSpec
    status: TierStatus = TierStatus()


class AdminNetworkPolicy(TierPolicy, frozen=True):
    """A policy that comes before those of namespaces."""

    VERSIONS = ("v1alpha1",)
    PLURAL = "adminnetworkpolicies"
    KIND = "AdminNetworkPolicy"


class BaselineAdminNetworkPolicy(TierPolicy, frozen=True):
    """The one policy that comes after those of namespaces."""

    VERSIONS = ("v1alpha1",)
    PLURAL = "baselineadminnetworkpolicies"
    KIND = "BaselineAdminNetworkPolicy"


class ClusterNetworkPolicy(TierPolicy, frozen=True):
    """Both in one kind, told apart by ``tier``."""

    VERSIONS = ("v1alpha2",)
    PLURAL = "clusternetworkpolicies"
    KIND = "ClusterNetworkPolicy"


class FirewallPort(msgspec.Struct, frozen=True, gc=False):
    """A port outside."""

    port: int
    protocol: str = "TCP"


class FirewallTarget(msgspec.Struct, frozen=True, rename="camel"):
    """What is outside: addresses, a name, or nodes."""

    cidr_selector: str = ""
    dns_name: str = ""
    node_selector: Selector | None = None


class FirewallRule(msgspec.Struct, frozen=True):
    """One rule; the first that matches decides. ``type`` is Allow or Deny."""

    type: str
    to: FirewallTarget = FirewallTarget()
    ports: tuple[FirewallPort, ...] | None = None


class FirewallSpec(msgspec.Struct, frozen=True):
    """The rules, in order."""

    egress: tuple[FirewallRule, ...] | None = None


class FirewallStatus(msgspec.Struct, frozen=True, gc=False):
    """What the network plugin says of it."""

    status: str = ""


class EgressFirewall(Kind, frozen=True):
    """What pods of a namespace may reach outside of the cluster; only the one named ``default`` counts."""

    GROUP = "k8s.ovn.org"
    PLURAL = "egressfirewalls"
    KIND = "EgressFirewall"

    spec: FirewallSpec = FirewallSpec()
    status: FirewallStatus = FirewallStatus()


class EgressNetworkPolicy(Kind, frozen=True):
    """The same for OpenShift SDN."""

    GROUP = "network.openshift.io"
    PLURAL = "egressnetworkpolicies"
    KIND = "EgressNetworkPolicy"

    spec: FirewallSpec = FirewallSpec()
