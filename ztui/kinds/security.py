"""What pods may be allowed to ask of a node. Source: security.openshift.io/v1, field paths as in its CRD."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


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
