"""Where observed flows come from. Source: flows.netobserv.io, field paths as in its CRD."""

from __future__ import annotations

import msgspec

from ztui.kinds.base import Condition, Kind


class FlowCollectorStatus(msgspec.Struct, frozen=True):
    """Whether flows are collected."""

    conditions: tuple[Condition, ...] | None = None


class FlowCollector(Kind, frozen=True):
    """The collector of network flows."""

    GROUP = "flows.netobserv.io"
    VERSIONS = ("v1beta2",)
    PLURAL = "flowcollectors"
    KIND = "FlowCollector"
    NAMESPACED = False

    status: FlowCollectorStatus = FlowCollectorStatus()
