"""Changes as they stand: the records of each folded into one state. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ztui.changes.entry import Json, Record, Step
from ztui.kinds.base import Ref

OPEN: Final[frozenset[Step]] = frozenset({"intent", "sent", "acked", "unknown"})
"""States that are no end: somebody has to find out what became of the change."""


class Part(msgspec.Struct, frozen=True):
    """What a change does to one object, an object of a cluster (``ref``) or a path of a Vault: by the last words about it.

    ``before`` and ``after`` are the fields that it owns; ``undo`` is what an undo of this part needs. None where nothing tells.
    """

    ref: Ref | None
    path: str
    action: str
    before: Json = None
    after: Json = None
    undo: Json = None


class Change(msgspec.Struct, frozen=True):
    """One change: its ``records`` in order (never empty), and the ids of the changes that took it back."""

    id: str
    records: tuple[Record, ...]
    undone_by: tuple[str, ...] = ()

    @property
    def first(self) -> Record:
        """The record that says what was meant to be done, to what, by whom."""
        return self.records[0]

    @property
    def last(self) -> Record:
        """The last record that is more than a note; a note where there is nothing else."""
        return next((item for item in reversed(self.records) if item.step != "note"), self.records[-1])

    @property
    def state(self) -> Step:
        """The last step; ``undone`` once a change that takes it back was verified."""
        return "undone" if self.undone_by else self.last.step

    @property
    def is_open(self) -> bool:
        """Whether it is not known how the change ended."""
        return self.state in OPEN

    @property
    def parts(self) -> tuple[Part, ...]:
        """The objects that it is about, in the order of the first word about each."""
        found: dict[tuple[str, ...], Part] = {}
        for record in self.records:
            ref = record.ref
            key = (record.path, *((ref.group, ref.kind, ref.namespace, ref.name) if ref is not None else ()))
            if any(key):
                found[key] = _with(found.get(key), record)
        return tuple(found.values())


def changes_of(records: Iterable[Record]) -> list[Change]:
    """All changes, in the order in which they began. Notes about the journal itself belong to none."""
    by_id: dict[str, list[Record]] = {}
    for record in records:
        if record.change:
            by_id.setdefault(record.change, []).append(record)
    changes = [Change(name, tuple(found)) for name, found in by_id.items()]
    takers: dict[str, list[str]] = {}
    for item in changes:
        if item.first.undoes and item.last.step == "verified":
            takers.setdefault(item.first.undoes, []).append(item.id)
    return [msgspec.structs.replace(item, undone_by=tuple(takers.get(item.id, ()))) for item in changes]


def _with(part: Part | None, record: Record) -> Part:
    """A part with what one more record says of it."""
    ref = record.ref if record.ref is None or record.ref.uid or part is None else part.ref
    known = part or Part(ref, record.path, record.action)
    return Part(
        ref,
        record.path,
        record.action or known.action,
        *(getattr(known if getattr(record, name) is None else record, name) for name in ("before", "after", "undo")),
    )
