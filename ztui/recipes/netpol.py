"""Closing a namespace by default: first what must go on, then the policy that closes the rest.

A policy that allows also isolates the pods that it selects, so every plan here is shown with the connections that it cuts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ztui.checks.base import Reason
from ztui.engines.cuts import CUTS
from ztui.engines.entry import entry_points
from ztui.engines.isolation import isolation, live_pods
from ztui.engines.units import Workload, workloads
from ztui.kinds.base import Kind, Ref
from ztui.kinds.measured import ObservedCall
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.network import Ingress, Route, Service
from ztui.kinds.policy import APIService, MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from ztui.kinds.telemetry import PodMonitor, ServiceMonitor
from ztui.kinds.workload import Namespace
from ztui.recipes.base import Draft, Question, Stop, Write, gone, made, note, recipe
from ztui.view import View

Body = dict[str, Any]

NO_DIRECTION: Final = Reason("no-direction", "{what} is no direction: ingress, egress or both")
EVERYBODY: Final = Reason("pods-closed", "{count} pods of {namespace} take only what a policy allows from then on")
ALONE: Final = Reason("nothing-to-allow", "nothing was seen that has to go on in {namespace}")
KEPT: Final = Reason("kept-open", "{name}: {what}")

DENY: Final = "ztui-default-deny"
_BOTH: Final = ["Ingress", "Egress"]
_TYPES: Final = {"ingress": _BOTH[:1], "egress": _BOTH[1:], "both": _BOTH}
_OUTSIDE: Final = frozenset({"LoadBalancer", "NodePort"})
_ROUTERS: Final = {"policy-group.network.openshift.io/ingress": ""}
_MONITORS: Final = {"network.openshift.io/policy-group": "monitoring"}
_HOSTS: Final = {"policy-group.network.openshift.io/host-network": ""}
_NAME: Final = "kubernetes.io/metadata.name"
_HASHES: Final = frozenset(
    {"pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name"}
)
_NAMES: Final = ("app.kubernetes.io/name", "app", "k8s-app", "name")
READS: Final[tuple[type[Kind], ...]] = (
    *CUTS,
    Service,
    Route,
    Ingress,
    ObservedCall,
    ServiceMonitor,
    PodMonitor,
    APIService,
    ValidatingWebhookConfiguration,
    MutatingWebhookConfiguration,
)


@recipe(
    "R-NP-ALLOW",
    "Allow what must go on",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(NetworkPolicy,),
    makes=(NetworkPolicy,),
    reads=READS,
    verify_s=30.0,
    done=lambda view, ref, _: any(item.name.startswith("ztui-allow-") for item in view.within(NetworkPolicy, ref.name)),
)
def allow(view: View, ref: Ref) -> Draft:
    """The companions of a default deny, and an exception for each call from outside the namespace that was seen."""
    if view.get(Namespace, ref.name) is None:
        return gone(ref)
    policies = [*_companions(view, ref.name), *_observed(view, ref.name)]
    writes = tuple(_policy(view, name, ref.name, spec) for name, spec, _ in policies)
    told = tuple(note(KEPT, ref, name=name, what=what) for name, _, what in policies)
    return Draft(writes, told, () if writes else (Stop(note(ALONE, ref, namespace=ref.name)),))


@recipe(
    "R-NP-DENY",
    "Close the namespace by default",
    risk_class="disruptive",
    on=(Namespace,),
    writes=(NetworkPolicy,),
    makes=(NetworkPolicy,),
    reads=READS,
    asks=(Question("direction", "What to close: ingress, egress or both", "ingress", told_by="what"),),
    verify_s=120.0,
    rolls_back=True,
)
def deny(view: View, ref: Ref, direction: str = "ingress") -> Draft:
    """A policy for all pods that allows nothing, after its companions."""
    if view.get(Namespace, ref.name) is None:
        return gone(ref)
    types = _TYPES.get(direction.strip().lower(), [])
    stops = () if types else (Stop(note(NO_DIRECTION, ref, what=direction)),)
    policies = list(_companions(view, ref.name)) if "Ingress" in types else []
    if "Egress" in types:
        policies += _leaving(view, ref.name)
    writes = [_policy(view, name, ref.name, spec) for name, spec, _ in policies]
    held = view.get(NetworkPolicy, DENY, ref.name)
    stay = held.directions if held is not None else ()  # what is closed stays so
    closed = [item for item in _BOTH if item in types or item in stay]
    writes.append(_policy(view, DENY, ref.name, {"podSelector": {}, "policyTypes": closed}))
    told = [note(KEPT, ref, name=name, what=what) for name, _, what in policies]
    count = len(live_pods(view, ref.name))
    if count:
        told.insert(0, note(EVERYBODY, ref, count=count, namespace=ref.name))
    return Draft(tuple(writes), tuple(told), stops)


def _policy(view: View, name: str, namespace: str, spec: Body) -> Write:
    held = view.get(NetworkPolicy, name, namespace)
    return made(NetworkPolicy, name, namespace, {"spec": spec}, held=held)


Companion = tuple[str, Body, str]
"""A policy's name, its spec, and what it lets go on."""


