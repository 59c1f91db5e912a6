"""The store: events in, one immutable state per tick out. The only mutable cluster state.

Hop 3 of the way from watch event to pixel. Newest event per object wins; a tick copies the partitions that were touched and
shares all others. Versions are opaque and never compared as numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from ztui.kinds.base import Kind, Malformed
from ztui.kinds.notice import Passing, ReportCount
from ztui.tally import Tally
from ztui.view import EVERYWHERE, GAP, LOADING, NOW, SOMEWHERE, Gap, Gaps, Key, Partition, State, Why

At = tuple[str, str]
"""Namespace and name of an object."""

GONE: Final = None


class Put(msgspec.Struct, frozen=True):
    """An object was added or changed."""

    obj: Kind


class Drop(msgspec.Struct, frozen=True):
    """An object is gone."""

    kind: type[Kind]
    namespace: str
    name: str


class Whole(msgspec.Struct, frozen=True):
    """A list is complete: everything of that scope that is not in ``keep`` is gone. ``scope`` is a namespace or everywhere."""

    kind: type[Kind]
    keep: frozenset[At]
    scope: str = EVERYWHERE


class Hole(msgspec.Struct, frozen=True):
    """A kind, or its part in one namespace, cannot be read now. ``forget`` also drops the objects that were held."""

    kind: type[Kind]
    gap: Gap
    scope: str = EVERYWHERE
    forget: bool = False


class Lost(msgspec.Struct, frozen=True):
    """A kind has had no sign of life for too long (``gap``), or has one again (``None``). The objects are kept."""

    kind: type[Kind]
    gap: Gap | None


class Broken(msgspec.Struct, frozen=True):
    """An object that its kind cannot hold."""

    kind: type[Kind]
    what: Malformed


Event = Put | Drop | Whole | Hole | Lost | Broken


class Store:
    """Folds events. Owned by the event loop; what it hands out may be read by any thread."""

    def __init__(self) -> None:
        self._pending: dict[type[Kind], dict[At, Kind | None]] = {}
        self._gaps: dict[tuple[type[Kind], str], Gap | None] = {}
        self._broken: dict[type[Kind], dict[At, str]] = {}
        self._lost: dict[type[Kind], Gap] = {}
        self._touched: set[Key] = set()
        self._state = State()
        self._tally = Tally()

    @property
    def state(self) -> State:
        """The state of the last tick."""
        return self._state

    @property
    def dirty(self) -> bool:
        """Whether a tick would make a different state."""
        return bool(self._pending or self._touched or self._tally.is_dirty)

    def apply(self, event: Event) -> None:
        """Take an event; it shows at the next tick."""
        match event:
            case Put(Passing() as obj):
                self._mend(type(obj), (obj.metadata.namespace, obj.metadata.name))
                self._tally.put(obj)
            case Put(obj):
                at = (obj.metadata.namespace, obj.metadata.name)
                self._pending.setdefault(type(obj), {})[at] = obj
                self._mend(type(obj), at)
            case Drop(kind, namespace, name):
                self._pending.setdefault(kind, {})[namespace, name] = GONE
                self._mend(kind, (namespace, name))
                self._tally.drop(kind, (namespace, name))
            case Whole(kind, keep, scope):
                self._sweep(kind, keep, scope)
                self._set_gap(kind, scope, None)
            case Hole(kind, gap, scope, forget):
                if forget:
                    self._sweep(kind, frozenset(), scope)
                self._set_gap(kind, scope, gap)
            case Lost(kind, gap):
                self._lose(kind, gap)
            case Broken(kind, what):
                at = (what.namespace, what.name)
                self._broken.setdefault(kind, {})[at] = what.why
                self._tally.drop(kind, at)
                self._pending.setdefault(kind, {})[at] = GONE
                self._touch_gap(kind, _place(kind, what.namespace))

    def tick(self, now: datetime) -> State:
        """Make the state of now from the last one and everything that came since."""
        before = self._state
        objects = dict(before.objects)
        touched = set(self._touched)
        if self._tally.is_dirty:
            self._pending[ReportCount] = self._tally.take()
        for kind, changes in self._pending.items():
            objects[kind] = _folded(kind, objects.get(kind, {}), changes, touched)
        if now.replace(second=0, microsecond=0) != before.now.replace(second=0, microsecond=0):
            touched.add(NOW)
        self._state = State(objects, self._visible_gaps(), now, frozenset(touched), before.tick + 1)
        self._pending = {}
        self._touched = set()
        return self._state

    def broken(self, kind: type[Kind]) -> Mapping[At, str]:
        """The objects of a kind that could not be read, with the reason (raw text)."""
        return self._broken.get(kind, {})

    def _set_gap(self, kind: type[Kind], scope: str, gap: Gap | None) -> None:
        if scope == EVERYWHERE and gap is None:
            for key in [key for key in self._gaps if key[0] is kind and key[1] != EVERYWHERE]:
                self._touch_gap(*key)
                del self._gaps[key]
        if (kind, scope) not in self._gaps or self._gaps[kind, scope] != gap:
            self._touch_gap(kind, scope)
        self._gaps[kind, scope] = gap

    def _lose(self, kind: type[Kind], gap: Gap | None) -> None:
        if self._lost.get(kind) == gap:
            return
        if gap is None:
            del self._lost[kind]
        else:
            self._lost[kind] = gap
        for scope in {scope for held, scope in self._gaps if held is kind}:
            self._touch_gap(kind, scope)

    def _touch_gap(self, kind: type[Kind], scope: str) -> None:
        """Readers of a namespace also watch everywhere; readers of the whole watch somewhere."""
        self._touched |= {(kind, scope, GAP), (kind, SOMEWHERE, GAP)}

    def _mend(self, kind: type[Kind], at: At) -> None:
        broken = self._broken.get(kind)
        if broken and broken.pop(at, None) is not None:
            self._touch_gap(kind, _place(kind, at[0]))

    def _sweep(self, kind: type[Kind], keep: frozenset[At], scope: str) -> None:
        self._tally.sweep(kind, keep, scope)
        pending = self._pending.setdefault(kind, {})
        for namespace, part in self._state.objects.get(kind, {}).items():
            if scope in {EVERYWHERE, namespace}:
                for name in part:
                    if (namespace, name) not in keep:
                        pending[namespace, name] = GONE
        for at in list(pending):
            if scope in {EVERYWHERE, at[0]} and at not in keep:
                pending[at] = GONE
        for at in [at for at in self._broken.get(kind, {}) if scope in {EVERYWHERE, at[0]} and at not in keep]:
            self._mend(kind, at)

    def _visible_gaps(self) -> Gaps:
        """The gaps with the malformed objects in, and with the kinds that nobody has heard of for too long."""
        gaps = dict(self._gaps)
        for kind, broken in self._broken.items():
            whole = gaps.get((kind, EVERYWHERE), LOADING)
            if broken and whole is None:
                gaps[kind, SOMEWHERE] = _malformed(broken)
            for place in {_place(kind, namespace) for namespace, _ in broken}:
                if gaps.get((kind, place), whole) is None:
                    gaps[kind, place] = _malformed({at: why for at, why in broken.items() if _place(kind, at[0]) == place})
        if self._lost:
            gaps = {key: self._lost.get(key[0], gap) for key, gap in gaps.items()}
        return gaps


def _place(kind: type[Kind], namespace: str) -> str:
    """Where a broken object leaves a gap: an object of a namespaced kind that does not tell its namespace may be in any."""
    return EVERYWHERE if kind.NAMESPACED and not namespace else namespace


def _malformed(broken: Mapping[At, str]) -> Gap:
    (namespace, name), why = min(broken.items())
    place = f"{namespace}/{name}" if namespace else name
    return Gap(Why.MALFORMED, f"{len(broken)}: {place}: {why}")


def _folded(
    kind: type[Kind], parts: Mapping[str, Partition], changes: Mapping[At, Kind | None], touched: set[Key]
) -> Mapping[str, Partition]:
    """Fold changes into the partitions of a kind; notes what really changed."""
    found: dict[str, dict[str, Kind]] = {}
    for (namespace, name), obj in changes.items():
        part = found.get(namespace)
        if part is None:
            part = found[namespace] = dict(parts.get(namespace, {}))
        old = part.get(name)
        if obj is GONE:
            if old is None:
                continue
            del part[name]
        else:
            part[name] = obj
            if old is not None and _same_but_version(old, obj):
                continue
        touched.update(((kind,), (kind, namespace), (kind, namespace, name)))
    merged: dict[str, Partition] = {**parts, **found}
    for namespace, changed in found.items():
        if not changed:
            del merged[namespace]
    return merged


def _same_but_version(old: Kind, new: Kind) -> bool:
    """Whether nothing that we keep has changed: a node's heartbeat moves only its version."""
    meta = msgspec.structs.replace(new.metadata, resource_version=old.metadata.resource_version)
    return msgspec.structs.replace(new, metadata=meta) == old
