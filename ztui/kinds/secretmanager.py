"""What brings secrets from a central store into the cluster, and how it logs in there.

Source: external-secrets.io/v1 (v1beta1 has the same paths), secrets.hashicorp.com/v1beta1, secrets-store.csi.x-k8s.io/v1,
storage.k8s.io/v1, field paths as in their CRDs. Nothing that a store hands out is ever a field here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind


class Given(msgspec.Struct, frozen=True, gc=False):
    """That something is configured; what it is has no place here."""


class AccountRef(msgspec.Struct, frozen=True):
    """The ServiceAccount that a store logs in as, and for whom its token is meant."""

    name: str = ""
    namespace: str = ""
    audiences: tuple[str, ...] | None = None


class KubernetesLogin(msgspec.Struct, frozen=True, rename="camel"):
    """Login to a role by an account of the cluster; by a stored token where ``secret_ref`` is set."""

    role: str = ""
    service_account_ref: AccountRef | None = None
    secret_ref: Given | None = None


class FederatedLogin(msgspec.Struct, frozen=True, rename="camel"):
    """Login by a signed token; by a stored one where ``secret_ref`` is set."""

    secret_ref: Given | None = None


class StoreLogin(msgspec.Struct, frozen=True, rename="camel"):
    """Every way to log in to Vault or OpenBao that External Secrets knows."""

    kubernetes: KubernetesLogin | None = None
    jwt: FederatedLogin | None = None
    iam: FederatedLogin | None = None
    gcp: FederatedLogin | None = None
    cert: Given | None = None
    app_role: Given | None = None
    ldap: Given | None = None
    user_pass: Given | None = None
    token_secret_ref: Given | None = None


class Provider(msgspec.Struct, frozen=True):
    """Where a store's secrets come from. Only of Vault and OpenBao address and login are kept."""

    name: str = ""
    server: str = ""
    auth: StoreLogin | None = None


_KEPT: Final = frozenset({"vault", "openBao"})


def _provider(told: object) -> Provider:
    """The provider of a store, without what is none of our business."""
    if isinstance(told, Provider):
        return told
    if not isinstance(told, dict) or not told:
        return Provider()
    if set(told) == set(Provider.__struct_fields__):
        return msgspec.convert(told, Provider)  # it was cut before
    name = str(next(iter(told)))
    more = told[name] if name in _KEPT else {}
    return msgspec.convert({**(more if isinstance(more, dict) else {}), "name": name}, Provider)


class StoreSpec(msgspec.Struct, frozen=True):
    """The provider of a store, and which namespaces may use a cluster-wide one."""

    provider: Any = None
    conditions: tuple[Given, ...] | None = None

    def __post_init__(self) -> None:
        """Cut what other providers are configured with."""
        force_setattr(self, "provider", _provider(self.provider))


class ConditionStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Conditions, and when something was last read."""

    conditions: tuple[Condition, ...] | None = None
    refresh_time: str | None = None


class SecretStore(Kind, frozen=True):
    """A central store, for one namespace."""

    GROUP = "external-secrets.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "secretstores"
    KIND = "SecretStore"

    spec: StoreSpec = StoreSpec()
    status: ConditionStatus = ConditionStatus()


class ClusterSecretStore(Kind, frozen=True):
    """A central store, for every namespace that its conditions let in."""

    GROUP = "external-secrets.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "clustersecretstores"
    KIND = "ClusterSecretStore"
    NAMESPACED = False

    spec: StoreSpec = StoreSpec()
    status: ConditionStatus = ConditionStatus()


class StoreRef(msgspec.Struct, frozen=True, gc=False):
    """The store that a secret comes from."""

    name: str = ""
    kind: str = "SecretStore"


class SourceRef(msgspec.Struct, frozen=True, rename="camel"):
    """Another store than the one of the whole object."""

    store_ref: StoreRef | None = None


class SecretSource(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of what is fetched: only where from."""

    source_ref: SourceRef | None = None


class ExternalSecretSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Where a secret comes from and how often it is read again."""

    secret_store_ref: StoreRef | None = None
    refresh_policy: str = ""
    refresh_interval: str = "1h0m0s"
    data: tuple[SecretSource, ...] | None = None
    data_from: tuple[SecretSource, ...] | None = None


class ExternalSecret(Kind, frozen=True):
    """A Secret that is kept equal to one in a central store."""

    GROUP = "external-secrets.io"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "externalsecrets"
    KIND = "ExternalSecret"

    spec: ExternalSecretSpec = ExternalSecretSpec()
    status: ConditionStatus = ConditionStatus()

    @property
    def stores(self) -> frozenset[StoreRef]:
        """Every store that it reads."""
        entries = (*(self.spec.data or ()), *(self.spec.data_from or ()))
        others = (item.source_ref.store_ref for item in entries if item.source_ref)
        return frozenset(item for item in (self.spec.secret_store_ref, *others) if item and item.name)


class PushSpec(msgspec.Struct, frozen=True, rename="camel"):
    """The stores that a Secret is written to."""

    secret_store_refs: tuple[StoreRef, ...] | None = None


class PushSecret(Kind, frozen=True):
    """A Secret that is written to a central store. Source: external-secrets.io/v1alpha1."""

    GROUP = "external-secrets.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "pushsecrets"
    KIND = "PushSecret"

    spec: PushSpec = PushSpec()


class ConnectionSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Where a Vault is, and whether its certificate is looked at."""

    address: str = ""
    skip_tls_verify: bool = msgspec.field(default=False, name="skipTLSVerify")