def _companions(view: View, namespace: str) -> Iterator[Companion]:
    """What has to go on in any namespace, each only where it is needed."""
    if len(live_pods(view, namespace)) > 1:
        for name, selector in _open_ones(view, namespace, "ztui-allow-same-namespace"):
            yield name, _ingress(selector, [{"podSelector": {}}]), "pods of the namespace among themselves"
    for at, (selector, ports) in enumerate(_behind_routers(view, namespace)):
        name = f"ztui-allow-router{f'-{at + 1}' if at else ''}"
        yield name, _ingress(selector, [_namespaces(_ROUTERS)], ports), "the routers, to the pods behind routes"
    for service in view.within(Service, namespace):
        if service.spec.selector and (service.spec.type in _OUTSIDE or service.spec.external_ips):
            ports = [_target(item.target_port or item.port, item.protocol) for item in service.spec.ports or ()]
            spec = _ingress({"matchLabels": dict(service.spec.selector)}, [], ports)
            yield (
                f"ztui-allow-outside-{service.name}"[:63].rstrip("-."),
                spec,
                f"everybody, to the ports of service {service.name}",
            )
    if any(monitor.looks_into(namespace) for kind in (ServiceMonitor, PodMonitor) for monitor in view.all(kind)):
        for name, selector in _open_ones(view, namespace, "ztui-allow-monitoring"):
            yield name, _ingress(selector, [_namespaces(_MONITORS)]), "the platform's monitoring"
    for at, selector in enumerate(_behind_the_server(view, namespace)):
        name = f"ztui-allow-hostnet{f'-{at + 1}' if at else ''}"
        yield name, _ingress(selector, [_namespaces(_HOSTS)]), "the API server, to webhooks and API services"


def _open_ones(view: View, namespace: str, name: str) -> Iterator[tuple[str, Body]]:
    """Whom to select: all pods where none is closed yet; else only the workloads that are open, so that nothing is loosened."""
    units = view.derive(workloads, namespace)
    loose = {pod.name for pod in isolation(view, namespace, "ingress").open_pods}
    still_open = [unit for unit in units if any(pod.name in loose for pod in unit.pods)]
    if all(unit in still_open for unit in units if not all(pod.spec.host_network for pod in unit.pods)):
        yield name, {}
        return
    for unit in still_open:
        yield f"{name}-{unit.root.name}"[:63].rstrip("-."), pod_selector(unit)


def _leaving(view: View, namespace: str) -> Iterator[Companion]:
    """What pods have to call in any namespace."""
    openshift = view.get(Namespace, "openshift-dns") is not None
    place, port = ("openshift-dns", 5353) if openshift else ("kube-system", 53)
    dns = [{"protocol": protocol, "port": port} for protocol in ("UDP", "TCP")]
    yield "ztui-allow-dns", _egress([_namespaces({_NAME: place})], dns), "names, from the cluster's DNS"
    if len(live_pods(view, namespace)) > 1:
        yield "ztui-allow-to-same-namespace", _egress([{"podSelector": {}}]), "pods of the namespace among themselves"
    called = [item for item in view.all(ObservedCall) if item.source_namespace == namespace and item.namespace != namespace]
    for place in sorted({item.namespace for item in called}):
        names = ", ".join(sorted({item.target for item in called if item.namespace == place}))
        yield f"ztui-allow-to-{place}"[:63], _egress([_namespaces({_NAME: place})]), f"calls that were seen, to {place}: {names}"


