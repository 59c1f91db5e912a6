"""The cluster network itself: which plugin connects pods, its address ranges, what it encrypts and exports.

Source: config.openshift.io/v1 Network, operator.openshift.io/v1 Network: two resources of one name.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind
from ztui.kinds.platform import OperatorKind, OperatorSpec


class AddressRange(msgspec.Struct, frozen=True, gc=False):
    """Addresses that pods get."""

    cidr: str = ""


class NetworkState(msgspec.Struct, frozen=True, rename="camel"):
    """The plugin and ranges in force."""

    network_type: str = ""
    cluster_network: tuple[AddressRange, ...] | None = None
    service_network: tuple[str, ...] | None = None


class NetworkConfig(Kind, frozen=True):
    """``Network/cluster`` of config.openshift.io."""

    GROUP = "config.openshift.io"
    PLURAL = "networks"
    KIND = "Network"
    NAMESPACED = False

    status: NetworkState = NetworkState()

    @property
    def ranges(self) -> tuple[str, ...]:
        """The addresses of pods and services."""
        return (*(item.cidr for item in self.status.cluster_network or ()), *(self.status.service_network or ()))


class IPsecConfig(msgspec.Struct, frozen=True, gc=False):
    """Whether traffic between nodes is encrypted; only ``Full`` covers pods."""

    mode: str = ""


class OVNConfig(msgspec.Struct, frozen=True, rename="camel"):
    """Settings of OVN-Kubernetes."""

    ipsec_config: IPsecConfig | None = None


class SDNConfig(msgspec.Struct, frozen=True, gc=False):
    """Settings of OpenShift SDN, which only enforces policies in the mode NetworkPolicy."""

    mode: str = ""


class DefaultNetwork(msgspec.Struct, frozen=True, rename="camel"):
    """The settings of the cluster network."""

    ovn_kubernetes_config: OVNConfig | None = None
    openshift_sdn_config: SDNConfig | None = msgspec.field(default=None, name="openshiftSDNConfig")


class Collectors(msgspec.Struct, frozen=True):
    """Addresses that flow records are sent to."""

    collectors: tuple[str, ...] | None = None


class FlowExport(msgspec.Struct, frozen=True, rename="camel"):
    """Where the network plugin sends flow records, protocol by protocol."""

    net_flow: Collectors | None = None
    s_flow: Collectors | None = None
    ipfix: Collectors | None = None


class NetworkOperatorSpec(OperatorSpec, frozen=True, rename="camel"):
    """The network operator's switches, how pods are connected, and its export of flows."""

    default_network: DefaultNetwork = DefaultNetwork()
    use_multi_network_policy: bool = False
    export_network_flows: FlowExport | None = None


class NetworkOperator(OperatorKind, frozen=True):
    """``Network/cluster`` of operator.openshift.io."""

    PLURAL = "networks"
    KIND = "Network"

    spec: NetworkOperatorSpec = NetworkOperatorSpec()

    @property
    def exports(self) -> tuple[str, ...]:
        """The protocols in which flow records leave the cluster."""
        found = self.spec.export_network_flows
        if found is None:
            return ()
        ways = {"netFlow": found.net_flow, "sFlow": found.s_flow, "ipfix": found.ipfix}
        return tuple(name for name, way in ways.items() if way and way.collectors)

    @property
    def encrypts_pods(self) -> bool:
        """Whether IPsec covers traffic between pods. An unset or unknown mode does not count."""
        ovn = self.spec.default_network.ovn_kubernetes_config
        return ovn is not None and ovn.ipsec_config is not None and ovn.ipsec_config.mode == "Full"

    @property
    def sdn_mode(self) -> str:
        """The mode of OpenShift SDN; empty where another plugin is in use, or the default mode is."""
        sdn = self.spec.default_network.openshift_sdn_config
        return sdn.mode if sdn else ""
