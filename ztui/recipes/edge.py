"""The ways in: TLS at each of them, nothing that goes around them, no host that two tenants share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, SSL_REDIRECT, TERMINATION, EntryPoint, entry_points
from ztui.kinds.base import Ref, condition
from ztui.kinds.measured import ObservedCall
from ztui.kinds.network import Ingress, Route, Service
from ztui.kinds.platformconfig import IngressController
from ztui.kinds.response import EventListener
from ztui.recipes.base import (
    Draft,
    Note,
    Stop,
    Write,
    applied,
    as_wanted,
    expect,
    gone,
    note,
    patched,
    pointer,
    recipe,
    refused,
    remove,
    replace,
)
from ztui.view import View

PASSTHROUGH: Final = Reason("passthrough", "TLS ends in the pods of {host}: what plain http gets is decided there")
NEEDS_SECRET: Final = Reason(
    "needs-secret", "no router makes a Route of this Ingress: name a Secret with a certificate in spec.tls by hand"
)
REDIRECTED: Final = Reason(
    "redirected",
    "callers of {host} over plain http are sent to https: a POST loses its body, and who does not follow gets nothing",
)
CALLED: Final = Reason("called", "{host} was called {count} times in the last day, by whatever means")
NO_CERTIFICATE: Final = Reason(
    "no-certificate", "no certificate is known to be good for {host}: the routers show theirs, for {domain}, and browsers warn"
)
OWN_CERTIFICATE: Final = Reason(
    "own-certificate", "the routers show the certificate in the Secret {secret}: it must be good for {host}"
)
AT_INGRESS: Final = Reason("at-ingress", "the Ingress makes the Route: its controller writes TLS into it, by this annotation")

DNS_NAME: Final = Reason("dns-name", "the annotation {key} gives {name} a name in DNS: take it away first")
CUT_OFF: Final = Reason("cut-off", "nobody gets in by {what} any more; a Route, or a Gateway, is how they may")
NEW_ADDRESS: Final = Reason("new-address", "the address {address} is given back: who takes this back may get another one")
PORTS_BACK: Final = Reason("ports-back", "given back: node port {ports}; who takes this back asks for the same again")

OLDEST_WINS: Final = Reason(
    "oldest-wins", "{host} is claimed in {namespaces}: only the oldest Route, in {kept}, is served from then on"
)
NOTHING_SHARED: Final = Reason("nothing-shared", "no host is claimed in two namespaces today: nobody loses one")
NOT_OWNERSHIP: Final = Reason(
    "wildcards", "namespaces do not share hosts on it; wildcard Routes are another setting (wildcardPolicy)"
)

_DNS: Final = ("external-dns.alpha.kubernetes.io/hostname", "external-dns.alpha.kubernetes.io/internal-hostname")
_EDGE: Final = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
_REFUSING: Final = frozenset({"", "None", "Redirect"})
_CLAIMED: Final = "HostAlreadyClaimed"


def _is_plain(entry: EntryPoint) -> bool:
    return not entry.raw_tcp and not entry.redirects and (not entry.termination or entry.insecure not in _REFUSING)


def _entries(view: View, ref: Ref) -> list[EntryPoint]:
    """The ways in by a Route or an Ingress, its Routes included; those to a listener of events."""
    here = view.derive(entry_points, ref.namespace)
    if ref.kind == "EventListener":
        listener = view.get(EventListener, ref.name, ref.namespace)
        return [entry for entry in here if listener is not None and listener.service in entry.services]
    wanted = (ref.kind, ref.name)
    return [entry for entry in here if wanted in {(at.kind, at.name) for at in (entry.ref, entry.fix_at) if at is not None}]


def _speaks_tls(view: View, ref: Ref, was: View) -> bool:
    del was
    found = [entry for entry in _entries(view, ref) if entry.ref.kind in {"Route", "Ingress"}]
    return bool(found) and all(entry.admitted and not _is_plain(entry) for entry in found)


@recipe(
    "R-ROUTE-TLS",
    "Serve it over TLS, and send plain http there",
    risk_class="disruptive",
    on=(Route, Ingress, EventListener),
    writes=(Route, Ingress),
    reads=(*ENTRIES, *ENTRIES_WHERE_SERVED, EventListener, IngressController, ObservedCall),
    verify_s=60.0,
    done=_speaks_tls,
)
def route_tls(view: View, ref: Ref) -> Draft:
    """TLS that ends at the routers; where an Ingress makes the Route, at the Ingress, for its controller keeps the Route."""
    plain = [entry for entry in _entries(view, ref) if entry.admitted and _is_plain(entry)]
    kinds: tuple[type[Route | Ingress | EventListener], ...] = (Route, Ingress, EventListener)
    if not plain and all(view.get(kind, ref.name, ref.namespace) is None for kind in kinds if ref.kind == kind.KIND):
        return gone(ref)
    entry = next((item for item in plain if isinstance(item.of, (Route, Ingress))), None)
    if entry is None:
        return as_wanted(ref, "it speaks TLS, and refuses or redirects plain http")
    if entry.termination == "passthrough":
        return refused(ref, PASSTHROUGH, host=entry.host)
    write = _secured(view, entry)
    if write is None:
        return refused(ref, NEEDS_SECRET)
    radius = [note(REDIRECTED, entry.ref, host=entry.host), *_callers(view, entry)]
    if write.ref.kind == "Ingress":
        radius.append(note(AT_INGRESS, write.ref))
    certificate = None if entry.termination else _certificate(view, entry)
    if certificate is not None and certificate.reason is OWN_CERTIFICATE:
        radius.append(certificate)
        certificate = None
    return Draft((write,), tuple(radius), (Stop(certificate, override=True),) if certificate is not None else ())


def _secured(view: View, entry: EntryPoint) -> Write | None:
    """The write that gives a way in TLS.

    What plain http gets stands in the Route even where an Ingress made it: its controller leaves that field alone. Source:
    openshift/route-controller-manager, pkg/route/ingress: the annotation switches TLS on, an entry of ``spec.tls`` without a
    Secret of that host switches the Route off, and one without anything stands for the routers' own certificate.
    """
    if isinstance(entry.of, Route) and entry.termination:
        return applied(entry.of, {"spec": {"tls": {"insecureEdgeTerminationPolicy": "Redirect"}}})
    owner = entry.fix_at if entry.fix_at is not None and entry.fix_at.kind == "Ingress" else None
    if isinstance(entry.of, Route) and owner is None:
        return applied(entry.of, {"spec": {"tls": _EDGE}})
    found = view.get(Ingress, owner.name, owner.namespace) if owner is not None else entry.of
    if not isinstance(found, Ingress):
        return None
    if entry.termination:
        return applied(found, {"metadata": {"annotations": {SSL_REDIRECT: "true"}}})
    if view.absent(Route):
        return None
    body: dict[str, Any] = {"metadata": {"annotations": {TERMINATION: "edge"}}}
    return applied(found, body if found.spec.tls else {**body, "spec": {"tls": [{}]}})


def _callers(view: View, entry: EntryPoint) -> Iterator[Note]:
    calls = [
        item
        for item in view.within(ObservedCall, entry.ref.namespace)
        if item.source_namespace != item.namespace and item.target in entry.services
    ]
    if calls:
        yield note(CALLED, entry.ref, host=entry.host, count=f"{sum(item.count for item in calls):.0f}")


def _certificate(view: View, entry: EntryPoint) -> Note | None:
    """Why it is not clear that the routers have a certificate for the host; ``None`` where it is."""
    routers = [item for item in view.all(IngressController) if item.name in entry.routers] or list(view.all(IngressController))
    for router in sorted(routers, key=lambda item: item.name):
        domain = router.status.domain
        if domain and entry.host.partition(".")[2] == domain:
            secret = router.spec.default_certificate.name if router.spec.default_certificate else ""
            return note(OWN_CERTIFICATE, entry.ref, secret=secret, host=entry.host) if secret else None
    domains = ", ".join(sorted(f"*.{item.status.domain}" for item in routers if item.status.domain)) or "nobody knows what"
    return note(NO_CERTIFICATE, entry.ref, host=entry.host, domain=domains)


def _is_inside(view: View, ref: Ref, was: View) -> bool:
    del was
    found = view.get(Service, ref.name, ref.namespace)
    return found is not None and found.spec.type not in {"NodePort", "LoadBalancer"} and not found.outside


@recipe(
    "R-SVC-CLUSTERIP",
    "Take the Service back inside",
    risk_class="disruptive",
    on=(Service,),
    writes=(Service,),
    reads=(Service,),
    verify_s=120.0,
    done=_is_inside,
)
def cluster_ip(view: View, ref: Ref) -> Draft:
    """The type ClusterIP; what the server refuses beside it, and addresses that it claims, go in the same patch."""
    found = view.get(Service, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    operations = list(_inside(found))
    if not operations:
        return as_wanted(ref, "it is reached from inside only")
    named = next((key for key in _DNS if found.annotations.get(key)), "")
    stops = (Stop(note(DNS_NAME, ref, key=named, name=found.annotations.get(named, ""))),) if named else ()
    return Draft((patched(found, *operations),), tuple(_lost(found)), stops)


def _inside(found: Service) -> Iterator[dict[str, Any]]:
    """The operations; what the server would drop by itself goes by name, so that it comes back with an undo."""
    spec = found.spec
    outside = spec.type in {"NodePort", "LoadBalancer"}
    if outside:
        yield expect("/spec/type", spec.type)
        yield expect("/spec/ports", msgspec.to_builtins(spec.ports))
        yield replace("/spec/type", "ClusterIP")
    if spec.external_ips:
        yield expect("/spec/externalIPs", list(spec.external_ips))
    if outside or spec.external_ips:
        yield from (remove(pointer("spec", name)) for name, is_set in _of_outside(found) if is_set)
    for at, port in enumerate(spec.ports or ()) if outside else ():
        if port.node_port:
            yield remove(pointer("spec", "ports", at, "nodePort"))


def _of_outside(found: Service) -> tuple[tuple[str, bool], ...]:
    """The fields that only a Service that is reached from outside may have, and whether they are set."""
    spec = found.spec
    return (
        ("loadBalancerSourceRanges", spec.load_balancer_source_ranges is not None),
        ("externalIPs", bool(spec.external_ips)),
        ("externalTrafficPolicy", bool(spec.external_traffic_policy)),
        ("healthCheckNodePort", bool(spec.health_check_node_port)),
        ("loadBalancerClass", spec.load_balancer_class is not None),
        ("allocateLoadBalancerNodePorts", spec.allocate_load_balancer_node_ports is not None),
    )


def _lost(found: Service) -> Iterator[Note]:
    ports = [str(port.node_port) for port in found.spec.ports or () if port.node_port]
    ways = [*found.outside, *(f"port {port} of every node" for port in ports)]
    yield note(CUT_OFF, found.ref, what=", ".join(ways) or f"the type {found.spec.type}")
    for address in found.outside:
        if address not in (found.spec.external_ips or ()):
            yield note(NEW_ADDRESS, found.ref, address=address)
    if ports:
        yield note(PORTS_BACK, found.ref, ports=", ".join(ports))


def _is_strict(view: View, ref: Ref, was: View) -> bool:
    del was
    found = view.get(IngressController, ref.name, ref.namespace)
    admission = found.spec.route_admission if found is not None else None
    strict = found is not None and (admission is None or admission.namespace_ownership != "InterNamespaceAllowed")
    return strict and not any(_rejected(route, ref.name) for route in view.all(Route))


def _rejected(route: Route, router: str) -> bool:
    said = (condition(item.conditions, "Admitted") for item in route.status.ingress or () if item.router_name == router)
    return any(item is not None and item.status == "False" and item.reason == _CLAIMED for item in said)


@recipe(
    "R-IC-STRICT",
    "Let no two namespaces share a host",
    risk_class="disruptive",
    on=(IngressController,),
    writes=(IngressController,),
    reads=(IngressController, Route),
    verify_s=60.0,
    done=_is_strict,
)
def strict(view: View, ref: Ref) -> Draft:
    """One field of the router; it names the Routes that lose their host."""
    found = view.get(IngressController, ref.name, ref.namespace)
    if found is None:
        return gone(ref)
    admission = found.spec.route_admission
    if admission is None or admission.namespace_ownership != "InterNamespaceAllowed":
        return refused(ref, NOT_OWNERSHIP)
    body = {"spec": {"routeAdmission": {"namespaceOwnership": "Strict"}}}
    return Draft((applied(found, body),), tuple(_shared(view, ref)) or (note(NOTHING_SHARED, ref),))


def _shared(view: View, ref: Ref) -> Iterator[Note]:
    by_host: defaultdict[str, list[Route]] = defaultdict(list)
    for route in view.all(Route):
        if any(item.router_name == ref.name for item in route.status.ingress or ()):
            by_host[route.spec.host].append(route)
    for host, routes in sorted(by_host.items()):
        places = sorted({route.namespace for route in routes})
        if len(places) > 1:
            kept = min(routes, key=lambda item: (item.metadata.creation_timestamp or "", item.namespace))
            yield note(OLDEST_WINS, ref, host=host, namespaces=", ".join(places), kept=kept.namespace)
