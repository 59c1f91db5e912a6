"""What is read of a Vault or an OpenBao: its state, its mounts, its roles and tokens, the metadata of what it keeps.

An object's namespace is the name of its Vault in the settings, with the Vault namespace behind a slash where it has one; its name
is the path that was read. ``data`` holds Vault's own answer, of which only these fields get past the door: never a stored value,
never a token.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import BEGINNING, Kind, instant

GROUP: Final = "vault"
SYSTEM_TTL_S: Final = 2_764_800
"""The longest life of a token where nobody says otherwise: 32 days. Source: Vault's ``max_lease_ttl`` default."""

Scalar = str | int | float | bool | None


class VaultKind(Kind, frozen=True):
    """A kind that no cluster serves."""

    GROUP: ClassVar[str] = GROUP
    SOURCE: ClassVar[Literal["cluster", "vault"]] = "vault"

    @property
    def vault(self) -> str:
        """The Vault's name in the settings, without its namespace."""
        return self.namespace.partition("/")[0]


class SealStatus(msgspec.Struct, frozen=True):
    """Source: ``sys/seal-status``."""

    initialized: bool
    sealed: bool
    type: str = ""
    storage_type: str = ""
    version: str = ""
    recovery_seal: bool = False
    cluster_name: str = ""


class Leader(msgspec.Struct, frozen=True):
    """Source: ``sys/leader``."""

    ha_enabled: bool = False
    is_self: bool = False
    leader_address: str = ""


class VaultHealth(VaultKind, frozen=True):
    """How one Vault is reached and whether it works. ``status`` is the code of ``sys/health``, 0 where it was not asked.

    ``tls`` says how: ``verified``, ``loopback`` (plain, this machine) or ``none`` (plain, over a network: nothing was asked).
    ``root_attempt`` is whether a root token is being made, ``None`` where the server does not tell.
    """

    PLURAL: ClassVar[str] = "vaulthealth"
    KIND: ClassVar[str] = "VaultHealth"

    address: str
    tls: Literal["verified", "loopback", "none"]
    status: int = 0
    seal: SealStatus | None = None
    leader: Leader | None = None
    root_attempt: bool | None = None


class Node(msgspec.Struct, frozen=True):
    """One node of ``sys/ha-status``."""

    hostname: str = ""
    active_node: bool = False
    version: str = ""
    last_echo: str | None = None


class Autopilot(msgspec.Struct, frozen=True):
    """Source: ``sys/storage/raft/autopilot/state``."""

    healthy: bool = False
    failure_tolerance: int = 0


class VaultNodes(VaultKind, frozen=True):
    """The nodes of one Vault. ``autopilot`` is ``None`` where the storage is not raft."""

    PLURAL: ClassVar[str] = "vaultnodes"
    KIND: ClassVar[str] = "VaultNodes"

    nodes: tuple[Node, ...] = ()
    autopilot: Autopilot | None = None


class MountConfig(msgspec.Struct, frozen=True):
    """The part of a mount's ``config`` that is judged; durations in seconds, 0 is the system's."""

    default_lease_ttl: int = 0
    max_lease_ttl: int = 0
    token_type: str = ""


class MountData(msgspec.Struct, frozen=True):
    """One entry of ``sys/auth`` or ``sys/mounts``."""

    type: str
    config: MountConfig = MountConfig()
    options: dict[str, str] | None = None
    local: bool = False


class VaultMount(VaultKind, frozen=True):
    """A mount; ``path`` has no slash at its end. The name is ``auth/PATH`` or ``PATH``."""

    PLURAL: ClassVar[str] = "vaultmounts"
    KIND: ClassVar[str] = "VaultMount"

    side: Literal["auth", "secret"]
    path: str
    data: MountData

    @property
    def kv_version(self) -> int:
        """1 or 2 for a key-value store, 0 for any other mount."""
        if self.data.type not in {"kv", "generic"} or self.side == "auth":
            return 0
        return 2 if (self.data.options or {}).get("version") == "2" else 1


class AuthConfigData(msgspec.Struct, frozen=True):
    """Source: ``auth/MOUNT/config`` of the methods kubernetes and jwt."""

    kubernetes_host: str = ""
    disable_local_ca_jwt: bool = False
    token_reviewer_jwt_set: bool = False
    issuer: str = ""
    oidc_discovery_url: str = ""
    jwks_url: str = ""
    jwt_validation_pubkeys: tuple[str, ...] | None = None
    bound_issuer: str = ""
    default_role: str = ""


class VaultAuthConfig(VaultKind, frozen=True):
    """Whom an auth mount believes. ``mount`` is its path below ``auth/``."""

    PLURAL: ClassVar[str] = "vaultauthconfigs"
    KIND: ClassVar[str] = "VaultAuthConfig"

    mount: str
    method: str
    data: AuthConfigData


