"""What a Vault gave to workloads and can take back: identities and credentials. Looked at only when somebody is about to.

No round of reading asks for these: there may be millions, and nothing judges them. Never a credential, never a lease's id.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ztui.kinds.vault import VaultKind


class EntityData(msgspec.Struct, frozen=True):
    """Source: ``identity/entity/id/ID``."""

    id: str = ""
    name: str = ""
    disabled: bool = False


class VaultEntity(VaultKind, frozen=True):
    """An identity of a Vault, by what a login calls it. The name is ``auth/MOUNT/alias/ALIAS``, the uid its own id."""

    PLURAL: ClassVar[str] = "vaultentities"
    KIND: ClassVar[str] = "VaultEntity"

    data: EntityData = EntityData()


class VaultCredentials(VaultKind, frozen=True):
    """The credentials that one role of an engine has given out. The name is the prefix of their leases: ``MOUNT/creds/ROLE``."""

    PLURAL: ClassVar[str] = "vaultcredentials"
    KIND: ClassVar[str] = "VaultCredentials"
