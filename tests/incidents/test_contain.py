"""The list of measures: done, left out, still wanted, and what the cluster ends by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.incidents.telling import Desk, told
from tests.worlds import NOW, view_of
from ztui.engines.incidents import acted
from ztui.kinds.incident import KEPT, Act, Incident
from ztui.panes.base import Line
from ztui.panes.contain import EVIDENCE, Done, contain_lines, fused_in, key_of, measures_of, reminder
from ztui.recipes.contain import Measure
from ztui.store import Put


def one() -> tuple[Desk, Incident, tuple[Measure, ...]]:
    desk = Desk()
    desk.fold(told(1, principal="mallory", namespace="shop", pod="web-6d5f-abcde"))
    desk.store.apply(Put(desk.one))
    desk.fold()
    from ztui.view import View  # noqa: PLC0415  one use

    return desk, desk.one, measures_of(View(desk.store.state), desk.one.name)


def by_recipe(lines: tuple[Line, ...], measures: tuple[Measure, ...], recipe: str) -> Line:
    key = next(key_of(item) for item in measures if item.recipe == recipe)
    return next(line for line in lines if line.key == key)


def test_the_workload_first_then_who_took_part() -> None:
    _, _, measures = one()
    recipes = [item.recipe for item in measures]
    assert recipes.index("R-QUARANTINE") < recipes.index("R-SCALE-ZERO") < recipes.index("R-USER-DISABLE")
    assert len(recipes) == len({key_of(item) for item in measures})


def test_evidence_is_the_first_line_until_it_is_kept() -> None:
    _, incident, measures = one()
    first = contain_lines(measures, incident, (), frozenset(), NOW)[0]
    assert (first.key, first.cells[0].text) == (EVIDENCE, "1")
    kept = acted(incident, Act(NOW, "ana", f"{KEPT}/x/bundle.tar.gz"))
    assert contain_lines(measures, kept, (), frozenset(), NOW)[0].cells[0].text == "✔"


@pytest.mark.parametrize(
    ("minutes", "fused", "says"),
    [
        (1, False, "nothing ends it by itself"),
        (61, False, "61 min ago; still wanted? nothing ends it by itself: J, then U, takes it back"),
        (61, True, "its fuse ends it in the cluster"),
    ],
)
def test_what_was_done_says_what_ends_it(minutes: int, fused: bool, says: str) -> None:
    _, incident, measures = one()
    done = (Done("R-QUARANTINE", "shop", "web", NOW),)
    places = frozenset({"shop"}) if fused else frozenset()
    lines = contain_lines(measures, incident, done, frozenset(), NOW + timedelta(minutes=minutes), places)
    line = by_recipe(lines, measures, "R-QUARANTINE")
    assert line.status == "done"
    assert says in line.cells[-1].text
    assert by_recipe(lines, measures, "R-SCALE-ZERO").status == "open"


def test_what_was_done_before_the_incident_does_not_count() -> None:
    _, incident, measures = one()
    before = (Done("R-QUARANTINE", "shop", "web", NOW - timedelta(days=1)),)
    lines = contain_lines(measures, incident, before, frozenset(), NOW)
    assert by_recipe(lines, measures, "R-QUARANTINE").status == "open"


def test_a_measure_can_be_left_out() -> None:
    _, incident, measures = one()
    key = next(key_of(item) for item in measures if item.recipe == "R-SCALE-ZERO")
    line = by_recipe(contain_lines(measures, incident, (), frozenset({key}), NOW), measures, "R-SCALE-ZERO")
    assert line.status == "skipped"
    assert line.cells[-1].text.startswith("skipped: ")


def test_a_fuse_is_a_job_of_its_name() -> None:
    job = {"kind": "Job", "metadata": {"name": "ztui-fuse-web-1", "namespace": "shop"}}
    other = {"kind": "Job", "metadata": {"name": "backup", "namespace": "bank"}}
    assert fused_in(view_of(["ns/shop", "ns/bank", job, other]).state) == {"shop"}


def test_what_tells_of_it_says_what_ends_it() -> None:
    assert "ends by itself" in reminder("R-SILENCE", NOW, NOW + timedelta(hours=2), fused=False)
    assert "nothing takes it back" in reminder("R-ACS-RESOLVE", NOW, NOW, fused=False)
