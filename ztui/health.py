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
    """The connection at one moment. ``problem`` is what keeps it from working, ``cluster_id`` the uid of ``kube-system``.

    ``login_program`` is the name of the program that logs in, where there is one; ``login_waiting_s`` is for how long it has been
    running, None while it is not.
    """

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
    login_program: str = ""
    login_waiting_s: float | None = None


class VaultLink(msgspec.Struct, frozen=True):
    """The connection to one Vault. ``token_left_s`` is None for a token without an end, or one that nothing is known of."""

    name: str
    address: str
    state: str = ""
    freshness: Freshness = Freshness.CONNECTING
    silent_s: float = 0.0
    user: str = ""
    token_left_s: float | None = None
    renewable: bool = False
    problem: ZtuiError | None = None
    waiting: bool = False
    requests: int = 0
    warnings: tuple[str, ...] = ()


class SideLink(msgspec.Struct, frozen=True):
    """The connection to what stands beside the cluster: metrics, alerts or logs. ``found`` says whether there is one."""

    name: str
    address: str = ""
    freshness: Freshness = Freshness.CONNECTING
    silent_s: float = 0.0
    found: bool = True
    problem: ZtuiError | None = None
    requests: int = 0
