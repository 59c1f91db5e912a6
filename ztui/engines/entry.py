"""Where traffic gets into a namespace: what is asked for, what is behind it, and what becomes of TLS and plain http.

Source: router of OpenShift (route.openshift.io/v1), networking.k8s.io/v1 Ingress, Gateway API (parents, listeners, redirects).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ztui.kinds.base import Condition, Kind, Ref, condition
from ztui.kinds.network import (
    Gateway,
    GatewayRouteSpec,
    GRPCRoute,
    HTTPRoute,
    Ingress,
    IngressBackend,
    IngressRule,
    Listener,
    ParentRef,
    Route,
    TCPRoute,
    TLSRoute,
)
from ztui.view import Gap, View, Why

ENTRIES: Final[tuple[type[Kind], ...]] = (Ingress,)
ENTRIES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (Route, Gateway, HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)
"""What ``entry_points`` reads besides ``ENTRIES``. A route may attach to a Gateway of another namespace."""

SSL_REDIRECT: Final = "nginx.ingress.kubernetes.io/ssl-redirect"
TERMINATION: Final = "route.openshift.io/termination"

_GatewayRoute = HTTPRoute | GRPCRoute | TLSRoute | TCPRoute
_PROTOCOLS: Final[dict[str, frozenset[str]]] = {
    "HTTPRoute": frozenset({"HTTP", "HTTPS"}),
    "GRPCRoute": frozenset({"HTTP", "HTTPS"}),
    "TLSRoute": frozenset({"TLS"}),
    "TCPRoute": frozenset({"TCP", "TLS"}),
}


class EntryPoint(msgspec.Struct, frozen=True):
    """One way in: an object, a host, and for the Gateway API a listener.

    ``termination`` is ``edge``, ``reencrypt``, ``passthrough``, empty for none, or a word that is not known. ``insecure`` says
    what plain http gets: empty or ``None`` nothing, ``Redirect``, ``Allow``. ``backends`` are (namespace, Service).
    ``redirects`` marks one that only sends callers to https. ``fix_at`` is the object that decides, where that is another.
    ``gap`` is set where a Gateway could not be read: then nothing is known of TLS.
    """

    of: Kind
    host: str
    backends: tuple[tuple[str, str], ...]
    admitted: bool = True
    termination: str = ""
    insecure: str = ""
    raw_tcp: bool = False
    redirects: bool = False
    routers: tuple[str, ...] = ()
    parents: tuple[Ref, ...] = ()
    path: str = ""
    fix_at: Ref | None = None
    gap: Gap | None = None

    @property
    def ref(self) -> Ref:
        """The object that opens this way."""
        return self.of.ref

    @property
    def services(self) -> tuple[str, ...]:
        """The Services behind it in its own namespace."""
        return tuple(name for namespace, name in self.backends if namespace == self.ref.namespace)


def entry_points(view: View, namespace: str) -> tuple[EntryPoint, ...]:
    """Every way into a namespace, sorted by object and host; those that nobody serves are marked, not left out."""
    found = [_of_route(item) for item in view.within(Route, namespace)]
    routed = {entry.fix_at.name for entry in found if entry.fix_at and entry.fix_at.kind == "Ingress" and entry.admitted}
    for ingress in view.within(Ingress, namespace):
        if ingress.name not in routed:
            found += _of_ingress(ingress)
    for kind in (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute):
        routes: Iterable[_GatewayRoute] = view.within(kind, namespace)
        for route in routes:
            found += _of_gateway_route(view, route)
    return tuple(sorted(found, key=lambda item: (item.ref, item.host, item.path)))


def _of_route(route: Route) -> EntryPoint:
    spec = route.spec
    targets = (spec.to, *(spec.alternate_backends or ()))
    admitted = [item for item in route.status.ingress or () if _holds(item.conditions, "Admitted")]
    owner = next((item for item in route.owners if item.kind == "Ingress"), None)
    return EntryPoint(
        route,
        spec.host or next((item.host for item in admitted), ""),
        tuple((route.namespace, item.name) for item in targets if item.kind == "Service" and item.name),
        admitted=bool(admitted),
        termination=spec.tls.termination if spec.tls else "",
        insecure=spec.tls.insecure_edge_termination_policy if spec.tls else "",
        routers=tuple(sorted(item.router_name for item in admitted)),
        path="spec.tls.termination",
        fix_at=Ref(owner.group, owner.kind, route.namespace, owner.name, owner.uid) if owner else None,
    )


def _of_ingress(ingress: Ingress) -> Iterator[EntryPoint]:
    rules = ingress.spec.rules or ()
    if not rules or ingress.spec.default_backend is not None:
        rules = (*rules, IngressRule())
    default = _services(ingress, [ingress.spec.default_backend] if ingress.spec.default_backend else [])
    for rule in rules:
        paths = (rule.http.paths if rule.http else None) or ()
        covered = any(_covers(tls.hosts or (), rule.host) for tls in ingress.spec.tls or ())
        wanted = ingress.annotations.get(TERMINATION, "")
        allowed = covered and ingress.annotations.get(SSL_REDIRECT, "").lower() == "false"
        yield EntryPoint(
            ingress,
            rule.host,
            _services(ingress, [item.backend for item in paths]) or default,
            termination=(wanted or "edge") if covered or wanted == "passthrough" else "",
            insecure="Allow" if allowed else "",
            path="spec.tls",
        )


def _services(ingress: Ingress, backends: Iterable[IngressBackend]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(ingress.namespace, item.service.name) for item in backends if item.service and item.service.name}))


def _covers(hosts: tuple[str, ...], host: str) -> bool:
    if not hosts:
        return True
    return any(item == host or (item.startswith("*.") and host.partition(".")[2] == item[2:]) for item in hosts)


def _of_gateway_route(view: View, route: _GatewayRoute) -> Iterator[EntryPoint]:
    spec = route.spec
    host = ", ".join(spec.hostnames or ())
    refs = [ref for rule in spec.rules or () for ref in rule.backend_refs or ()]
    backends = tuple(
        sorted({(ref.namespace or route.namespace, ref.name) for ref in refs if ref.kind == "Service" and not ref.group})
    )
    for parent in spec.parent_refs or ():
        if parent.kind != "Gateway" or parent.group != Gateway.GROUP:
            continue
        at = parent.namespace or route.namespace
        ref = Ref(Gateway.GROUP, "Gateway", at, parent.name)
        base = EntryPoint(
            route,
            host,
            backends,
            admitted=_accepted(route, parent),
            parents=(ref,),
            redirects=_redirects(spec),
            path="spec.parentRefs",
        )
        gateway = view.get(Gateway, parent.name, at)
        if gateway is None:
            gap = view.gap(Gateway, at)
            unread = gap if gap is not None and gap.why is not Why.ABSENT else None
            yield msgspec.structs.replace(base, gap=unread, admitted=base.admitted and unread is not None)
            continue
        for listener in gateway.spec.listeners or ():
            if _attaches(route.KIND, parent, listener):
                yield msgspec.structs.replace(
                    base,
                    host=host or listener.hostname,
                    termination=_termination(listener),
                    insecure="Allow" if listener.protocol == "HTTP" else "",
                    raw_tcp=listener.protocol == "TCP",
                    parents=(gateway.ref,),
                )


def _attaches(kind: str, parent: ParentRef, listener: Listener) -> bool:
    if parent.section_name and parent.section_name != listener.name:
        return False
    return not (parent.port and parent.port != listener.port) and listener.protocol in _PROTOCOLS[kind]


def _termination(listener: Listener) -> str:
    if listener.protocol not in {"HTTPS", "TLS"}:
        return ""
    mode = listener.tls.mode if listener.tls else "Terminate"
    return {"Terminate": "edge", "Passthrough": "passthrough"}.get(mode, mode)


def _accepted(route: _GatewayRoute, parent: ParentRef) -> bool:
    said = [
        item
        for item in route.status.parents or ()
        if item.parent_ref.name == parent.name
        and (item.parent_ref.namespace or route.namespace) == (parent.namespace or route.namespace)
        and item.parent_ref.section_name == parent.section_name
    ]
    return any(_holds(item.conditions, "Accepted") for item in said)


def _redirects(spec: GatewayRouteSpec) -> bool:
    """Whether every rule only sends callers to https."""
    rules = spec.rules or ()
    return bool(rules) and all(
        any(
            item.type == "RequestRedirect" and item.request_redirect is not None and item.request_redirect.scheme == "https"
            for item in rule.filters or ()
        )
        for rule in rules
    )


def _holds(conditions: tuple[Condition, ...] | None, type_: str) -> bool:
    found = condition(conditions, type_)
    return found is not None and found.status == "True"
