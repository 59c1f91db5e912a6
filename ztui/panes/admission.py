"""Admission: one list of all controls, what each does and where; what could not be read is a line of its own."""

from __future__ import annotations

from typing import Any, Final

from ztui.engines.admission import Control, Mode, controls, unseen
from ztui.engines.controls import TITLES
from ztui.kinds.workload import Namespace
from ztui.panes.base import Line, Tone, cell, prose
from ztui.text import clean
from ztui.view import Gap, View, Why
from ztui.words import gap_text

TONES: Final[dict[Mode, Tone]] = {
    "enforce": "pass",
    "warn": "warn",
    "audit": "warn",
    "off": "fail",
    "exempt": "fail",
    "usable": "plain",
    "asked": "plain",
    "unknown": "unknown",
}
_WORDS: Final[dict[Mode, str]] = {
    "enforce": "refuses",
    "warn": "only warns",
    "audit": "only reports",
    "off": "does nothing",
    "exempt": "takes requests out of the rules",
    "usable": "may be used by accounts",
    "asked": "is asked before requests are stored",
    "unknown": "may refuse or not",
}
TITLES_ON_SHELL: Final = ("engine", "name", "mode", "where", "controls", "violations", "fails")
LONG: Final = 1000


def admission_lines(view: View, namespace: str = "") -> tuple[Line, ...]:
    """A line for each control that touches the namespace; without one, for all."""
    total = _total(view)
    found = [_line(item, total) for item in touching(view, namespace)]
    return (*found, *(_unseen_line(*item) for item in unseen(view)))


def touching(view: View, namespace: str) -> tuple[Control, ...]:
    """The controls that touch a namespace: those of which nobody knows where they apply touch all."""
    return tuple(item for item in view.derive(controls) if not namespace or not item.namespaces or namespace in item.namespaces)


def words(item: Control, total: int | None) -> str:
    """One control in a sentence of raw text, with the object that says so."""
    name = f"pod security {item.title}" if item.engine == "pod security" else str(item.on)
    title = f" ({item.title})" if item.title and item.engine != "pod security" else ""
    text = f"{name}{title} {_WORDS[item.mode]}"
    if item.namespaces:
        named = ", ".join(item.namespaces[:5]) + (f" and {len(item.namespaces) - 5} more" if len(item.namespaces) > 5 else "")
        text += " in every namespace" if len(item.namespaces) == total else f" in {named}"
    text += "."
    if item.parts:
        text += f" It is about {'; '.join(TITLES[part] for part in item.parts)}."
    if item.closed is not None:
        text += " Without an answer requests are refused." if item.closed else " Without an answer everything passes."
    if item.violations is not None:
        text += f" Its engine counts {item.violations} violations."
    return f"{text} {item.note[:1].upper()}{item.note[1:]}." if item.note else text


def document(view: View, namespace: str) -> dict[str, Any]:
    """The list as data."""
    total = _total(view)
    return {
        "schema": "ztui.admission",
        "version": 1,
        "namespace": clean(namespace),
        "controls": [_entry(item, total) for item in touching(view, namespace)],
        "unseen": [
            {"engine": engine, "kind": kind, "gap": gap_text(gap), "served": gap.why is not Why.ABSENT}
            for engine, kind, gap in unseen(view)
        ],
    }


def _total(view: View) -> int | None:
    """How many namespaces there are; ``None`` where not all could be read, so that nothing is in every one."""
    return sum(1 for _ in view.all(Namespace)) if view.gap(Namespace) is None else None


def _line(item: Control, total: int | None) -> Line:
    where = (
        "every namespace"
        if item.namespaces and len(item.namespaces) == total
        else f"{len(item.namespaces)} of {'?' if total is None else total}"
    )
    if len(item.namespaces) == 1:
        where = item.namespaces[0]
    fails = "–" if item.closed is None else "closed" if item.closed else "open"
    tone: Tone = "warn" if item.mode in {"enforce", "usable"} and item.note else TONES[item.mode]
    return Line(
        f"control:{item.engine}:{item.on}:{item.mode}:{item.title}",
        (
            cell(item.engine, "dim"),
            cell(_called(item), "strong"),
            cell(item.mode, tone),
            cell(where if item.namespaces else "–"),
            cell(" ".join(item.parts) or "–", "dim"),
            cell("–" if item.violations is None else f"{item.violations:>4}", "fail" if item.violations else "dim"),
            cell(fails, "fail" if item.closed is False else "plain"),
            prose(words(item, total)),
        ),
        words=f"{item.engine} {item.on} {item.mode} {item.title} {item.note}",
        status=item.mode,
        namespace=" ".join(item.namespaces),
        ref=item.on,
    )


def _called(item: Control) -> str:
    if item.engine == "pod security":
        return item.title
    place = f"{item.on.namespace}/" if item.on.namespace else ""
    return f"{place}{item.on.name}"


def _unseen_line(engine: str, kind: str, gap: Gap) -> Line:
    absent = gap.why is Why.ABSENT
    told = (
        f"{engine} is not here: the cluster serves none of its kinds."
        if absent
        else f"{kind} could not be read: {gap_text(gap)}."
    )
    return Line(
        f"unseen:{engine}:{kind}",
        (
            cell(engine, "dim"),
            cell("not here" if absent else kind, "dim" if absent else "unknown"),
            cell("–" if absent else "?", "dim" if absent else "unknown"),
            *(cell("–", "dim") for _ in range(4)),
            prose(told, "plain" if absent else "unknown"),
        ),
        status="na" if absent else "unknown",
    )


def _entry(item: Control, total: int | None) -> dict[str, Any]:
    return {
        "engine": item.engine,
        "object": clean(str(item.on)),
        "title": clean(item.title),
        "mode": item.mode,
        "namespaces": [clean(name) for name in item.namespaces],
        "controls": list(item.parts),
        "fails": None if item.closed is None else "closed" if item.closed else "open",
        "violations": item.violations,
        "sentence": clean(words(item, total), limit=LONG),
    }
