"""Credentials of workloads and people: certificates, SPIFFE identities, logins.

Source: cert-manager.io/v1, spire.spiffe.io/v1alpha1, operator.openshift.io/v1alpha1, field paths as in their CRDs;
oauth.openshift.io/v1. Keys and tokens have no place here.
"""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind, Selector


class PrivateKey(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether a renewal makes a new key."""

    rotation_policy: str = ""


class Renewal(msgspec.Struct, frozen=True, gc=False):
    """Whether a certificate renews itself."""

    policy: str = ""


class IssuerRef(msgspec.Struct, frozen=True, gc=False):
    """Who issues a certificate; of another group than cert-manager's own where a program beside it does."""

    name: str = ""
    kind: str = ""
    group: str = ""


class CertificateSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How a certificate is kept alive, and the Secret that it is kept in."""

    secret_name: str = ""
    private_key: PrivateKey | None = None
    renewal: Renewal | None = None
    issuer_ref: IssuerRef = IssuerRef()


class CertificateStatus(msgspec.Struct, frozen=True, rename="camel"):
    """When a certificate ends and renews, how it is, and how many times it was issued."""

    not_after: str | None = None
    renewal_time: str | None = None
    conditions: tuple[Condition, ...] | None = None
    revision: int = 0


class Certificate(Kind, frozen=True):
    """A certificate that cert-manager keeps."""

    GROUP = "cert-manager.io"
    PLURAL = "certificates"
    KIND = "Certificate"

    spec: CertificateSpec = CertificateSpec()
    status: CertificateStatus = CertificateStatus()


class IssuerStatus(msgspec.Struct, frozen=True):
    """Whether an issuer works."""

    conditions: tuple[Condition, ...] | None = None


class Issuer(Kind, frozen=True):
    """Who issues certificates in one namespace."""

    GROUP = "cert-manager.io"
    PLURAL = "issuers"
    KIND = "Issuer"

    status: IssuerStatus = IssuerStatus()


class ClusterIssuer(Kind, frozen=True):
    """Who issues certificates everywhere."""

    GROUP = "cert-manager.io"
    PLURAL = "clusterissuers"
    KIND = "ClusterIssuer"
    NAMESPACED = False

    status: IssuerStatus = IssuerStatus()


class SpiffeSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which pods get an identity, without a selector all do; what it is called, and how long a certificate of it lasts.

    A ``fallback`` counts where nothing else selects the pod.
    """

    namespace_selector: Selector | None = None
    pod_selector: Selector | None = None
    template: str = msgspec.field(default="", name="spiffeIDTemplate")
    ttl: str = ""
    fallback: bool = False


class SpiffeStats(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How many pods were selected, and how many could not be registered."""

    pods_selected: int = 0
    pod_entry_render_failures: int = 0
    entry_failures: int = 0


class SpiffeStatus(msgspec.Struct, frozen=True):
    """What became of the selection."""

    stats: SpiffeStats = SpiffeStats()


class ClusterSPIFFEID(Kind, frozen=True):
    """Identities that SPIRE gives to pods."""

    GROUP = "spire.spiffe.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "clusterspiffeids"
    KIND = "ClusterSPIFFEID"
    NAMESPACED = False

    spec: SpiffeSpec = SpiffeSpec()
    status: SpiffeStatus = SpiffeStatus()


class Operand(msgspec.Struct, frozen=True, gc=False):
    """One part of the identity manager; ``ready`` is a word."""

    kind: str = ""
    name: str = ""
    ready: str = ""


class IdentityManagerStatus(msgspec.Struct, frozen=True):
    """How the parts are."""

    operands: tuple[Operand, ...] | None = None
    conditions: tuple[Condition, ...] | None = None


class IdentityManagerSpec(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What identities of this cluster are called."""

    trust_domain: str = ""
    cluster_name: str = ""


class IdentityManager(Kind, frozen=True):
    """The operator of SPIRE on OpenShift."""

    GROUP = "operator.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "zerotrustworkloadidentitymanagers"
    KIND = "ZeroTrustWorkloadIdentityManager"
    NAMESPACED = False

    spec: IdentityManagerSpec = IdentityManagerSpec()
    status: IdentityManagerStatus = IdentityManagerStatus()


class OAuthAccessToken(Kind, frozen=True):
    """A login that is still there: whose, by which client, and how long it lasts. Its name is a hash and is never shown."""

    GROUP = "oauth.openshift.io"
    PLURAL = "oauthaccesstokens"
    KIND = "OAuthAccessToken"
    NAMESPACED = False
    PROFILE = "O"

    user_name: str = ""
    client_name: str = ""
    expires_in: int = 0
