"""From verdicts to rows, phases and maturity: the model's arithmetic, case by case, and what holds whatever the verdicts are."""

# ruff: noqa: N802  the id of the vector is in the name

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztui.checks.base import CheckId, Status, catalogue
from ztui.checks.rows import ROWS
from ztui.score import DONE, RowResult, RowStatus, Verdict, current_phase, maturity, phases_of, rows_of
from ztui.view import Gap, Why

CARDS = catalogue()
SCORES = {Status.PASS: 1.0, Status.WARN: 0.5}
ALL_PASS = dict.fromkeys(CARDS, Status.PASS)


def verdict(check: CheckId, status: Status, *, attested: bool = False) -> Verdict:
    gaps = (("pods", Gap(Why.FORBIDDEN, "list pods")),) if status is Status.UNKNOWN else ()
    return Verdict(check, status, SCORES.get(status, 0.0), {str(status): 1}, {}, gaps, attested=attested)


def rows(statuses: Mapping[CheckId, Status], *, strict: bool = False, vault: bool = True, attested: str = "") -> list[RowResult]:
    found = {check: verdict(check, status, attested=check == attested) for check, status in statuses.items()}
    return rows_of(found, CARDS, strict=strict, vault=vault)


def row(found: list[RowResult], name: str) -> RowResult:
    return next(item for item in found if item.row.id == name)


def required(name: str) -> tuple[CheckId, ...]:
    return tuple(CheckId(item) for item in next(one for one in ROWS if one.id == name).required)


def test_when_everything_passes_the_last_phase_is_reached() -> None:
    phases = phases_of(rows(ALL_PASS))
    assert current_phase(phases) == 4
    assert maturity(phases) == pytest.approx((1.0, 1.0))
    assert all(phase.achieved and not phase.blocked_by for phase in phases)


def test_V25_a_finished_phase_waits_for_an_open_row_before_it() -> None:
    first = next(check for check in required("P1.RBAC") if CARDS[check].severity in {"critical", "high"})
    phases = phases_of(rows(ALL_PASS | {first: Status.FAIL}))
    second = next(item for item in phases if item.number == 2)
    assert current_phase(phases) == 0
    assert (second.achieved, second.blocked_by) == (False, ("P1.RBAC",))
    assert second.percent == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (Status.FAIL, RowStatus.OPEN),
        (Status.UNKNOWN, RowStatus.UNPROVEN),
        (Status.ERROR, RowStatus.UNPROVEN),
        (Status.PASS, RowStatus.ACHIEVED),
    ],
)
def test_one_required_check_decides_its_row(status: Status, result: RowStatus) -> None:
    for name in ("P1.AUTH", "P2.MTLS", "P3.OBS"):
        assert row(rows(ALL_PASS | {required(name)[0]: status}), name).status is result


def test_a_failure_counts_more_than_what_cannot_be_seen() -> None:
    one, two, *_ = required("P1.AUTH")
    assert row(rows(ALL_PASS | {one: Status.UNKNOWN, two: Status.FAIL}), "P1.AUTH").status is RowStatus.OPEN


def test_a_warning_on_a_light_check_is_forgiven_but_not_where_strict() -> None:
    light = next(
        (name.id, CheckId(check))
        for name in ROWS
        for check in name.required
        if CARDS[CheckId(check)].severity in {"medium", "low"}
    )
    heavy = next(
        (name.id, CheckId(check)) for name in ROWS for check in name.required if CARDS[CheckId(check)].severity == "critical"
    )
    for strict, (name, check), wanted in (
        (False, light, RowStatus.ACHIEVED),
        (True, light, RowStatus.PARTIAL),
        (False, heavy, RowStatus.PARTIAL),
    ):
        assert row(rows(ALL_PASS | {check: Status.WARN}, strict=strict), name).status is wanted
    assert row(rows(ALL_PASS | {light[1]: Status.WARN}), light[0]).strict_status is RowStatus.PARTIAL


def test_an_owners_word_is_told_apart_from_evidence() -> None:
    check = required("P1.AUTH")[0]
    found = row(rows(ALL_PASS, attested=check), "P1.AUTH")
    assert found.status is RowStatus.ATTESTED
    assert current_phase(phases_of(rows(ALL_PASS, attested=check))) == 4


def test_a_check_that_this_release_lacks_leaves_its_row_unproven() -> None:
    check = required("P1.AUTH")[0]
    found = {name: verdict(name, Status.PASS) for name in CARDS if name != check}
    cards = {name: card for name, card in CARDS.items() if name != check}
    mine = row(rows_of(found, cards, strict=False, vault=True), "P1.AUTH")
    assert (mine.status, mine.missing) == (RowStatus.UNPROVEN, (check,))


STATUSES = st.sampled_from(list(Status))
WORLDS = st.fixed_dictionaries(dict.fromkeys(CARDS, STATUSES))


@given(WORLDS)
def test_an_achieved_phase_rests_on_required_checks_that_all_pass_or_are_forgiven(world: dict[CheckId, Status]) -> None:
    found = rows(world)
    phases = phases_of(found)
    for phase in phases:
        if phase.number and phase.achieved:
            checks = [CheckId(check) for item in found if 0 < item.row.phase <= phase.number for check in item.row.required]
            assert not {world[check] for check in checks} & {Status.FAIL, Status.UNKNOWN, Status.ERROR}
    assert all((item.status in DONE) == (item.status in {RowStatus.ACHIEVED, RowStatus.ATTESTED, RowStatus.NA}) for item in found)


@given(WORLDS, st.sampled_from(sorted(CARDS)))
def test_what_gets_worse_never_raises_anything(world: dict[CheckId, Status], check: CheckId) -> None:
    better, worse = world | {check: Status.PASS}, world | {check: Status.FAIL}
    up, down = phases_of(rows(better)), phases_of(rows(worse))
    assert current_phase(up) >= current_phase(down)
    assert maturity(up)[0] >= maturity(down)[0] - 1e-9


@given(WORLDS)
def test_strict_never_says_more_than_pragmatic(world: dict[CheckId, Status]) -> None:
    loose, hard = phases_of(rows(world)), phases_of(rows(world, strict=True))
    assert current_phase(hard) <= current_phase(loose)
