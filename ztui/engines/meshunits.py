"""Which workloads a mesh should cover: those that somebody can call, outside of namespaces that are exempt by an owner's word."""

from __future__ import annotations

from typing import Final

from ztui.engines.mtls import container_ports
from ztui.engines.units import Workload, workloads
from ztui.kinds.network import Service
from ztui.kinds.workload import Namespace
from ztui.view import View

EXEMPT: Final = "ztui.io/mesh-exempt"


def callable_units(view: View, namespace: str) -> tuple[Workload, ...]:
    """The workloads of a namespace with a container port or a Service, sorted."""
    selectors = [item.spec.selector for item in view.within(Service, namespace) if item.spec.selector]
    return tuple(
        unit
        for unit in view.derive(workloads, namespace)
        if container_ports(unit.pods) or any(_selected(selector, unit) for selector in selectors)
    )


def exemption(namespace: Namespace) -> str:
    """Why the namespace need not be in a mesh, in its owner's words; empty where nobody says so."""
    return namespace.annotations.get(EXEMPT, "").strip()


def _selected(selector: dict[str, str], unit: Workload) -> bool:
    return any(selector.items() <= pod.labels.items() for pod in unit.pods)
