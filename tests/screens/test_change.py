"""The remediation dialog on a demo cluster: what is asked, what agrees, and what never does."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from textual.events import Key, Paste
from textual.pilot import Pilot

from screens.app import ZtuiApp
from screens.change import ChangeScreen
from screens.fixes import OPEN, FixesScreen
from screens.journal import JournalScreen
from screens.rewind import RewindScreen
from screens.unlock import UnlockScreen
from tests.changes.desks import drained
from tests.demo.client import Client
from widgets.header import Keys
from widgets.text import TextPane
from ztui.checks.base import CheckId
from ztui.clock import SystemClock
from ztui.demo.server import DemoThread
from ztui.settings import ContextSettings, Settings
from ztui.sources.target import find_target

PSA = "pod-security.kubernetes.io/enforce"


class JumpingClock(SystemClock):
    """The time of the machine, plus what a test lets pass: keys come as a person types them without anybody waiting."""

    def __init__(self) -> None:
        self.passed = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.passed


def writes(demo: DemoThread) -> list[str]:
    kept = [item for item in demo.requests if item.method != "GET" and "reviews" not in item.path and "dryRun" not in item.query]
    return [f"{item.method} {item.path}" for item in kept]


@asynccontextmanager
async def console(
    demo: DemoThread,
    folder: Path,
    contexts: dict[str, ContextSettings] | None = None,
    size: tuple[int, int] = (120, 40),
    clock: JumpingClock | None = None,
) -> AsyncIterator[tuple[ZtuiApp, Pilot[int], JumpingClock]]:
    path = folder / "kubeconfig"
    path.write_text(demo.kubeconfig("admin"))
    path.chmod(0o600)
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    settings = Settings(kubeconfig=str(path), contexts=contexts or {})
    clock = clock or JumpingClock()
    app = ZtuiApp(settings, lambda: find_target(settings, {}), clock=clock)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.frame.settled and app.frame.board is not None and app.core is not None)
        yield app, pilot, clock
    await drained()


async def until(pilot: Pilot[int], holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(180):
        while not holds():
            await pilot.pause()


async def typed(pilot: Pilot[int], clock: JumpingClock, text: str) -> None:
    """As a person types: the question has stood for a while, and letters come one by one."""
    clock.passed += 1.0
    await sent(pilot, text, every_s=0.1)


async def sent(pilot: Pilot[int], text: str, *, every_s: float) -> None:
    """Letters as the terminal sends them, so far apart."""
    for at, letter in enumerate(text):
        event = Key({" ": "space"}.get(letter, letter), letter)
        event.time += at * every_s
        pilot.app.screen.post_message(event)
    await pilot.pause()


def shown(app: ZtuiApp) -> str:
    return "\n".join(line for pane in app.screen.query(TextPane) for line in pane.export())


async def dialog(app: ZtuiApp, pilot: Pilot[int], clock: JumpingClock) -> ChangeScreen:
    """The dialog of the level of a namespace, with its preview on the screen."""
    app.run_command("phase 0")
    await pilot.pause()
    app.run_command("fix ZTG-TEN-001")
    await until(pilot, lambda: isinstance(app.screen, FixesScreen))
    await pilot.press("slash", *"payments", "enter", "enter")
    await until(pilot, lambda: isinstance(app.screen, ChangeScreen))
    clock.passed += 1.0
    await pilot.press("enter")
    await until(pilot, lambda: "Diff" in shown(app))
    assert isinstance(app.screen, ChangeScreen)
    return app.screen


async def test_a_name_that_is_typed_agrees_and_undo_takes_it_back(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        await dialog(app, pilot, clock)
        assert "ZTG-TEN-001" in shown(app)
        assert "a" in " ".join(item.text for item in app.screen.query_one("#footer", Keys)._left)
        await pilot.press("a")
        await pilot.pause()
        await typed(pilot, clock, "payments")
        await until(pilot, lambda: "verified: done, and proved" in shown(app))
        assert len(writes(demo)) == 1
        await pilot.press("U")
        await until(pilot, lambda: "take back" in shown(app) and "Diff" in shown(app))
        await pilot.press("a")
        await pilot.pause()
        await typed(pilot, clock, "payments")
        await until(pilot, lambda: "taken back" in shown(app))
        app.run_command("journal")
        await until(pilot, lambda: isinstance(app.screen, JournalScreen) and len(app.screen._changes) == 2)


async def test_R29_what_is_typed_ahead_clicked_pasted_or_entered_agrees_to_nothing(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        screen = await dialog(app, pilot, clock)
        for key in ("enter", "y", "Y", "space", "tab"):
            await pilot.press(key)
        assert screen.stage == "shown"
        await pilot.press("a", *"payments")  # no time passed: typed ahead
        assert screen.stage == "typing"
        clock.passed += 1.0
        screen.post_message(Paste("payments"))
        await pilot.pause()
        await sent(pilot, "payments", every_s=0.001)  # faster than anybody types
        await pilot.click("#text")
        await pilot.press("enter")
        assert screen.stage == "typing"
        assert writes(demo) == []
        await pilot.press("escape")
        assert screen.stage == "shown"


async def test_R29_random_keys_agree_to_nothing(demo: DemoThread, tmp_path: Path) -> None:
    keys = [*"abcdefghijklmnopqrstuvwxyz", "enter", "space", "tab", "up", "down", "backspace"]
    rng = random.Random(5)  # noqa: S311  not a secret
    async with console(demo, tmp_path) as (app, pilot, clock):
        screen = await dialog(app, pilot, clock)
        await pilot.press("a")
        clock.passed += 1.0
        for _ in range(300):
            await pilot.press(rng.choice(keys))
        assert screen.stage in {"typing", "shown"}
        assert writes(demo) == []


async def test_while_a_name_is_typed_no_other_key_acts(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        screen = await dialog(app, pilot, clock)
        await pilot.press("a")
        await pilot.pause()
        await typed(pilot, clock, "1oqJ:/")
        assert app.screen is screen
        assert screen._typed == "1oqJ:/"


async def test_a_production_context_is_unlocked_by_its_typed_name(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path, contexts={"demo": ContextSettings(prod=True)}) as (app, pilot, clock):
        screen = await dialog(app, pilot, clock)
        assert app.mode_words == "[locked]"
        await pilot.press("a")
        assert screen.stage == "shown"
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, UnlockScreen))
        await pilot.pause()
        await typed(pilot, clock, app.current_context)
        await until(pilot, lambda: app.screen is screen)
        assert app.mode_words == "[RW]"
        await pilot.press("a")
        assert screen.stage == "typing"
        clock.passed += 16 * 60
        assert app.mode_words == "[locked]"


async def test_R30_nothing_leads_away_while_something_is_sent(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        screen = await dialog(app, pilot, clock)
        demo.faults.on("slow", "namespaces", seconds=2)
        await pilot.press("a")
        await pilot.pause()
        await typed(pilot, clock, "payments")
        await until(pilot, lambda: screen.stage == "running")
        for way in ("overview", "phase 1", "health", "ctx demo", "ns shop", "back"):
            app.run_command(way)
        await pilot.press("escape", "q")
        assert app.screen is screen
        demo.faults.off()
        await until(pilot, lambda: screen.stage == "done")
        app.run_command("health")
        await until(pilot, lambda: app.screen is not screen)


async def test_several_findings_under_one_consent(demo: DemoThread, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        app.run_command("phase 0")
        await pilot.pause()
        app.run_command("fix ZTG-TEN-001")
        await until(pilot, lambda: isinstance(app.screen, FixesScreen))
        await pilot.press("space", "space", "f")
        await until(pilot, lambda: isinstance(app.screen, ChangeScreen))
        clock.passed += 1.0
        await pilot.press("enter")
        await until(pilot, lambda: shown(app).count("Diff ") == 2)
        await agreed(pilot, clock, "2 changes")
        await until(pilot, lambda: shown(app).count("verified:") == 2)
        assert len(writes(demo)) == 2


async def test_a_batch_that_stopped_goes_on_with_the_rest(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        screen = await three_shown(app, pilot, clock)
        second = screen._refs[1].name
        await relabelled(admin, second, "restricted")
        await agreed(pilot, clock, "3 changes")
        await until(pilot, lambda: screen.stage == "failed")
        assert shown(app).count("verified:") == 1
        assert dict(screen.keys())["r"] == "go on with the other 2"
        await pilot.press("r")
        await until(pilot, lambda: screen.stage == "shown")
        assert shown(app).count("Diff ") == 2
        await agreed(pilot, clock, "2 changes")
        await until(pilot, lambda: shown(app).count("verified:") == 2)
        assert "look again" in dict(screen.keys())["r"]
        assert app.core is not None
        changes = await (await app.core.desk()).changes()
        done = [item.first.reason for item in changes if item.state == "verified"]
        batches = {reason.partition(",")[0] for reason in done}
        assert len(batches) == 1
        assert [reason.partition(", ")[2] for reason in done] == ["1 of 3", "2 of 3", "3 of 3"]


async def relabelled(admin: Client, name: str, level: str | None) -> None:
    """Somebody else sets the level of a namespace."""
    path, merge = f"/api/v1/namespaces/{name}", "application/merge-patch+json"
    answer = await asyncio.to_thread(admin.ask, path, "PATCH", {"metadata": {"labels": {PSA: level}}}, content=merge)
    assert answer.code == 200


async def levels(admin: Client) -> dict[str, str | None]:
    found = await asyncio.to_thread(admin.ask, "/api/v1/namespaces")
    return {item["metadata"]["name"]: (item["metadata"].get("labels") or {}).get(PSA) for item in found.body["items"]}


async def three_shown(app: ZtuiApp, pilot: Pilot[int], clock: JumpingClock) -> ChangeScreen:
    """The dialog with what setting the levels of three namespaces would change."""
    app.run_command("phase 0")
    await pilot.pause()
    app.run_command("fix ZTG-TEN-001")
    await until(pilot, lambda: isinstance(app.screen, FixesScreen))
    await pilot.press("space", "space", "space", "f")
    await until(pilot, lambda: isinstance(app.screen, ChangeScreen))
    screen = app.screen
    assert isinstance(screen, ChangeScreen)
    clock.passed += 1.0
    await pilot.press("enter")
    await until(pilot, lambda: shown(app).count("Diff ") == 3)
    return screen


async def three_made(app: ZtuiApp, pilot: Pilot[int], clock: JumpingClock) -> list[str]:
    """The levels of three namespaces are set; their names."""
    screen = await three_shown(app, pilot, clock)
    await agreed(pilot, clock, "3 changes")
    await until(pilot, lambda: shown(app).count("verified:") == 3)
    return [ref.name for ref in screen._refs]


async def agreed(pilot: Pilot[int], clock: JumpingClock, word: str) -> None:
    await pilot.press("a")
    await pilot.pause()
    await typed(pilot, clock, word)


async def session_dialog(app: ZtuiApp, pilot: Pilot[int]) -> RewindScreen:
    app.run_command("journal")
    await until(pilot, lambda: isinstance(app.screen, JournalScreen) and bool(app.screen._changes))
    await pilot.pause()
    keys = " ".join(item.text for item in app.screen.query_one("#footer", Keys)._left)
    assert "take its session back" in keys
    await pilot.press("S")
    await until(pilot, lambda: isinstance(app.screen, RewindScreen) and app.screen.stage in {"shown", "failed"})
    assert isinstance(app.screen, RewindScreen)
    return app.screen


async def test_a_session_is_taken_back_by_one_key_after_a_restart(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    was = await levels(admin)
    async with console(demo, tmp_path) as (app, pilot, clock):
        names = await three_made(app, pilot, clock)
    assert len([name for name, level in (await levels(admin)).items() if level != was[name]]) == 3
    async with console(demo, tmp_path) as (app, pilot, clock):
        await relabelled(admin, names[1], "privileged")
        screen = await session_dialog(app, pilot)
        text = shown(app)
        assert "2 changes   disruptive" in text
        assert text.index(names[2]) < text.index(names[0]) < text.index("Stays:") < text.index(f"on namespace/{names[1]}:")
        assert "was changed since by somebody else" in text
        assert text.count("Diff ") == 2
        sent_before = len(writes(demo))
        await pilot.press("enter", "y", "space")
        assert screen.stage == "shown"
        await agreed(pilot, clock, "2 changes")
        await until(pilot, lambda: screen.stage == "done")
        assert shown(app).count("verified: taken back") == 2
        assert len(writes(demo)) == sent_before + 2
        assert await levels(admin) == {**was, names[1]: "privileged"}
        await pilot.press("r")
        await until(pilot, lambda: screen.stage == "shown")
        assert "a" not in dict(screen.keys()), "there is nothing left to agree to"
        assert "Stays:" in shown(app)
        await pilot.press("a")
        assert screen.stage == "shown"


async def test_a_session_that_stopped_goes_on_after_a_new_look(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with console(demo, tmp_path) as (app, pilot, clock):
        names = await three_made(app, pilot, clock)
        screen = await session_dialog(app, pilot)
        await relabelled(admin, names[1], "privileged")
        await agreed(pilot, clock, "3 changes")
        await until(pilot, lambda: screen.stage == "failed")
        assert shown(app).count("verified: taken back") == 1
        assert "changed since the preview" in shown(app)
        assert dict(screen.keys())["r"] == "go on with the other 2"
        await pilot.press("r")
        await until(pilot, lambda: screen.stage == "shown")
        assert f"on namespace/{names[1]}: " in shown(app)
        await agreed(pilot, clock, names[0])
        await until(pilot, lambda: screen.stage == "done")
        assert app.core is not None
        changes = await (await app.core.desk()).changes()
        assert [item.state for item in changes[:3]] == ["undone", "verified", "undone"]
        told = [item.first.reason.partition(", ")[2] for item in changes[3:] if item.state == "verified"]
        assert told == ["1 of 3", "2 of 2"]
        assert len({item.first.reason.partition(",")[0] for item in changes[3:]}) == 1


async def test_what_one_change_mends_for_several_is_done_once(tmp_path: Path) -> None:
    with DemoThread(scenario="fresh", churn=False) as young:
        async with console(young, tmp_path) as (app, pilot, clock):
            app.run_command("phase 1")
            await pilot.pause()
            app.run_command("fix ZT1-MAP-001")
            await until(pilot, lambda: isinstance(app.screen, FixesScreen))
            await pilot.press("slash", *"shop/", "enter", "space", "space", "space", "f")
            await until(pilot, lambda: isinstance(app.screen, ChangeScreen))
            clock.passed += 1.0
            await pilot.press(*"team-shop", "enter")
            await until(pilot, lambda: "Diff" in shown(app))
            assert "change Namespace: shop" in shown(app)
            await agreed(pilot, clock, "y")
            await until(pilot, lambda: "verified: done, and proved" in shown(app))
            assert len(writes(young)) == 1
            assert app.frame.board is not None
            left = [item.on.namespace for _, item in app.frame.board.findings(CheckId("ZT1-MAP-001")) if item.status in OPEN]
            assert "shop" not in left
