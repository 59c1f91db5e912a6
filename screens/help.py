"""Help and explanations: text over the screen that asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from screens.base import FrameScreen
from widgets.text import TextPane
from ztui.panes.base import Line


class TextScreen(FrameScreen):
    """A page of text that does not follow the cluster."""

    KEYS: ClassVar[Sequence[tuple[str, str]]] = (("Esc", "back"), ("↑↓", "scroll"), ("C", "copy"))

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self.TITLE_WORDS = title  # type: ignore[misc]  # a page's title is its own
        self._text = tuple(lines)

    def body(self) -> Sequence[Widget]:
        """The text."""
        return (TextPane(id="text", focusable=True),)

    def on_mount(self) -> None:
        """Fill it once."""
        pane = self.query_one("#text", TextPane)
        pane.set_lines(self._text)
        pane.focus()
        super().on_mount()
