"""What the remediation dialog looks like, on a demo cluster that nothing else changes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.screens.test_change import console, demo, sent, shown, until
from tests.screens.test_pictures import FOLDER, SIZES, UPDATE, _plain
from ztui.demo.server import DemoThread
from ztui.kinds.base import Ref
from ztui.recipes.base import recipes

__all__ = ["demo"]

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
    path = FOLDER / f"{name.replace('__', '/')}.svg"
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert path.exists(), f"no picture {path.name}: look at it, then ZTUI_UPDATE_PICTURES=1"
    assert path.read_text(encoding="utf-8") == picture


def _still(svg: str) -> str:
    """Without the count of objects, which follows the demo's controllers."""
    return re.sub(r"[\d,]+&#160;objects", "1,823&#160;objects", _plain(svg))
