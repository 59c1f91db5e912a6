"""The question that unlocks a production context: its name, typed. Neither Enter nor the mouse nor a paste answers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Key, Paste
from textual.screen import ModalScreen

from screens.approve import READ_S
from screens.sized import SizedScreen
from widgets.header import Keys
from widgets.text import TextPane
from ztui.clock import Clock
from ztui.panes.base import Line, prose


class UnlockScreen(SizedScreen, ModalScreen[bool]):
    """Asks once. ``True`` when the whole name was typed; everything else is no."""

    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, name: str, clock: Clock) -> None:
        super().__init__()
        self._name_wanted = name
        self._clock = clock
        self._typed = ""
        self._since: float | None = None

    def compose(self) -> ComposeResult:
        """The question and the keys."""
        with Vertical(id="question"):
            yield TextPane(id="card")
            yield Keys(id="answers")

    def on_mount(self) -> None:
        """Show the question."""
        self.query_one("#answers", Keys).show_keys((("Esc", "stay locked"),))
        self._show()
        self.call_after_refresh(self._stands)

    def _stands(self) -> None:
        self._since = self._clock.monotonic()

    def _show(self) -> None:
        texts = (
            f"{self._name_wanted} is a production context, and locked.",
            f'Type "{self._name_wanted}" to unlock it for 15 minutes: {self._typed}▏',
        )
        self.query_one("#card", TextPane).set_lines([Line(f"card:{at}", (prose(text),)) for at, text in enumerate(texts)])

    def on_paste(self, event: Paste) -> None:
        """A paste is no answer."""
        event.stop()

    def on_key(self, event: Key) -> None:
        """Letters of the name."""
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self.dismiss(False)
        elif self._since is None or self._clock.monotonic() - self._since < READ_S:
            return
        elif event.key == "backspace":
            self._typed = self._typed[:-1]
        elif event.character is not None and event.character.isprintable():
            self._typed = (self._typed + event.character)[:300]
        self._show()
        if self._typed == self._name_wanted:
            self.dismiss(True)
