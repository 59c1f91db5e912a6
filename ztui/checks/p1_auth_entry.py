"""Row P1.AUTH, the ways in: TLS at each entry point, nothing that goes around them, an identity before each application."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any, Final

from ztui.checks.base import Evidence, Finding, Status, attested, check, fail, na, ok, reason, seen, unknown, warn
from ztui.engines import doors
from ztui.engines.entry import ENTRIES, ENTRIES_WHERE_SERVED, EntryPoint, entry_points
from ztui.engines.mtls import MESH, MESH_WHERE_SERVED, container_ports, inbound, root_gap
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, Workload, workloads
from ztui.kinds.clusternetwork import NetworkOperator
from ztui.kinds.mesh import PeerAuthentication
from ztui.kinds.network import Service
from ztui.kinds.workload import Namespace, Pod
from ztui.view import View, Why

ENCRYPTED = reason("tls", "{host} speaks TLS ({how})")
REDIRECTS = reason("redirects", "{host} only sends callers to https")
PLAIN = reason("plaintext", "{host} is served without TLS", next="Give {fix} a TLS section that refuses plain http", stands=True)
ALLOWED = reason(
    "insecure-allowed",
    "{host} is served over plain http beside TLS",
    next="Redirect it, at {fix}",
    stands=True,
)
BARE = reason("plain-inside", "{host} is plain from the router to the pod", next="Use reencrypt, a mesh, or IPsec mode Full")
MESH_STRICT = reason("mesh-strict", "{host} ends TLS at the router, and what is behind it accepts only mutual TLS")
MESH_UNREAD = reason(
    "mesh-unread",
    "{host} ends TLS at the router; what is behind it accepts only mutual TLS unless the mesh's own namespace says otherwise",
    next="Grant `ztui roles view`",
)
IPSEC_UNREAD = reason("ipsec-unread", "{host} ends TLS at the router; IPsec could not be read", next="Grant `ztui roles view`")
GATEWAY_UNREAD = reason("gateway-unread", "the Gateway of {host} could not be read", next="Grant `ztui roles view`")
RAW = reason("raw-tcp", "{host} passes TCP on: whether it is TLS is not visible", next="Use a TLS listener and a TLSRoute")
ODD = reason("unknown-tls", "{host} has TLS settings that are not known: {how}", next="Use edge, reencrypt or passthrough")
APPROVED = reason("approved", "reviewed: {why}")
INTERNAL = reason(
    "internal", "{what} is reachable from the network around", next="Use a Route, or approve it by ztui.io/exposure"
)
RANGES = reason("limited", "{what} is reachable from {ranges}", next="Use a Route, or set ztui.io/exposure")
BYPASS = reason(
    "bypass",
    "{what} goes around the routers",
    next="Use a Route, or set ztui.io/exposure to a reason",
    stands=True,
)
DEMANDED = reason("identity", "{host} demands an identity: {how}")
SAID = reason("attested", "{host} is declared {what}: {why}", next="Put a proof before it, or keep the reason true")
OPEN = reason(
    "no-identity", "{host} answers callers that nobody has identified", next="Put an auth proxy or a mesh policy before {service}"
)
UNSEEN = reason("proofs-unread", "what stands before {host} could not be read", next="Grant `ztui roles view`")
NOBODY = reason("no-backend", "nothing runs behind {host}")

EXPOSURE: Final = "ztui.io/exposure"
AUTHN: Final = "ztui.io/authn"
AUTHN_REASON: Final = "ztui.io/authn-reason"
SOLVER: Final = "acme.cert-manager.io/http01-solver"
_SOLVER_AGE: Final = timedelta(hours=1)
_GOOD: Final = frozenset({"edge", "reencrypt", "passthrough"})
_REFUSING: Final = frozenset({"", "None", "Redirect"})

# Annotations by which clouds keep a load balancer inside, with the values that do. Source: the cloud providers' documents.
_INTERNAL: Final[dict[str, frozenset[str]]] = {
    "service.beta.kubernetes.io/aws-load-balancer-internal": frozenset({"true", "0.0.0.0/0"}),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": frozenset({"internal"}),
    "service.beta.kubernetes.io/azure-load-balancer-internal": frozenset({"true"}),
    "networking.gke.io/load-balancer-type": frozenset({"Internal"}),
    "cloud.google.com/load-balancer-type": frozenset({"Internal"}),
    "service.beta.kubernetes.io/openstack-internal-load-balancer": frozenset({"true"}),
    "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type": frozenset({"private"}),
}


@check(
    "ZT1-AUTH-005",
    "Every external entry point terminates TLS and refuses plaintext",
    severity="high",
    gate="R",
    grain="namespace",
    needs=(*ENTRIES, *MESH, Service),
    where_served=(*ENTRIES_WHERE_SERVED, *MESH_WHERE_SERVED),
    may=(NetworkOperator,),
    recipes=("R-ROUTE-TLS",),
    maps=("CISA Networks", "CISA Data", "800-53 SC-8", "800-53 SC-8(1)", "800-53 AC-17(2)"),
)
def tls_at_entries(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Every way in speaks TLS, and plain http is refused or redirected.

    Why: credentials over plaintext void authentication.
    How: whoever sits between a caller and the router reads the session cookie.
    Rule: pass for reencrypt, passthrough, and for edge where IPsec covers the way to the pod; warn for edge without; fail without
    TLS, or where plain http is served too. Ways in that nobody admits are out of scope.
    Traps: a Route that an Ingress owns is fixed at the Ingress; ACME solvers are plain for an hour; a listener for http that only
    redirects is right.
    Source: route.openshift.io/v1 Route, spec.tls.termination, spec.tls.insecureEdgeTerminationPolicy,
    status.ingress[].conditions; networking.k8s.io/v1 Ingress, spec.tls, metadata.annotations; gateway.networking.k8s.io/v1
    Gateway, spec.listeners[].protocol, spec.listeners[].tls.mode; security.istio.io/v1 PeerAuthentication, spec.mtls.mode;
    operator.openshift.io/v1 Network, spec.defaultNetwork.ovnKubernetesConfig.ipsecConfig.mode.
    Verify: oc get routes -A -o custom-columns=NS:.metadata.namespace,HOST:.spec.host,TLS:.spec.tls.termination
    """
    for entry in view.derive(entry_points, namespace.name):
        if entry.admitted and not _is_young_solver(view, entry):
            yield _tls(view, entry)


