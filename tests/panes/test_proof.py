"""What a cell says comes from the objects that its explanation names, and from no other: cells at random, on the demo's worlds.

Each kind of change is one event to a judged world, as it would come from a watch.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.demo.assessed import Assessed
from tests.panes import shown
from tests.panes.changes import At, World
from tests.panes.shown import Asked, Cells

CELLS = 50
OTHERS = 50
SEED = 11
PANES = (*shown.PANES, "reach")
Pane = Callable[[Asked], Cells]


class Proof:
    """One world, judged again after each change."""

    def __init__(self, scenario: str, folder: Path) -> None:
        self.assessed = Assessed(scenario, folder)
        self.assessed.board()
        self.now = self.assessed.store.state.now
        self.world = World(self.assessed.store)

    def cells(self, pane: Pane) -> Cells:
        """What the pane shows now."""
        self.assessed.judge.judge(self.assessed.store.tick(self.now))
        return pane(self.asked)

    @property
    def asked(self) -> Asked:
        """The world as it is judged."""
        return shown.asked(self.assessed.judge, self.assessed.store.state)

    def pane(self, name: str, rng: random.Random) -> Pane:
        """A pane by its name; reach is asked of pairs of workloads at random."""
        if name != "reach":
            return shown.PANES[name]
        units = sorted(shown.workloads(self.asked.view))
        return shown.reach_of((rng.choice(units), rng.choice(units)) for _ in range(CELLS))


@pytest.fixture(scope="module", params=["default", "phase4"])
def proof(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    found = Proof(request.param, tmp_path_factory.mktemp("proof"))
    yield found
    found.assessed.judge.close()


@pytest.mark.parametrize("name", PANES)
def test_a_change_of_what_an_explanation_names_changes_the_cell(proof: Proof, name: str) -> None:
    rng = random.Random(SEED)  # noqa: S311  the same cells every time
    pane = proof.pane(name, rng)
    before = proof.cells(pane)
    explained = sorted((key for key in before if before[key].by & proof.world.objects.keys()), key=str)
    for key in rng.sample(explained, min(CELLS, len(explained))):
        named = rng.choice(sorted(before[key].by & proof.world.objects.keys()))
        assert any(_changes(proof, pane, key, named)), f"{named} is named for {key}: {before[key].says}"
    assert proof.cells(pane) == before


@pytest.mark.parametrize("name", PANES)
def test_a_change_of_what_no_explanation_names_changes_no_cell(proof: Proof, name: str) -> None:
    rng = random.Random(SEED)  # noqa: S311  the same cells every time
    pane = proof.pane(name, rng)
    before = proof.cells(pane)
    chosen = rng.sample(sorted(before, key=str), min(CELLS, len(before)))
    named = {one for key in chosen for at in (*before[key].by, *before[key].about) for one in (at, *proof.world.meant(at))}
    kinds = {at[1] for at in named}
    others = sorted(at for at in proof.world.objects if at[1] in kinds and at not in named)
    others = rng.sample(others, min(OTHERS, len(others)))
    for at in others:
        for way in proof.world.ways(at):
            for event in way:
                proof.assessed.store.apply(event)
            after = proof.cells(pane)
            assert {key: after[key].says for key in chosen} == {key: before[key].says for key in chosen}, at
    for at in others:
        proof.world.restore(at)
    assert len(others) == OTHERS or name in {"mesh", "vault"}
    assert proof.cells(pane) == before


def _changes(proof: Proof, pane: Pane, key: tuple[object, ...], named: At) -> Iterator[bool]:
    """Whether the cell says something else, for each way to change what is named; a row that is gone with its object is gone."""
    before = proof.cells(pane)[key].says
    for way in proof.world.ways(named):
        for event in way:
            proof.assessed.store.apply(event)
        after = proof.cells(pane).get(key)
        proof.world.restore(named)
        yield after.says != before if after is not None else named[1] != "Pod"
