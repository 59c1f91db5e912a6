"""Killed at any point of a change, the next start knows how it ended, and nothing that was made is without a record."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.changes.chosen import choose, held, opened, sent
from tests.changes.crash import POINTS, Crashes
from tests.changes.desks import agree
from tests.demo.client import Client
from ztui.demo.server import DemoThread

WRITES = {"R-QUOTA": 4, "R-NP-DENY": 4, "R-NP-ALLOW": 2}
"""How many writes a change has at least; one where it is not named."""


class Yard(NamedTuple):
    """A cluster, the process whose children are killed, and where they keep their journals."""

    demo: DemoThread
    crashes: Crashes
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "kubeconfig"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("crashes")
    with DemoThread(churn=False) as demo, Crashes(demo.write_kubeconfig(folder / "kubeconfig")) as crashes:
        yield Yard(demo, crashes, folder)


async def crashed(yard: Yard, point: str, seed: int) -> str:
    """One run: a change is killed, the next start settles it, and takes it back. Returns what it was, in words."""
    rng = random.Random(f"{seed}:{point}")  # noqa: S311  not a secret
    admin = Client(yard.demo.url, yard.demo.ca_pem, yard.demo.token("admin"))
    state = yard.folder / f"{point}-{seed}"
    state.mkdir(mode=0o700)
    was = await asyncio.to_thread(held, admin)
    yard.demo.requests.clear()
    chosen = choose(random.Random(seed))  # noqa: S311  as above
    write = rng.randint(1, WRITES.get(chosen.recipe, 1))
    ended = await asyncio.to_thread(yard.crashes.run, state, point, write, seed)
    told = f"{point} of write {write}, seed {seed}: {chosen.recipe} on {chosen.name}"
    assert ended == -9, f"{told} ended with {ended}"
    made = len(sent(yard.demo))
    assert bool(made) == (point in {"after-send", "after-answer", "after-verify"}), told
    async with opened(str(yard.config), state) as (_, desk):
        changes = await desk.changes()
        assert desk.journal is not None
        assert [item for item in desk.journal.verify() if item.blocks] == [], told
        assert [item.is_open for item in changes] == [False] * len(changes), told
        intents = (write - 1 if point == "before-intent" else write) if made == 0 else 1
        assert len(changes) == min(1, intents), told
        kept = [record for item in changes for record in item.records if record.step == "acked"]
        assert len({record.ref for record in kept}) == made, f"{told}: {made} writes were made, {len(kept)} are recorded"
        assert len(sent(yard.demo)) == made, f"{told}: whoever settles it writes nothing"
        assert bool(desk.news) == (bool(changes) and point != "after-verify"), told
        if made:
            assert (await agree(desk, await desk.preview_undo(changes[0].id))).state == "verified", told
    assert await asyncio.to_thread(held, admin) == was, told
    return told


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("seed", range(1, 11))
async def test_F58_R15_a_kill_at_each_point_leaves_no_doubt(yard: Yard, point: str, seed: int) -> None:
    await crashed(yard, point, seed)


@pytest.mark.soak
async def test_R15_two_hundred_kills_at_each_point(yard: Yard) -> None:
    for seed in range(200):
        for point in POINTS:
            told = await crashed(yard, point, 1000 + seed)
        print(f"R15: {seed + 1} of 200 at each of {len(POINTS)} points; the last was {told}", flush=True)