@check(
    "ZT1-AUTH-006",
    "No unreviewed bypass of the ingress tier",
    severity="medium",
    gate="R",
    grain="namespace",
    needs=(Service, *WORKLOADS),
    where_served=WORKLOADS_WHERE_SERVED,
    empty=Status.PASS,
    recipes=("R-SVC-CLUSTERIP", "R-ANNOTATE"),
    maps=("CISA Networks", "800-53 SC-7", "800-53 CM-7"),
)
def no_bypass(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Nothing is reachable from outside past the routers, unless somebody has said why.

    Why: node ports, load balancers, external addresses and host ports skip TLS, HSTS and client certificates of the routers.
    How: an admin page that the Route protects answers on port 31080 of every node.
    Rule: pass where ztui.io/exposure gives a reason; warn for internal load balancers and for those with source ranges; fail for
    the rest.
    Traps: two halves of the Internet are the Internet; gateways of a mesh live in namespaces of add-ons.
    Source: v1 Service, spec.type, spec.externalIPs, spec.loadBalancerSourceRanges, metadata.annotations; v1 Pod,
    spec.containers[].ports[].hostPort.
    Verify: kubectl get services -A | grep -E 'NodePort|LoadBalancer'
    """
    for service in view.within(Service, namespace.name):
        found = _exposure(service)
        if found is not None:
            yield found
    for unit in view.derive(workloads, namespace.name):
        yield from _host_ports(unit)


@check(
    "ZT1-AUTH-009",
    "Application entry points demand an identity",
    severity="medium",
    gate="R",
    grain="namespace",
    needs=(*ENTRIES, Service, Pod),
    where_served=ENTRIES_WHERE_SERVED,
    may=doors.DOORS,
    recipes=("R-ANNOTATE",),
    maps=("CISA Apps", "CISA Identity", "800-53 AC-3", "800-53 IA-2", "800-53 IA-9"),
)
def identity_at_entries(view: View, namespace: Namespace) -> Iterator[Finding]:
    """Something asks who calls before each application that can be reached from outside.

    Why: the login of the cluster does not protect an application that answers anyone.
    How: a forgotten admin page behind a Route is found by its host name in a certificate log.
    Rule: pass for a mesh policy that turns away requests without a token, a login proxy in the pod, a router that demands client
    certificates, or a policy of the gateway; warn where ztui.io/authn and ztui.io/authn-reason say so; fail otherwise.
    Traps: RequestAuthentication alone accepts requests without a token; a mesh policy needs a sidecar to act; a Service can go
    past the proxy in its pod.
    Source: security.istio.io/v1 RequestAuthentication, spec.selector, spec.jwtRules; security.istio.io/v1
    AuthorizationPolicy, spec.action, spec.rules, spec.provider; networking.istio.io/v1 Gateway, spec.servers[].tls.mode,
    spec.selector; kuadrant.io/v1 AuthPolicy, spec.targetRef, status.conditions; operator.openshift.io/v1 IngressController,
    spec.clientTLS.clientCertificatePolicy; v1 Pod, spec.containers[].image, metadata.labels; v1 Service,
    metadata.annotations.
    Verify: curl -sS -o /dev/null -w '%{http_code}' https://HOST/
    """
    for entry in view.derive(entry_points, namespace.name):
        if entry.admitted and not entry.redirects and not _is_young_solver(view, entry):
            for at in entry.backends:
                yield _identity(view, entry, at)


def _tls(view: View, entry: EntryPoint) -> Finding:
    words: dict[str, Any] = {"host": entry.host or entry.ref.name, "how": entry.termination, "fix": entry.fix_at or entry.ref}
    facts = [seen(entry.of, entry.path, entry.termination or "none")]
    if entry.gap is not None:
        return unknown(entry.of, GATEWAY_UNREAD, entry.gap.why, "gateways", seen=facts, **words)
    if entry.redirects:
        return ok(entry.of, REDIRECTS, seen=facts, **words)
    if entry.raw_tcp:
        return warn(entry.of, RAW, seen=facts, **words)
    if not entry.termination:
        return fail(entry.of, PLAIN, seen=facts, **words)
    if entry.insecure == "Allow":
        return fail(entry.of, ALLOWED, seen=facts, **words)
    if entry.termination not in _GOOD or entry.insecure not in _REFUSING:
        how = f"{entry.termination} {entry.insecure}".strip()
        return unknown(entry.of, ODD, Why.MALFORMED, f"unknown value {how!r}", seen=facts, **{**words, "how": how})
    return ok(entry.of, ENCRYPTED, seen=facts, **words) if entry.termination != "edge" else _edge(view, entry, facts, words)


def _edge(view: View, entry: EntryPoint, facts: list[Evidence], words: dict[str, Any]) -> Finding:
    network = view.get(NetworkOperator, "cluster")
    if network is not None and network.encrypts_pods:
        return ok(entry.of, ENCRYPTED, seen=facts, **words)
    pods = [pod for at in entry.backends for pod in _behind(view, view.get(Service, at[1], at[0]))]
    ports = [(pod, inbound(view, pod, port)) for pod in pods for port in container_ports([pod]) or (0,)]
    if ports and all(found.mode == "STRICT" for _, found in ports):
        left = (pod for pod, found in ports if found.by is None or found.by.namespace != pod.namespace)
        hidden = next(filter(None, (root_gap(view, PeerAuthentication, pod.namespace) for pod in left)), None)
        if hidden is not None:
            return unknown(entry.of, MESH_UNREAD, hidden.why, hidden.detail, seen=[*facts, *pods], **words)
        return ok(entry.of, MESH_STRICT, seen=[*facts, *pods], **words)
    gap = view.gap(NetworkOperator)
    if gap is not None and gap.why is not Why.ABSENT:
        return unknown(entry.of, IPSEC_UNREAD, gap.why, "networks.operator.openshift.io", seen=facts, **words)
    return warn(entry.of, BARE, seen=facts, **words)


def _is_young_solver(view: View, entry: EntryPoint) -> bool:
    created = entry.of.created
    return entry.of.labels.get(SOLVER) == "true" and created is not None and view.now - created <= _SOLVER_AGE


def _exposure(service: Service) -> Finding | None:
    spec = service.spec
    ways = [f"the type {spec.type}"] if spec.type in {"NodePort", "LoadBalancer"} else []
    ways += [f"the external address {item}" for item in spec.external_ips or ()]
    if not ways:
        return None
    what = ", ".join(ways)
    facts = [
        seen(service, "spec.type", spec.type),
        *(seen(service, "spec.externalIPs", item) for item in spec.external_ips or ()),
    ]
    why = service.annotations.get(EXPOSURE, "").strip()
    if why:
        return attested(ok(service, APPROVED, seen=facts, why=why))
    if spec.type == "LoadBalancer" and not spec.external_ips:
        if any(service.annotations.get(key) in values for key, values in _INTERNAL.items()):
            return warn(service, INTERNAL, seen=facts, what=what)
        ranges = spec.load_balancer_source_ranges or ()
        if _bounds(ranges):
            return warn(service, RANGES, seen=facts, what=what, ranges=", ".join(ranges))
    return fail(service, BYPASS, seen=facts, what=what)


def _bounds(ranges: Iterable[str]) -> bool:
    """Whether source ranges leave anybody out; one that cannot be read bounds nothing."""
    four: list[IPv4Network] = []
    six: list[IPv6Network] = []
    try:
        for item in ranges:
            network = ip_network(item.strip(), strict=False)
            if isinstance(network, IPv4Network):
                four.append(network)
            else:
                six.append(network)
    except ValueError:
        return False
    merged: list[IPv4Network | IPv6Network] = [*collapse_addresses(four), *collapse_addresses(six)]
    return bool(merged) and all(item.prefixlen for item in merged)


def _host_ports(unit: Workload) -> Iterator[Finding]:
    for pod in unit.pods:
        ports = sorted({port.host_port for item in pod.containers for port in item.ports or () if port.host_port})
        if not ports:
            continue
        facts = [seen(pod, "spec.containers[].ports[].hostPort", port) for port in ports]
        why = pod.annotations.get(EXPOSURE, "").strip()
        if why:
            yield attested(ok(unit.root, APPROVED, seen=facts, why=why))
        else:
            yield fail(unit.root, BYPASS, seen=facts, what=f"host port {', '.join(map(str, ports))}")
        return


def _identity(view: View, entry: EntryPoint, at: tuple[str, str]) -> Finding:
    namespace, name = at
    service = view.get(Service, name, namespace)
    words: dict[str, Any] = {"host": entry.host or entry.ref.name, "service": name}
    pods = _behind(view, service)
    how = _proof(view, entry, service, pods)
    if how:
        return ok(entry.of, DEMANDED, seen=[entry.of, *pods], how=how, **words)
    for of in (entry.of, service):
        what = of.annotations.get(AUTHN, "") if of else ""
        why = of.annotations.get(AUTHN_REASON, "").strip() if of else ""
        if of is not None and what in {"app", "public"} and why:
            return attested(
                warn(entry.of, SAID, seen=[seen(of, f"metadata.annotations.{AUTHN}", what)], what=what, why=why, **words)
            )
    for kind in (Service, Pod):
        gap = view.gap(kind, namespace)
        if gap is not None:
            return unknown(entry.of, UNSEEN, gap.why, kind.PLURAL, **words)
    if not pods and (service is None or service.spec.selector):
        return na(entry.of, NOBODY, **words)
    gaps = {kind: view.gap(kind) for kind in doors.DOORS}
    unread = next(((kind, gap) for kind, gap in gaps.items() if gap is not None and gap.why is not Why.ABSENT), None)
    if unread is not None:
        return unknown(entry.of, UNSEEN, unread[1].why, unread[0].PLURAL, **words)
    return fail(entry.of, OPEN, seen=[entry.of, *pods], **words)


def _behind(view: View, service: Service | None) -> list[Pod]:
    if service is None or not service.spec.selector:
        return []
    wanted = service.spec.selector.items()
    pods = [pod for pod in view.within(Pod, service.namespace) if pod.is_live and wanted <= pod.labels.items()]
    return sorted(pods, key=lambda pod: pod.name)


def _proof(view: View, entry: EntryPoint, service: Service | None, pods: list[Pod]) -> str:
    """What demands an identity of every caller; empty where nothing that is seen does."""
    if doors.router_demands(view, entry):
        return "the router demands a client certificate"
    policy = doors.gateway_policy(view, entry)
    if policy is not None:
        return f"AuthPolicy {policy.name}"
    if service is None or not pods:
        return ""
    gate = doors.mutual_gate(view, entry, pods)
    if gate is not None:
        return f"Gateway {gate.name}, which demands a client certificate"
    how = ""
    for pod in pods:
        proxy = doors.proxy_before(pod, service)
        rule = None if proxy else doors.mesh_demands(view, pod)
        if proxy is None and rule is None:
            return ""
        how = how or (f"the proxy {proxy.name}" if proxy else f"AuthorizationPolicy {rule.name}" if rule else "")
    return how
