"""The board as text and data: table, wide, short, JSON, YAML. stdout carries this and nothing else.

The sentences are those of the screen. JSON is one document with ``schema`` and ``version``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ztui import __version__, printing
from ztui.board import Board
from ztui.checks.base import Check, CheckId, Evidence, Finding, Status
from ztui.checks.rows import row_of
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.score import Cell, PhaseResult, RowResult, RowStatus, Verdict
from ztui.text import clean, mark_name
from ztui.waivers import fingerprint
from ztui.words import ASCII_GLYPHS, GLYPHS, ROW_STATUS, evidence_text, gap_text, next_step, sentence, verdict_text

SCHEMA: Final = "ztui.assessment"
SCHEMA_VERSION: Final = 1
Cards = Mapping[CheckId, Check]


class Scope(msgspec.Struct, frozen=True):
    """What of the board is reported: a phase, a row, single checks; everything where nothing is named."""

    phase: int | None = None
    row: str | None = None
    checks: tuple[str, ...] = ()
    namespace: str | None = None

    def rows(self, board: Board) -> list[RowResult]:
        """The rows in scope, in the order of the model."""
        found = [item for phase in board.phases for item in phase.rows]
        if self.phase is not None:
            found = [item for item in found if item.row.phase == self.phase]
        if self.row is not None:
            found = [item for item in found if item.row.id == self.row]
        if self.checks:
            wanted = {CheckId(item) for item in self.checks}
            found = [item for item in found if any(row_of(name) == item.row.id for name in wanted)]
        return found

    def shows(self, card: Check) -> bool:
        """Whether a check is in scope."""
        return not self.checks or card.id in self.checks


def document(frame: Frame, cards: Cards, scope: Scope) -> dict[str, Any]:
    """The whole assessment as one JSON-ready document: phases -> rows -> checks -> findings -> evidence."""
    board, health = frame.board, frame.health
    assert board is not None  # noqa: S101  only a judged frame is reported
    wanted = {item.row.id for item in scope.rows(board)}
    return {
        "schema": SCHEMA,
        "version": SCHEMA_VERSION,
        "ztui": __version__,
        "time": frame.state.now.isoformat(timespec="seconds"),
        "cluster": {
            "context": clean(health.context) if health else "",
            "server": clean(health.server) if health else "",
            "id": clean(health.cluster_id) if health else "",
            "user": clean(health.user) if health else "",
            "version": clean(health.server_version) if health else "",
            "platform": board.platform.variant,
        },
        "namespace": clean(scope.namespace) if scope.namespace is not None else None,
        "phase": board.phase,
        "maturity": round(board.maturity, 4),
        "confidence": round(board.confidence, 4),
        "phases": [
            {
                "phase": item.number,
                "title": item.title,
                "achieved": item.achieved,
                "percent": round(item.percent, 4),
                "confidence": round(item.confidence, 4),
                "assessed": item.assessed,
                "blocked_by": list(item.blocked_by),
                "rows": [_row(board, cards, row, scope) for row in item.rows if row.row.id in wanted],
            }
            for item in board.phases
            if any(row.row.id in wanted for row in item.rows)
        ],
    }


def as_json(frame: Frame, cards: Cards, scope: Scope) -> str:
    """The document as indented JSON."""
    return printing.as_json(document(frame, cards, scope))


def as_yaml(frame: Frame, cards: Cards, scope: Scope) -> str:
    """The document as YAML."""
    return printing.as_yaml(document(frame, cards, scope))


def as_short(frame: Frame, cards: Cards, scope: Scope, *, ascii_only: bool = False) -> str:
    """A line for each row and one for the whole: what a prompt or a chat message has room for."""
    del cards
    board = _board(frame)
    lines = [headline(board, scope.namespace)]
    lines += [f"{_row_glyph(item.status, ascii_only=ascii_only)} {item.row.id} {item.status}" for item in scope.rows(board)]
    return "\n".join(lines) + "\n"


def as_table(frame: Frame, cards: Cards, scope: Scope, *, wide: bool = False, ascii_only: bool = False) -> str:
    """Phases, rows and checks for people. ``wide`` adds the findings that are not passed, with their next step."""
    board = _board(frame)
    lines = [headline(board, scope.namespace), ""]
    glyphs = ASCII_GLYPHS if ascii_only else GLYPHS
    wanted = {item.row.id for item in scope.rows(board)}
    for phase in board.phases:
        rows = [item for item in phase.rows if item.row.id in wanted]
        if not rows:
            continue
        lines.append(phase_line(phase))
        for item in rows:
            note = missing_note(item)
            lines.append(
                f"  {_row_glyph(item.status, ascii_only=ascii_only)} {item.row.id:<8} {item.row.title:<26} {item.status}{note}"
            )
            for card in _checks(cards, item.row.id, scope):
                verdict = board.verdicts[card.id]
                lines.append(f"      {glyphs[verdict.status]} {verdict.status:<8} {card.id:<14} {card.title}")
                text = verdict_text(verdict, card)
                if verdict.status is not Status.PASS or wide:
                    lines.append(f"          {text}")
                if wide:
                    lines += _wide(board, card, glyphs)
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def as_plain(frame: Frame, cards: Cards, scope: Scope) -> str:
    """The same in full sentences without glyphs or columns, for screen readers."""
    board = _board(frame)
    lines = [headline(board, scope.namespace) + "."]
    for item in scope.rows(board):
        lines.append(f"Row {item.row.id}, {item.row.title}, is {item.status}{missing_note(item)}.")
        for card in _checks(cards, item.row.id, scope):
            verdict = board.verdicts[card.id]
            lines.append(f"Check {card.id}, {card.title}: {verdict.status}. {verdict_text(verdict, card)}.")
    return "\n".join(lines) + "\n"


def as_changes(before: Board, frame: Frame, cards: Cards, scope: Scope, *, as_json: bool = False) -> str:
    """A line for each verdict in scope that differs from the board before; empty where none does."""
    board, lines = _board(frame), []
    time = f"{frame.state.now:%Y-%m-%dT%H:%M:%SZ}"
    for item in scope.rows(board):
        for card in _checks(cards, item.row.id, scope):
            old, new = before.verdicts[card.id], board.verdicts[card.id]
            was, text = verdict_text(old, card), verdict_text(new, card)
            if (old.status, was) == (new.status, text):
                continue
            if as_json:
                change = {"time": time, "check": card.id, "was": str(old.status), "status": str(new.status), "reason": text}
                lines.append(msgspec.json.encode(change).decode())
            else:
                moved = f"{old.status} -> {new.status}" if old.status != new.status else str(new.status)
                lines.append(f"{time} {card.id} {moved}: {text}")
    return "".join(f"{line}\n" for line in lines)


FORMATS: Final[dict[str, Callable[[Frame, Cards, Scope], str]]] = {
    "table": as_table,
    "wide": lambda frame, cards, scope: as_table(frame, cards, scope, wide=True),
    "json": as_json,
    "yaml": as_yaml,
    "short": as_short,
}


def headline(board: Board, namespace: str | None = None) -> str:
    """Where the cluster stands, in one line."""
    of = f" of namespace {clean(namespace)}" if namespace else ""
    return (
        f"Phase {board.phase} of 4{of}   maturity {board.maturity:.0%} ± {(1 - board.confidence) * 50:.0f}"
        f"   confidence {board.confidence:.0%}"
    )


def phase_line(phase: PhaseResult) -> str:
    """A phase's title and how far it is."""
    name = f"{phase.number} {phase.title}" if phase.number else phase.title
    if not phase.assessed:
        return f"{name}   not assessed by this release"
    if phase.achieved:
        return f"{name}   achieved   {phase.percent:.0%}"
    blocked = f"   ready, blocked by {', '.join(phase.blocked_by)}" if phase.blocked_by else ""
    return f"{name}   open   {phase.percent:.0%}{blocked}"


