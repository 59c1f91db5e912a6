"""The checklist of a phase: rows, their checks, their findings. Answers: what is done, what is open, what proves it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ztui.board import Board
from ztui.checks.base import Check, CheckId, Finding, Status
from ztui.panes.base import TONES, Cell, Line, cell, row_tone
from ztui.report import missing_note
from ztui.score import RowResult, RowStatus
from ztui.text import clean, mark_name
from ztui.words import GLYPHS, ROW_STATUS, gap_next, gap_text, sentence, verdict_text

FAULTS = frozenset({Status.FAIL, Status.WARN, Status.UNKNOWN, Status.ERROR})
FINDINGS_SHOWN = 5000


def checklist(
    board: Board, cards: Mapping[CheckId, Check], phase: int, opened: Collection[str], *, faults_only: bool = False
) -> list[Line]:
    """The lines of a phase. ``opened`` are the keys of lines whose insides are shown; rows are open unless named closed."""
    lines: list[Line] = []
    result = next(item for item in board.phases if item.number == phase)
    for row in result.rows:
        inside = [
            line
            for card in cards.values()
            if card.row == row.row.id
            for line in _check_lines(board, card, opened, faults_only=faults_only)
        ]
        if faults_only and not inside and ROW_STATUS[row.status] not in FAULTS:
            continue
        closed = f"closed:{row.row.id}" in opened
        lines.append(_row_line(row, has_checks=bool(inside), is_open=not closed))
        lines += [] if closed else inside
    return lines


def finding_key(check_id: str, finding: Finding) -> str:
    """The key of a finding's line: stable over resyncs."""
    return (
        f"finding:{check_id}:{finding.on.group}/{finding.on.kind}/{finding.on.namespace}/{finding.on.name}:{finding.reason.code}"
    )


def _row_line(row: RowResult, *, has_checks: bool, is_open: bool) -> Line:
    glyph = "·" if row.status is RowStatus.UNASSESSED else GLYPHS[ROW_STATUS[row.status]]
    note = "this release has no check for it" if row.status is RowStatus.UNASSESSED else missing_note(row).strip(" ()")
    tone = "dim" if row.status is RowStatus.UNASSESSED else row_tone(row.status)
    percent = "" if row.status is RowStatus.UNASSESSED else f"{row.percent:.0%}"
    return Line(
        f"row:{row.row.id}",
        (
            Cell(clean(glyph), tone),
            cell(row.row.id, "strong"),
            cell(row.row.title, "strong"),
            cell(f"{row.status} {percent}".strip(), tone),
            cell(note, "dim"),
        ),
        0,
        has_checks,
        is_open,
        f"{row.row.id} {row.row.title}",
        str(row.status),
    )


def _check_lines(board: Board, card: Check, opened: Collection[str], *, faults_only: bool) -> Iterator[Line]:
    verdict = board.verdicts.get(card.id)
    if verdict is None or (faults_only and verdict.status not in FAULTS):
        return
    key = f"check:{card.id}"
    inside = bool(verdict.counts or verdict.addon or verdict.gaps)
    mark = "attested" if verdict.attested else card.severity
    yield Line(
        key,
        (
            Cell(clean(GLYPHS[verdict.status]), TONES[verdict.status]),
            cell(card.id.partition("-")[2]),
            cell(card.title),
            cell(str(verdict.status), TONES[verdict.status]),
            cell(f"{verdict_text(verdict, card)}", "plain" if verdict.status in FAULTS else "dim"),
            cell(mark if card.gate == "R" else f"{mark}, supporting", "dim"),
        ),
        1,
        inside,
        key in opened,
        f"{card.id} {card.title} {verdict_text(verdict, card)}",
        str(verdict.status),
    )
    if key in opened:
        yield from _inside(board, card, faults_only=faults_only)


def _inside(board: Board, card: Check, *, faults_only: bool) -> Iterator[Line]:
    verdict = board.verdicts[card.id]
    for what, gap in verdict.gaps:
        text = f"{clean(what)}: {gap_text(gap)}"
        yield Line(
            f"gap:{card.id}:{what}:{gap}",
            (
                Cell(clean("?"), "unknown"),
                cell(""),
                cell(text, "unknown"),
                cell("UNKNOWN", "unknown"),
                cell(gap_next(gap), "dim"),
            ),
            2,
            words=text,
            status="UNKNOWN",
        )
    shown = 0
    for held, finding in board.findings(card.id):
        if faults_only and (finding.status not in FAULTS or finding.accepted):
            continue
        shown += 1
        if shown > FINDINGS_SHOWN:
            yield Line(f"more:{card.id}", (cell(""), cell(""), cell("more findings: filter with / to see them", "dim")), 2)
            return
        yield _finding_line(card, finding, addon=held.addon or finding.addon)


def _finding_line(card: Check, finding: Finding, *, addon: bool) -> Line:
    text = sentence(finding)
    word = "add-on" if addon else finding.accepted
    status = f"{finding.status} {word}".strip()
    return Line(
        finding_key(card.id, finding),
        (
            Cell(clean(GLYPHS[finding.status]), "dim" if word else TONES[finding.status]),
            cell(""),
            cell(mark_name(str(finding.on))),
            cell(status, "dim" if word else TONES[finding.status]),
            cell(text),
        ),
        2,
        words=f"{finding.on} {text}",
        status=str(finding.status),
        namespace=finding.on.namespace,
        ref=finding.on,
    )
