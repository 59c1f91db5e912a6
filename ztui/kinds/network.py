"""How traffic gets in: services, routes, ingresses and gateways.

Source: core/v1, discovery.k8s.io/v1, route.openshift.io/v1, networking.k8s.io/v1, gateway.networking.k8s.io. Certificates and
keys of Routes have no place here.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind


class ServicePort(msgspec.Struct, frozen=True, rename="camel"):
    """A port of a Service. ``target_port`` is a number, a name, or absent (then it is ``port``)."""

    port: int = 0
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int = 0
    app_protocol: str = ""


class ServiceSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What a Service selects, and how it is reached from outside."""

    type: str = "ClusterIP"
    selector: dict[str, str] | None = None
    ports: tuple[ServicePort, ...] | None = None
    external_name: str = ""
    external_ips: tuple[str, ...] | None = msgspec.field(default=None, name="externalIPs")
    load_balancer_source_ranges: tuple[str, ...] | None = None
    external_traffic_policy: str = ""
    health_check_node_port: int = 0
    load_balancer_class: str | None = None
    allocate_load_balancer_node_ports: bool | None = None


class BalancerAddress(msgspec.Struct, frozen=True, gc=False):
    """An address that a cloud gave."""

    ip: str = ""
    hostname: str = ""


class Balancer(msgspec.Struct, frozen=True):
    """What a cloud put before a Service."""

    ingress: tuple[BalancerAddress, ...] | None = None


class ServiceStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Where a Service of the type LoadBalancer is reached."""

    load_balancer: Balancer = Balancer()


class Service(Kind, frozen=True):
    """A Service."""

    PLURAL = "services"
    KIND = "Service"

    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    @property
    def outside(self) -> tuple[str, ...]:
        """The addresses that a cloud gave it, and those that it claims by itself."""
        given = (item.ip or item.hostname for item in self.status.load_balancer.ingress or ())
        return tuple(dict.fromkeys((*given, *(self.spec.external_ips or ()))))


class EndpointConditions(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether an endpoint takes traffic; an absent ``ready`` counts as ready, as the API says."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(msgspec.Struct, frozen=True, gc=False):
    """The object behind an endpoint."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Endpoint(msgspec.Struct, frozen=True, rename="camel"):
    """One endpoint of a slice."""

    addresses: tuple[str, ...] | None = None
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetRef | None = None
    node_name: str | None = None


class EndpointPort(msgspec.Struct, frozen=True, gc=False):
    """One port of a slice."""

    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class EndpointSlice(Kind, frozen=True):
    """Endpoints of a Service, which the label ``kubernetes.io/service-name`` names."""

    GROUP = "discovery.k8s.io"
    PLURAL = "endpointslices"
    KIND = "EndpointSlice"

    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None
    address_type: str = ""


class RouteTarget(msgspec.Struct, frozen=True, gc=False):
    """A Service behind a Route."""

    kind: str = "Service"
    name: str = ""
    weight: int | None = None


