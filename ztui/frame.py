"""The frame: everything that a reader of the core needs at one moment, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from ztui.board import Board
from ztui.errors import ZtuiError
from ztui.health import Health, SideLink, VaultLink
from ztui.kinds.base import CLUSTER
from ztui.kinds.incident import Incident
from ztui.view import State


class Frame(msgspec.Struct, frozen=True):
    """All that a reader needs at one moment. ``board`` is ``None`` before the first tick, ``health`` before a target is found.

    ``problem`` is what keeps us from having a target at all. ``loaded`` of ``kinds`` have been read or are known unreadable.
    ``notes`` say what is wrong with our own records.
    """

    state: State = State()
    board: Board | None = None
    health: Health | None = None
    problem: ZtuiError | None = None
    loaded: int = 0
    kinds: int = 0
    serial: int = 0
    notes: tuple[str, ...] = ()
    vaults: tuple[VaultLink, ...] = ()
    sides: tuple[SideLink, ...] = ()

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """The incidents that are kept, by id."""
        return cast("Mapping[str, Incident]", self.state.objects.get(Incident, {}).get(CLUSTER, {}))

    @property
    def cluster(self) -> str:
        """Which cluster this is, for people: its context, and its id or address."""
        health = self.health
        return f"{health.context} ({health.cluster_id or health.server})" if health is not None else "?"

    @property
    def settled(self) -> bool:
        """Whether nothing is still being read for the first time."""
        return self.kinds > 0 and self.loaded >= self.kinds
