"""The answer of ``can-reach``: whether one end may talk to another, and what decides on each side, as a table or as data."""

from __future__ import annotations

from typing import Any, Final

from ztui.engines.netrules import Direction
from ztui.engines.reachask import CAN_REACH, CAN_REACH_WHERE_SERVED, End, Passage, Side, doors_to_ask, end_of, passages
from ztui.kinds.base import Kind
from ztui.panes.reach import NOTE, rule_path, sentence, side_words
from ztui.printing import as_data
from ztui.text import clean
from ztui.view import State, View
from ztui.words import gap_text

KINDS: Final[frozenset[type[Kind]]] = frozenset((*CAN_REACH, *CAN_REACH_WHERE_SERVED))
LONG: Final = 1000


def answer(state: State, src: str, dst: str, port: str, namespace: str, output: str) -> tuple[str, bool]:
    """The answer as text, and whether it is one for every port. Raises NoSuchEndError."""
    view = View(state)
    a, b = end_of(view, src, namespace), end_of(view, dst, namespace)
    found = passages(view, a, b, doors_to_ask(b, port))
    known = all(item.answer != "UNKNOWN" for item in found)
    if output == "table":
        return _table(a, b, found), known
    document = {
        "schema": "ztui.can-reach",
        "version": 1,
        "from": clean(a.name),
        "to": clean(b.name),
        "note": NOTE,
        "ports": [_entry(a, b, item) for item in found],
    }
    return as_data(document, output), known


def _table(a: End, b: End, found: tuple[Passage, ...]) -> str:
    lines = []
    for item in found:
        lines.append(f"{item.answer:<8} {clean(a.name)} → {clean(b.name)} {item.door}")
        lines.append(f"  leaving   {clean(side_words(item.egress, 'egress'), limit=LONG)}")
        lines.append(f"  entering  {clean(side_words(item.ingress, 'ingress'), limit=LONG)}")
        if item.answer == "PARTLY":
            lines.append(f"  pods      {item.pairs} of {item.of} kinds of pairs may connect")
        lines += [f"  note      {note}" for note in item.notes]
    return "\n".join([*lines, f"note: {NOTE}"]) + "\n"


def _entry(a: End, b: End, item: Passage) -> dict[str, Any]:
    return {
        "port": item.door.port,
        "protocol": item.door.protocol,
        "answer": item.answer,
        "egress": _side(item.egress, "egress"),
        "ingress": _side(item.ingress, "ingress"),
        "notes": list(item.notes),
        "sentence": clean(sentence(a, b, item), limit=LONG),
    }


def _side(side: Side, direction: Direction) -> dict[str, Any]:
    found = side.decision
    if found is None:
        return {"allowed": None, "gap": gap_text(side.gap[1]) if side.gap else ""}
    by = clean(str(found.by)) if found.by else ""
    return {"allowed": found.allowed, "tier": found.tier, "by": by, "rule": rule_path(found, direction)}
