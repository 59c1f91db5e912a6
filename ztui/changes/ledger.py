"""The journal as lines: its changes newest first, the steps of one, and whether it can be relied on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Final

import msgspec.yaml

from ztui.changes.change import Change
from ztui.changes.consent import Mode
from ztui.changes.entry import Step
from ztui.changes.journal import Journal
from ztui.changes.rewind import MOST, Rewind
from ztui.kinds.base import Ref
from ztui.panes.base import Line, Tone, cell, prose

_INDENT: Final = 5
_SIGNS: Final[dict[Step, tuple[str, Tone]]] = {
    "verified": ("✔", "pass"),
    "undone": ("↩", "dim"),
    "rolled-back": ("↩", "warn"),
    "failed": ("✖", "fail"),
    "unknown": ("?", "unknown"),
}


def headline(journal: Journal | None, mode: Mode) -> list[Line]:
    """Whether changes can be made and recorded from here."""
    lines = []
    if journal is not None and journal.problem is not None and not mode.read_only.startswith("asked"):
        lines.append(Line("journal:problem", (prose(str(journal.problem), "error"),)))
    for at, note in enumerate(journal.notes if journal is not None else ()):
        lines.append(Line(f"journal:note:{at}", (prose(note, "warn"),)))
    if mode.read_only:
        lines.append(Line("journal:mode", (prose(f"read-only: {mode.read_only}", "dim"),)))
    return lines


def change_lines(changes: Iterable[Change]) -> list[Line]:
    """A line for each change, as they come."""
    return [_line(item) for item in changes]


def touched(changes: Iterable[Change]) -> tuple[tuple[Ref, str], ...]:
    """Every object that was changed, with its change in raw words, newest first."""
    found = []
    for item in reversed(list(changes)):
        first = item.first
        words = f"{first.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC {first.recipe} by {first.user or 'nobody named'}: {item.state}"
        found += [
            (part.ref, f"{words} ({part.action} {part.ref}, change {item.id})") for part in item.parts if part.ref is not None
        ]
    return tuple(found)


def _line(item: Change) -> Line:
    first, last = item.first, item.last
    sign, tone = _SIGNS.get(item.state, ("…", "accent"))
    on = str(first.ref) if first.ref is not None else first.path
    more = len({str(record.ref) for record in item.records if record.ref is not None}) - 1
    how = f"takes back {first.undoes}: {last.outcome}" if first.undoes else last.outcome
    if item.undone_by:
        how = f"taken back by {', '.join(item.undone_by)}"
    cells = (
        cell(sign, tone),
        cell(f"{first.at.astimezone(UTC):%Y-%m-%d %H:%M}", "dim"),
        cell(item.id),
        cell(item.state, tone),
        cell(f"undo {first.recipe}" if first.undoes else first.recipe),
        cell(f"{on} and {more} more" if more > 0 else on),
        cell(how, "dim"),
    )
    return Line(item.id, cells, words=" ".join(item.text for item in cells), status=item.state, ref=first.ref)


def step_lines(item: Change) -> list[Line]:
    """Everything that the journal holds of one change."""
    first = item.first
    lines = [
        Line("title", (prose(f"{first.recipe}, change {item.id}: {item.state}", "strong"),)),
        Line("who", (prose(f"by {first.user} in {first.context}, cluster {first.cluster}, session {first.session}", "dim"),)),
    ]
    if first.reason:
        lines.append(Line("why", (prose(f"why: {first.reason}"),)))
    for record in item.records:
        on = record.ref if record.ref is not None else record.path
        words = f"{record.at.astimezone(UTC):%H:%M:%S} {record.step:<10} {record.action} {on}"
        lines.append(
            Line(f"{record.seq}", (prose(f"{words}  {record.outcome}".rstrip(), _SIGNS.get(record.step, ("", "plain"))[1]),))
        )
        if record.step == "intent":
            lines += _values(record.seq, "-", record.before) + _values(record.seq, "+", record.after)
    lines.append(Line("chain", (prose(f"records {item.records[0].seq}-{item.records[-1].seq} of the chain", "dim"),)))
    return lines


def rewind_lines(found: Rewind) -> list[Line]:
    """What taking a session back covers, newest first, then what stays and why: a line each."""
    lines = []
    if found.changes:
        lines.append(Line("back", (prose("Taken back, in this order, until one fails:", "strong"),)))
    for at, item in enumerate(found.changes):
        later = "; looked at again when its turn comes, as one before it is about the same object" if at in found.late else ""
        lines.append(Line(f"back:{at}", (prose(f"{at + 1:>3}  {_named(item)}{later}"),), depth=_INDENT))
    if found.held:
        lines.append(Line("held", (prose("Stays:", "strong"),)))
    for at, kept in enumerate(found.held):
        lines.append(Line(f"held:{at}", (prose(f"  ✖  {_named(kept.change)}: {kept.why}", "warn"),), depth=_INDENT))
    if found.older:
        words = f"{found.older} older ones are left for another time: {MOST} are the most under one consent"
        lines.append(Line("older", (prose(words, "dim"),)))
    return [*lines, Line("rewind:end", (prose(""),))]


def _named(item: Change) -> str:
    first = item.first
    more = f" and {len(item.parts) - 1} more" if len(item.parts) > 1 else ""
    on = first.ref if first.ref is not None else first.path
    return f"{item.id}  {first.at.astimezone(UTC):%Y-%m-%d %H:%M}  {first.recipe} on {on}{more}"


def _values(seq: int, mark: str, value: object) -> list[Line]:
    if value in (None, {}, []):
        return []
    texts = msgspec.yaml.encode(value).decode().splitlines()
    tone: Tone = "fail" if mark == "-" else "pass"
    return [Line(f"{seq}{mark}{at}", (prose(f"    {mark} {text}", tone),)) for at, text in enumerate(texts)]
