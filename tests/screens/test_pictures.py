"""What is seen: every screen in its states, at both sizes. The file name of a picture says what it shows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import pytest
from textual.pilot import Pilot

from screens.terminal import local_svg
from tests.screens.stage import StagedApp, attacked_frame, beside_frame, demo_frame, measured_frame, small_frame, start_frame
from widgets.prompt import Prompt
from ztui.frame import Frame

FOLDER: Final = Path(__file__).resolve().parents[2] / "snapshots"
UPDATE: Final = os.environ.get("ZTUI_UPDATE_PICTURES") == "1"

SIZES = {"80x24": (80, 24), "200x50": (200, 50)}


def _frames() -> dict[str, Frame]:
    if not _CACHE:
        _CACHE.update({"demo": demo_frame(), "small": small_frame(), "start": start_frame(), "connecting": Frame(kinds=10)})
        _CACHE["beside"] = beside_frame()
        _CACHE["attacked"] = attacked_frame()
        _CACHE["measured"] = measured_frame()
    return _CACHE


_CACHE: dict[str, Frame] = {}

STATES: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {
    "overview__default": ("demo", (), {}),
    "overview__light": ("demo", (), {"theme": "light"}),
    "overview__high-contrast": ("demo", (), {"theme": "high-contrast"}),
    "overview__colour-blind": ("demo", (), {"theme": "colour-blind"}),
    "overview__no-colour": ("demo", (), {"theme": "no-colour"}),
    "overview__hostile-names": ("small", (), {}),
    "overview__no-cluster": ("start", (), {}),
    "overview__connecting": ("connecting", (), {}),
    "phase__default": ("demo", ("1",), {}),
    "phase__faults": ("demo", ("1", "z"), {}),
    "phase__not-assessed": ("demo", ("3",), {}),
    "phase__open-check": ("demo", ("1", "down", "down", "enter", "down"), {}),
    "guide__default": ("demo", ("g",), {}),
    "guide__step": ("demo", ("g", "down", "enter"), {}),
    "identity__default": ("demo", ("w",), {}),
    "identity__light": ("demo", ("w",), {"theme": "light"}),
    "identity__chain": ("demo", ("w", "enter"), {}),
    "identity__users": ("demo", ("w", "tab"), {}),
    "identity__user": ("demo", ("w", "tab", "/", *"dora", "enter", "enter"), {}),
    "identity__by-namespace": ("demo", ("w", "b", "down", "space"), {}),
    "identity__columns": ("demo", ("w", "vertical_line"), {}),
    "mtls__default": ("demo", ("m",), {}),
    "mtls__light": ("demo", ("m",), {"theme": "light"}),
    "mtls__port": ("demo", ("m", "/", *"ledger", "enter", "enter"), {}),
    "mtls__measured": ("measured", ("m",), {}),
    "mtls__plaintext": ("measured", ("m", "/", *"payments/api", "enter", "enter"), {}),
    "ladder__default": ("demo", ("R",), {}),
    "ladder__one": ("demo", ("R", "/", *"ns:payments", "enter", "down", "down"), {}),
    "vault__none": ("demo", ("v",), {}),
    "trust__page": ("demo", ("colon", *"trust payments/worker payments/ledger", "enter"), {}),
    "blast__workload": ("demo", ("colon", *"blast deployment/payments/api", "enter"), {}),
    "blast__node": ("demo", ("colon", *"blast node/worker-a-1.demo.example", "enter"), {}),
    "blast__nobody": ("demo", ("colon", *"blast shop/nothing", "enter"), {}),
    "evidence__finding": ("small", ("1", "z", "down", "enter", "down", "enter"), {}),
    "explain__check": ("demo", ("1", "down", "down", "e"), {}),
    "health__trouble": ("demo", ("H",), {}),
    "health__beside": ("beside", ("H",), {}),
    "contexts__none": ("demo", ("c",), {}),
    "incidents__list": ("attacked", ("i",), {}),
    "incidents__none": ("demo", ("i",), {}),
    "incidents__contain": ("attacked", ("i", "f", "down", "down"), {}),
    "incidents__one": ("attacked", ("i", "enter"), {}),
    "policy__reach": ("demo", ("p",), {}),
    "policy__reach-light": ("demo", ("p",), {"theme": "light"}),
    "policy__group": ("demo", ("p", "end", "up", "up", "up", "up", "up", "enter"), {}),
    "policy__question": ("demo", ("colon", *"can-reach shop/web payments/api", "enter"), {}),
    "policy__who-can": ("demo", ("p", "tab"), {}),
    "policy__admission": ("demo", ("p", "tab", "tab"), {}),
    "policy__mesh": ("demo", ("p", "tab", "tab", "tab"), {}),
    "policy__without-binding": ("demo", ("p", "tab", "enter", "enter"), {}),
    "help__phase": ("demo", ("1", "question_mark"), {}),
    "command__typed": ("demo", ("colon", "e", "x"), {}),
}


@pytest.mark.parametrize("name", [f"{state}-{size}" for state in STATES for size in SIZES])
async def test_picture(name: str) -> None:
    state, _, size = name.rpartition("-")
    frame, keys, settings = STATES[state]
    app = StagedApp(_frames()[frame], **settings)
    async with app.run_test(size=SIZES[size]) as pilot:
        for prompt in app.screen.query(Prompt):
            prompt.cursor_blink = False
        await _settled(pilot)
        await pilot.press(*keys)
        await _settled(pilot)
        picture = _plain(app.export_screenshot(title="ztui", simplify=True))
    path = FOLDER / f"{name.replace('__', '/')}.svg"
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert path.exists(), f"no picture {path.name}: look at it, then ZTUI_UPDATE_PICTURES=1"
    assert path.read_text(encoding="utf-8") == picture, f"{path.name} has changed: look, then ZTUI_UPDATE_PICTURES=1"


async def _settled(pilot: Pilot[int]) -> None:
    """Layout, focus and what follows from them."""
    for _ in range(4):
        await pilot.pause()


def test_every_picture_is_of_a_state() -> None:
    known = {f"{state.replace('__', '/')}-{size}.svg" for state in STATES for size in SIZES}
    found = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.svg")}
    assert {name for name in found if not name.startswith("change/")} == known


def _plain(svg: str) -> str:
    """A picture without font addresses, and with ids that do not depend on anything but the picture."""
    return re.sub(r"terminal-\d+", "terminal", local_svg(svg))
