"""From the tallies of cells to verdicts, rows, phases and maturity. Pure arithmetic; the rules are the model's.

Order of folding: fail, unknown (with error), warn, pass, not applicable. Nothing that could not be read ever counts as passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from ztui.checks.base import FOLD, Bands, Check, CheckId, Finding, Status
from ztui.checks.rows import PHASES, ROWS, SHARES, VAULT_ONLY, Row, is_of_vault
from ztui.view import Gap

GapNote = tuple[str, Gap]
"""A kind's plural (with a namespace where the gap is about one) and why it could not be read."""


class Cell(msgspec.Struct, frozen=True):
    """One check at one place: its findings, what it could not read, and whether it counts (``addon`` cells do not)."""

    place: str
    findings: tuple[Finding, ...] = ()
    gaps: tuple[GapNote, ...] = ()
    addon: bool = False
    error: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """A check's folded status.

    ``counts`` are findings by status, ``addon`` the same for add-on namespaces, ``ratio`` is (numerator, denominator) of a ratio
    check, ``gaps`` say why it is unknown, ``attested`` that a pass rests on an owner's word, ``waived`` counts findings that
    somebody accepted; they are among the passed ones.
    """

    check: CheckId
    status: Status
    score: float
    counts: dict[str, int]
    addon: dict[str, int]
    gaps: tuple[GapNote, ...] = ()
    ratio: tuple[int, int] | None = None
    attested: bool = False
    errors: tuple[str, ...] = ()
    waived: int = 0


class RowStatus(StrEnum):
    """Where a row stands. ``unassessed`` is a row of which this release has no check."""

    ACHIEVED = "achieved"
    ATTESTED = "attested"
    PARTIAL = "partial"
    UNPROVEN = "unproven"
    OPEN = "open"
    NA = "n/a"
    UNASSESSED = "not assessed"


ACCEPTED: Final = 0.9
"""What a check is worth at most while a finding of it is waived or attested."""

DONE: Final = frozenset({RowStatus.ACHIEVED, RowStatus.ATTESTED, RowStatus.NA})


class RowResult(msgspec.Struct, frozen=True):
    """A row and its figures: ``percent`` and ``confidence`` are 0-1, ``missing`` the required checks this release lacks."""

    row: Row
    status: RowStatus
    percent: float
    confidence: float
    weight: int
    counts: dict[str, int]
    missing: tuple[str, ...] = ()
    strict_status: RowStatus = RowStatus.OPEN


class PhaseResult(msgspec.Struct, frozen=True):
    """A phase: ``blocked_by`` names the rows of earlier phases that keep a finished phase from being achieved."""

    number: int
    title: str
    achieved: bool
    percent: float
    confidence: float
    rows: tuple[RowResult, ...]
    blocked_by: tuple[str, ...] = ()

    @property
    def assessed(self) -> bool:
        """Whether this release can judge any of its rows."""
        return any(item.status is not RowStatus.UNASSESSED for item in self.rows)


