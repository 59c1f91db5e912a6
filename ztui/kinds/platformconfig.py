"""TLS, kubelets and routers of the platform. Source: config, operator and machineconfiguration.openshift.io/v1."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Kind


class CustomProfile(msgspec.Struct, frozen=True, rename="camel"):
    """A hand-made TLS profile."""

    min_tls_version: str = msgspec.field(default="", name="minTLSVersion")
    ciphers: tuple[str, ...] | None = None


class TLSProfile(msgspec.Struct, frozen=True):
    """Which TLS versions are spoken; an empty type is the platform's default (Intermediate)."""

    type: str = ""
    custom: CustomProfile | None = None


class ProfileSpec(msgspec.Struct, frozen=True, rename="camel"):
    """A spec that has a TLS profile."""

    tls_security_profile: TLSProfile | None = None


class APIServerConfig(Kind, frozen=True):
    """``APIServer/cluster``."""

    GROUP = "config.openshift.io"
    PLURAL = "apiservers"
    KIND = "APIServer"
    NAMESPACED = False

    spec: ProfileSpec


class ClientTLS(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the router demands client certificates."""

    client_certificate_policy: str = ""


class RouteAdmission(msgspec.Struct, frozen=True, rename="camel"):
    """Whether namespaces may share hosts, and wildcard routes."""

    namespace_ownership: str = ""
    wildcard_policy: str = ""


class IngressControllerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The router's settings that are judged."""

    tls_security_profile: TLSProfile | None = None
    client_tls: ClientTLS | None = msgspec.field(default=None, name="clientTLS")
    route_admission: RouteAdmission | None = None


class IngressController(Kind, frozen=True):
    """A router."""

    GROUP = "operator.openshift.io"
    PLURAL = "ingresscontrollers"
    KIND = "IngressController"

    spec: IngressControllerSpec


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
    """Kubelet settings and TLS profile."""

    kubelet_config: KubeletSettings | None = None
    tls_security_profile: TLSProfile | None = None


class KubeletConfig(Kind, frozen=True):
    """Kubelet settings for a pool of nodes."""

    GROUP = "machineconfiguration.openshift.io"
    PLURAL = "kubeletconfigs"
    KIND = "KubeletConfig"
    NAMESPACED = False

    spec: KubeletConfigSpec = KubeletConfigSpec()
