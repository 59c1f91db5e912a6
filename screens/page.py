"""PageScreen: one thing in sentences, followed live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from screens.live import LiveScreen
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.panes.base import Line, cell


class PageScreen(LiveScreen):
    """A page of text. A subclass gives the question, and ``page`` from its answer; an empty page says ``GONE``."""

    KEYS: ClassVar[Sequence[tuple[str, str]]] = (("Esc", "back"), ("↑↓", "scroll"), ("y", "YAML"), ("x", "export"), ("C", "copy"))
    GONE: ClassVar[str] = "this is gone"

    def __init__(self, ref: Ref | None = None) -> None:
        super().__init__()
        self._ref = ref

    def page(self) -> Sequence[Line]:
        """The lines of the answer."""
        return self.answer or ()

    def body(self) -> Sequence[Widget]:
        """The text."""
        return (TextPane(id="text", focusable=True),)

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        self.follow(frame)
        lines = self.page() if self.answer is not None else ()
        if self.answer is not None or self.problem:
            told = [Line("gone", (cell(self.problem or self.GONE, "error" if self.problem else "dim"),))]
            self.query_one("#text", TextPane).set_lines(lines or told)

    def chosen_ref(self) -> Ref | None:
        """The object that the page is about."""
        return self._ref
