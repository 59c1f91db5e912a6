"""A terminal whose size changes faster than it is painted."""

from __future__ import annotations

import pytest
from textual.events import Resize
from textual.geometry import Size

from screens.base import FrameScreen
from tests.screens.stage import StagedApp, demo_frame

HERE, ON_THE_WAY = Size(30, 8), Size(150, 40)


async def test_two_sizes_under_way_end_with_the_one_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    app = StagedApp(demo_frame())
    laid_out: list[Size] = []
    resized = FrameScreen._screen_resized

    def counted(screen: FrameScreen, size: Size) -> None:
        laid_out.append(size)
        assert len(laid_out) < 100, f"each calls for the other: {laid_out[-6:]}"
        resized(screen, size)

    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("1")
        await pilot.pause()
        monkeypatch.setattr(FrameScreen, "_screen_resized", counted)
        for size in (ON_THE_WAY, HERE):
            app._size = size  # as the app keeps it when its terminal says so
            app.screen.post_message(Resize(size, size))
            app.screen.call_later(lambda: None)  # two that stand side by side become one
        for _ in range(6):
            await pilot.pause()
        assert laid_out
        assert app.screen.size == HERE
        assert app.screen.has_class("tiny")
