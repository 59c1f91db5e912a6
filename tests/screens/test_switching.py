"""Contexts are switched at random, before, during and after a consent: what is sent goes to the one that was shown."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from textual.pilot import Pilot

from screens.agree import AgreeScreen
from screens.app import ZtuiApp
from screens.change import ChangeScreen
from screens.journal import JournalScreen
from screens.rewind import RewindScreen
from tests.changes.desks import drained
from tests.screens.test_change import JumpingClock, typed, until, writes
from widgets.header import Bar
from ztui.changes.rewind import LAST, session_of
from ztui.clock import settle
from ztui.demo.server import DemoThread
from ztui.kinds.base import Ref
from ztui.recipes.base import recipes
from ztui.settings import Settings
from ztui.targets import finder

NAMES: Final = ("left", "right")
STAGES: Final = ("answering", "shown", "typing", "running", "done")


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, DemoThread]]:
    """Two clusters in one kubeconfig."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with ExitStack() as stack:
        demos = {name: stack.enter_context(DemoThread(churn=False, seed=at)) for at, name in enumerate(NAMES, 1)}
        both: dict[str, object] = {"apiVersion": "v1", "kind": "Config", "current-context": NAMES[0]}
        found = {name: json.loads(demo.kubeconfig("admin")) for name, demo in demos.items()}
        for part in ("clusters", "users"):
            both[part] = [{**item[part][0], "name": name} for name, item in found.items()]
        both["contexts"] = [{"name": name, "context": {"cluster": name, "user": name}} for name in NAMES]
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(both))
        path.chmod(0o600)
        yield demos


class Wanderer:
    """Somebody who changes something now and then, and switches contexts all the time."""

    def __init__(self, app: ZtuiApp, pilot: Pilot[int], clock: JumpingClock, seed: int) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock
        self.rng = random.Random(seed)  # noqa: S311  not a secret
        self.switches = 0
        self.ends: Counter[str] = Counter()

    @property
    def here(self) -> str:
        """The context that the header shows."""
        return next(item.text for item in self.app.screen.query_one("#header", Bar)._left if item.text in NAMES)

    def switch(self) -> None:
        """Go to a context; to the one where we are, too."""
        self.app.run_command(f"ctx {self.rng.choice(NAMES)}")
        self.switches += 1

    async def some_switches(self) -> None:
        """Several, some of them before anything was read."""
        for _ in range(self.rng.randint(1, 6)):
            self.switch()
            await settle(self.rng.choice((3, 30, 300)))
        await until(self.pilot, lambda: self.app.core is not None and self.app.frame.settled and self.app.frame.board is not None)

    async def a_change(self) -> tuple[str, bool]:
        """A change of a namespace, or of all that this session made, left at a random stage by a switch.

        Returns where it was shown, and whether it was agreed to.
        """
        where, leaves = self.here, self.rng.choice((*STAGES, "done", "done"))
        screen: AgreeScreen | None = await self.session() if self.rng.random() < 0.4 else None
        if screen is None:
            screen = ChangeScreen(Ref("", "Namespace", "", self.rng.choice(("payments", "ci", "data"))), (recipes()["R-PSA"],))
            self.app.push_screen(screen)
        given = await self.through(screen, leaves)
        await until(self.pilot, lambda: not screen.is_busy)
        self.ends[f"{'left' if self.app.screen is not screen else screen.stage}, {'agreed' if given else 'not agreed'}"] += 1
        return where, given

    async def through(self, screen: AgreeScreen, leaves: str) -> bool:
        """Answer, look, agree, and wait for the end; returns whether it was agreed to."""
        await self.reached(screen, leaves, "answering", "shown", "failed")
        if screen.stage == "answering" and self.app.screen is screen:
            self.clock.passed += 1.0
            await self.pilot.press("enter")
            await self.reached(screen, leaves, "shown", "failed")
        if self.app.screen is not screen or screen.stage != "shown":
            return False
        await self.pilot.press("a")
        await self.pilot.pause()
        await self.reached(screen, leaves, "typing", "shown")
        wanted = screen._need()
        if self.app.screen is not screen or screen.stage != "typing" or wanted is None:
            return False
        await typed(self.pilot, self.clock, wanted.word)
        if screen.stage == "typing":
            return False  # too slow a machine: the letters came in bursts
        await self.reached(screen, leaves, "running", "done", "failed")
        await self.reached(screen, leaves, "done", "failed")
        return True

    async def reached(self, screen: AgreeScreen, leaves: str, *stages: str) -> None:
        """Wait for one of these stages, or for the end of the screen; at the one to leave at, switch."""
        await until(self.pilot, lambda: screen.stage in stages or not screen.is_attached)
        if screen.stage == leaves:
            self.switch()
            await self.pilot.pause()

    async def session(self) -> RewindScreen | None:
        """The dialog for all that the last session made; ``None`` where there was none."""
        self.app.run_command("journal")
        await until(self.pilot, lambda: isinstance(self.app.screen, JournalScreen) and self.app.screen._desk is not None)
        assert self.app.core is not None
        made = await (await self.app.core.desk()).changes()
        if not made:
            return None
        screen = RewindScreen(session_of(made, LAST))
        self.app.push_screen(screen)
        return screen


@pytest.mark.parametrize("switches", [25, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_R30_nothing_is_written_to_another_context_than_the_one_shown(
    pair: dict[str, DemoThread], tmp_path: Path, switches: int
) -> None:
    seed, clock, sent = 30, JumpingClock(), dict.fromkeys(NAMES, 0)
    settings = Settings(kubeconfig=str(tmp_path / "kubeconfig"), context=NAMES[0])
    app = ZtuiApp(settings, finder(settings), clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        wanderer = Wanderer(app, pilot, clock, seed)
        while wanderer.switches < switches:
            await wanderer.some_switches()
            before = {name: len(writes(demo)) for name, demo in pair.items()}
            where, given = await wanderer.a_change()
            for name, demo in pair.items():
                new = writes(demo)[before[name] :]
                sent[name] += len(new)
                assert not new or (given and name == where), f"seed {seed}, {wanderer.switches} switches: {new} to {name}"
            print(f"R30: {wanderer.switches} switches, seed {seed}: {sent}, {dict(wanderer.ends)}", flush=True)
        app.run_command("overview")
    await drained()
    assert sum(sent.values()) > 1, "something was sent"
