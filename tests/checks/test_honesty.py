"""What could not be read is never a pass: every check, every kind it needs, every way in which that can be missing."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.worlds import NOW, all_kinds, card, judged, world
from ztui.checks.base import Check, Status, catalogue
from ztui.kinds.base import CLUSTER, Kind, Malformed
from ztui.kinds.mesh import IstioGateway
from ztui.kinds.workload import Namespace
from ztui.score import Verdict
from ztui.store import Broken, Event, Hole, Lost
from ztui.view import EVERYWHERE, Gap, State, Why

CASES = Path(__file__).parents[1] / "cases"


WHY = "Expected `str`, got `int`"


def _ways(kind: type[Kind], state: State) -> dict[str, list[Event]]:
    """Ways in which a kind can be missing; malformed is one object of it in each namespace."""
    namespaces = {*state.objects.get(Namespace, {}).get(CLUSTER, {}), "default"} if kind.NAMESPACED else {CLUSTER}
    return {
        "absent": [Hole(kind, Gap(Why.ABSENT, kind.PLURAL), forget=True)],
        "forbidden": [Hole(kind, Gap(Why.FORBIDDEN, f"list {kind.PLURAL}"), forget=True)],
        "unavailable": [Hole(kind, Gap(Why.UNAVAILABLE, "503"))],
        "timeout": [Hole(kind, Gap(Why.TIMEOUT, "no answer"))],
        "stale": [Lost(kind, Gap(Why.STALE, "no news for 75 s"))],
        "malformed": [Broken(kind, Malformed(namespace, "odd", WHY)) for namespace in namespaces],
        "nameless": [Broken(kind, Malformed(CLUSTER, "?0", "metadata is null"))],
        "login": [Hole(kind, Gap(Why.FORBIDDEN, "login: credentials expired"))],
    }


def _without(case: dict[str, Any], item: Check, kinds: Iterable[type[Kind]]) -> Iterator[tuple[str, Verdict]]:
    """The verdict on a case for each kind and each way in which it can be missing."""
    how = {"platform": case.get("platform", "ocp")}
    for kind in kinds:
        for way in _ways(kind, State()):
            if _stays(item, way, kind):
                continue
            store = world(case.get("objects") or (), **how)
            if way in {"malformed", "nameless"} and _is_absent(store.state, kind):
                continue  # what is not served has no objects
            for event in _ways(kind, store.state)[way]:
                store.apply(event)
            yield f"{case['case']}: {kind.__name__} {way}", judged(store.tick(NOW), item).verdicts[item.id]


def _is_absent(state: State, kind: type[Kind]) -> bool:
    gap = state.gap(kind)
    return gap is not None and gap.why is Why.ABSENT


def _cases(check_id: str, status: str) -> list[dict[str, Any]]:
    cases = yaml.safe_load((CASES / f"{check_id}.yaml").read_text())
    return [case for case in cases if case["expect"]["status"] == status and not case.get("gaps") and not case.get("with")]


def _stays(item: Check, way: str, kind: type[Kind]) -> bool:
    """Whether that way of missing is declared to be an answer: an API that the server proved not to serve."""
    return way == "absent" and kind in item.where_served


@pytest.mark.parametrize("check_id", catalogue())
def test_R14_a_pass_does_not_outlive_what_it_rests_on(check_id: str) -> None:
    item = card(check_id)
    for case in _cases(check_id, "PASS"):
        for name, verdict in _without(case, item, (*item.needs, *item.where_served)):
            assert verdict.status is not Status.PASS, name
            assert not verdict.errors, name


@pytest.mark.parametrize("check_id", catalogue())
def test_R14_whatever_is_missing_nothing_that_failed_passes(check_id: str) -> None:
    item = card(check_id)
    for case in _cases(check_id, "FAIL")[:4]:
        for name, verdict in _without(case, item, item.kinds):
            assert verdict.status is not Status.PASS, name


@pytest.mark.parametrize("check_id", [name for name, item in catalogue().items() if item.beyond])
def test_R14_a_pass_in_a_namespace_does_not_outlive_what_it_rests_on_in_another(check_id: str) -> None:
    item = card(check_id)
    assert set(item.beyond) <= {*item.needs, *item.where_served}
    for case in _cases(check_id, "PASS"):
        for kind in item.beyond:
            store = world(case.get("objects") or (), platform=case.get("platform", "ocp"))
            store.apply(Broken(kind, Malformed("another", "odd", WHY)))
            verdict = judged(store.tick(NOW), item).verdicts[item.id]
            assert verdict.status is not Status.PASS, f"{case['case']}: {kind.__name__}"


def test_R14_a_mesh_gateway_that_is_not_seen_may_serve_the_host_without_asking() -> None:
    item = card("ZT1-AUTH-009")
    case = next(one for one in _cases(item.id, "PASS") if one["case"] == "a mesh gateway that demands certificates")
    store = world(case["objects"])
    store.apply(Broken(IstioGateway, Malformed("another", "odd", WHY)))
    assert judged(store.tick(NOW), item).verdicts[item.id].status is Status.UNKNOWN


def test_R14_a_board_of_nothing_that_could_be_read_has_no_pass() -> None:
    store = world(["namespace/shop", "pod/shop/api"])
    for kind in all_kinds():
        store.apply(Hole(kind, Gap(Why.TIMEOUT, "no answer"), EVERYWHERE, forget=True))
    board = judged(store.tick(NOW))
    assert {verdict.status for verdict in board.verdicts.values()} == {Status.UNKNOWN}
    assert board.confidence == 0
