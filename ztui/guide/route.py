"""The fastest path to a phase: what is open, in the order in which mending it gets furthest.

A stop is a check that keeps a row open. Earlier phases first; in a phase, rows with fewest stops left first, then less work, less
risk, no restarts; never before what has to be done first. Pure arithmetic over the board.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from ztui.board import Board
from ztui.checks.base import Check, CheckId, Finding, Status
from ztui.guide.procedures import Procedure, fitting, ways
from ztui.kinds.record import GuideMark
from ztui.score import DONE, RowResult, Verdict
from ztui.view import State

StopState = Literal["open", "unknown", "skipped", "done"]
PER_FINDING: Final = 0.25
"""How much of a procedure's work the second and each further finding costs: the first one is where one learns."""

_BAD: Final = frozenset({Status.FAIL, Status.WARN, Status.ERROR})


class Stop(msgspec.Struct, frozen=True):
    """One check on the way.

    ``minutes`` is the work for all of its findings by the first of its ``procedures``; ``closes`` says that its row is done
    with it.
    """

    check: CheckId
    title: str
    row: str
    phase: int
    state: StopState
    findings: int
    minutes: int
    closes: bool
    procedures: tuple[Procedure, ...]

    @property
    def reboots(self) -> bool:
        """Whether the cheapest way restarts nodes."""
        return bool(self.procedures) and self.procedures[0].reboots


def route(board: Board, cards: Mapping[CheckId, Check], *, to: int = 4, skipped: frozenset[str] = frozenset()) -> list[Stop]:
    """The stops to a phase, next one first; those that were skipped come last. Foundations only if asked for: ``to`` 0."""
    found: list[tuple[tuple[object, ...], Stop]] = []
    for phase in board.phases:
        if (phase.number == 0) != (to == 0) or phase.number > to:
            continue
        for row in phase.rows:
            if row.status not in DONE:
                found += _stops(board, cards, row, skipped)
    return _in_turn([stop for _, stop in sorted(found, key=_order)])


def skipped_in(state: State) -> frozenset[str]:
    """The checks whose stops were left for later."""
    return frozenset(name for part in state.objects.get(GuideMark, {}).values() for name in part)


def totals(stops: list[Stop]) -> tuple[int, int, int]:
    """How many stops, how many minutes of work, how many that restart nodes."""
    live = [stop for stop in stops if stop.state != "skipped"]
    return len(live), sum(stop.minutes for stop in live), sum(stop.reboots for stop in live)


def open_findings(board: Board, check_id: CheckId) -> list[Finding]:
    """What a stop is about: the findings that are not passed, not accepted, and scored."""
    return [
        finding
        for cell, finding in board.findings(check_id)
        if finding.status in _BAD and not finding.accepted and not (cell.addon or finding.addon)
    ]


def _stops(
    board: Board, cards: Mapping[CheckId, Check], row: RowResult, skipped: frozenset[str]
) -> list[tuple[tuple[object, ...], Stop]]:
    wanted = [CheckId(item) for item in row.row.required if CheckId(item) in cards]
    left = [item for item in wanted if _gates(board.verdicts[item], cards[item])]
    found: list[tuple[tuple[object, ...], Stop]] = []
    for check_id in left:
        card, verdict = cards[check_id], board.verdicts[check_id]
        found_here = open_findings(board, check_id)
        known, count = fitting(ways(check_id), found_here), len(found_here)
        unknown = verdict.status in {Status.UNKNOWN, Status.ERROR} and not count
        state: StopState = "skipped" if check_id in skipped else "unknown" if unknown else "open"
        first = known[0].minutes if known else 0
        minutes = round(first * (1 + PER_FINDING * max(0, count - 1))) if count else (5 if unknown else first)
        closes = len(left) == 1 and not row.missing
        stop = Stop(check_id, card.title, row.row.id, row.row.phase, state, count, minutes, closes, known)
        order = (
            state == "skipped",
            row.row.phase or 9,
            state == "unknown",
            len(left) + len(row.missing),
            stop.reboots,
            minutes,
            check_id,
        )
        found.append((order, stop))
    return found


def _in_turn(stops: list[Stop]) -> list[Stop]:
    """The stops so that each comes behind those that its cheapest way has to come after; behind all others where one is left."""
    left, found = list(stops), list[Stop]()
    while left:
        open_ones = {stop.check for stop in left}
        first = next((stop for stop in left if stop.state != "skipped" and not _waits(stop, open_ones)), left[0])
        left.remove(first)
        found.append(first)
    return found


def _waits(stop: Stop, open_ones: set[CheckId]) -> bool:
    return bool(stop.procedures) and any(CheckId(item) in open_ones for item in stop.procedures[0].after)


def _gates(verdict: Verdict, card: Check) -> bool:
    """Whether a required check keeps its row from being done under the pragmatic policy."""
    if verdict.status in {Status.FAIL, Status.UNKNOWN, Status.ERROR}:
        return True
    return verdict.status is Status.WARN and card.severity in {"critical", "high"}


def _order(item: tuple[Any, Stop]) -> Any:
    return item[0]
