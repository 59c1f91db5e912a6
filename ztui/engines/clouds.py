"""Which cloud the nodes are of, and whether it serves credentials to whatever runs on them."""

from __future__ import annotations

from typing import Final

from ztui.kinds.base import Ref
from ztui.kinds.openshift import Infrastructure
from ztui.kinds.workload import Node
from ztui.view import View

METADATA_ADDRESS: Final = "169.254.169.254"

_CLOUDS: Final = frozenset({"AWS", "Azure", "GCP", "IBMCloud", "OpenStack", "AlibabaCloud", "PowerVS"})
# Source: providerID schemes of the cloud controller managers.
_SCHEMES: Final[dict[str, str]] = {
    "aws": "AWS",
    "azure": "Azure",
    "gce": "GCP",
    "ibm": "IBMCloud",
    "openstack": "OpenStack",
    "vsphere": "VSphere",
    "metal3": "BareMetal",
    "baremetalhost": "BareMetal",
    "kind": "None",
    "k3s": "None",
}


def cloud(view: View) -> str:
    """The platform type, ``None`` in words for bare machines, empty where nothing tells."""
    return view.derive(cloud_by)[0]


def cloud_by(view: View) -> tuple[str, Ref | None]:
    """The same, and the object that tells it."""
    infrastructure = view.get(Infrastructure, "cluster")
    if infrastructure is not None and infrastructure.status.platform_type:
        return infrastructure.status.platform_type, infrastructure.ref
    nodes = [(node.spec.provider_id.partition(":")[0], node.ref) for node in view.all(Node) if node.spec.provider_id]
    scheme, by = min(nodes, default=("", None))
    return _SCHEMES.get(scheme, ""), by


def may_serve(platform: str) -> bool:
    """Whether a platform has a metadata service; one that nothing tells of may."""
    return platform in _CLOUDS or not platform
