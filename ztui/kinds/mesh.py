"""What a mesh or a gateway demands of callers. Keys have no place here.

Source: security.istio.io/v1, networking.istio.io/v1, kuadrant.io/v1.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind, condition


class MeshSelector(msgspec.Struct, frozen=True, rename="camel"):
    """The pods that a mesh policy is for, by label; without labels all of its namespace."""

    match_labels: dict[str, str] | None = None


class PolicyTarget(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """An object that a policy is attached to, in the namespace of the policy."""

    kind: str = ""
    name: str = ""
    group: str = ""
    section_name: str = ""


class JWTRule(msgspec.Struct, frozen=True, gc=False):
    """An issuer whose tokens are verified."""

    issuer: str = ""


class RequestAuthenticationSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Whose tokens are verified, and where. A request without a token passes."""

    selector: MeshSelector | None = None
    target_ref: PolicyTarget | None = None
    target_refs: tuple[PolicyTarget, ...] | None = None
    jwt_rules: tuple[JWTRule, ...] | None = None


class RequestAuthentication(Kind, frozen=True):
    """Verifies tokens where they are sent; it does not demand them."""

    GROUP = "security.istio.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "requestauthentications"
    KIND = "RequestAuthentication"

    spec: RequestAuthenticationSpec


class Source(msgspec.Struct, frozen=True, rename="camel"):
    """Who calls. All fields of one source must hold; an absent field holds for everybody."""

    principals: tuple[str, ...] | None = None
    not_principals: tuple[str, ...] | None = None
    request_principals: tuple[str, ...] | None = None
    not_request_principals: tuple[str, ...] | None = None
    namespaces: tuple[str, ...] | None = None
    not_namespaces: tuple[str, ...] | None = None
    service_accounts: tuple[str, ...] | None = None
    not_service_accounts: tuple[str, ...] | None = None
    trust_domains: tuple[str, ...] | None = None
    not_trust_domains: tuple[str, ...] | None = None
    ip_blocks: tuple[str, ...] | None = None
    not_ip_blocks: tuple[str, ...] | None = None
    remote_ip_blocks: tuple[str, ...] | None = None
    not_remote_ip_blocks: tuple[str, ...] | None = None


class From(msgspec.Struct, frozen=True):
    """One alternative of who calls."""

    source: Source = Source()


class Operation(msgspec.Struct, frozen=True, rename="camel"):
    """What is called. All fields must hold."""

    hosts: tuple[str, ...] | None = None
    not_hosts: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None
    not_ports: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    not_methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    not_paths: tuple[str, ...] | None = None


class To(msgspec.Struct, frozen=True):
    """One alternative of what is called."""

    operation: Operation = Operation()


class When(msgspec.Struct, frozen=True, rename="camel"):
    """A condition on an attribute of the request."""

    key: str = ""
    values: tuple[str, ...] | None = None
    not_values: tuple[str, ...] | None = None


class AuthorizationRule(msgspec.Struct, frozen=True):
    """Matches where one of ``from``, one of ``to`` and all of ``when`` hold; an absent part holds always."""

    from_: tuple[From, ...] | None = msgspec.field(default=None, name="from")
    to: tuple[To, ...] | None = None
    when: tuple[When, ...] | None = None


class AuthorizationProvider(msgspec.Struct, frozen=True, gc=False):
    """The external authoriser that is asked."""

    name: str = ""


class AuthorizationPolicySpec(msgspec.Struct, frozen=True, rename="camel"):
    """What is done with matching requests. ``ALLOW`` without rules allows nothing."""

    action: str = "ALLOW"
    selector: MeshSelector | None = None
    target_ref: PolicyTarget | None = None
    target_refs: tuple[PolicyTarget, ...] | None = None
    rules: tuple[AuthorizationRule, ...] | None = None
    provider: AuthorizationProvider | None = None


class AuthorizationPolicy(Kind, frozen=True):
    """Allows or denies calls to workloads of a mesh."""

    GROUP = "security.istio.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "authorizationpolicies"
    KIND = "AuthorizationPolicy"

    spec: AuthorizationPolicySpec


class MutualTLS(msgspec.Struct, frozen=True, gc=False):
    """A mode; empty is ``UNSET``, which inherits."""

    mode: str = ""


class PeerAuthenticationSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which connections workloads accept. Ports are keys in words, as JSON has them."""

    selector: MeshSelector | None = None
    mtls: MutualTLS | None = None
    port_level_mtls: dict[str, MutualTLS] | None = None


class PeerAuthentication(Kind, frozen=True):
    """Whether workloads of a mesh accept plaintext."""

    GROUP = "security.istio.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "peerauthentications"
    KIND = "PeerAuthentication"

    spec: PeerAuthenticationSpec


class GatewayAuthSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The Gateway or route whose callers must prove who they are."""

    target_ref: PolicyTarget


class GatewayAuthStatus(msgspec.Struct, frozen=True):
    """Whether the policy is in force."""

    conditions: tuple[Condition, ...] | None = None


class GatewayAuthPolicy(Kind, frozen=True):
    """An AuthPolicy of Kuadrant; it acts only where its controller says ``Enforced``."""

    GROUP = "kuadrant.io"
    VERSIONS = ("v1", "v1beta3", "v1beta2")
    PLURAL = "authpolicies"
    KIND = "AuthPolicy"

    spec: GatewayAuthSpec
    status: GatewayAuthStatus = GatewayAuthStatus()

    @property
    def is_enforced(self) -> bool:
        """Whether the controller says that the policy acts."""
        found = condition(self.status.conditions, "Enforced")
        return found is not None and found.status == "True"


class GateTLS(msgspec.Struct, frozen=True, gc=False):
    """How a server of a mesh gateway ends TLS; the names of its certificates are not kept."""

    mode: str = ""


class GateServer(msgspec.Struct, frozen=True):
    """Hosts that a mesh gateway serves."""

    hosts: tuple[str, ...] | None = None
    tls: GateTLS | None = None


class GateSpec(msgspec.Struct, frozen=True):
    """The gateway pods by label, and what they serve."""

    selector: dict[str, str] | None = None
    servers: tuple[GateServer, ...] | None = None


class IstioGateway(Kind, frozen=True):
    """What the gateway pods of a mesh serve."""

    GROUP = "networking.istio.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "gateways"
    KIND = "Gateway"

    spec: GateSpec = GateSpec()


class ClientTLSSettings(msgspec.Struct, frozen=True, gc=False):
    """How a client connects: DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL. Certificates have no place here."""

    mode: str = "DISABLE"


class PortNumber(msgspec.Struct, frozen=True, gc=False):
    """A port of a Service."""

    number: int = 0


class PortPolicy(msgspec.Struct, frozen=True):
    """Settings of one port. Without TLS of its own the port has the default, not what stands above it."""

    port: PortNumber | None = None
    tls: ClientTLSSettings | None = None


class TrafficPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """How clients connect to a host, and to single ports of it."""

    tls: ClientTLSSettings | None = None
    port_level_settings: tuple[PortPolicy, ...] | None = None


class Subset(msgspec.Struct, frozen=True, rename="camel"):
    """A part of a host's endpoints with settings of its own."""

    name: str
    traffic_policy: TrafficPolicy | None = None


class DestinationRuleSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What clients do towards a host. A name without dots is one of the rule's namespace."""

    host: str
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] | None = None
    export_to: tuple[str, ...] | None = None
    workload_selector: MeshSelector | None = None


class DestinationRule(Kind, frozen=True):
    """How sidecars connect to a host."""

    GROUP = "networking.istio.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "destinationrules"
    KIND = "DestinationRule"

    spec: DestinationRuleSpec
