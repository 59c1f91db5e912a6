"""What keeps tenants from the node and from each other.

Source: security.openshift.io/v1, k8s.ovn.org/v1, field paths as in their CRDs.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind, Selector


class Strategy(msgspec.Struct, frozen=True, gc=False):
    """How a field of a pod is bounded: ``RunAsAny`` is not at all."""

    type: str = ""


class SecurityContextConstraints(Kind, frozen=True):
    """A set of bounds for pods. ``users`` and ``groups`` may use it, and so may who is granted ``use`` on it."""

    GROUP = "security.openshift.io"
    PLURAL = "securitycontextconstraints"
    KIND = "SecurityContextConstraints"
    NAMESPACED = False

    users: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    allow_privileged_container: bool = False
    allow_host_dir_volume_plugin: bool = False
    allow_host_network: bool = False
    allow_host_ports: bool = False
    allow_host_pid: bool = msgspec.field(default=False, name="allowHostPID")
    allow_host_ipc: bool = msgspec.field(default=False, name="allowHostIPC")
    run_as_user: Strategy = Strategy()

    @property
    def reaches_node(self) -> str:
        """The first field that lets a pod out to its node; empty where none does."""
        fields = {
            "allowPrivilegedContainer": self.allow_privileged_container,
            "allowHostDirVolumePlugin": self.allow_host_dir_volume_plugin,
            "allowHostPID": self.allow_host_pid,
            "allowHostIPC": self.allow_host_ipc,
            "allowHostNetwork": self.allow_host_network,
            "allowHostPorts": self.allow_host_ports,
        }
        return next((name for name, allowed in fields.items() if allowed), "")


class LayerRole(msgspec.Struct, frozen=True, gc=False):
    """Whether a network is the pods' own, or one besides the cluster's."""

    role: str = ""


class NetworkShape(msgspec.Struct, frozen=True):
    """Topology and role of a network; the roles of other topologies are always secondary."""

    topology: str = ""
    layer2: LayerRole | None = None
    layer3: LayerRole | None = None

    @property
    def is_primary(self) -> bool:
        """Whether pods are on this network instead of the cluster's."""
        layer = {"Layer2": self.layer2, "Layer3": self.layer3}.get(self.topology)
        return layer is not None and layer.role == "Primary"


class UserDefinedNetwork(Kind, frozen=True):
    """A network of one namespace."""

    GROUP = "k8s.ovn.org"
    PLURAL = "userdefinednetworks"
    KIND = "UserDefinedNetwork"

    spec: NetworkShape = NetworkShape()


class ClusterNetworkSpec(msgspec.Struct, frozen=True, rename="camel"):
    """A network, and the namespaces that are on it."""

    network: NetworkShape = NetworkShape()
    namespace_selector: Selector | None = None


class ClusterUserDefinedNetwork(Kind, frozen=True):
    """A network of several namespaces."""

    GROUP = "k8s.ovn.org"
    PLURAL = "clusteruserdefinednetworks"
    KIND = "ClusterUserDefinedNetwork"
    NAMESPACED = False

    spec: ClusterNetworkSpec = ClusterNetworkSpec()
