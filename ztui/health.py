"""How a connection is doing, as plain values: written by sources, read by reports and screens."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ztui.errors import ZtuiError


class Freshness(StrEnum):
    """How sure we are that what is shown is what is."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    LOST = "lost"


class KindHealth(msgspec.Struct, frozen=True):
    """What one follower does: for the Health screen."""

    plural: str
    group: str
    scope: str
    state: str
    note: str
    freshness: Freshness
    silent_s: float
    lists: int
    restarts: int
    events: int


class Health(msgspec.Struct, frozen=True):
    """The connection at one moment. ``problem`` is what keeps it from working, ``cluster_id`` the uid of ``kube-system``."""

    freshness: Freshness = Freshness.CONNECTING
    problem: ZtuiError | None = None
    user: str = ""
    groups: tuple[str, ...] = ()
    server: str = ""
    server_version: str = ""
    cluster_id: str = ""
    context: str = ""
    silent_s: float = 0.0
    latency_s: float = 0.0
    skew_s: float | None = None
    requests: int = 0
    kinds: tuple[KindHealth, ...] = ()
    warnings: tuple[str, ...] = ()
