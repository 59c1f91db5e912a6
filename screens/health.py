"""Health: is what I see true, and if not, why. Connection, ages, rights, errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from screens.base import FrameScreen
from widgets.arrange import Column
from widgets.lines import LineTable
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes import health
from ztui.panes.base import filtered


class HealthScreen(FrameScreen):
    """Screen ``H``."""

    TITLE_WORDS = "Health"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("r", "retry"),
        ("s", "sort"),
        ("/", "filter"),
        ("o", "overview"),
    )

    def body(self) -> Sequence[Widget]:
        """The connection, then what is followed."""
        columns = (
            Column("", 1),
            Column("kind", flex=3, least=24),
            Column("scope", 12),
            Column("state", 12),
            Column("events", 7, wide=100),
            Column("again", 5, wide=100),
            Column("note", flex=4),
        )
        return (TextPane(id="summary"), LineTable(columns, id="kinds", empty="nothing is followed yet"))

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        self.query_one("#summary", TextPane).set_lines(health.summary(frame))
        table = self.query_one("#kinds", LineTable)
        if not table.has_focus and self.focused is None:
            table.focus()
        if frame.health is not None:
            table.set_lines(filtered(health.kinds(frame.health), self.filter))