def missing_note(item: RowResult) -> str:
    """What of a row this release cannot judge; empty where it judges all of it."""
    if item.status is RowStatus.UNASSESSED or not item.missing:
        return ""
    return f" ({len(item.missing)} of its checks are not in this release)"


def _row(board: Board, cards: Cards, item: RowResult, scope: Scope) -> dict[str, Any]:
    return {
        "row": item.row.id,
        "title": item.row.title,
        "status": str(item.status),
        "status_strict": str(item.strict_status),
        "percent": round(item.percent, 4),
        "confidence": round(item.confidence, 4),
        "missing_checks": list(item.missing),
        "checks": [_check(board, card, board.verdicts[card.id]) for card in _checks(cards, item.row.id, scope)],
    }


def _check(board: Board, card: Check, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": card.id,
        "rev": card.rev,
        "title": card.title,
        "severity": card.severity,
        "gate": card.gate,
        "why": clean(card.part("Why")),
        "rule": clean(card.part("Rule")),
        "source": clean(card.part("Source")),
        "status": str(verdict.status),
        "score": round(verdict.score, 4),
        "reason": verdict_text(verdict, card),
        "counts": verdict.counts,
        "waived": verdict.waived,
        "addon_counts": verdict.addon,
        "ratio": {"of": verdict.ratio[1], "passed": verdict.ratio[0]} if verdict.ratio else None,
        "unknown": [{"what": clean(what), "why": str(gap.why), "detail": gap_text(gap)} for what, gap in verdict.gaps],
        "errors": [clean(item) for item in verdict.errors],
        "maps": list(card.maps),
        "fixes": list(card.recipes),
        "findings": [_finding(card, cell, finding) for cell, finding in board.findings(card.id)],
    }


