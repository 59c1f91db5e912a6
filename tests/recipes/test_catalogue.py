"""Every recipe on everything that it could mend in the demo: what it writes is what its card says, and can be shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.screens.stage import demo_frame
from ztui.checks.base import Finding, catalogue
from ztui.frame import Frame
from ztui.recipes.base import Recipe, kind_of, plan, recipes, recipes_for
from ztui.recipes.simulate import after
from ztui.text import clean
from ztui.view import View
from ztui.words import told


@pytest.fixture(scope="module")
def demo() -> Frame:
    return demo_frame()


def cases(frame: Frame, card: Recipe) -> Iterator[Finding]:
    assert frame.board is not None
    for check in card.checks:
        for _, finding in frame.board.findings(check):
            if finding.status in {"FAIL", "WARN"} and card in recipes_for(finding.on, (check,)):
                yield finding


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_plan_is_what_its_card_says(demo: Frame, name: str) -> None:
    card = recipes()[name]
    for finding in cases(demo, card):
        answers = {item.name: item.proposal(dict(finding.values)) or "somebody" for item in card.asks}
        found = plan(View(demo.state), card, finding.on, answers)
        assert found.writes or found.stops, (name, finding.on)
        for write in found.writes:
            assert write.kind in card.writes
            assert not write.creates or write.kind in card.makes, f"{name} makes a {write.kind.KIND}"
            assert write.verb != "delete" or write.kind in card.deletes
            assert not write.is_secret_like or write.verb in {"label", "delete"}
            assert kind_of(write.ref) is not None
        for note in (*found.radius, *(stop.note for stop in found.stops)):
            assert "<" not in told(note).replace("<hidden>", ""), note.reason.code
            assert clean(told(note), limit=10_000) == told(note)
        if found.writes:
            after(demo.state, found)


def test_a_recipe_that_a_check_names_exists_or_is_known_to_be_missing() -> None:
    named = {recipe for card in catalogue().values() for recipe in card.recipes}
    assert named - set(recipes()) == set()
    assert {name for name, card in recipes().items() if name not in named and not card.contains} == set()


def test_every_recipe_says_in_one_line_what_it_does() -> None:
    for card in recipes().values():
        assert card.title
        assert len(card.title) <= 60
        assert card.checks or card.contains, card.id
        assert all(check in catalogue() for check in card.checks)
