"""Which SPIFFE identity a pod has, who gives it, and whether the pod can use it.

Source: Istio's identity format; SPIRE controller manager, ``docs/clusterspiffeid-crd.md`` (selectors, fallback, templates).
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from ztui.engines.mtls import is_enrolled, mesh
from ztui.kinds.base import Ref, matches
from ztui.kinds.credential import ClusterSPIFFEID, IdentityManager
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View

Issuer = Literal["mesh", "spire", "api-server", "none"]

DRIVER: Final = "csi.spiffe.io"
SOCKETS: Final = "/run/spire"
_FIELD: Final = re.compile(r"\{\{\s*\.([A-Za-z.]+)\s*\}\}")


class Identity(msgspec.Struct, frozen=True):
    """Whom a pod can prove to be.

    ``id`` is empty where it cannot be told here (``by`` says which template). ``usable`` is false where it is given and not
    mounted, or mounted and not given. ``lasts`` is the validity that is asked for, as the object writes it.
    """

    issuer: Issuer
    id: str = ""
    by: Ref | None = None
    usable: bool = True
    lasts: str = ""
    others: tuple[Ref, ...] = ()


def identity_of(view: View, pod: Pod) -> Identity:
    """The identity of a pod: the mesh's before SPIRE's before the API server's own certificates."""
    given = _registered(view, pod)
    mounted = mounts_spire(pod)
    if is_enrolled(pod):
        found = view.derive(mesh)
        domain = found.trust_domain if found else "cluster.local"
        others = (given.ref,) if given is not None and mounted else ()
        return Identity("mesh", f"spiffe://{domain}/ns/{pod.namespace}/sa/{pod.account}", lasts="24h", others=others)
    if given is not None:
        return Identity("spire", rendered(view, given, pod), given.ref, usable=mounted, lasts=given.spec.ttl)
    if mounted:
        return Identity("spire", usable=False)
    signer = signer_of(pod)
    return Identity("api-server", lasts=signer) if signer else Identity("none", usable=False)


def selected_by(view: View, pod: Pod) -> tuple[ClusterSPIFFEID, ...]:
    """The registrations that select a pod, by name; fallbacks only where nothing else does."""
    namespace = view.get(Namespace, pod.namespace)
    labels = namespace.labels if namespace else {}
    found = [item for item in sorted(view.all(ClusterSPIFFEID), key=lambda one: one.name) if _selects(item, labels, pod)]
    return tuple([item for item in found if not item.spec.fallback] or found)


def mounts_spire(pod: Pod) -> bool:
    """Whether the pod mounts SPIRE's volume or its socket."""
    return any(
        (item.csi and item.csi.driver == DRIVER) or (item.host_path and item.host_path.path.startswith(SOCKETS))
        for item in pod.spec.volumes or ()
    )


def signer_of(pod: Pod) -> str:
    """The signer of a certificate that the API server puts into the pod; empty where there is none."""
    sources = (source for item in pod.spec.volumes or () if item.projected for source in item.projected.sources or ())
    return next((source.pod_certificate.signer_name for source in sources if source.pod_certificate), "")


def rendered(view: View, given: ClusterSPIFFEID, pod: Pod) -> str:
    """The identity that a template makes for a pod; empty where it uses more than plain fields."""
    manager = next(iter(view.all(IdentityManager)), None)
    values = {
        "TrustDomain": manager.spec.trust_domain if manager else "",
        "ClusterName": manager.spec.cluster_name if manager else "",
        "PodMeta.Namespace": pod.namespace,
        "PodMeta.Name": pod.name,
        "PodSpec.ServiceAccountName": pod.account,
        "PodSpec.NodeName": pod.spec.node_name,
    }
    text = _FIELD.sub(lambda match: values.get(match[1]) or match[0], given.spec.template)
    return "" if "{{" in text else text


def _registered(view: View, pod: Pod) -> ClusterSPIFFEID | None:
    return next(iter(selected_by(view, pod)), None)


def _selects(identity: ClusterSPIFFEID, labels: dict[str, str], pod: Pod) -> bool:
    spec = identity.spec
    if spec.namespace_selector is not None and not matches(spec.namespace_selector, labels):
        return False
    return spec.pod_selector is None or matches(spec.pod_selector, pod.labels)