class Tally:
    """What the cells of one check add up to; cells are added and taken away as they change."""

    def __init__(self, card: Check) -> None:
        self.card = card
        self.counts: Counter[Status] = Counter()
        self.addon: Counter[Status] = Counter()
        self.aside: Counter[Status] = Counter()
        self.gaps: Counter[GapNote] = Counter()
        self.errors: Counter[str] = Counter()
        self.attested = 0
        self.waived = 0
        self.sworn = 0
        self.halves = 0

    def add(self, cell: Cell, sign: int = 1) -> None:
        """Count a cell, or with ``sign=-1`` take it away again."""
        for finding in cell.findings:
            addon = cell.addon or finding.addon
            # Who accepts a finding answers for it: it gates nothing, and costs a tenth of the weight.
            status = Status.PASS if finding.accepted == "waived" else finding.status
            (self.addon if addon else self.counts)[status] += sign
            if not addon:
                self.waived += sign * (finding.accepted == "waived")
                self.sworn += sign * (finding.accepted == "attested")
                self.aside[status] += sign * (not finding.counted)
                self.attested += sign * finding.attested
                self.halves += sign * finding.half
                if finding.why is not None:
                    self.gaps[finding.reason.code, finding.why] += sign
        if not cell.addon:
            for gap in cell.gaps:
                self.gaps[gap] += sign
            if cell.error:
                self.errors[cell.error] += sign

    def verdict(self) -> Verdict:
        """Fold what was counted."""
        counts = +self.counts
        gaps = tuple(sorted((+self.gaps), key=lambda item: (item[0], str(item[1]))))
        errors = tuple(+self.errors)
        unread = (+self.gaps).total() - counts[Status.UNKNOWN]
        ratio: tuple[int, int] | None = None
        if errors:
            status = Status.FAIL if counts[Status.FAIL] else Status.ERROR
            score = 0.0
        elif self.card.ratio is not None and counts.total():
            status, score, ratio = self._band(counts, unread)
        else:
            status = self._fold(counts, unread)
            score = _SCORES[status]
        return Verdict(
            self.card.id,
            status,
            min(score, ACCEPTED) if self.waived or self.sworn else score,
            {str(key): value for key, value in counts.items()},
            {str(key): value for key, value in (+self.addon).items()},
            gaps,
            ratio,
            self.attested > 0 and status in {Status.PASS, Status.WARN},
            errors,
            self.waived,
        )

    def _fold(self, counts: Counter[Status], unread: int) -> Status:
        if unread > 0 and not counts[Status.FAIL]:
            return Status.UNKNOWN
        for status in FOLD:
            if counts[status]:
                return status
        return self.card.empty

    def _band(self, counts: Counter[Status], unread: int) -> tuple[Status, float, tuple[int, int] | None]:
        bands = self.card.ratio
        assert bands is not None  # noqa: S101  the caller looked
        aside = +self.aside
        whole = counts[Status.PASS] - aside[Status.PASS]
        good = whole + self.halves / 2
        bad = counts[Status.WARN] + counts[Status.FAIL] - aside[Status.WARN] - aside[Status.FAIL]
        open_ = counts[Status.UNKNOWN] - aside[Status.UNKNOWN]
        total = whole + bad + open_
        if bands.any_fail and counts[Status.FAIL]:
            worst = good / total if total else 0.0
            return Status.FAIL, min(0.49, worst * 0.49), (whole, total)
        if unread > 0:
            return Status.UNKNOWN, 0.0, (whole, total)
        if not total:
            status = self._fold(counts, unread)
            return status, _SCORES[status], None
        low, high = good / total, (good + open_) / total
        if bands.fail_above is not None:
            return self._share(bands, (whole, counts[Status.FAIL] - aside[Status.FAIL], open_, total))
        weak = (counts[Status.WARN] - aside[Status.WARN]) / total if bands.weak else 0.0
        band = _band_of(low, weak, bands)
        if band is not _band_of(high, weak, bands):
            return Status.UNKNOWN, 0.0, (whole, total)
        score = _banded(low if band is Status.PASS else low + weak, bands.pass_at, bands.warn_at, best=band)
        if band is Status.PASS and aside[Status.WARN]:
            return Status.WARN, 0.89, (whole, total)
        return band, score, (whole, total)

    def _share(self, bands: Bands, figures: tuple[int, int, int, int]) -> tuple[Status, float, tuple[int, int]]:
        """The band where the share of failures decides: what is open may fail or pass."""
        good, bad, open_, total = figures
        aside = +self.aside
        worst = _share_band(bands, good, bad + open_, total)
        if worst is not _share_band(bands, good + open_, bad, total):
            return Status.UNKNOWN, 0.0, (good, total)
        if worst is Status.PASS and aside[Status.WARN]:
            worst = Status.WARN
        score = {Status.PASS: 1.0, Status.WARN: 0.5 + 0.39 * good / total}.get(worst, 0.49 * good / total)
        return worst, score, (good, total)


def _share_band(bands: Bands, good: int, bad: int, total: int) -> Status:
    assert bands.fail_above is not None  # noqa: S101  the caller looked
    if bad / total > bands.fail_above:
        return Status.FAIL
    return Status.PASS if not bad and good / total >= bands.pass_at else Status.WARN


def rows_of(verdicts: Mapping[CheckId, Verdict], cards: Mapping[CheckId, Check], *, strict: bool, vault: bool) -> list[RowResult]:
    """Every row of the model with its status, in the order of the registry."""
    return [_row(row, verdicts, cards, strict=strict, vault=vault) for row in ROWS]


def phases_of(rows: list[RowResult]) -> tuple[PhaseResult, ...]:
    """Phases 1-4 and the foundations (number 0, last): a phase is achieved only if all before it are."""
    found: list[PhaseResult] = []
    open_rows: list[str] = []
    for number, title in PHASES.items():
        mine = tuple(item for item in rows if item.row.phase == number)
        unfinished = [item.row.id for item in mine if item.status not in DONE]
        blocked = () if number == 0 else tuple(open_rows)
        achieved = not unfinished and not blocked
        found.append(PhaseResult(number, title, achieved, *_mean(mine), mine, blocked if not unfinished else ()))
        open_rows += unfinished
    return tuple(found)