class RoleData(msgspec.Struct, frozen=True):
    """Source: ``auth/MOUNT/role/NAME`` of the methods kubernetes, jwt/oidc and approle; durations in seconds."""

    token_ttl: int = 0
    token_max_ttl: int = 0
    token_explicit_max_ttl: int = 0
    token_period: int = 0
    token_num_uses: int = 0
    token_type: str = ""
    token_policies: tuple[str, ...] | None = None
    token_no_default_policy: bool = False
    token_bound_cidrs: tuple[str, ...] | None = None
    bound_service_account_names: tuple[str, ...] | None = None
    bound_service_account_namespaces: tuple[str, ...] | None = None
    bound_service_account_namespace_selector: str = ""
    audience: str = ""
    alias_name_source: str = ""
    role_type: str = ""
    bound_audiences: tuple[str, ...] | None = None
    bound_subject: str = ""
    bound_claims: dict[str, Scalar | tuple[Scalar, ...]] | None = None
    bound_claims_type: str = ""
    user_claim: str = ""
    allowed_redirect_uris: tuple[str, ...] | None = None
    bind_secret_id: bool = True
    secret_id_bound_cidrs: tuple[str, ...] | None = None
    secret_id_ttl: int = 0
    secret_id_num_uses: int = 0


_NEEDED: Final[dict[str, str]] = {
    "kubernetes": "bound_service_account_names",
    "jwt": "role_type",
    "oidc": "role_type",
}


class VaultRole(VaultKind, frozen=True):
    """A role of an auth mount: who may log in by it, and what the token may do. The name is ``auth/MOUNT/role/NAME``."""

    PLURAL: ClassVar[str] = "vaultroles"
    KIND: ClassVar[str] = "VaultRole"

    mount: str
    method: str
    data: RoleData

    def __post_init__(self) -> None:
        """A role that does not say whom it is bound to is no role that may pass."""
        field = _NEEDED.get(self.method)
        if field is not None and not getattr(self.data, field) and getattr(self.data, field) != ():
            raise ValueError(f"{field} is missing")

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies of its tokens, never null."""
        return self.data.token_policies or ()


class AuditOptions(msgspec.Struct, frozen=True):
    """The options that are judged; Vault's are all strings."""

    log_raw: str = "false"
    file_path: str = ""


class AuditData(msgspec.Struct, frozen=True):
    """One entry of ``sys/audit``."""

    type: str
    options: AuditOptions | None = None
    local: bool = False


class VaultAudit(VaultKind, frozen=True):
    """An audit device."""

    PLURAL: ClassVar[str] = "vaultaudits"
    KIND: ClassVar[str] = "VaultAudit"

    data: AuditData

    @property
    def is_raw(self) -> bool:
        """Whether secrets are written as they are."""
        return self.data.options is not None and self.data.options.log_raw.lower() in {"true", "1", "t"}


class TokenMeta(msgspec.Struct, frozen=True):
    """Who logged in by the method kubernetes, and by which role, as that method writes it on the token."""

    role: str = ""
    service_account_name: str = ""
    service_account_namespace: str = ""


class TokenData(msgspec.Struct, frozen=True):
    """Source: ``auth/token/lookup-accessor`` and ``lookup-self``, without the token itself; times in seconds.

    Of the ``accessor`` the beginning is kept.
    """

    policies: tuple[str, ...] | None = None
    identity_policies: tuple[str, ...] | None = None
    ttl: int = 0
    creation_ttl: int = 0
    creation_time: int = 0
    expire_time: str | None = None
    orphan: bool = False
    period: int = 0
    display_name: str = ""
    path: str = ""
    type: str = ""
    num_uses: int = 0
    renewable: bool = False
    accessor: str = ""
    meta: TokenMeta | None = None

    def __post_init__(self) -> None:
        """Cut the accessor: whoever has it, and the right, ends the token."""
        force_setattr(self, "accessor", self.accessor[:BEGINNING])

    @property
    def is_root(self) -> bool:
        """Whether no policy holds it."""
        return "root" in (self.policies or ())


class VaultToken(VaultKind, frozen=True):
    """A token, named by its accessor."""

    PLURAL: ClassVar[str] = "vaulttokens"
    KIND: ClassVar[str] = "VaultToken"

    data: TokenData


class VaultLogin(VaultKind, frozen=True):
    """Our own token."""

    PLURAL: ClassVar[str] = "vaultlogins"
    KIND: ClassVar[str] = "VaultLogin"

    data: TokenData


class KvVersion(msgspec.Struct, frozen=True):
    """One version of a secret: when it was written, whether it is still there."""

    created_time: str = ""
    deletion_time: str = ""
    destroyed: bool = False


