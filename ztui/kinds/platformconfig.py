"""TLS, kubelets and routers of the platform. Source: config, operator and machineconfiguration.openshift.io/v1."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class CustomProfile(msgspec.Struct, frozen=True, rename="camel"):
    """A hand-made TLS profile."""

    min_tls_version: str = msgspec.field(default="", name="minTLSVersion")
    ciphers: tuple[str, ...] | None = None


class TLSProfile(msgspec.Struct, frozen=True):
    """Which TLS versions are spoken; an empty type is the platform's default (Intermediate)."""

    type: str = ""
    custom: CustomProfile | None = None


class Encryption(msgspec.Struct, frozen=True, gc=False):
    """How the datastore is encrypted; empty and ``identity`` are not at all."""

    type: str = ""


class AuditRule(msgspec.Struct, frozen=True, gc=False):
    """Another audit profile for one group."""

    group: str = ""
    profile: str = ""


class Audit(msgspec.Struct, frozen=True, rename="camel"):
    """What of requests is recorded; an empty profile is ``Default``."""

    profile: str = ""
    custom_rules: tuple[AuditRule, ...] | None = None


class APIServerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The API server's TLS profile, how what it stores is encrypted, and what of requests it records."""

    tls_security_profile: TLSProfile | None = None
    encryption: Encryption = Encryption()
    audit: Audit | None = None


class APIServerConfig(Kind, frozen=True):
    """``APIServer/cluster``."""

    GROUP = "config.openshift.io"
    PLURAL = "apiservers"
    KIND = "APIServer"
    NAMESPACED = False

    spec: APIServerSpec


class ClientTLS(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the router demands client certificates."""

    client_certificate_policy: str = ""


class RouteAdmission(msgspec.Struct, frozen=True, rename="camel"):
    """Whether namespaces may share hosts, and wildcard routes."""

    namespace_ownership: str = ""
    wildcard_policy: str = ""


class CertificateRef(msgspec.Struct, frozen=True, gc=False):
    """The Secret of a certificate by its name."""

    name: str = ""


class IngressControllerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The router's settings that are judged, and the certificate that it shows where a Route has none of its own."""

    tls_security_profile: TLSProfile | None = None
    client_tls: ClientTLS | None = msgspec.field(default=None, name="clientTLS")
    route_admission: RouteAdmission | None = None
    default_certificate: CertificateRef | None = None


class EffectiveTLS(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """The TLS settings that a router works with now."""

    min_tls_version: str = msgspec.field(default="", name="minTLSVersion")


class IngressControllerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a router works with, the domain that it serves, and whether it has caught up."""

    conditions: tuple[Condition, ...] | None = None
    domain: str = ""
    tls_profile: EffectiveTLS = EffectiveTLS()


class IngressController(Kind, frozen=True):
    """A router."""

    GROUP = "operator.openshift.io"
    PLURAL = "ingresscontrollers"
    KIND = "IngressController"

    spec: IngressControllerSpec
    status: IngressControllerStatus = IngressControllerStatus()


class AnonymousAccess(msgspec.Struct, frozen=True):
    """Whether the kubelet answers without a login."""

    enabled: bool = False


class KubeletAuthentication(msgspec.Struct, frozen=True):
    """How the kubelet knows its callers."""

    anonymous: AnonymousAccess | None = None


class KubeletAuthorization(msgspec.Struct, frozen=True):
    """How the kubelet decides."""

    mode: str = ""


class KubeletSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What a KubeletConfig overrides."""

    authentication: KubeletAuthentication | None = None
    authorization: KubeletAuthorization | None = None
    read_only_port: int = 0


class KubeletConfigSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Kubelet settings and TLS profile, and the pools that they are for."""

    kubelet_config: KubeletSettings | None = None
    tls_security_profile: TLSProfile | None = None
    machine_config_pool_selector: Selector | None = None


class KubeletConfig(Kind, frozen=True):
    """Kubelet settings for a pool of nodes."""

    GROUP = "machineconfiguration.openshift.io"
    PLURAL = "kubeletconfigs"
    KIND = "KubeletConfig"
    NAMESPACED = False

    spec: KubeletConfigSpec = KubeletConfigSpec()
