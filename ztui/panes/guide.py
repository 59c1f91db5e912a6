"""The guide: the stops on the way to a phase, and one stop in full."""

from __future__ import annotations

from collections.abc import Mapping

from ztui.board import Board
from ztui.checks.base import Check, CheckId
from ztui.guide.procedures import Names
from ztui.guide.route import Stop
from ztui.guide.runbook import effort, stop_lines
from ztui.panes.base import TONES, Line, Tone, cell, prose
from ztui.words import GLYPHS

_STRONG = ("Why:", "Now:", "In short:", "Proof:", "Choice ")


def guide_lines(board: Board, stops: list[Stop]) -> list[Line]:
    """A line for each stop: state, check, what, how much there is, work, and whether its row is done with it."""
    return [_line(board, at, stop) for at, stop in enumerate(stops, 1)]


def stop_detail(board: Board, cards: Mapping[CheckId, Check], stop: Stop, names: Names) -> list[Line]:
    """One stop in full."""
    return [_text(at, text) for at, text in enumerate(stop_lines(board, cards, stop, names))]


def _line(board: Board, at: int, stop: Stop) -> Line:
    status = board.verdicts[stop.check].status
    skipped = stop.state == "skipped"
    tone: Tone = "dim" if skipped else TONES[status]
    cost = effort(stop.minutes) + (", restarts" if stop.reboots else "")
    count = "skipped" if skipped else f"{stop.findings} found" if stop.findings else stop.state
    words = f"{stop.check} {stop.title} {stop.row}"
    return Line(
        f"stop:{stop.check}",
        (
            cell(f"{at:>2} {'-' if skipped else GLYPHS[status]}", tone),
            cell(stop.check.partition("-")[2], "dim" if skipped else "plain"),
            cell(stop.title, "dim" if skipped else "plain"),
            cell(count, tone),
            cell(cost),
            cell(f"closes {stop.row}" if stop.closes else stop.row, "strong" if stop.closes else "dim"),
        ),
        words=words,
        status=str(status),
    )


def _text(at: int, text: str) -> Line:
    tone: Tone = "strong" if at == 0 or text.startswith(_STRONG) else "accent" if text.startswith("      ") else "plain"
    # The gate keeps spaces, but a leading run of them is an indent here: commands stand out by it.
    return Line(f"guide:{at}", (prose(text, tone),))
