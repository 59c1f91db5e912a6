"""Everything behind one line of a checklist: the row, the check or the finding, with evidence, reason and next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ztui.board import Board
from ztui.checks.base import Check, CheckId, Finding
from ztui.checks.rows import row
from ztui.panes.base import TONES, Line, Tone, prose, row_tone
from ztui.panes.checklist import finding_key
from ztui.score import Cell as Judged
from ztui.text import mark_name
from ztui.words import by_hand, evidence_text, gap_next, gap_text, next_step, sentence, verdict_text


def detail(board: Board, cards: Mapping[CheckId, Check], key: str, *, read_at: str = "") -> list[Line]:
    """The lines about one key of a checklist; one line that says so where it is gone."""
    kind, _, rest = key.partition(":")
    if kind == "row":
        found = list(_row(board, rest))
    elif kind == "check" and CheckId(rest) in cards:
        found = list(_check(board, cards[CheckId(rest)]))
    elif kind in {"finding", "gap"}:
        found = list(_finding(board, cards, rest, key, read_at))
    else:
        found = []
    return found or [_text(0, "this is gone: the cluster has changed", "dim")]


def _row(board: Board, row_id: str) -> Iterator[Line]:
    result, card = board.row(row_id), row(row_id)
    if result is None or card is None:
        return
    yield _text(0, f"{card.id}  {card.title}", "strong")
    yield _text(1, f"{result.status}, {result.percent:.0%}, confidence {result.confidence:.0%}", row_tone(result.status))
    if result.strict_status != result.status:
        yield _text(2, f"under the strict policy: {result.strict_status}", "dim")
    if result.missing:
        yield _text(3, f"required checks that this release does not have: {', '.join(result.missing)}", "dim")


def _check(board: Board, card: Check) -> Iterator[Line]:
    verdict = board.verdicts[card.id]
    yield _text(0, f"{card.id}  {card.title}", "strong")
    yield _text(1, f"{verdict.status}: {verdict_text(verdict, card)}", TONES[verdict.status])
    number = 2
    for name, title in (("Why", "Why"), ("Rule", "Rule"), ("Traps", "Traps"), ("Source", "Evidence"), ("Verify", "By hand")):
        if card.part(name):
            yield _text(number, f"{title}: {card.part(name)}")
            number += 1
    for what, gap in verdict.gaps:
        yield _text(number, f"not read: {what}: {gap_text(gap)}", "unknown")
        yield _text(number + 1, gap_next(gap), "dim")
        number += 2
    kinds = ", ".join(sorted(kind.PLURAL for kind in card.kinds if kind.PLURAL))
    yield _text(number, f"Rights: get, list, watch {kinds}", "dim")
    if card.maps:
        yield _text(number + 1, f"Frameworks: {'; '.join(card.maps)}", "dim")


def _finding(board: Board, cards: Mapping[CheckId, Check], rest: str, key: str, read_at: str) -> Iterator[Line]:
    check_id = CheckId(rest.partition(":")[0])
    card = cards.get(check_id)
    if card is None:
        return
    for held, finding in board.findings(check_id):
        if finding_key(check_id, finding) == key:
            yield from _one(card, held, finding, read_at)
            return
    for what, gap in board.verdicts[check_id].gaps:
        if f"gap:{check_id}:{what}:{gap}" == key:
            yield _text(0, f"{check_id}  {card.title}", "strong")
            yield _text(1, f"UNKNOWN: {what}: {gap_text(gap)}", "unknown")
            yield _text(2, gap_next(gap))


def _one(card: Check, held: Judged, finding: Finding, read_at: str) -> Iterator[Line]:
    yield _text(0, f"{card.id}  {card.title}", "strong")
    yield _text(1, mark_name(str(finding.on)), "accent")
    yield _text(2, f"{finding.status}: {sentence(finding)}", TONES[finding.status])
    if held.addon or finding.addon:
        yield _text(3, "in an add-on namespace: shown, not scored", "dim")
    step = next_step(finding)
    if step:
        yield _text(4, f"Next: {step}", "strong")
    yield _text(5, f"Evidence ({finding.seen}), read {read_at}" if read_at else f"Evidence ({finding.seen})", "dim")
    for number, item in enumerate(finding.evidence):
        yield _text(6 + number, f"  {evidence_text(item)}")
    if card.part("Verify"):
        yield _text(40, f"By hand: {by_hand(card, finding)}", "dim")
    if card.part("Why"):
        yield _text(41, f"Why: {card.part('Why')}", "dim")


def _text(number: int, text: str, tone: Tone = "plain") -> Line:
    return Line(f"detail:{number}", (prose(text, tone),))
