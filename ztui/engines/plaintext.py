"""Who called a workload in plaintext in the last day, by name, and how that compares with the day before.

Source: what the mesh counted at the called end (``kinds.measured``). Where no mesh stands before a workload nobody counts how
it is called, and that is not the same as nobody calling.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ztui.kinds.base import Ref
from ztui.kinds.measured import DayTraffic, HourTraffic, MeasuredKind, ObservedCall
from ztui.view import View

SEEN_CALLS: Final[tuple[type[MeasuredKind], ...]] = (ObservedCall, DayTraffic)
COUNTED_CALLS: Final[tuple[type[MeasuredKind], ...]] = (*SEEN_CALLS, HourTraffic)
"""All that tells of plaintext: of the day as a whole, and by the hour."""

LEAST: Final = 0.5
"""Counts are extrapolated from samples: less than half a call is none."""


class PlainCaller(msgspec.Struct, frozen=True):
    """Who called in plaintext, and how often in the last day."""

    namespace: str
    name: str
    count: float
    by: Ref


class Plaintext(msgspec.Struct, frozen=True):
    """How one workload was called in the last day: ``calls`` that the mesh counted, ``plain`` of them, by whom, most first.

    ``nameless`` of them came from callers without a name, of ``unsaid`` the mesh does not say how they came. ``before`` is
    ``plain`` of the day before, ``None`` where nothing was counted then.
    """

    calls: float = 0.0
    plain: float = 0.0
    callers: tuple[PlainCaller, ...] = ()
    nameless: float = 0.0
    unsaid: float = 0.0
    before: float | None = None
    by: tuple[Ref, ...] = ()


class Hour(msgspec.Struct, frozen=True):
    """How a workload was called in one hour; of ``unsaid`` calls the mesh does not say how they came."""

    calls: float
    plain: float
    unsaid: float


class Hours(msgspec.Struct, frozen=True):
    """How a workload was called in the last full hours, oldest first; empty where nothing was counted in a day."""

    hours: tuple[Hour, ...] = ()
    by: tuple[Ref, ...] = ()


def hours(view: View, unit: Ref) -> Hours:
    """How plaintext came and went in the last day. Counts are of the workload, whatever port was called."""
    found = view.get(HourTraffic, unit.name, unit.namespace)
    if found is None:
        return Hours()
    counts = zip(found.calls, found.mutual, found.plain, strict=True)
    return Hours(tuple(Hour(calls, plain, max(0.0, calls - mutual - plain)) for calls, mutual, plain in counts), (found.ref,))


def plaintext(view: View, unit: Ref) -> Plaintext:
    """How a workload was called. Counts are of the workload, whatever port was called."""
    day = view.get(DayTraffic, unit.name, unit.namespace)
    named = view.derive(_callers, unit.namespace).get(unit.name, ())
    if day is None:
        return Plaintext(sum(item.count for item in named), sum(item.count for item in named), named)
    return Plaintext(
        day.count,
        max(day.plain, sum(item.count for item in named)),
        named,
        day.nameless,
        max(0.0, day.count - day.mutual - day.plain),
        day.plain_before if day.before > 0 else None,
        (day.ref,),
    )


def _callers(view: View, namespace: str) -> dict[str, tuple[PlainCaller, ...]]:
    found: dict[str, list[PlainCaller]] = {}
    for call in view.within(ObservedCall, namespace):
        if call.measured_tls and call.plain >= LEAST:
            found.setdefault(call.target, []).append(PlainCaller(call.source_namespace, call.source, call.plain, call.ref))
    return {
        name: tuple(sorted(items, key=lambda item: (-item.count, item.namespace, item.name))) for name, items in found.items()
    }