def _finding(card: Check, cell: Cell, finding: Finding) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint(card.id, finding),
        "status": str(finding.status),
        "object": _ref(finding.on),
        "reason": finding.reason.code,
        "message": sentence(finding),
        "next": next_step(finding),
        "addon": cell.addon or finding.addon,
        "attested": finding.attested,
        "waived": clean(finding.note) if finding.accepted == "waived" else "",
        "evidence": [_evidence(item) for item in finding.evidence],
        "evidence_count": finding.seen,
    }


def _ref(ref: Ref) -> dict[str, str]:
    told = {name: clean(getattr(ref, name)) for name in ("group", "kind", "namespace", "name", "uid")}
    return {**told, "name": clean(ref.shown)}


def _evidence(item: Evidence) -> dict[str, Any]:
    return {"object": _ref(item.ref), "path": clean(item.path), "text": evidence_text(item), "version": clean(item.version)}


def _checks(cards: Cards, row_id: str, scope: Scope) -> list[Check]:
    return [card for card in cards.values() if card.row == row_id and scope.shows(card)]


def _wide(board: Board, card: Check, glyphs: Mapping[Status, str]) -> list[str]:
    lines = []
    for cell, finding in board.findings(card.id):
        if finding.status in {Status.PASS, Status.NA}:
            continue
        where = mark_name(str(finding.on))
        bucket = "  (add-on, not scored)" if cell.addon or finding.addon else ""
        lines.append(f"          {glyphs[finding.status]} {where}: {sentence(finding)}{bucket}")
        step = next_step(finding)
        if step:
            lines.append(f"            next: {step}")
    return lines


def _row_glyph(status: RowStatus, *, ascii_only: bool) -> str:
    if status is RowStatus.UNASSESSED:
        return "." if ascii_only else "·"
    return (ASCII_GLYPHS if ascii_only else GLYPHS)[ROW_STATUS[status]]


def _board(frame: Frame) -> Board:
    assert frame.board is not None  # noqa: S101  only a judged frame is reported
    return frame.board
