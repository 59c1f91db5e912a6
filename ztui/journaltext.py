"""The journal of one cluster in words: a table, a document, CSV, Markdown, and one change with its steps."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from ztui.changes.chain import Problem
from ztui.changes.change import Change, Part, changes_of
from ztui.changes.entry import Json, Record
from ztui.formats.sheet import harmless
from ztui.printing import as_columns, as_yaml, unmarked
from ztui.text import clean, mark_name

TITLES: Final = ("when (UTC)", "change", "what", "recipe", "by", "state", "outcome")
COLUMNS: Final = (
    *("started", "ended", "change", "state", "action", "group", "kind", "namespace", "name", "uid", "path"),
    *("recipe", "user", "context", "cluster", "outcome", "reason", "undoes", "undone_by"),
)
_NOTE_OF_ITSELF: Final = "the journal"


def as_table(records: Sequence[Record]) -> str:
    """A line for each change, in the order in which they began, and for each note about the journal itself."""
    if not records:
        return "nothing was changed\n"
    return as_columns(TITLES, _rows(records))


def as_document(records: Sequence[Record], problems: Sequence[Problem], changes: Sequence[Change]) -> dict[str, Any]:
    """The journal as one document; ``changes`` may be some of all."""
    last = records[-1] if records else None
    return {
        "schema": "ztui.journal",
        "version": 1,
        "cluster": clean(last.cluster) if last else "",
        "contexts": contexts_of(records),
        "records": len(records),
        "last_hash": last.hash if last else "",
        "sound": not any(item.blocks for item in problems),
        "problems": [{"line": item.line, "what": clean(item.what), "blocks": item.blocks} for item in problems],
        "changes": [_told(item) for item in changes],
        "notes": [
            {"seq": item.seq, "at": _iso(item.at), **_words(item, "user", "outcome", "reason")}
            for item in records
            if not item.change
        ],
    }


def as_csv(changes: Sequence[Change]) -> str:
    """A line for each object of each change. RFC 4180 with a header; no cell is a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    for item in changes:
        told = _told(item)
        for part in told["parts"] or [{}]:
            line = {**told, **part, "change": told["id"], "undone_by": " ".join(item.undone_by)}
            writer.writerow({name: harmless(str(line.get(name, ""))) for name in COLUMNS})
    return text.getvalue()


def as_markdown(records: Sequence[Record], problems: Sequence[Problem]) -> str:
    """The journal for people who keep it elsewhere: a table, then each change with its steps."""
    last = records[-1] if records else None
    where = f"{', '.join(contexts_of(records)) or 'no context'}, cluster {last.cluster if last else 'unknown'}"
    lines = [f"# Journal of changes: {unmarked(where)}", ""]
    lines += [f"{len(records)} records, the last with hash `{last.hash if last else ''}`.", ""]
    lines += [f"- **{'damaged' if item.blocks else 'noted'}**: {unmarked(str(item))}" for item in problems]
    lines += [*([""] if problems else []), f"| {' | '.join(TITLES)} |", f"|{'---|' * len(TITLES)}"]
    lines += [f"| {' | '.join(unmarked(text) for text in row)} |" for row in _rows(records)]
    for item in changes_of(records):
        lines += ["", f"## {unmarked(item.id)}: {unmarked(_what(item))}", ""]
        lines += [f"- {unmarked(line)}" for line in (*_about(item), *map(_step, item.records))]
        for title, value in _values(item):
            lines += ["", f"{unmarked(title)}:", "", *(f"    {line}" for line in _data(value))]
    return "\n".join(lines) + "\n"


def as_page(change: Change) -> str:
    """One change: who did what to which object, its steps, and the fields that it owns before and after."""
    lines = [f"{clean(change.id)}: {_what(change)}", *_about(change), "", *map(_step, change.records)]
    for title, value in _values(change):
        lines += ["", title, *(f"  {line}" for line in _data(value))]
    return "\n".join(lines) + "\n"


def contexts_of(records: Sequence[Record]) -> list[str]:
    """The contexts that changes were made through, the newest first."""
    return list(dict.fromkeys(clean(item.context) for item in reversed(records) if item.context))


