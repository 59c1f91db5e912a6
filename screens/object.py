"""One finding, check or row in full: what was seen, why it matters, what to do, how to see it by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.widget import Widget

from screens.base import FrameScreen
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.panes.detail import detail


class DetailScreen(FrameScreen):
    """Screen ``d``: follows the cluster as any other."""

    TITLE_WORDS = "Evidence"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("↑↓", "scroll"),
        ("f", "fix"),
        ("e", "explain"),
        ("y", "YAML"),
        ("C", "copy"),
        ("x", "export"),
    )

    def __init__(self, key: str, ref: Ref | None = None) -> None:
        super().__init__()
        self._key = key
        self._ref = ref

    def body(self) -> Sequence[Widget]:
        """The text."""
        return (TextPane(id="text", focusable=True),)

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        pane = self.query_one("#text", TextPane)
        if not pane.has_focus and self.focused is None:
            pane.focus()
        if frame.board is not None:
            pane.set_lines(detail(frame.board, self.ztui.cards, self._key, read_at=self.ztui.read_at(frame)))

    def chosen_ref(self) -> Ref | None:
        """The object that the finding is on."""
        return self._ref

    def chosen_key(self) -> str:
        """The line that this screen was opened on."""
        return self._key

    def chosen_check(self) -> str:
        """The check this is about, for ``e``."""
        kind, _, rest = self._key.partition(":")
        return rest.partition(":")[0] if kind in {"check", "finding", "gap"} else ""