def current_phase(phases: tuple[PhaseResult, ...]) -> int:
    """The highest phase that is achieved, 0 where none is."""
    return max((item.number for item in phases if item.number and item.achieved), default=0)


def maturity(phases: tuple[PhaseResult, ...]) -> tuple[float, float]:
    """Maturity and confidence over phases 1-4, each 0-1. A phase that this release cannot judge adds nothing to either."""
    share = {item.number: SHARES.get(item.number, 0.0) for item in phases}
    percent = sum(share[item.number] * item.percent for item in phases)
    confidence = sum(share[item.number] * item.confidence for item in phases)
    return percent, confidence


_SCORES: Final = {
    Status.PASS: 1.0,
    Status.WARN: 0.5,
    Status.FAIL: 0.0,
    Status.UNKNOWN: 0.0,
    Status.ERROR: 0.0,
    Status.NA: 0.0,
}
_UNREAD: Final = frozenset({Status.UNKNOWN, Status.ERROR})


def _band_of(ratio: float, weak: float, bands: Bands) -> Status:
    if ratio >= bands.pass_at:
        return Status.PASS
    return Status.WARN if ratio + weak >= bands.warn_at else Status.FAIL


def _banded(ratio: float, pass_at: float, warn_at: float, *, best: Status) -> float:
    if best is Status.PASS:
        return 1.0
    ratio = min(ratio, pass_at)
    if ratio >= warn_at:
        return 0.5 + 0.39 * (ratio - warn_at) / (pass_at - warn_at)
    return 0.49 * ratio / warn_at if warn_at else 0.0


def _row(
    row: Row, verdicts: Mapping[CheckId, Verdict], cards: Mapping[CheckId, Check], *, strict: bool, vault: bool
) -> RowResult:
    wanted = [CheckId(item) for item in row.required if vault or item not in VAULT_ONLY]
    required = [verdicts[item] for item in wanted if item in verdicts]
    missing = tuple(item for item in wanted if item not in cards)
    of_row = (item for item, card in cards.items() if card.row == row.id and (vault or not is_of_vault(item)))
    mine = [verdicts[item] for item in of_row if item in verdicts]
    counts = Counter(str(item.status) for item in mine)
    weights = {item.check: cards[item.check].weight * (1.0 if item.check in wanted else 0.5) for item in mine}
    scored = [item for item in mine if item.status is not Status.NA]
    total = sum(weights[item.check] for item in scored)
    percent = sum(weights[item.check] * item.score for item in scored) / total if total else 0.0
    known = sum(weights[item.check] for item in scored if item.status not in _UNREAD)
    confidence = (known / total if total else 1.0) * (len(required) / len(wanted) if wanted else 1.0)
    heavy = sum(cards[item].weight for item in wanted if item in cards) or 1
    loose = _row_status(row, required, missing, cards, strict=False)
    hard = _row_status(row, required, missing, cards, strict=True)
    return RowResult(row, hard if strict else loose, percent, confidence, heavy, dict(counts), missing, hard)


def _row_status(
    row: Row, required: list[Verdict], missing: tuple[str, ...], cards: Mapping[CheckId, Check], *, strict: bool
) -> RowStatus:
    if not required:
        return RowStatus.UNASSESSED
    statuses = {item.status for item in required}
    if Status.FAIL in statuses:
        return RowStatus.OPEN
    if missing or statuses & _UNREAD:
        return RowStatus.UNPROVEN
    if statuses == {Status.NA}:
        return RowStatus.NA if row.na_on or row.na_without_workloads else RowStatus.UNPROVEN
    warned = [item for item in required if item.status is Status.WARN]
    forgiven = not strict and all(cards[item.check].severity in {"medium", "low"} or item.attested for item in warned)
    if warned and not forgiven:
        return RowStatus.PARTIAL
    return RowStatus.ATTESTED if any(item.attested for item in required) else RowStatus.ACHIEVED


def _mean(rows: tuple[RowResult, ...]) -> tuple[float, float]:
    counted = [item for item in rows if item.status is not RowStatus.NA]
    judged = [item for item in counted if item.status is not RowStatus.UNASSESSED]
    weight = sum(item.weight for item in judged)
    if not weight:
        return (1.0, 1.0) if rows and not counted else (0.0, 0.0)
    covered = len(judged) / len(counted)
    percent = sum(item.weight * item.percent for item in judged) / weight
    confidence = sum(item.weight * item.confidence for item in judged) / weight
    return percent * covered, confidence * covered