def _rows(records: Sequence[Record]) -> list[tuple[str, ...]]:
    rows = [(item.first.seq, _row(item)) for item in changes_of(records)]
    for item in records:
        if not item.change:
            told = clean("; ".join(part for part in (item.reason, item.outcome) if part))
            rows.append((item.seq, (_time(item.at), "-", _NOTE_OF_ITSELF, "", clean(item.user), item.step, told)))
    return [row for _, row in sorted(rows)]


def _row(change: Change) -> tuple[str, ...]:
    first, last = change.first, change.last
    told = (_time(first.at), clean(change.id), _what(change), clean(first.recipe), clean(first.user))
    return (*told, _state(change), clean(last.outcome or last.reason))


def _state(change: Change) -> str:
    by = f" by {clean(', '.join(change.undone_by))}" if change.undone_by else ""
    return f"{change.state}{by}{', open' if change.is_open else ''}"


def _about(change: Change) -> list[str]:
    first = change.first
    lines = [
        f"by {clean(first.user) or 'nobody named'}, context {clean(first.context) or '?'}, cluster {clean(first.cluster) or '?'}",
        f"recipe {clean(first.recipe) or 'none'}, session {clean(first.session) or 'none'}, state {_state(change)}",
    ]
    lines += [f"takes back {clean(first.undoes)}"] if first.undoes else []
    lines += [f"reason: {clean(first.reason)}"] if first.reason else []
    return lines


def _step(record: Record) -> str:
    return f"{_time(record.at)}  {record.step:<11}  {_on(record)}  {clean(record.outcome)}".rstrip()


def _what(change: Change) -> str:
    """The first part of a change, and how many there are besides."""
    parts = change.parts
    if not parts:
        return clean(change.first.action)
    more = f" and {len(parts) - 1} more" if len(parts) > 1 else ""
    return f"{clean(parts[0].action)} {_on(parts[0])}{more}".strip()


def _on(part: Part | Record) -> str:
    return mark_name(str(part.ref)) if part.ref is not None else clean(part.path)


def _values(change: Change) -> list[tuple[str, Json]]:
    """What is known of the fields of each part, under titles."""
    found: list[tuple[str, Json]] = []
    for part in change.parts:
        for name, value in (("before", part.before), ("after", part.after), ("undo", part.undo)):
            found += [(f"{_on(part)} {name}", value)] if value is not None else []
    return found


def _data(value: Json) -> list[str]:
    return as_yaml(_clean(value)).splitlines()


def _told(change: Change) -> dict[str, Any]:
    first, last = change.first, change.last
    return {
        "id": clean(change.id),
        "state": change.state,
        "open": change.is_open,
        **_words(first, "recipe", "user", "context", "cluster", "session", "undoes"),
        "started": _iso(first.at),
        "ended": "" if change.is_open else _iso(last.at),
        "outcome": clean(last.outcome),
        "reason": clean(first.reason or last.reason),
        "undone_by": [clean(item) for item in change.undone_by],
        "parts": [_part(item) for item in change.parts],
        "steps": [
            {"seq": item.seq, "step": item.step, "at": _iso(item.at), **_words(item, "outcome", "reason")}
            for item in change.records
        ],
    }


def _part(part: Part) -> dict[str, Any]:
    values = {"before": _clean(part.before), "after": _clean(part.after), "undo": _clean(part.undo)}
    return {"action": clean(part.action), **_identity(part), **values}


def _identity(part: Part) -> dict[str, str]:
    names = ("group", "kind", "namespace", "name", "uid")
    return {name: clean(getattr(part.ref, name)) if part.ref is not None else "" for name in names} | {"path": clean(part.path)}


def _words(record: Record, *names: str) -> dict[str, str]:
    return {name: clean(getattr(record, name)) for name in names}


def _clean(value: Json) -> Json:
    """A value with every text through the gate: the file keeps it as it is, what is printed must be safe."""
    if isinstance(value, str):
        return clean(value, limit=len(value))
    if isinstance(value, dict):
        return {clean(key, limit=len(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
