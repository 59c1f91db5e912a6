"""Somebody who tries doors: when refusals are a burst, and what becomes of it."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.incidents.telling import Desk, counted, told
from tests.incidents.test_wire import AUDIT, VAULT, of
from tests.worlds import NOW
from ztui.engines.bursts import MANY, PRINCIPALS_LIMIT, RULE, SPAN, Bursts
from ztui.kinds.incident import Signal
from ztui.kinds.logline import AuditLine, VaultLine


def refused(number: int, after_s: float, who: str = "mallory", rule: str = "refused list secrets") -> Signal:
    return told(number, source="audit", rule=rule, level="low", after_s=after_s, principal=who)


def bursts(*signals: Signal) -> list[Signal]:
    counting = Bursts()
    return [found for one in signals if (found := counting.take(one, 1)) is not None]


def test_twenty_refusals_within_five_minutes_are_a_burst_and_nineteen_are_none() -> None:
    step = SPAN.total_seconds() / (MANY - 1)
    series = [refused(at, at * step) for at in range(MANY)]
    assert bursts(*series[:-1]) == []
    [found] = bursts(*series)
    assert (found.rule, found.level, found.source, found.subject.principal) == (RULE, "medium", "audit", "mallory")
    assert found.at == series[-1].at


def test_twenty_within_a_moment_more_are_none() -> None:
    step = (SPAN.total_seconds() + 1) / (MANY - 1)
    assert bursts(*(refused(at, at * step) for at in range(MANY))) == []


def test_each_principal_is_counted_alone_and_other_rules_are_not() -> None:
    assert bursts(*(refused(at, at, who=f"user-{at % 2}") for at in range(2 * MANY - 2))) == []
    assert bursts(*(refused(at, at, rule="secrets listed") for at in range(3 * MANY))) == []


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_a_log_is_read_does_not_matter(shuffled: random.Random) -> None:
    series = [refused(at, at) for at in range(MANY)]
    shuffled.shuffle(series)
    assert len(bursts(*series)) == 1


def test_who_goes_on_is_told_of_once_in_each_span() -> None:
    minutes = 16
    found = bursts(*(refused(at, at * 3) for at in range(minutes * 20)))
    assert len(found) == 3
    assert all(b.at - a.at > SPAN for a, b in pairwise(found))
    assert len({item.id for item in found}) == 3


def test_a_count_that_comes_at_once_counts_in_full() -> None:
    assert Bursts().take(refused(1, 0), MANY) is not None


def test_principals_without_end_cost_no_memory_without_end() -> None:
    counting = Bursts()
    for at in range(PRINCIPALS_LIMIT + 100):
        assert counting.take(refused(at, 0, who=f"u{at}"), 1) is None
    assert len(counting._tries) == PRINCIPALS_LIMIT


def test_a_burst_opens_an_incident_that_holds_its_refusals() -> None:
    desk = Desk()
    desk.fold(*(refused(at, at) for at in range(MANY - 1)))
    assert desk.incidents == {}
    desk.fold(refused(MANY, MANY), refused(MANY + 1, MANY + 1))
    assert desk.one.level == "medium"
    assert desk.one.principals == ("mallory",)
    assert counted([desk.one]) == MANY + 2
    assert {item.rule for item in desk.one.seen} == {RULE, "refused list secrets"}


def test_what_is_read_again_is_no_burst() -> None:
    desk = Desk()
    for _ in range(MANY):
        desk.fold(refused(1, 0), refused(2, 1), now=NOW + timedelta(minutes=1))
    assert desk.incidents == {}


@pytest.mark.parametrize(("user", "who", "address"), [({}, "", "203.0.113.9"), ({"username": "mallory"}, "mallory", "")])
def test_whoever_has_no_name_is_known_by_address(user: dict[str, str], who: str, address: str) -> None:
    asked = {"responseStatus": {"code": 401}, "objectRef": {"resource": "pods"}, "verb": "list"}
    [found] = of(AuditLine, {**AUDIT, **asked, "user": user})
    assert (found.subject.principal, found.subject.address) == (who, address)
    assert Bursts().take(found, MANY) is not None


def test_twenty_refusals_of_a_vault_are_a_burst_too() -> None:
    series = [of(VaultLine, VAULT | {"request": {**VAULT["request"], "id": f"r{at}"}})[0] for at in range(MANY)]
    [found] = bursts(*series)
    assert (found.source, found.level, found.rule, found.subject.principal) == ("vault", "medium", RULE, "token-cart")
