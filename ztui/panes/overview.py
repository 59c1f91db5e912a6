"""The overview: where are we, what is the next best step. Answers for people who have one second."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ztui.board import Board
from ztui.checks.base import Check, CheckId, Status
from ztui.panes.base import Cell, Line, Tone, cell, row_tone
from ztui.score import DONE, PhaseResult, RowResult, RowStatus
from ztui.text import clean, mark_name
from ztui.words import GLYPHS, ROW_STATUS, next_step, sentence

BAR = 15
_BAD = frozenset({Status.FAIL, Status.WARN})


class PhaseCard(msgspec.Struct, frozen=True):
    """One column of the overview: its title, its state in words, and a line for each row."""

    number: int
    title: str
    state: str
    tone: Tone
    percent: float
    lines: tuple[Line, ...]


class Step(msgspec.Struct, frozen=True):
    """The next best step: the check to mend first, what it says, what to do, and how many rows it closes."""

    check: CheckId
    title: str
    what: str
    next: str
    rows: int


def phase_cards(board: Board) -> list[PhaseCard]:
    """The four phases and the foundations."""
    return [_card(item) for item in board.phases]


def phase_lines(board: Board) -> list[Line]:
    """The phases as a list, for narrow terminals."""
    return [_list_line(item) for item in board.phases]


def next_best_step(board: Board, cards: Mapping[CheckId, Check]) -> Step | None:
    """The required check to mend first: the earliest open phase, the row with fewest faults, the heaviest check."""
    candidates: list[tuple[tuple[int, int, int, str], Check]] = []
    for phase in board.phases:
        for row in phase.rows:
            bad = [] if row.status in DONE else _bad_checks(board, cards, row)
            left = len(bad) + len(row.missing) + row.counts.get(str(Status.UNKNOWN), 0)
            candidates += [((phase.number or 9, left, -card.weight, card.id), card) for card in bad]
    if not candidates:
        return None
    (_, count, _, _), card = min(candidates, key=lambda item: item[0])
    finding = next((item for _, item in board.findings(card.id) if item.status in _BAD), None)
    what = f"{mark_name(str(finding.on))}: {sentence(finding)}" if finding else card.title
    return Step(card.id, card.title, clean(what), next_step(finding) if finding else "", 1 if count == 1 else 0)


def _bad_checks(board: Board, cards: Mapping[CheckId, Check], row: RowResult) -> list[Check]:
    known = [cards[CheckId(item)] for item in row.row.required if CheckId(item) in cards]
    return [card for card in known if board.verdicts[card.id].status in _BAD]


def _card(phase: PhaseResult) -> PhaseCard:
    tone: Tone
    if not phase.assessed:
        state, tone = "not assessed", "dim"
    elif phase.achieved:
        state, tone = "achieved", "pass"
    elif phase.blocked_by:
        state, tone = f"ready, blocked by {phase.blocked_by[0]}", "warn"
    elif any(row.status is RowStatus.OPEN for row in phase.rows):
        state, tone = f"{phase.percent:.0%}", "fail"
    else:
        state, tone = f"{phase.percent:.0%}", "unknown"
    return PhaseCard(phase.number, phase.title, state, tone, phase.percent, tuple(_row(item) for item in phase.rows))


def _row(row: RowResult) -> Line:
    key = f"row:{row.row.id}"
    if row.status is RowStatus.UNASSESSED:
        return Line(key, (cell("·", "dim"), cell(row.row.title, "dim"), cell("")))
    faults = sum(row.counts.get(str(item), 0) for item in (Status.FAIL, Status.WARN, Status.UNKNOWN, Status.ERROR))
    tone = row_tone(row.status)
    return Line(key, (cell(GLYPHS[ROW_STATUS[row.status]], tone), cell(row.row.title), cell(str(faults or ""), tone)))


def _list_line(phase: PhaseResult) -> Line:
    done = sum(row.status in DONE for row in phase.rows)
    filled = round(phase.percent * BAR)
    card = _card(phase)
    counts = " ".join(
        f"{GLYPHS[status]} {count}"
        for status in (Status.FAIL, Status.WARN, Status.UNKNOWN)
        if (count := sum(row.counts.get(str(status), 0) for row in phase.rows))
    )
    state = "achieved" if phase.achieved else ("open" if phase.assessed else "not assessed")
    return Line(
        f"phase:{phase.number}",
        (
            cell(f"{phase.number} {phase.title}", "strong"),
            cell(state, card.tone),
            Cell(clean("█" * filled + "░" * (BAR - filled)), card.tone),
            cell(f"{done} of {len(phase.rows)} rows"),
            cell(counts),
        ),
    )
