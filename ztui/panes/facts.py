"""What panes of workloads share: a fact and its objects, why one cannot be seen, what a workload is called, which are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.engines import units
from ztui.engines.meshcalls import calls_gap
from ztui.engines.mtls import MESH_WHERE_SERVED, root_gap
from ztui.engines.units import Workload
from ztui.engines.vaultlogins import LOGINS, LOGINS_NAMED_IN, LOGINS_WHERE_SERVED, ROLE_NOTE
from ztui.kinds.base import CLUSTER, Kind, Ref
from ztui.kinds.mesh import PeerAuthentication
from ztui.kinds.network import Gateway, Service
from ztui.kinds.workload import Namespace, Pod
from ztui.panes.base import Tone
from ztui.text import mark_name
from ztui.view import Gap, View, Why
from ztui.words import gap_text


class Fact(msgspec.Struct, frozen=True):
    """What one cell says: a word or two, what to think of it, the sentence with the names, and the objects that decide.

    Those of ``by`` come on top of the workload's own pods, which decide everything that is said of it.
    """

    column: str
    text: str
    tone: Tone
    says: str
    by: tuple[Ref, ...] = ()


NOTES: Final = (
    "sidecar.istio.io/status",
    "ambient.istio.io/redirection",
    "ambient.istio.io/bypass-inbound-capture",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts",
    ROLE_NOTE,
)
"""The annotations of a pod that facts are read from."""


def one_of_each(unit: Workload) -> Workload:
    """The workload with one pod of each sort: what a fact is read from is looked at once, however many pods there are.

    Pods of one template hold the same values once, so that they are told apart by identity alone.
    """
    found: dict[tuple[object, ...], Pod] = {}
    for pod in unit.pods:
        spec, status, notes = pod.spec, pod.status, pod.annotations
        parts = (spec.containers, spec.init_containers, spec.ephemeral_containers, spec.volumes, spec.security_context)
        told = (status.container_statuses, status.init_container_statuses, pod.metadata.labels)
        key = (*map(id, parts), *map(id, told), spec.host_network, pod.account, *map(notes.get, NOTES))
        found.setdefault(key, pod)
    return unit if len(found) == len(unit.pods) else msgspec.structs.replace(unit, pods=tuple(found.values()))


def unknown(column: str, gap: Gap) -> Fact:
    """A fact that cannot be seen, and why."""
    return Fact(column, "?", "unknown", f"cannot be seen: {gap_text(gap)}")


def unseen(view: View, needs: Iterable[type[Kind]], served: Iterable[type[Kind]], namespace: str) -> Gap | None:
    """Why a fact about this namespace (``CLUSTER``: about all) cannot rest on these kinds.

    Of ``served`` one that the server proved not to serve is simply none. What is of a Vault is of no namespace here.
    """
    return view.derive(_unseen, tuple(needs), tuple(served), namespace)


def mesh_unseen(view: View, namespace: str) -> Gap | None:
    """Why what a mesh does in a namespace is not known: its control plane, or the policies there and in its root namespace."""
    control = tuple(kind for kind in MESH_WHERE_SERVED if kind is not PeerAuthentication)
    here = unseen(view, (), control, CLUSTER) or unseen(view, (), (PeerAuthentication,), namespace)
    return here or root_gap(view, PeerAuthentication, namespace)


def calls_unseen(view: View, namespace: str) -> Gap | None:
    """Why it is not known whom the mesh lets call workloads of a namespace."""
    found = calls_gap(view, namespace)
    return found[1] if found is not None else None


def waypoints_unseen(view: View, namespace: str) -> Gap | None:
    """Why it is not known which waypoints calls to workloads of a namespace pass."""
    return unseen(view, (Namespace,), (Gateway,), CLUSTER) or unseen(view, (Service,), (), namespace)


def logins_unseen(view: View, namespace: str) -> Gap | None:
    """Why it is not known which roles of Vaults let accounts of a namespace (``CLUSTER``: of any) in, or who uses them."""
    return unseen(view, LOGINS, LOGINS_WHERE_SERVED, CLUSTER) or unseen(view, (), LOGINS_NAMED_IN, namespace)


def _unseen(view: View, needs: tuple[type[Kind], ...], served: tuple[type[Kind], ...], namespace: str) -> Gap | None:
    for kind in (*needs, *served):
        here = namespace and kind.NAMESPACED and not kind.ONLY_IN and kind.SOURCE != "vault"
        gap = view.gap(kind, namespace) if here else view.gap(kind)
        if gap is not None and (gap.why is not Why.ABSENT or kind in needs):
            return gap
    return None


def unit_name(unit: Ref) -> str:
    """A workload as people say it; the kind is told where it is no Deployment."""
    kind = "" if unit.kind == "Deployment" else f" ({unit.kind})"
    return f"{unit.namespace}/{mark_name(unit.name)}{kind}"


def shown_namespaces(view: View, only: str = "") -> tuple[str, ...]:
    """The namespaces that are not the platform's own, or the one that is asked for."""
    if only:
        return (only,)
    return tuple(name for name, kind in view.derive(units.namespace_classes, frozenset()).items() if kind != "platform")
