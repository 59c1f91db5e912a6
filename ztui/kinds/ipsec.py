"""Whether the cluster network encrypts what pods say to each other. Source: operator.openshift.io/v1 Network."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


class IPsecConfig(msgspec.Struct, frozen=True, gc=False):
    """Whether traffic between nodes is encrypted; only ``Full`` covers pods."""

    mode: str = ""


class OVNConfig(msgspec.Struct, frozen=True, rename="camel"):
    """Settings of OVN-Kubernetes."""

    ipsec_config: IPsecConfig | None = None


class DefaultNetwork(msgspec.Struct, frozen=True, rename="camel"):
    """The settings of the cluster network."""

    ovn_kubernetes_config: OVNConfig | None = None


class NetworkConfigSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How pods are connected."""

    default_network: DefaultNetwork = DefaultNetwork()


class NetworkConfig(Kind, frozen=True):
    """``Network/cluster`` of operator.openshift.io."""

    GROUP = "operator.openshift.io"
    PLURAL = "networks"
    KIND = "Network"
    NAMESPACED = False

    spec: NetworkConfigSpec

    @property
    def encrypts_pods(self) -> bool:
        """Whether IPsec covers traffic between pods. An unset or unknown mode does not count."""
        ovn = self.spec.default_network.ovn_kubernetes_config
        return ovn is not None and ovn.ipsec_config is not None and ovn.ipsec_config.mode == "Full"