class ValidStatus(msgspec.Struct, frozen=True):
    """Whether the operator could use it; ``None`` where it has not said."""

    valid: bool | None = None
    conditions: tuple[Condition, ...] | None = None


class VaultConnection(Kind, frozen=True):
    """A Vault that the Vault Secrets Operator talks to."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultconnections"
    KIND = "VaultConnection"

    spec: ConnectionSpec = ConnectionSpec()
    status: ValidStatus = ValidStatus()


class OperatorLogin(msgspec.Struct, frozen=True, rename="camel"):
    """One way in which the operator logs in to a role: by an account, or by something stored."""

    role: str = ""
    service_account: str = ""
    audiences: tuple[str, ...] | None = None
    secret_ref: str = ""


class GlobalRef(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Where the defaults of a login come from."""

    name: str = ""
    namespace: str = ""
    allow_default: bool = False


class VaultAuthSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How the operator logs in, and for whom."""

    method: str = ""
    allowed_namespaces: tuple[str, ...] | None = None
    vault_connection_ref: str = ""
    vault_auth_global_ref: GlobalRef | None = None
    kubernetes: OperatorLogin | None = None
    jwt: OperatorLogin | None = None
    aws: OperatorLogin | None = None
    gcp: OperatorLogin | None = None


class VaultAuth(Kind, frozen=True):
    """A login of the Vault Secrets Operator."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultauths"
    KIND = "VaultAuth"

    spec: VaultAuthSpec = VaultAuthSpec()
    status: ValidStatus = ValidStatus()


class VaultAuthGlobalSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Defaults for logins."""

    default_auth_method: str = ""
    allowed_namespaces: tuple[str, ...] | None = None
    vault_connection_ref: str = ""
    kubernetes: OperatorLogin | None = None
    jwt: OperatorLogin | None = None
    aws: OperatorLogin | None = None
    gcp: OperatorLogin | None = None


class VaultAuthGlobal(Kind, frozen=True):
    """Defaults for the logins of the Vault Secrets Operator."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultauthglobals"
    KIND = "VaultAuthGlobal"

    spec: VaultAuthGlobalSpec = VaultAuthGlobalSpec()


class SyncConfig(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Whether changes arrive at once."""

    instant_updates: bool = False


class VaultSecretSpec(msgspec.Struct, frozen=True, rename="camel"):
    """By which login a secret is read, from which mount, and how often again."""

    vault_auth_ref: str = ""
    mount: str = ""
    refresh_after: str = ""
    sync_config: SyncConfig | None = None


class VaultStaticSecret(Kind, frozen=True):
    """A Secret that the operator keeps equal to one in Vault."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultstaticsecrets"
    KIND = "VaultStaticSecret"

    spec: VaultSecretSpec = VaultSecretSpec()
    status: ValidStatus = ValidStatus()


class VaultDynamicSecret(Kind, frozen=True):
    """A credential that Vault makes for the time it is needed."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultdynamicsecrets"
    KIND = "VaultDynamicSecret"

    spec: VaultSecretSpec = VaultSecretSpec()
    status: ValidStatus = ValidStatus()


class VaultPKISecret(Kind, frozen=True):
    """A certificate that Vault issues."""

    GROUP = "secrets.hashicorp.com"
    VERSIONS = ("v1beta1",)
    PLURAL = "vaultpkisecrets"
    KIND = "VaultPKISecret"

    spec: VaultSecretSpec = VaultSecretSpec()
    status: ValidStatus = ValidStatus()


class ProviderClassSpec(msgspec.Struct, frozen=True, gc=False):
    """Which provider mounts secrets."""

    provider: str = ""


class SecretProviderClass(Kind, frozen=True):
    """Secrets that are mounted from a central store."""

    GROUP = "secrets-store.csi.x-k8s.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "secretproviderclasses"
    KIND = "SecretProviderClass"

    spec: ProviderClassSpec = ProviderClassSpec()


class MountStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Which class is mounted in which pod."""

    mounted: bool = False
    pod_name: str = ""
    secret_provider_class_name: str = ""


class SecretProviderClassPodStatus(Kind, frozen=True):
    """One mount of secrets in one pod."""

    GROUP = "secrets-store.csi.x-k8s.io"
    VERSIONS = ("v1", "v1alpha1")
    PLURAL = "secretproviderclasspodstatuses"
    KIND = "SecretProviderClassPodStatus"

    status: MountStatus = MountStatus()


class CSIDriver(Kind, frozen=True):
    """A storage driver of the cluster; that it is there is what counts."""

    GROUP = "storage.k8s.io"
    PLURAL = "csidrivers"
    KIND = "CSIDriver"
    NAMESPACED = False
    METADATA_ONLY = True
