"""Sentences for people: a finding's reason with its values, a verdict's gaps, a status's word and glyph.

Every value passes the text gate here. The same sentences appear on the screen, on the shell and in files.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ztui.checks.base import FOLD, Check, Evidence, Finding, Status
from ztui.redact import redact
from ztui.score import GapNote, RowStatus, Verdict
from ztui.text import Clean, clean
from ztui.view import Gap, Why

if TYPE_CHECKING:  # nothing of a remedy is imported before the first paint
    from ztui.recipes.base import Note

GLYPHS: Final[dict[Status, str]] = {
    Status.PASS: "✔",
    Status.WARN: "◐",
    Status.FAIL: "✖",
    Status.NA: "–",
    Status.UNKNOWN: "?",
    Status.ERROR: "!",
}
ASCII_GLYPHS: Final[dict[Status, str]] = {
    Status.PASS: "+",
    Status.WARN: "~",
    Status.FAIL: "x",
    Status.NA: "-",
    Status.UNKNOWN: "?",
    Status.ERROR: "!",
}
ROW_STATUS: Final[dict[RowStatus, Status]] = {
    RowStatus.ACHIEVED: Status.PASS,
    RowStatus.ATTESTED: Status.PASS,
    RowStatus.PARTIAL: Status.WARN,
    RowStatus.UNPROVEN: Status.UNKNOWN,
    RowStatus.OPEN: Status.FAIL,
    RowStatus.NA: Status.NA,
    RowStatus.UNASSESSED: Status.NA,
}
"""The status whose glyph and colour a row borrows."""

_NEXT: Final[dict[Why, str]] = {
    Why.FORBIDDEN: "Ask for the right; `ztui roles viewer` prints exactly what ztui reads",
    Why.UNAVAILABLE: "See whether the API server behind this group is up: kubectl get apiservices",
    Why.TIMEOUT: "Try again with a longer --wait",
    Why.STALE: "Wait for the connection to come back",
    Why.MALFORMED: "Look at the object that is named: its fields are not what its API declares",
    Why.ABSENT: "Nothing serves this API here",
    Why.NOT_CONNECTED: "This source is not connected",
}


_SIDES: Final = {"thanos": "metrics_url", "alertmanager": "alertmanager_url", "loki": "logs_url", "acs": "acs_url"}


def gap_text(gap: Gap) -> Clean:
    """One gap in words: ``forbidden(list secrets)``."""
    return clean(redact(str(gap)), limit=300)


def gap_next(gap: Gap) -> str:
    """What to do about a gap; empty where nothing helps but waiting."""
    if gap.why is Why.FORBIDDEN and gap.detail.startswith("vault:"):
        return "Ask for the right; `ztui roles vault` prints exactly what ztui reads"
    if gap.why is Why.FORBIDDEN and gap.detail.rpartition(" in ")[2] in _SIDES:
        return "Ask for the role that Health (`H`, `ztui info`) names"
    if gap.why is Why.NOT_CONNECTED and gap.detail == "vault":
        return "Set VAULT_ADDR, or name a Vault in the settings"
    if gap.why is Why.NOT_CONNECTED and gap.detail in _SIDES:
        return f"Name it in the settings: {_SIDES[gap.detail]} of the context"
    return _NEXT.get(gap.why, "")


def gaps_text(gaps: Iterable[GapNote], limit: int = 3) -> Clean:
    """The distinct gaps of a verdict in one line."""
    texts = list(dict.fromkeys(gap_text(gap) for _, gap in gaps))
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return clean("; ".join(texts[:limit]) + more)


def sentence(finding: Finding) -> Clean:
    """A finding's reason with its values filled in."""
    values = {name: clean(redact(value), limit=300) for name, value in finding.values}
    text = finding.reason.text.format_map(_Blank(values))
    note = f" ({clean(redact(finding.note), limit=300)})" if finding.note else ""
    return clean(f"{text} [{gap_text(finding.why)}]{note}" if finding.why else f"{text}{note}")


def told(item: Note) -> Clean:
    """A sentence of a plan with its values filled in."""
    values = {name: clean(redact(value), limit=300) for name, value in item.values}
    return clean(item.reason.text.format_map(_Blank(values)))


def next_step(finding: Finding) -> Clean:
    """What to do about a finding; empty where nothing is to do."""
    values = {name: clean(redact(value), limit=300) for name, value in finding.values}
    return clean(finding.reason.next.format_map(_Blank(values)))


def by_hand(card: Check, finding: Finding | None = None) -> Clean:
    """How to see it without us, with the namespace of a finding filled in; empty where the card does not say."""
    text = card.part("Verify")
    on = finding.on if finding is not None else None
    namespace = (on.name if on.kind == "Namespace" else on.namespace) if on else ""
    return clean(text.replace("NAMESPACE", shlex.quote(namespace)) if namespace else text)


def evidence_text(evidence: Evidence) -> Clean:
    """One piece of evidence: object, field, value, version."""
    path = f" {evidence.path}" if evidence.path else ""
    value = f" = {clean(redact(evidence.value), limit=300)}" if evidence.value else ""
    version = f"  @{evidence.version}" if evidence.version else ""
    return clean(f"{evidence.ref}{path}{value}{version}")


def verdict_text(verdict: Verdict, card: Check) -> Clean:
    """Why a check has its status, in one line."""
    if verdict.errors:
        return clean(redact("; ".join(verdict.errors)), limit=300)
    parts = [f"{count} {status.lower()}" for status, count in counted(verdict)]
    if verdict.ratio:
        parts.insert(0, f"{verdict.ratio[0]} of {verdict.ratio[1]}")
    if verdict.waived:
        parts.append(f"{verdict.waived} waived")
    if verdict.gaps:
        parts.append(gaps_text(verdict.gaps))
    if not parts:
        parts = [_EMPTY[card.empty]]
    return clean(", ".join(parts))


def counted(verdict: Verdict) -> list[tuple[str, int]]:
    """The findings of a verdict by status, worst first."""
    return [(str(name), verdict.counts[name]) for name in FOLD if verdict.counts.get(name)]


_EMPTY: Final[dict[Status, str]] = {
    Status.NA: "nothing in scope",
    Status.PASS: "nothing found, and everything was read",
    Status.FAIL: "nothing found where something must be",
    Status.UNKNOWN: "nothing was seen that could be judged",
}


class _Blank(dict[str, Clean]):
    """Values of a sentence; one that is missing shows as its name rather than costing the sentence."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"
