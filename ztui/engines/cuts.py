"""Which connections a change closes or opens: the map of reach before it against the one after it, by workload.

Groups of pods differ between the two maps, since rules make the groups; workloads do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from ztui.engines.marks import REACH, REACH_WHERE_SERVED, Door
from ztui.engines.reachmap import bits, members, reach_map
from ztui.kinds.base import Kind, Ref
from ztui.kinds.measured import ObservedCall, ObservedFlow, TrafficSecurity
from ztui.view import View

CUTS: tuple[type[Kind], ...] = (*REACH, *REACH_WHERE_SERVED)


class Connection(msgspec.Struct, frozen=True, order=True):
    """One workload may call another on a port."""

    src: Ref
    dst: Ref
    door: Door


class Doors(msgspec.Struct, frozen=True):
    """Who may call each workload on each of its ports, as bits over ``workloads``."""

    workloads: tuple[Ref, ...]
    callers: Mapping[tuple[Ref, Door], int]


def doors(view: View) -> Doors:
    """Who may call whom, by workload."""
    found = view.derive(reach_map)
    by_mark = members(view)
    refs = tuple(sorted({member.workload for held in by_mark.values() for member in held}))
    place = {ref: at for at, ref in enumerate(refs)}
    own = [0] * len(found.marks)
    for at, mark in enumerate(found.marks):
        for member in by_mark.get(mark, ()):
            own[at] |= 1 << place[member.workload]
    known: dict[int, int] = {}
    callers: defaultdict[tuple[Ref, Door], int] = defaultdict(int)
    for at, mark in enumerate(found.marks):
        held = by_mark.get(mark, ())
        declared = {door for member in held for door in member.doors}
        for door, mask in zip(found.doors[at], found.callers[at], strict=True):
            if mask not in known:
                known[mask] = _union(own, mask)
            for member in held:
                if door in member.doors or door not in declared:
                    callers[member.workload, door] |= known[mask]
    return Doors(refs, dict(callers))


def lost(before: Doors, after: Doors) -> tuple[Connection, ...]:
    """The connections that are possible before and not after, sorted. With the two exchanged: those that are new."""
    found = []
    moved = before.workloads != after.workloads
    place = {ref: at for at, ref in enumerate(after.workloads)}
    for (dst, door), mask in before.callers.items():
        still = after.callers.get((dst, door), 0)
        if moved:
            still = sum(1 << at for at, ref in enumerate(before.workloads) if ref in place and still >> place[ref] & 1)
        found += [Connection(before.workloads[at], dst, door) for at in bits(mask & ~still) if before.workloads[at] != dst]
    return tuple(sorted(found))


def used(view: View, connections: tuple[Connection, ...]) -> tuple[tuple[Connection, ...], int]:
    """Those of the connections over which somebody came in the last day, and of how many others nobody knows.

    Calls to a workload are known where the mesh counts what it is sent, or flows into its namespace are collected.
    """
    calls = {((item.source_namespace, item.source), (item.namespace, item.target)) for item in view.all(ObservedCall)}
    counted = {(item.namespace, item.name) for item in view.all(TrafficSecurity)} | {dst for _, dst in calls}
    collected = (
        {item.name for item in view.all(ObservedFlow)} if any(not item.measured_tls for item in view.all(ObservedCall)) else set()
    )
    found = tuple(item for item in connections if (_short(item.src), _short(item.dst)) in calls)
    unknown = [item for item in connections if _short(item.dst) not in counted and item.dst.namespace not in collected]
    return found, len(unknown)


def _short(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.name


def _union(own: list[int], mask: int) -> int:
    found = 0
    for at in bits(mask):
        found |= own[at]
    return found
