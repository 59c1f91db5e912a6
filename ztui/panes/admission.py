"""Admission: one list of all controls, what each does and where; what could not be read is a line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ztui.engines.admission import Control, Mode, controls, unseen
from ztui.engines.controls import TITLES
from ztui.engines.policyreports import Counted, name_in_reports, reported, reported_gap
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
_REPORTING: Final = frozenset({"Kyverno", "API server", "signatures"})
"""Engines whose policies reports are about; Gatekeeper counts at its constraints."""


def admission_lines(view: View, namespace: str = "") -> tuple[Line, ...]:
    """A line for each control that touches the namespace; without one, for all."""
    total, counts = _total(view), reported(view, namespace)
    found = [_line(item, total, _counted(item, counts)) for item in touching(view, namespace)]
    others = [_report_line(name, *counts[name]) for name in _others(view, namespace)]
    return (*found, *others, *(_unseen_line(*item) for item in unseen(view)), *_reports_unseen(view))


def touching(view: View, namespace: str) -> tuple[Control, ...]:
    """The controls that touch a namespace: those of which nobody knows where they apply touch all."""
    return tuple(item for item in view.derive(controls) if not namespace or not item.namespaces or namespace in item.namespaces)


def words(item: Control, total: int | None, counted: Counted | None = None) -> str:
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
    if counted is not None:
        text += f" Of {counted[1]:,} results in policy reports {counted[0]:,} {'is' if counted[0] == 1 else 'are'} failures."
    elif item.violations is not None:
        text += f" Its engine counts {item.violations} violations."
    return f"{text} {item.note[:1].upper()}{item.note[1:]}." if item.note else text


def document(view: View, namespace: str) -> dict[str, Any]:
    """The list as data."""
    total, counts, gap = _total(view), reported(view, namespace), reported_gap(view)
    return {
        "schema": "ztui.admission",
        "version": 1,
        "namespace": clean(namespace),
        "controls": [_entry(item, total, _counted(item, counts)) for item in touching(view, namespace)],
        "reports": {
            "gap": gap_text(gap) if gap is not None else None,
            "policies": [
                {"policy": clean(name), "failed": failed, "results": results} for name, (failed, results) in counts.items()
            ],
        },
        "unseen": [
            {"engine": engine, "kind": kind, "gap": gap_text(gap), "served": gap.why is not Why.ABSENT}
            for engine, kind, gap in unseen(view)
        ],
    }


def _total(view: View) -> int | None:
    """How many namespaces there are; ``None`` where not all could be read, so that nothing is in every one."""
    return sum(1 for _ in view.all(Namespace)) if view.gap(Namespace) is None else None


def _counted(item: Control, counts: Mapping[str, Counted]) -> Counted | None:
    """What reports say of a policy; of one that its engine counts itself nothing."""
    return counts.get(name_in_reports(item.on)) if item.engine in _REPORTING and item.mode != "exempt" else None


def _others(view: View, namespace: str) -> list[str]:
    """The policies of reports that no line is about."""
    told = {name_in_reports(item.on) for item in view.derive(controls) if item.engine in _REPORTING and item.mode != "exempt"}
    return [name for name in reported(view, namespace) if name not in told]


def _report_line(name: str, failed: int, results: int) -> Line:
    told = f"policy reports tell of {name}, which is no policy of this list: of {results:,} results {failed:,} failed."
    return Line(
        f"report:{name}",
        (
            cell("reports", "dim"),
            cell(name, "strong"),
            cell("–", "dim"),
            cell("–", "dim"),
            cell("–", "dim"),
            cell(f"{failed:>4}", "fail" if failed else "dim"),
            cell("–", "dim"),
            prose(told),
        ),
        words=f"reports {name}",
        status="warn" if failed else "pass",
    )


def _reports_unseen(view: View) -> tuple[Line, ...]:
    """A line where reports are served and could not all be read: then there may be more failures than are counted."""
    gap = reported_gap(view)
    return () if gap is None or gap.why is Why.ABSENT else (_unseen_line("reports", "policy reports", gap),)


def _line(item: Control, total: int | None, counted: Counted | None) -> Line:
    where = (
        "every namespace"
        if item.namespaces and len(item.namespaces) == total
        else f"{len(item.namespaces)} of {'?' if total is None else total}"
    )
    if len(item.namespaces) == 1:
        where = item.namespaces[0]
    failed = item.violations if counted is None else counted[0]
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
            cell("–" if failed is None else f"{failed:>4}", "fail" if failed else "dim"),
            cell(fails, "fail" if item.closed is False else "plain"),
            prose(words(item, total, counted)),
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


def _entry(item: Control, total: int | None, counted: Counted | None) -> dict[str, Any]:
    return {
        "engine": item.engine,
        "object": clean(str(item.on)),
        "title": clean(item.title),
        "mode": item.mode,
        "namespaces": [clean(name) for name in item.namespaces],
        "controls": list(item.parts),
        "fails": None if item.closed is None else "closed" if item.closed else "open",
        "violations": item.violations if counted is None else counted[0],
        "sentence": clean(words(item, total, counted), limit=LONG),
    }