class KvData(msgspec.Struct, frozen=True):
    """Source: ``MOUNT/metadata/PATH``. Of the versions only the current one stays, of the metadata only the exemption."""

    current_version: int
    versions: dict[str, KvVersion] | None = None
    max_versions: int = 0
    cas_required: bool = False
    custom_metadata: dict[str, str] | None = None

    def __post_init__(self) -> None:
        """Drop what nobody judges: there may be a thousand versions, and anything in the metadata."""
        now = str(self.current_version)
        force_setattr(self, "versions", {key: value for key, value in (self.versions or {}).items() if key == now})
        kept = {key: value for key, value in (self.custom_metadata or {}).items() if key == "rotation_exempt"}
        force_setattr(self, "custom_metadata", kept)


class KvSecret(VaultKind, frozen=True):
    """A secret in a key-value store of version 2, by its metadata. The name is ``MOUNT/PATH``."""

    PLURAL: ClassVar[str] = "kvsecrets"
    KIND: ClassVar[str] = "KvSecret"

    mount: str
    data: KvData

    @property
    def version(self) -> KvVersion | None:
        """The current version, ``None`` where there is none."""
        return (self.data.versions or {}).get(str(self.data.current_version))

    @property
    def is_there(self) -> bool:
        """Whether there is a value to be old."""
        version = self.version
        return version is not None and not version.destroyed and not version.deletion_time

    @property
    def written(self) -> datetime | None:
        """When the current value was written."""
        return instant(self.version.created_time) if self.version is not None else None

    @property
    def exempt(self) -> str:
        """Why it is not rotated, in its owner's words; empty where nobody says so."""
        return (self.data.custom_metadata or {}).get("rotation_exempt", "")


class EngineRoleData(msgspec.Struct, frozen=True):
    """Source: ``MOUNT/roles/NAME`` and ``MOUNT/static-roles/NAME`` of the engines that make credentials."""

    default_ttl: int = 0
    max_ttl: int = 0
    rotation_period: int = 0
    rotation_schedule: str = ""
    allowed_kubernetes_namespaces: tuple[str, ...] | None = None
    allowed_kubernetes_namespace_selector: str = ""
    service_account_name: str = ""
    kubernetes_role_type: str = ""
    kubernetes_role_name: str = ""
    token_max_ttl: int = 0


class VaultEngineRole(VaultKind, frozen=True):
    """A role of an engine that makes credentials. ``is_static`` marks one that rotates an existing account."""

    PLURAL: ClassVar[str] = "vaultengineroles"
    KIND: ClassVar[str] = "VaultEngineRole"

    mount: str
    engine: str
    data: EngineRoleData
    is_static: bool = False


class VaultIssuer(VaultKind, frozen=True):
    """A certificate authority of a PKI mount, read from its certificate. ``is_root`` where it signed itself."""

    PLURAL: ClassVar[str] = "vaultissuers"
    KIND: ClassVar[str] = "VaultIssuer"

    mount: str
    subject: str
    not_after: str
    is_ca: bool = False
    is_root: bool = False
    is_revoked: bool = False


class PkiRoleData(msgspec.Struct, frozen=True):
    """Source: ``PKI/roles/NAME``; durations in seconds, 0 is the mount's."""

    allow_any_name: bool = False
    allowed_domains: tuple[str, ...] | None = None
    allow_subdomains: bool = False
    allow_glob_domains: bool = False
    enforce_hostnames: bool = True
    max_ttl: int = 0
    ttl: int = 0
    client_flag: bool = False
    no_store: bool = False


class VaultPkiRole(VaultKind, frozen=True):
    """What a PKI mount signs."""

    PLURAL: ClassVar[str] = "vaultpkiroles"
    KIND: ClassVar[str] = "VaultPkiRole"

    mount: str
    data: PkiRoleData


class VaultUsers(VaultKind, frozen=True):
    """How many people log in to a userpass mount with a password that Vault keeps."""

    PLURAL: ClassVar[str] = "vaultusers"
    KIND: ClassVar[str] = "VaultUsers"

    mount: str
    count: int


class VaultLeases(VaultKind, frozen=True):
    """Leases that could not be revoked. Source: ``sys/leases/count?type=irrevocable``."""

    PLURAL: ClassVar[str] = "vaultleases"
    KIND: ClassVar[str] = "VaultLeases"

    irrevocable: int


class VaultGauges(VaultKind, frozen=True):
    """Gauges of ``sys/metrics``; ``None`` where the server does not report that one."""

    PLURAL: ClassVar[str] = "vaultgauges"
    KIND: ClassVar[str] = "VaultGauges"

    leases: int | None = None
