"""A board that is kept up to date says the same as one that is made anew, whatever happened in between; over all checks."""

from __future__ import annotations

import functools
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from tests.worlds import NOW, all_kinds, complete, judged
from ztui.board import Board, Judge
from ztui.checks.base import catalogue
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.store import Broken, Drop, Event, Hole, Lost, Put, Store, Whole
from ztui.view import EVERYWHERE, LOADING, Gap, Why

CASES = Path(__file__).parents[1] / "cases"
GAPS = (
    Gap(Why.FORBIDDEN, "list things"),
    Gap(Why.ABSENT, "things"),
    Gap(Why.UNAVAILABLE, "503"),
    Gap(Why.TIMEOUT, "not read"),
    LOADING,
)


@functools.cache
def pool() -> tuple[tuple[tuple[type[Kind], bytes], ...], ...]:
    """The objects of each case of each check, through the door's outside."""
    cases = [case for file in sorted(CASES.glob("*.yaml")) for case in yaml.safe_load(file.read_text())]
    worlds = []
    for case in cases:
        objects = case.get("objects") or ()
        items = yaml.safe_load(objects) if isinstance(objects, str) else objects
        worlds.append(tuple((kind, json.dumps(obj).encode()) for kind, obj in map(complete, items)))
    return tuple(world for world in worlds if world)


class Life:
    """Random events over the objects of all cases; the same seed lives the same life."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311  a life, not a secret
        self.kinds = sorted(all_kinds(), key=lambda kind: (kind.GROUP, kind.KIND, kind.__name__))
        self.store = Store()
        self.now = NOW
        for kind in self.kinds:
            self.store.apply(Whole(kind, frozenset()))

    def some(self) -> list[Event]:
        """A few events: mostly objects of one case together, now and then trouble."""
        kind = self.rng.choice(self.kinds)
        held = [(of, obj) for of in self.kinds for part in self.store.state.objects.get(of, {}).values() for obj in part.values()]
        match self.rng.choice(("case", "case", "case", "drop", "drop", "hole", "whole", "lost", "broken", "change")):
            case "case":
                return [self._put(*item) for item in self.rng.choice(pool())]
            case "drop" if held:
                return [Drop(of, obj.namespace, obj.name) for of, obj in self.rng.sample(held, min(3, len(held)))]
            case "hole":
                of = self.rng.choice([item for item, _ in held] or [kind])
                gap = self.rng.choice(GAPS)
                scope = self.rng.choice((EVERYWHERE, EVERYWHERE, "shop", "web")) if of.NAMESPACED else EVERYWHERE
                return [Hole(of, gap, scope, forget=gap.why in {Why.FORBIDDEN, Why.ABSENT})]
            case "whole":
                return [Whole(kind, frozenset((obj.namespace, obj.name) for of, obj in held if of is kind))]
            case "lost":
                return [Lost(kind, self.rng.choice((None, Gap(Why.STALE, "no news for 75 s"))))]
            case "broken" if held:
                of, obj = self.rng.choice(held)
                return [Broken(of, Malformed(obj.namespace, obj.name, "rubbish"))]
            case _:
                self.now += timedelta(seconds=self.rng.choice((1, 40, 4_000)))
                return []

    @staticmethod
    def _put(kind: type[Kind], raw: bytes) -> Event:
        found = decode_or_malformed(kind, raw)
        return Broken(kind, found) if isinstance(found, Malformed) else Put(found)


def told(board: Board) -> object:
    """All that a board says, but for the number of its tick."""
    return (
        {name: dict(cells) for name, cells in board.cells.items()},
        dict(board.verdicts),
        board.rows,
        board.phases,
        board.phase,
        board.maturity,
        board.confidence,
        board.platform,
    )


def _live(seed: int, ticks: int) -> None:
    life, judge = Life(seed), Judge(catalogue())
    try:
        for tick in range(ticks):
            for _ in range(life.rng.randrange(1, 5)):
                for event in life.some():
                    life.store.apply(event)
            state = life.store.tick(life.now)
            kept, anew = judge.judge(state), judged(state)
            for name, verdict in anew.verdicts.items():
                assert not verdict.errors, (seed, tick, name, verdict.errors)
                assert dict(kept.cells[name]) == dict(anew.cells[name]), (seed, tick, name)
            assert told(kept) == told(anew), (seed, tick)
    finally:
        judge.close()


@pytest.mark.parametrize("seed", range(12))
def test_the_kept_board_is_the_new_board(seed: int) -> None:
    _live(seed, 12)


@pytest.mark.soak
def test_the_kept_board_is_the_new_board_for_long() -> None:
    for seed in range(1_000, 1_400):
        _live(seed, 25)
