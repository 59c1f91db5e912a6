"""Answers and requests that are lost on the way, at any write of any change: what became of it is named right, and sent once."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.changes.chosen import choose, held, opened, sent
from tests.changes.desks import agree
from tests.demo.client import Client
from ztui.changes.desk import Desk
from ztui.changes.hands import Hand
from ztui.changes.writer import Live, Sent
from ztui.clock import SystemClock
from ztui.demo.server import DemoThread
from ztui.errors import ChangeError, ConnectError
from ztui.kinds.base import Kind
from ztui.recipes.base import Write

Loss = Literal["lose-answer", "lose-request"]
BLIND = (0, 0, 1, 4, 5)
"""How often the object cannot be read after the loss: after five times nobody asks any more."""


class Hurried(SystemClock):
    """Looks again at once."""

    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


class Lossy:
    """A hand that loses the answer to one write, or the write, and cannot read for a while after it."""

    def __init__(self, hand: Hand, demo: DemoThread, loss: Loss, at: int, blind: int) -> None:
        self._hand, self._demo, self._loss, self._at, self._blind = hand, demo, loss, at, blind
        self.tried = 0

    async def read(self, write: Write) -> Live | None:
        if self.tried >= self._at and self._blind:
            self._blind -= 1
            raise ConnectError("nobody answers")
        return await self._hand.read(write)

    async def send(self, write: Write, live: Live | None, change: str, **how: Any) -> Sent:
        if not how.get("dry_run"):
            self.tried += 1
            if self.tried == self._at:
                self._demo.faults.on(self._loss, times=1)
        return await self._hand.send(write, live, change, **how)

    async def lacks(self, write: Write) -> tuple[str, ...]:
        return await self._hand.lacks(write)

    def version(self, kind: type[Kind]) -> str:
        return self._hand.version(kind)


async def lost(demo: DemoThread, admin: Client, desk: Desk, seed: int) -> str:
    """One change with one loss. Returns how it was named."""
    rng = random.Random(seed)  # noqa: S311  not a secret
    was = await asyncio.to_thread(held, admin)
    shown = await choose(rng).look(desk)
    loss: Loss = rng.choice(("lose-answer", "lose-request"))
    at, blind = rng.randint(1, len(shown.steps)), rng.choice(BLIND)
    told = f"seed {seed}: {loss} at write {at} of {len(shown.steps)} of {shown.plan.title}, blind {blind} times"
    assert desk._runner is not None
    hand = desk._runner._hand
    lossy = Lossy(hand, demo, loss, at, blind)
    demo.requests.clear()
    desk._runner._hand = lossy
    try:
        named, words = await named_by(desk, shown)
    finally:
        desk._runner._hand = hand
        demo.faults.off()
    await asyncio.to_thread(admin.ask, "/version")  # the server has come to the end of what was lost before
    made = lossy.tried - (loss == "lose-request")
    assert len(sent(demo)) == lossy.tried, f"{told}: {sent(demo)}"
    if blind == max(BLIND):
        assert named == "unknown", f"{told}: {named} {words}"
        await desk.recover()
    elif loss == "lose-answer":
        assert (named, lossy.tried) == ("verified", len(shown.steps)), f"{told}: {named} {words}"
    else:
        assert named == ("refused" if at == 1 else "failed"), f"{told}: {named} {words}"
        assert "was not made" in words, f"{told}: {words}"
    change = (await desk.changes())[-1]
    assert not change.is_open, told
    kept = {record.ref for record in change.records if record.step == "acked"}
    assert len(kept) == made, f"{told}: {made} writes were made, {len(kept)} are recorded"
    if made:
        assert (await agree(desk, await desk.preview_undo(change.id))).state == "verified", told
    assert await asyncio.to_thread(held, admin) == was, told
    return f"{loss}, {named}"


async def named_by(desk: Desk, shown: Any) -> tuple[str, str]:
    try:
        outcome = await agree(desk, shown)
    except ChangeError as error:
        return "refused", f"{error.what}"
    return outcome.state, outcome.words


@pytest.mark.parametrize("runs", [25, pytest.param(500, marks=pytest.mark.soak)])
async def test_F17_R16_R17_a_loss_at_any_write_is_named_right(demo: DemoThread, admin: Client, tmp_path: Path, runs: int) -> None:
    names: Counter[str] = Counter()
    async with opened(str(demo.write_kubeconfig(tmp_path / "kubeconfig")), None) as (_, desk):
        assert desk._runner is not None
        desk._runner._clock = Hurried()
        for seed in range(1, runs + 1):
            names[await lost(demo, admin, desk, seed)] += 1
    print(f"R16: {runs} losses, seeds 1 to {runs}: {dict(names)}", flush=True)
    assert set(names) >= {"lose-answer, verified", "lose-request, failed", "lose-answer, unknown", "lose-request, unknown"}
