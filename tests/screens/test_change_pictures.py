"""What the remediation dialog looks like, on a demo cluster that nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.demo.client import Client
from tests.screens.test_change import console, relabelled, sent, session_dialog, shown, three_made, until
from tests.screens.test_pictures import FOLDER, SIZES, UPDATE, _plain
from ztui.demo.server import DemoThread
from ztui.kinds.base import Ref
from ztui.recipes.base import recipes

STATES = {
    "change__preview": ("R-NP-DENY", "legacy", ""),
    "change__consent": ("R-NP-DENY", "legacy", "leg"),
    "change__level": ("R-PSA", "payments", ""),
}


@pytest.mark.parametrize("name", [f"{state}-{size}" for state in STATES for size in SIZES])
async def test_picture_of_a_change(demo: DemoThread, tmp_path: Path, name: str) -> None:
    from screens.change import ChangeScreen  # noqa: PLC0415  as the app imports it

    state, _, size = name.rpartition("-")
    recipe, on, typed = STATES[state]
    async with console(demo, tmp_path, size=SIZES[size]) as (app, pilot, clock):
        app.push_screen(ChangeScreen(Ref("", "Namespace", "", on), (recipes()[recipe],)))
        await pilot.pause()
        clock.passed += 1.0
        await pilot.press("enter")
        await until(pilot, lambda: "Diff" in shown(app))
        if typed:
            await pilot.press("a")
            await pilot.pause()
            clock.passed += 1.0
            await sent(pilot, typed, every_s=0.1)
        app.clear_notifications()
        await pilot.pause()
        picture = _still(app.export_screenshot(title="ztui", simplify=True))
    _same(name, picture)


@pytest.mark.parametrize("size", SIZES)
async def test_picture_of_a_session_to_be_taken_back(demo: DemoThread, admin: Client, tmp_path: Path, size: str) -> None:
    async with console(demo, tmp_path, size=SIZES[size]) as (app, pilot, clock):
        names = await three_made(app, pilot, clock)
        await relabelled(admin, names[1], "privileged")
        await session_dialog(app, pilot)
        app.clear_notifications()
        await pilot.pause()
        picture = _still(app.export_screenshot(title="ztui", simplify=True))
    picture = re.sub(r"\b[0-9a-f]{10}\b", "0123456789", picture)
    picture = re.sub(r"session&#160;[0-9a-f]{8}\b", "session&#160;01234567", picture)
    _same(f"change__session-{size}", re.sub(r"\d{4}-\d\d-\d\d&#160;\d\d:\d\d", "2026-11-27&#160;21:04", picture))


def _same(name: str, picture: str) -> None:
    path = FOLDER / f"{name.replace('__', '/')}.svg"
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert path.exists(), f"no picture {path.name}: look at it, then ZTUI_UPDATE_PICTURES=1"
    assert path.read_text(encoding="utf-8") == picture


def _still(svg: str) -> str:
    """Without the count of objects, which follows the demo's controllers."""
    return re.sub(r"[\d,]+&#160;objects", "1,823&#160;objects", _plain(svg))
