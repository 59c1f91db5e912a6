"""The state as it would be rests on our own objects: each must come through the door again as it was."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.demo.assessed import Assessed
from tests.worlds import card, judged, world
from ztui.changes.preview import shifts
from ztui.kinds.base import Kind, Ref, decode
from ztui.recipes.base import plan, recipes
from ztui.recipes.simulate import after
from ztui.recipes.trees import leaves, merged, picked
from ztui.view import View


@pytest.mark.parametrize("scenario", ["default", "fresh", "phase4"])
def test_what_recipes_write_passes_the_door_twice(scenario: str, tmp_path: Path) -> None:
    assessed = Assessed(scenario, tmp_path)
    assessed.board()
    objects = assessed.store.state.objects
    written = {kind for card in recipes().values() for kind in (*card.writes, *card.reads)}
    seen: set[type[Kind]] = set()
    for kind in written:
        for part in objects.get(kind, {}).values():
            for held in part.values():
                assert decode(kind, msgspec.json.encode(held)) == held, held.ref
                seen.add(kind)
    assert len(seen) > len(written) / 3


def test_a_list_whose_entries_have_no_key_is_one_value() -> None:
    body = {"spec": {"conditions": [{"namespaces": ["a"]}]}}
    tree = {"spec": {"conditions": [{"namespaceRegexes": ["b"]}]}}
    assert merged(tree, body) == body
    assert picked(tree, body) == tree
    assert list(leaves(body)) == [("spec.conditions", [{"namespaces": ["a"]}])]


def test_a_finding_that_only_warns_afterwards_is_milder() -> None:
    admitted = {"ingress": [{"routerName": "default", "conditions": [{"type": "Admitted", "status": "True"}]}]}
    route = {
        "kind": "Route",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"host": "web.apps.example", "to": {"name": "web"}},
        "status": admitted,
    }
    state = world(["namespace/shop", route]).state
    ref = Ref("route.openshift.io", "Route", "shop", "web")
    found = plan(View(state), recipes()["R-ROUTE-TLS"], ref)
    check = card("ZT1-AUTH-005")
    [shift] = shifts(judged(state, check), judged(after(state, found), check)).shifts
    assert (shift.before, shift.after, shift.open_before, shift.open_after, shift.milder) == ("FAIL", "WARN", 1, 1, 1)
