"""What a client does towards a Service of the mesh, and what comes of it: secure, unenforced, plaintext or broken.

Source: Istio DestinationRule (precedence of namespaces, hosts, ports and subsets) and automatic mutual TLS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from ztui.engines.mtls import MESH, MESH_WHERE_SERVED, Mode, inbound, is_enrolled, mesh, observed
from ztui.kinds.base import Kind
from ztui.kinds.mesh import DestinationRule, TrafficPolicy
from ztui.kinds.network import Service, ServicePort
from ztui.kinds.workload import Pod
from ztui.view import View

CLIENTS: Final[tuple[type[Kind], ...]] = (*MESH, Service)
CLIENTS_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (*MESH_WHERE_SERVED, DestinationRule)

How = Literal["mtls", "tls", "plain"]
Outcome = Literal["secure", "unenforced", "plaintext", "broken"]
SUFFIX: Final = "svc.cluster.local"

_MODES: Final[dict[str, How]] = {"ISTIO_MUTUAL": "mtls", "MUTUAL": "mtls", "SIMPLE": "tls", "DISABLE": "plain"}
_OUTCOMES: Final[dict[tuple[Mode, How], Outcome]] = {
    ("STRICT", "mtls"): "secure",
    ("STRICT", "plain"): "broken",
    ("STRICT", "tls"): "broken",
    ("PERMISSIVE", "mtls"): "unenforced",
    ("DISABLE", "mtls"): "broken",
    ("PLAINTEXT", "mtls"): "broken",
}
WORST: Final[tuple[Outcome, ...]] = ("broken", "plaintext", "unenforced", "secure")


class Client(msgspec.Struct, frozen=True):
    """What a client does: how it connects, the rule that says so (``None``: the mesh's own choice), and the setting's path."""

    how: How
    rule: DestinationRule | None = None
    path: str = ""


def client(view: View, pod: Pod, service: Service, port: ServicePort, servers: Iterable[Pod]) -> Client:
    """How a pod connects to a port of a Service whose live pods are ``servers``."""
    servers = tuple(servers)
    found = view.derive(mesh)
    state = observed(pod)
    if found is None or not is_enrolled(pod):
        return Client("plain")
    if state == "ambient":
        return Client("mtls" if servers and all(is_enrolled(item) for item in servers) else "plain")
    if _is_excluded(pod, port.port):
        return Client("plain", path="traffic.sidecar.istio.io/excludeOutboundPorts")
    rule = effective_rule(view, pod.namespace, tuple(sorted(pod.labels.items())), service.namespace, service.name)
    if rule is not None:
        mode, path = setting(rule.spec.traffic_policy, port.port)
        if mode:
            return Client(_MODES.get(mode, "plain"), rule, path)
    return Client("mtls" if found.auto and _takes_mtls(view, servers, port) else "plain", rule)


def outcome(server: Mode, how: How) -> Outcome:
    """What a connection comes to."""
    return _OUTCOMES.get((server, how), "plaintext")


def effective_rule(
    view: View, client_namespace: str, labels: tuple[tuple[str, str], ...], namespace: str, name: str
) -> DestinationRule | None:
    """The rule that decides for clients of a namespace with these labels towards a Service: the first place that has one."""
    found = view.derive(mesh)
    root = found.root if found else ""
    places = dict.fromkeys([*([client_namespace] if client_namespace != root else []), namespace, root])
    host = f"{name}.{namespace}.{SUFFIX}"
    wanted = dict(labels)
    for place in filter(None, places):
        hits = [rule for rule in view.within(DestinationRule, place) if _acts(rule, client_namespace, wanted, host)]
        if hits:
            return min(hits, key=lambda rule: (*_specificity(rule), rule.metadata.creation_timestamp or "", rule.name))
    return None


def setting(policy: TrafficPolicy | None, port: int) -> tuple[str, str]:
    """The TLS mode for a port and its path; empty where it is left to the mesh. A port's entry without TLS means the default."""
    if policy is None:
        return "", ""
    for item in policy.port_level_settings or ():
        if item.port is not None and item.port.number == port:
            return (item.tls.mode, "trafficPolicy.portLevelSettings[].tls.mode") if item.tls else ("", "")
    return (policy.tls.mode, "trafficPolicy.tls.mode") if policy.tls else ("", "")


def full_host(rule: DestinationRule) -> str:
    """The host of a rule in full: a name without dots is a Service of the rule's namespace."""
    host = rule.spec.host
    return host if "." in host or host.startswith("*") else f"{host}.{rule.namespace}.{SUFFIX}"


def matches_host(pattern: str, host: str) -> bool:
    """Whether a host, maybe with a leading wildcard, means this one."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def target_port(port: ServicePort, pod: Pod) -> int:
    """The container port behind a port of a Service; 0 where a name is not there."""
    target = port.target_port
    if isinstance(target, str):
        names = (item for box in pod.spec.containers or () for item in box.ports or ())
        return next((item.container_port for item in names if item.name == target), 0)
    return target or port.port


def _acts(rule: DestinationRule, client_namespace: str, labels: dict[str, str], host: str) -> bool:
    if not matches_host(full_host(rule), host):
        return False
    exported = rule.spec.export_to or ("*",)
    if "*" not in exported and client_namespace not in exported and not ("." in exported and client_namespace == rule.namespace):
        return False
    selector = rule.spec.workload_selector
    if selector is None:
        return True
    return client_namespace == rule.namespace and (selector.match_labels or {}).items() <= labels.items()


def _specificity(rule: DestinationRule) -> tuple[int, int, int]:
    """Exact before wildcard, the longer wildcard first; a rule for selected clients before one for all."""
    host = full_host(rule)
    return (host.startswith("*"), -len(host), rule.spec.workload_selector is None)


def _takes_mtls(view: View, servers: tuple[Pod, ...], port: ServicePort) -> bool:
    if not servers:
        return False
    for pod in servers:
        state = observed(pod)
        able = state == "ambient" or (state in {"sidecar", "gateway"} and pod.labels.get("security.istio.io/tlsMode") == "istio")
        if not able or inbound(view, pod, target_port(port, pod)).mode == "DISABLE":
            return False
    return True


def _is_excluded(pod: Pod, port: int) -> bool:
    notes = pod.annotations
    excluded = {item.strip() for item in notes.get("traffic.sidecar.istio.io/excludeOutboundPorts", "").split(",")}
    included = notes.get("traffic.sidecar.istio.io/includeOutboundPorts")
    listed = {item.strip() for item in included.split(",")} if included is not None else set()
    return str(port) in excluded or (bool(listed - {"", "*"}) and "*" not in listed and str(port) not in listed)
