"""Trust: everything between two workloads, followed live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from screens.live import Question
from screens.page import PageScreen
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes.base import Line, cell
from ztui.panes.trust import trust_lines


class TrustScreen(PageScreen):
    """Screen ``:trust A B``."""

    TITLE_WORDS = "Trust"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("↑↓", "scroll"),
        ("x", "export"),
        ("C", "copy"),
        ("p", "policy"),
        ("m", "mTLS"),
        ("w", "identity"),
    )

    def __init__(self, src: str, dst: str) -> None:
        super().__init__()
        self._ends = (src, dst)

    def question(self) -> Question:
        """Everything from the one to the other."""
        return trust_lines, (self.ztui.cell_of, *self._ends, self.ztui.settings.namespace or "")

    def body(self) -> Sequence[Widget]:
        """Title and text."""
        return (TextPane(id="headline"), *super().body())

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        super().draw(frame)
        lines = [self.ztui.title_line(f"{self._ends[0]} → {self._ends[1]}")]
        if not frame.settled:
            lines.append(Line("wait", (cell(f"not yet ({frame.loaded} of {frame.kinds} kinds)", "unknown"),)))
        self.query_one("#headline", TextPane).set_lines(lines)
