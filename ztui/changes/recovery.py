"""After a crash: how did the changes end whose end is not in the journal? Their objects tell, and the journal learns it."""

from __future__ import annotations

import asyncio

import msgspec

from ztui.changes.change import Change
from ztui.changes.entry import Entry, Record, Step, hides
from ztui.changes.hands import Hand
from ztui.changes.journal import Journal
from ztui.changes.preview import is_made
from ztui.changes.protocol import opposites
from ztui.changes.undo import Opposite, reading
from ztui.changes.writer import Pinned
from ztui.errors import ChangeError, JournalError, ZtuiError
from ztui.kinds.base import Ref
from ztui.recipes.base import Write, kind_of

UNSENT = "nothing was sent: it ended before"


async def recovered(journal: Journal, hand: Hand) -> tuple[str, ...]:
    """Settle every open change, and say of each what was found. One that cannot be read stays open."""
    if journal.problem is not None:
        return ()
    told = []
    for change in await asyncio.to_thread(journal.open_intents):
        try:
            words = await _settle(journal, hand, change)
        except JournalError:
            break
        except ZtuiError as error:
            words = f"its outcome is not known yet: {error.what}"
        told.append(f"{change.id} ({change.first.recipe} on {change.first.ref}): {words}")
    return tuple(told)


async def _settle(journal: Journal, hand: Hand, change: Change) -> str:
    """Ask for each write that was sent without an answer what became of it, then say how the whole ended."""
    made = total = 0
    last = change.last
    for records in _writes(change):
        total += 1
        last = records[-1]
        if last.step == "sent":
            last = await _read_back(journal, hand, last)
        made += last.step == "acked"
    if made == total:
        return await _keep(journal, last, "verified", "made: found after a restart; its check was not waited for")
    words = f"{made} of its {total} writes were made, the rest was not" if made else UNSENT
    return await _keep(journal, last, "failed", words)


def _writes(change: Change) -> list[list[Record]]:
    """The records of each write, in order. A note belongs to none; that an outcome is not known is said of the whole change."""
    found: dict[tuple[object, ...], list[Record]] = {}
    for record in change.records:
        ref = record.ref
        at = (record.path, record.action) if ref is None else (ref.group, ref.kind, ref.namespace, ref.name, record.action)
        if record.step not in {"note", "unknown"}:
            found.setdefault(at, []).append(record)
    return list(found.values())


async def _read_back(journal: Journal, hand: Hand, record: Record) -> Record:
    """What became of a write that was sent: the journal learns it, and so does the caller."""
    if hides(record.after) or hides(record.undo) or (record.ref is not None and hides(record.ref.name)):
        raise ChangeError("a value of it is hidden in the journal", next="look at its objects")
    undo = await _is_made(hand, record)
    step: Step = "acked" if undo is not None else "failed"
    await _keep(journal, record, step, "found made after a restart" if undo is not None else "found not made", undo)
    return msgspec.structs.replace(record, step=step)


async def _is_made(hand: Hand, record: Record) -> Opposite | None:
    """The opposite of a write that turns out to be made; ``None`` where it was not."""
    undo = opposites(record.undo)
    kind = kind_of(record.ref) if record.ref is not None else None
    if record.ref is None or kind is None:
        return None
    wanted = record.after if isinstance(record.after, dict) else {}
    if record.action in {"patch", "status"}:
        body = [{"op": "replace", "path": path, "value": value} for path, value in wanted.items()]
        write = Write(kind, record.ref, "patch", body)
        live = await hand.read(write)
        held = live.values.held if live is not None and isinstance(live.values, Pinned) else {}
        return undo if wanted and all(held.get(path) == value for path, value in wanted.items()) else None
    write = reading(undo, kind) if undo is not None and undo.verb != "delete" else Write(kind, record.ref, "delete")
    live = await hand.read(write)
    if record.action == "delete":
        return Opposite(*_parts(record.ref), "delete") if live is None else None
    if undo is not None and undo.verb == "delete":
        ours = live is not None and live.created_by in {"", record.change}
        return msgspec.structs.replace(undo, uid=live.uid, print=live.print) if ours and live is not None else None
    return undo if is_made(write, live, None) else None


async def _keep(journal: Journal, record: Record, step: Step, words: str, undo: Opposite | None = None) -> str:
    fields = {name: getattr(record, name) for name in Entry.__struct_fields__}
    kept = msgspec.to_builtins(undo) if undo is not None else record.undo
    await asyncio.to_thread(journal.append, Entry(**{**fields, "step": step, "outcome": words, "undo": kept}))
    return words


def _parts(ref: Ref) -> tuple[str, str, str, str, str]:
    return ref.group, ref.kind, ref.namespace, ref.name, ref.uid
