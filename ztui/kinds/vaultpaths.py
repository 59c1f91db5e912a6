"""The paths of a Vault that are read, with the capability that each needs and what it is for.

The source asks for nothing else, and the policy that is printed grants nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.kinds.base import Kind
from ztui.kinds.vault import (
    KvSecret,
    VaultAudit,
    VaultAuthConfig,
    VaultEngineRole,
    VaultGauges,
    VaultHealth,
    VaultIssuer,
    VaultLeases,
    VaultLogin,
    VaultMount,
    VaultNodes,
    VaultPkiRole,
    VaultRole,
    VaultToken,
    VaultUsers,
)
from ztui.kinds.vaultgiven import VaultCredentials, VaultEntity
from ztui.kinds.vaultpolicy import VaultPolicy


class VaultPath(msgspec.Struct, frozen=True):
    """One path of the policy: a pattern, what it needs, and whom it serves.

    ``side`` and ``engines`` say of which mounts the pattern speaks; ``open`` paths answer without a token and need no right.
    ``only`` are the parameters that may be sent; empty where any may.
    """

    path: str
    capabilities: tuple[str, ...]
    kinds: tuple[type[Kind], ...]
    side: str = ""
    engines: tuple[str, ...] = ()
    open: bool = False
    only: tuple[str, ...] = ()

    @property
    def needs_sudo(self) -> bool:
        """Whether it belongs to the add-on."""
        return VaultToken in self.kinds or "sudo" in self.capabilities


LOGIN_METHODS: Final = ("kubernetes", "jwt", "oidc", "approle")
"""Auth methods whose roles are read."""

ENGINES: Final = ("database", "kubernetes", "aws", "azure", "rabbitmq", "ssh")
"""Engines that make credentials and list their roles under ``roles``."""

KV: Final = ("kv",)
_READ: Final = ("read",)
_LIST: Final = ("list",)

PATHS: Final = (
    VaultPath("sys/seal-status", _READ, (VaultHealth,), open=True),
    VaultPath("sys/health", _READ, (VaultHealth,), open=True),
    VaultPath("sys/leader", _READ, (VaultHealth,), open=True),
    VaultPath("sys/generate-root/attempt", _READ, (VaultHealth,), open=True),
    VaultPath("auth/token/lookup-self", _READ, (VaultLogin,)),
    VaultPath("auth/token/renew-self", ("update",), (VaultLogin,)),
    VaultPath("sys/auth", _READ, (VaultMount,)),
    VaultPath("sys/mounts", _READ, (VaultMount,)),
    VaultPath("sys/policies/acl", _LIST, (VaultPolicy,)),
    VaultPath("sys/policies/acl/*", _READ, (VaultPolicy,)),
    VaultPath("sys/ha-status", _READ, (VaultNodes,)),
    VaultPath("sys/storage/raft/autopilot/state", _READ, (VaultNodes,)),
    VaultPath("sys/leases/count", _READ, (VaultLeases,)),
    VaultPath("sys/metrics", _READ, (VaultGauges,)),
    VaultPath("auth/+/config", _READ, (VaultAuthConfig,), "auth", ("kubernetes", "jwt", "oidc")),
    VaultPath("auth/+/role", _LIST, (VaultRole,), "auth", LOGIN_METHODS),
    VaultPath("auth/+/role/*", _READ, (VaultRole,), "auth", LOGIN_METHODS),
    VaultPath("auth/+/users", _LIST, (VaultUsers,), "auth", ("userpass",)),
    VaultPath("+/metadata/*", ("list", "read"), (KvSecret,), "secret", KV),
    VaultPath("+/roles", _LIST, (VaultEngineRole, VaultPkiRole), "secret", (*ENGINES, "pki")),
    VaultPath("+/roles/*", _READ, (VaultEngineRole, VaultPkiRole), "secret", (*ENGINES, "pki")),
    VaultPath("+/static-roles", _LIST, (VaultEngineRole,), "secret", ("database",)),
    VaultPath("+/static-roles/*", _READ, (VaultEngineRole,), "secret", ("database",)),
    VaultPath("+/issuers", _LIST, (VaultIssuer,), "secret", ("pki",)),
    VaultPath("+/issuer/+/json", _READ, (VaultIssuer,), "secret", ("pki",)),
    VaultPath("sys/audit", ("read", "sudo"), (VaultAudit,)),
    VaultPath("auth/token/accessors", ("list", "sudo"), (VaultToken,)),
    VaultPath("auth/token/lookup-accessor", ("update",), (VaultToken,)),
)
"""Everything that is asked of a Vault once it is connected. Paths with ``+`` exist once for each mount."""

_ASK: Final = VaultPath("sys/capabilities-self", ("update",), (VaultMount,))

FIXES: Final = (
    _ASK,
    VaultPath("auth/+/role/*", ("read", "update"), (VaultRole,), "auth", LOGIN_METHODS),
    VaultPath("auth/token/revoke-accessor", ("update",), (VaultToken,)),
)
"""What a remedy of a finding writes, beside what is read."""

RESPONSES: Final = (
    _ASK,
    VaultPath("auth/token/revoke-accessor", ("update",), (VaultToken,)),
    VaultPath("identity/lookup/entity", ("update",), (VaultEntity,)),
    VaultPath("identity/entity/id/*", ("update",), (VaultEntity,), only=("disabled",)),
    VaultPath("sys/leases/lookup/+/creds/*", ("list", "sudo"), (VaultCredentials,), "secret", ENGINES),
    VaultPath("sys/leases/revoke-prefix/+/creds/*", ("update", "sudo"), (VaultCredentials,), "secret", ENGINES),
    VaultPath("sys/leases/lookup/+/issue/*", ("list", "sudo"), (VaultCredentials,), "secret", ("pki",)),
    VaultPath("sys/leases/revoke-prefix/+/issue/*", ("update", "sudo"), (VaultCredentials,), "secret", ("pki",)),
)
"""What answers an incident, beside what is read: nothing that takes back a whole engine, nothing by force."""

VALUES: Final = ("+/data/*", "+/subkeys/*")
"""Where a key-value store keeps what nobody may read; denied by name, so that no other policy of the token lets it through."""


def paths_of(kind: type[Kind]) -> tuple[VaultPath, ...]:
    """The paths that a kind is read from."""
    return tuple(item for item in PATHS if kind in item.kinds)