class RoutePort(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The port of the Service, by name or by the number of the pod's port."""

    target_port: int | str = ""


class RouteTLS(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where TLS ends, and what plain http gets; keys and certificates are not kept."""

    termination: str = ""
    insecure_edge_termination_policy: str = ""


class RouteSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Host, backends and TLS of a Route."""

    host: str = ""
    path: str = ""
    to: RouteTarget = RouteTarget()
    alternate_backends: tuple[RouteTarget, ...] | None = None
    port: RoutePort | None = None
    tls: RouteTLS | None = None
    wildcard_policy: str = ""


class RouteIngress(msgspec.Struct, frozen=True, rename="camel"):
    """What one router says of a Route."""

    host: str = ""
    router_name: str = ""
    conditions: tuple[Condition, ...] | None = None


class RouteStatus(msgspec.Struct, frozen=True):
    """Where a Route is admitted."""

    ingress: tuple[RouteIngress, ...] | None = None


class Route(Kind, frozen=True):
    """A Route."""

    GROUP = "route.openshift.io"
    PLURAL = "routes"
    KIND = "Route"

    spec: RouteSpec
    status: RouteStatus = RouteStatus()


class IngressTLS(msgspec.Struct, frozen=True, rename="camel"):
    """Hosts that TLS is served for; none means all."""

    hosts: tuple[str, ...] | None = None
    secret_name: str = ""


class BackendPort(msgspec.Struct, frozen=True, gc=False):
    """A port of a Service by name or number."""

    name: str = ""
    number: int = 0


class IngressService(msgspec.Struct, frozen=True):
    """The Service behind a path."""

    name: str = ""
    port: BackendPort = BackendPort()


class IngressBackend(msgspec.Struct, frozen=True):
    """What is behind a path; a ``resource`` backend is not kept."""

    service: IngressService | None = None


class IngressPath(msgspec.Struct, frozen=True, rename="camel"):
    """One path of a rule."""

    backend: IngressBackend = IngressBackend()
    path: str = ""
    path_type: str = ""


class IngressHTTP(msgspec.Struct, frozen=True):
    """The paths of a rule."""

    paths: tuple[IngressPath, ...] | None = None


class IngressRule(msgspec.Struct, frozen=True):
    """A host and its paths."""

    host: str = ""
    http: IngressHTTP | None = None


class IngressSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Rules and TLS of an Ingress."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] | None = None
    rules: tuple[IngressRule, ...] | None = None


class Ingress(Kind, frozen=True):
    """An Ingress."""

    GROUP = "networking.k8s.io"
    PLURAL = "ingresses"
    KIND = "Ingress"

    spec: IngressSpec = IngressSpec()


class ListenerTLS(msgspec.Struct, frozen=True):
    """Where a listener ends TLS; unset is ``Terminate``."""

    mode: str = "Terminate"


class Listener(msgspec.Struct, frozen=True):
    """One listener of a Gateway."""

    name: str
    protocol: str
    port: int = 0
    hostname: str = ""
    tls: ListenerTLS | None = None


class GatewaySpec(msgspec.Struct, frozen=True, rename="camel"):
    """Class and listeners of a Gateway."""

    gateway_class_name: str = ""
    listeners: tuple[Listener, ...] | None = None


class GatewayStatus(msgspec.Struct, frozen=True):
    """Whether a Gateway is in force."""

    conditions: tuple[Condition, ...] | None = None


class Gateway(Kind, frozen=True):
    """A Gateway of the Gateway API."""

    GROUP = "gateway.networking.k8s.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "gateways"
    KIND = "Gateway"

    spec: GatewaySpec
    status: GatewayStatus = GatewayStatus()


class ParentRef(msgspec.Struct, frozen=True, rename="camel"):
    """What a route attaches to; an empty namespace is the route's own."""

    name: str = ""
    namespace: str = ""
    group: str = "gateway.networking.k8s.io"
    kind: str = "Gateway"
    section_name: str = ""
    port: int = 0


class BackendRef(msgspec.Struct, frozen=True):
    """What a rule sends traffic to; an empty namespace is the route's own."""

    name: str = ""
    namespace: str = ""
    group: str = ""
    kind: str = "Service"
    port: int = 0
    weight: int | None = None


class Redirect(msgspec.Struct, frozen=True, gc=False):
    """Where a redirect sends callers."""

    scheme: str = ""


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """What is done to a request; only redirects are kept."""

    type: str = ""
    request_redirect: Redirect | None = None


class GatewayRule(msgspec.Struct, frozen=True, rename="camel"):
    """One rule of a route: its backends, and whether it only redirects."""

    backend_refs: tuple[BackendRef, ...] | None = None
    filters: tuple[Filter, ...] | None = None


class GatewayRouteSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Parents, hosts and rules that the routes of the Gateway API share."""

    parent_refs: tuple[ParentRef, ...] | None = None
    hostnames: tuple[str, ...] | None = None
    rules: tuple[GatewayRule, ...] | None = None


class ParentStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What one parent says of a route."""

    parent_ref: ParentRef = ParentRef()
    conditions: tuple[Condition, ...] | None = None


class GatewayRouteStatus(msgspec.Struct, frozen=True):
    """Where a route is accepted."""

    parents: tuple[ParentStatus, ...] | None = None


class HTTPRoute(Kind, frozen=True):
    """Routes http by host and path."""

    GROUP = "gateway.networking.k8s.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "httproutes"
    KIND = "HTTPRoute"

    spec: GatewayRouteSpec
    status: GatewayRouteStatus = GatewayRouteStatus()


class GRPCRoute(Kind, frozen=True):
    """Routes gRPC by service and method."""

    GROUP = "gateway.networking.k8s.io"
    PLURAL = "grpcroutes"
    KIND = "GRPCRoute"

    spec: GatewayRouteSpec
    status: GatewayRouteStatus = GatewayRouteStatus()


class TLSRoute(Kind, frozen=True):
    """Routes TLS connections by server name."""

    GROUP = "gateway.networking.k8s.io"
    VERSIONS = ("v1", "v1alpha3", "v1alpha2")
    PLURAL = "tlsroutes"
    KIND = "TLSRoute"

    spec: GatewayRouteSpec
    status: GatewayRouteStatus = GatewayRouteStatus()


class TCPRoute(Kind, frozen=True):
    """Routes TCP connections by port."""

    GROUP = "gateway.networking.k8s.io"
    VERSIONS = ("v1alpha2",)
    PLURAL = "tcproutes"
    KIND = "TCPRoute"

    spec: GatewayRouteSpec
    status: GatewayRouteStatus = GatewayRouteStatus()
