"""What a port of a pod accepts, and who decides that: enrolment in a mesh, and the effective mode of mutual TLS.

Source: Istio's documentation and code of sidecar injection, PeerAuthentication and ambient mode; maistra.io member rolls. What a
client does is ``mtls_clients``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from ztui.engines import units
from ztui.kinds.base import Kind, Ref
from ztui.kinds.mesh import MeshSelector, PeerAuthentication
from ztui.kinds.meshcontrol import (
    Istio,
    IstioRevision,
    IstioRevisionTag,
    ServiceMeshControlPlane,
    ServiceMeshMemberRoll,
    ZTunnel,
)
from ztui.kinds.workload import Deployment, Namespace, Pod
from ztui.view import Gap, View, Why

MESH: Final[tuple[type[Kind], ...]] = (Pod, Deployment)
MESH_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    Istio,
    IstioRevision,
    IstioRevisionTag,
    ZTunnel,
    ServiceMeshControlPlane,
    ServiceMeshMemberRoll,
    PeerAuthentication,
)

Enrolment = Literal["none", "sidecar", "gateway", "ambient", "ambient-pending"]
Mode = Literal["STRICT", "PERMISSIVE", "DISABLE", "PLAINTEXT"]

PROXY: Final = "istio-proxy"
_MODES: Final[dict[str, Mode]] = {"STRICT": "STRICT", "PERMISSIVE": "PERMISSIVE", "DISABLE": "DISABLE"}
_CAPTURE: Final = "traffic.sidecar.istio.io/"
_BYPASS: Final = "ambient.istio.io/bypass-inbound-capture"


class Mesh(msgspec.Struct, frozen=True):
    """The mesh of a cluster. Where several control planes run, their revisions and members are taken together.

    ``revisions`` and ``members`` (namespaces) name the objects that say so.
    """

    root: str
    auto: bool = True
    trust_domain: str = "cluster.local"
    revisions: dict[str, Ref] = {}
    members: dict[str, Ref] = {}
    planes: tuple[Ref, ...] = ()


class Inbound(msgspec.Struct, frozen=True):
    """What a port accepts, by which object, and what is odd about that (``ambiguous``, ``disable-unsupported`` …)."""

    mode: Mode
    by: Ref | None = None
    notes: tuple[str, ...] = ()


def mesh(view: View) -> Mesh | None:
    """The mesh, ``None`` where no control plane is found."""
    istios = sorted(view.all(Istio), key=lambda item: item.name)
    older = sorted(view.all(ServiceMeshControlPlane), key=lambda item: (item.namespace, item.name))
    daemons = _istiods(view) if not istios and not older else []
    if not istios and not older and not daemons:
        return None
    config = istios[0].spec.mesh if istios else None
    first = istios[0].spec.namespace if istios else (older or daemons)[0].namespace
    revisions = {item.labels["istio.io/rev"]: item.ref for item in daemons if item.labels.get("istio.io/rev")}
    revisions |= {item.status.active_revision_name or item.name: item.ref for item in istios}
    revisions |= {item.name: item.ref for item in (*view.all(IstioRevisionTag), *view.all(IstioRevision))}
    rolls = sorted(view.all(ServiceMeshMemberRoll), key=lambda item: item.namespace, reverse=True)
    return Mesh(
        root=(config.root_namespace if config else "") or first,
        auto=config is None or config.enable_auto_mtls is not False,
        trust_domain=(config.trust_domain if config else "") or "cluster.local",
        revisions=revisions or {"default": (*older, *daemons)[0].ref},
        members={name: roll.ref for roll in rolls for name in roll.status.configured_members or ()},
        planes=tuple(item.ref for item in (*istios, *older, *daemons)),
    )


def root_gap(view: View, kind: type[Kind], namespace: str) -> Gap | None:
    """Why what the root namespace of the mesh says for this one cannot be told."""
    found = view.derive(mesh)
    gap = view.gap(kind, found.root) if found is not None and found.root != namespace else None
    return gap if gap is not None and gap.why is not Why.ABSENT else None


def observed(pod: Pod) -> Enrolment:
    """Whether a mesh really stands before the pod."""
    if pod.spec.host_network:
        return "none"
    apps = [item.name for item in pod.spec.containers or ()]
    proxied = any(item.name == PROXY for item in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ())))
    if apps == [PROXY] or "gateway.networking.k8s.io/gateway-name" in pod.labels:
        return "gateway"
    if proxied or "sidecar.istio.io/status" in pod.annotations:
        return "sidecar"
    ambient = pod.annotations.get("ambient.istio.io/redirection", "")
    if ambient == "enabled":
        return "ambient"
    return "ambient-pending" if ambient else "none"


def expected(view: View, pod: Pod) -> Enrolment:
    """What the labels of pod and namespace ask for: ``sidecar``, ``ambient`` or ``none``."""
    return expected_by(view, pod)[0]


def expected_by(view: View, pod: Pod) -> tuple[Enrolment, tuple[Ref, ...]]:
    """The same, and the objects besides the pod that ask for it."""
    found = view.derive(mesh)
    if found is None or pod.spec.host_network:
        return "none", ()
    namespace = view.get(Namespace, pod.namespace)
    labels = namespace.labels if namespace else {}
    here = (namespace.ref,) if namespace else ()
    asking = _asks_sidecar(found, labels, pod, here)
    if asking is not None:
        return "sidecar", asking
    own = pod.labels.get("istio.io/dataplane-mode")
    if (own or labels.get("istio.io/dataplane-mode")) == "ambient":
        return "ambient", () if own else here
    return "none", here if labels.get("istio-injection") == "disabled" else ()


def is_enrolled(pod: Pod) -> bool:
    """Whether the pod has an identity of the mesh."""
    return observed(pod) in {"sidecar", "gateway", "ambient"}


def inbound(view: View, pod: Pod, port: int) -> Inbound:
    """What a container port accepts."""
    state = observed(pod)
    if state in {"none", "ambient-pending"}:
        return Inbound("PLAINTEXT", notes=("not enrolled" if state == "none" else "ambient-pending",))
    if state == "ambient" and pod.annotations.get(_BYPASS) == "true":
        return Inbound("PLAINTEXT", pod.ref, ("bypass-inbound-capture",))
    if state == "sidecar" and is_excluded(pod, port):
        return Inbound("PLAINTEXT", pod.ref, ("port excluded",))
    mode, by, notes = declared(view, pod, port)
    if state == "ambient" and mode == "DISABLE":
        return Inbound("PERMISSIVE", by, (*notes, "disable-unsupported"))
    return Inbound(mode, by, notes)


def declared(view: View, pod: Pod, port: int) -> tuple[Mode, Ref | None, tuple[str, ...]]:
    """The mode that policies ask for, the object that decides, and notes: mesh, then namespace, then workload, then port."""
    found = view.derive(mesh)
    root = found.root if found else ""
    mode: Mode = "PERMISSIVE"
    by: Ref | None = None
    notes: dict[str, None] = {}
    wide = [view.derive(wide_policy, root)] if root else []
    if pod.namespace != root:
        wide.append(view.derive(wide_policy, pod.namespace))
    own, tied = (
        view.derive(_workload_policy, pod.namespace, tuple(sorted(pod.labels.items())))
        if pod.namespace != root
        else (None, False)
    )
    if tied:
        notes["ambiguous"] = None
    for policy in (*wide, own):
        chosen = _MODES.get(policy.spec.mtls.mode) if policy is not None and policy.spec.mtls else None
        if policy is not None and chosen is not None:
            mode, by = chosen, policy.ref
    if own is not None:
        at_port = (own.spec.port_level_mtls or {}).get(str(port))
        chosen = _MODES.get(at_port.mode) if at_port else None
        if chosen is not None:
            mode, by = chosen, own.ref
    return mode, by, tuple(notes)


def wide_policy(view: View, namespace: str) -> PeerAuthentication | None:
    """The oldest policy of a namespace that has no selector; the others of that kind do nothing."""
    return next(iter(wide_policies(view, namespace)), None)


def wide_policies(view: View, namespace: str) -> list[PeerAuthentication]:
    """The policies of a namespace without a selector, the one that counts first."""
    return sorted((item for item in view.within(PeerAuthentication, namespace) if _is_wide(item.spec.selector)), key=_age)


def is_excluded(pod: Pod, port: int) -> bool:
    """Whether annotations keep a port away from the sidecar."""
    notes = pod.annotations
    if str(port) in _listed(notes.get(_CAPTURE + "excludeInboundPorts", "")):
        return True
    included = notes.get(_CAPTURE + "includeInboundPorts")
    return included is not None and included.strip() != "*" and str(port) not in _listed(included)


def container_ports(pods: Iterable[Pod]) -> tuple[int, ...]:
    """The TCP ports that containers of these pods declare, without those of the proxy itself."""
    return tuple(
        sorted(
            {
                port.container_port
                for pod in pods
                for item in pod.spec.containers or ()
                if item.name != PROXY or observed(pod) == "gateway"
                for port in item.ports or ()
                if (port.protocol or "TCP") == "TCP"
            }
        )
    )


def _istiods(view: View) -> list[Deployment]:
    """Control planes without an operator, in namespaces that the API server trusts."""
    found = [
        item
        for item in view.all(Deployment)
        if item.labels.get("app") == "istiod" and view.derive(units.namespace_class, item.namespace) != "user"
    ]
    return sorted(found, key=lambda item: (item.namespace, item.name))


def _asks_sidecar(found: Mesh, labels: dict[str, str], pod: Pod, here: tuple[Ref, ...]) -> tuple[Ref, ...] | None:
    """Who asks for a sidecar besides the pod; ``None`` where nothing does.

    Source: the injector's webhook: the namespace's ``istio-injection`` comes before ``istio.io/rev``, then the pod's own.
    """
    asked = pod.labels.get("sidecar.istio.io/inject") or pod.annotations.get("sidecar.istio.io/inject", "")
    if asked == "false" or labels.get("istio-injection") == "disabled":
        return None
    if pod.namespace in found.members:
        return (found.members[pod.namespace],) if asked == "true" else None
    if labels.get("istio-injection") == "enabled":
        return here
    revision = labels.get("istio.io/rev")
    if revision is not None:
        return (*here, found.revisions[revision]) if revision in found.revisions else None
    revision = pod.labels.get("istio.io/rev")
    if revision:
        return (found.revisions[revision],) if revision in found.revisions else None
    return () if pod.labels.get("sidecar.istio.io/inject") == "true" else None


def _workload_policy(view: View, namespace: str, labels: tuple[tuple[str, str], ...]) -> tuple[PeerAuthentication | None, bool]:
    """The oldest policy that selects these labels, and whether another one is as old."""
    wanted = dict(labels)
    found = sorted(
        (
            item
            for item in view.within(PeerAuthentication, namespace)
            if not _is_wide(item.spec.selector) and _selects(item.spec.selector, wanted)
        ),
        key=_age,
    )
    tied = len(found) > 1 and found[0].metadata.creation_timestamp == found[1].metadata.creation_timestamp
    return (found[0], tied) if found else (None, False)


def _is_wide(selector: MeshSelector | None) -> bool:
    return selector is None or not selector.match_labels


def _selects(selector: MeshSelector | None, labels: dict[str, str]) -> bool:
    return selector is not None and (selector.match_labels or {}).items() <= labels.items()


def _age(item: Kind) -> tuple[str, str]:
    return (item.metadata.creation_timestamp or "", item.name)


def _listed(text: str) -> set[str]:
    return {item.strip() for item in text.split(",") if item.strip()}
