"""What rules compare with and the user may set, in one place. Durations in seconds."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Thresholds of the catalogue; the names are those of the settings."""

    max_cluster_admins: int = 5
    max_token_age_s: int = 28_800
    max_idle_s: int = 1_800
    owner_keys: tuple[str, ...] = ("owner", "team")
    secure_boot_labels: tuple[str, ...] = ("feature.node.kubernetes.io/custom-secureboot", "ztui.io/secure-boot")
