"""The numbers that rules compare with, in one place. Durations in seconds."""

from __future__ import annotations

from typing import Final

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Thresholds of the catalogue."""

    max_cluster_admins: int = 5
    max_token_age_s: int = 28_800
    max_idle_s: int = 1_800
    owner_keys: tuple[str, ...] = ("owner", "team")


LIMITS: Final = Limits()
