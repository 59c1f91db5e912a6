"""On which nodes a DaemonSet really runs: nodes against ready pods, since a DaemonSet counts only the nodes it wants.

Source: apps/v1 DaemonSet, v1 Node status.conditions and nodeInfo, v1 Pod ownerReferences, spec.nodeName.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ztui.kinds.base import Kind
from ztui.kinds.workload import DaemonSet, Node, Pod
from ztui.view import View

COVERAGE: Final[tuple[type[Kind], ...]] = (DaemonSet, Node, Pod)
"""What this engine reads."""


def linux_nodes(view: View) -> tuple[Node, ...]:
    """The nodes that are ready and run Linux, by name: what is not ready cannot be covered."""
    found = [node for node in view.all(Node) if node.is_ready and node.is_linux and not node.is_going]
    return tuple(sorted(found, key=lambda node: node.name))


def nodes_of(view: View, namespace: str, name: str) -> frozenset[str]:
    """The nodes on which a DaemonSet has a ready pod."""
    return frozenset(pod.spec.node_name for pod in pods_of(view, namespace, name) if pod.is_ready and pod.spec.node_name)


def pods_of(view: View, namespace: str, name: str) -> tuple[Pod, ...]:
    """The live pods of a DaemonSet."""
    return tuple(
        pod
        for pod in view.within(Pod, namespace)
        if pod.is_live and any(item.controller and item.kind == "DaemonSet" and item.name == name for item in pod.owners)
    )


def sees_the_node(view: View, item: DaemonSet) -> bool:
    """Whether the pods of a DaemonSet reach into their node: what a tenant may not do, and a sensor or collector must."""
    pods = pods_of(view, item.namespace, item.name)
    return bool(pods) and all(_reaches_in(pod) for pod in pods)


def covered(view: View, sets: Iterable[DaemonSet]) -> frozenset[str]:
    """The nodes on which any of these has a ready pod."""
    return frozenset().union(*(view.derive(nodes_of, item.namespace, item.name) for item in sets))


def _reaches_in(pod: Pod) -> bool:
    if any(volume.host_path for volume in pod.spec.volumes or ()):
        return True
    return any(item.security_context is not None and item.security_context.privileged for item in pod.containers)