def _observed(view: View, namespace: str) -> Iterator[Companion]:
    """An exception for each workload that was called from another namespace in the last day."""
    by_target: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for call in view.within(ObservedCall, namespace):
        if call.source_namespace != namespace:
            by_target[call.target].add((call.source_namespace, call.source))
    units = {unit.root.name: unit for unit in view.derive(workloads, namespace)}
    for target, callers in sorted(by_target.items()):
        if target in units:
            peers = [peer for one in sorted(callers) if (peer := caller(view, *one)) is not None]
            told = ", ".join(f"{place}/{name}" for place, name in sorted(callers))
            yield (
                f"ztui-allow-to-{target}"[:63],
                _ingress(pod_selector(units[target]), peers),
                f"calls that were seen, from {told}",
            )


def caller(view: View, place: str, name: str) -> Body | None:
    """A workload as the peer of a NetworkPolicy; ``None`` where it is not there any more."""
    unit = next((unit for unit in view.derive(workloads, place) if unit.root.name == name), None)
    if unit is None:
        return None
    found = view.get(Namespace, place)
    if any(pod.spec.host_network for pod in unit.pods) or (found is not None and _ROUTERS.items() <= found.labels.items()):
        return _namespaces(_ROUTERS if not any(pod.spec.host_network for pod in unit.pods) else _HOSTS)
    return {**_namespaces({_NAME: place}), "podSelector": pod_selector(unit)}


def _behind_routers(view: View, namespace: str) -> list[tuple[Body, list[Body]]]:
    names = {service for entry in entry_points(view, namespace) for service in entry.services}
    found = []
    for name in sorted(names):
        service = view.get(Service, name, namespace)
        if service is not None and service.spec.selector:
            ports = [_target(item.target_port or item.port, item.protocol) for item in service.spec.ports or ()]
            found.append(({"matchLabels": dict(service.spec.selector)}, ports))
    return found


def _behind_the_server(view: View, namespace: str) -> list[Body]:
    """The pods of the namespace that the API server calls."""
    hooks: Iterable[ValidatingWebhookConfiguration | MutatingWebhookConfiguration] = (
        *view.all(ValidatingWebhookConfiguration),
        *view.all(MutatingWebhookConfiguration),
    )
    targets = [hook.client_config.service for item in hooks for hook in item.webhooks or ()]
    targets += [item.spec.service for item in view.all(APIService)]
    names = sorted({item.name for item in targets if item is not None and item.namespace == namespace})
    services = (view.get(Service, name, namespace) for name in names)
    return [{"matchLabels": dict(item.spec.selector)} for item in services if item is not None and item.spec.selector]


def pod_selector(unit: Workload) -> Body:
    """What selects the pods of a workload, today's and tomorrow's: its name labels, else all labels that its pods share."""
    shared = dict(unit.pods[0].labels)
    for pod in unit.pods[1:]:
        shared = {key: value for key, value in shared.items() if pod.labels.get(key) == value}
    kept = {key: value for key, value in shared.items() if key not in _HASHES}
    names = {key: kept[key] for key in _NAMES if key in kept}
    return {"matchLabels": names or kept}


def _target(port: int | str, protocol: str) -> Body:
    return {"protocol": protocol or "TCP", "port": port}


def _namespaces(labels: Mapping[str, str]) -> Body:
    return {"namespaceSelector": {"matchLabels": dict(labels)}}


def _ingress(selector: Body, peers: list[Body], ports: list[Body] | None = None) -> Body:
    rule: Body = {**({"from": peers} if peers else {}), **({"ports": ports} if ports else {})}
    return {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [rule]}


def _egress(peers: list[Body], ports: list[Body] | None = None) -> Body:
    rule: Body = {"to": peers, **({"ports": ports} if ports else {})}
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]}
