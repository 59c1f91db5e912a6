"""A pane of running text: folded at the width that it has, from the first paint on."""

from __future__ import annotations

from textual.app import App, ComposeResult

from widgets.text import TextPane
from ztui.panes.base import Cell, Line
from ztui.text import clean

WORDS = clean("a sentence that is longer than ten columns and shorter than seventy")


class OnePane(App[None]):
    """A pane that is as high as its text, filled before it is laid out."""

    CSS = "TextPane { height: auto; }"

    def compose(self) -> ComposeResult:
        pane = TextPane(id="text")
        pane.set_lines([Line("a", (Cell(WORDS),))])
        yield pane


async def test_text_set_before_the_layout_is_as_high_as_it_needs_at_its_width() -> None:
    app = OnePane()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(TextPane)
        heights = {pane.size.height}
        pane.set_lines([Line("a", (Cell(WORDS),)), Line("b", (Cell(WORDS),))])
        await pilot.pause()
        assert (heights, pane.size.height) == ({1}, 2)
        await pilot.resize_terminal(40, 24)
        assert pane.size.height == 4
