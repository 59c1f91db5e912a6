"""What stands before an application: the proofs of identity that a mesh, a sidecar or a router demands of callers.

Source: Istio security.istio.io/v1 (authorization: CUSTOM, then DENY, then ALLOW; RequestAuthentication lets requests without a
token pass), kuadrant.io AuthPolicy, operator.openshift.io IngressController ``clientTLS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ztui.engines.entry import EntryPoint
from ztui.kinds.base import Kind
from ztui.kinds.mesh import (
    AuthorizationPolicy,
    AuthorizationRule,
    GateServer,
    GatewayAuthPolicy,
    IstioGateway,
    RequestAuthentication,
    Source,
)
from ztui.kinds.network import Service
from ztui.kinds.platformconfig import IngressController
from ztui.kinds.workload import Container, Pod
from ztui.view import View

DOORS: Final[tuple[type[Kind], ...]] = (
    IngressController,
    RequestAuthentication,
    AuthorizationPolicy,
    GatewayAuthPolicy,
    IstioGateway,
)
"""What ``door`` reads and may do without."""

ROOT: Final = "istio-system"
ROUTERS: Final = "openshift-ingress-operator"

_MUTUAL: Final = frozenset({"MUTUAL", "ISTIO_MUTUAL"})
_PROXIES: Final = re.compile(r"oauth-proxy|oauth2-proxy|kube-rbac-proxy|pomerium|authelia")


def in_mesh(pod: Pod) -> bool:
    """Whether a sidecar of a mesh stands before the pod; ambient traffic only meets a waypoint, which is not seen here."""
    return any(item.name == "istio-proxy" for item in pod.containers) and not pod.spec.host_network


def is_gateway(pod: Pod) -> bool:
    """Whether the pod is a gateway of a mesh."""
    return [item.name for item in pod.spec.containers or ()] == ["istio-proxy"]


def router_demands(view: View, entry: EntryPoint) -> bool:
    """Whether every router that serves it demands a client certificate; a router that passes TLS through cannot."""
    if not entry.routers or entry.termination not in {"edge", "reencrypt"}:
        return False
    found = [view.get(IngressController, name, ROUTERS) for name in entry.routers]
    return all(
        item is not None and item.spec.client_tls is not None and item.spec.client_tls.client_certificate_policy == "Required"
        for item in found
    )


def gateway_policy(view: View, entry: EntryPoint) -> GatewayAuthPolicy | None:
    """The AuthPolicy that is attached to the route, or to the Gateway it attaches to."""
    for target in (entry.ref, *entry.parents):
        if target.group != "gateway.networking.k8s.io":
            continue
        for policy in view.within(GatewayAuthPolicy, target.namespace):
            aim = policy.spec.target_ref
            if (aim.kind, aim.name) == (target.kind, target.name) and not aim.section_name and policy.is_enforced:
                return policy
    return None


def mutual_gate(view: View, entry: EntryPoint, pods: Iterable[Pod]) -> IstioGateway | None:
    """The mesh gateway behind a passthrough Route that demands a client certificate for its host, in every pod behind it."""
    if entry.termination != "passthrough" or not entry.host or view.gap(IstioGateway) is not None:
        return None  # one that is not seen may serve the host without asking
    found: IstioGateway | None = None
    for pod in pods:
        gates = [
            item for item in sorted(view.all(IstioGateway), key=lambda one: one.name) if is_gateway(pod) and _runs(item, pod)
        ]
        serving = [(gate, server) for gate in gates for server in gate.spec.servers or () if _serves(server, entry.host)]
        if not serving or any(server.tls is None or server.tls.mode not in _MUTUAL for _, server in serving):
            return None
        found = found or serving[0][0]
    return found


def proxy_before(pod: Pod, service: Service) -> Container | None:
    """The login proxy in the pod, unless the Service goes past it to a port that another container declares."""
    for item in pod.spec.containers or ():
        name = item.image.partition("@")[0].rpartition("/")[2].partition(":")[0]
        if _PROXIES.search(name) and not _goes_past(item, pod, service):
            return item
    return None


def mesh_demands(view: View, pod: Pod) -> AuthorizationPolicy | None:
    """The policy by which the pod's sidecar turns away whoever brings no verified token."""
    if not in_mesh(pod):
        return None
    places = tuple(dict.fromkeys((ROOT, pod.namespace)))
    policies = [
        item
        for place in places
        for item in sorted(view.within(AuthorizationPolicy, place), key=lambda one: one.name)
        if _selects(item, pod)
    ]
    custom = next((item for item in policies if _asks_somebody(item)), None)
    if custom is not None:
        return custom
    verified = any(
        item.spec.jwt_rules and _selects(item, pod) for place in places for item in view.within(RequestAuthentication, place)
    )
    if not verified:
        return None
    denies = next(
        (item for item in policies if item.spec.action == "DENY" and any(map(_turns_away, item.spec.rules or ()))), None
    )
    if denies is not None:
        return denies
    if any(view.gap(AuthorizationPolicy, place) is not None for place in places):
        return None  # one that is not seen may allow everybody
    allows = [item for item in policies if item.spec.action in {"", "ALLOW"}]
    closed = all(_demands(rule) for item in allows for rule in item.spec.rules or ())
    return allows[0] if allows and closed else None


def _runs(gate: IstioGateway, pod: Pod) -> bool:
    """Whether the pod serves the gateway: an empty selector means every gateway pod, of any namespace."""
    return (gate.spec.selector or {}).items() <= pod.labels.items()


def _serves(server: GateServer, host: str) -> bool:
    """Whether a server takes the host; hosts may carry a namespace before a slash and a leading wildcard."""
    names = (item.rpartition("/")[2] for item in server.hosts or ())
    return any(name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:])) for name in names)


def _selects(policy: AuthorizationPolicy | RequestAuthentication, pod: Pod) -> bool:
    if policy.spec.target_ref is not None or policy.spec.target_refs:
        return False
    wanted = (policy.spec.selector.match_labels if policy.spec.selector else None) or {}
    return all(pod.labels.get(key) == value for key, value in wanted.items())


def _asks_somebody(policy: AuthorizationPolicy) -> bool:
    provider = policy.spec.provider
    everything = any(not (rule.from_ or rule.to or rule.when) for rule in policy.spec.rules or ())
    return policy.spec.action == "CUSTOM" and provider is not None and bool(provider.name) and everything


def _turns_away(rule: AuthorizationRule) -> bool:
    """Whether a DENY rule matches every request without a token, wherever it goes."""
    nobody = Source(not_request_principals=("*",))
    return not rule.to and not rule.when and any(item.source == nobody for item in rule.from_ or ())


def _demands(rule: AuthorizationRule) -> bool:
    """Whether an ALLOW rule only matches requests with a verified token."""
    if any(item.key.startswith("request.auth.") and item.values for item in rule.when or ()):
        return True
    return bool(rule.from_) and all(item.source.request_principals for item in rule.from_ or ())


def _goes_past(proxy: Container, pod: Pod, service: Service) -> bool:
    own = {wanted for port in proxy.ports or () for wanted in (port.container_port, port.name) if wanted}
    others = {
        wanted
        for item in pod.spec.containers or ()
        if item.name != proxy.name
        for port in item.ports or ()
        for wanted in (port.container_port, port.name)
        if wanted
    }
    targets = {port.target_port or port.port for port in service.spec.ports or ()}
    return any(item in others and item not in own for item in targets)
