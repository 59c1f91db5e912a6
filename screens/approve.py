"""The question before a login program runs for the first time: path, arguments, variables and hash; `y` remembers the yes.

Enter and the mouse answer nothing, and what was typed before the question could be read does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from screens.sized import SizedScreen
from widgets.header import Keys
from widgets.text import TextPane
from ztui.clock import Clock
from ztui.panes.base import Line, Tone, prose

READ_S = 0.4
"""How long the question stands before an answer counts."""


class ApproveScreen(SizedScreen, ModalScreen[bool]):
    """Asks once. The answer is ``True`` for yes; everything else is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", show=False, id="approve.yes"),
        Binding("n,escape,q", "answer(False)", show=False, id="approve.no"),
    ]
    AUTO_FOCUS: ClassVar[str | None] = "#card"

    def __init__(self, words: Sequence[tuple[str, str]], clock: Clock) -> None:
        super().__init__()
        self._words = tuple(words)
        self._clock = clock
        self._since: float | None = None

    def compose(self) -> ComposeResult:
        """The card and the keys."""
        with Vertical(id="question"):
            yield TextPane(id="card", focusable=True)
            yield Keys(id="answers")

    def on_mount(self) -> None:
        """Show the card."""
        texts: list[tuple[str, Tone]] = [
            ("The kubeconfig wants to run a program to log in. Run it?", "strong"),
            ("", "plain"),
            *((f"{name:<9} {text}", "accent" if name == "program" else "plain") for name, text in self._words),
            ("", "plain"),
            ("It runs as you, without a shell. A yes is remembered for exactly this; any change asks again.", "dim"),
        ]
        self.query_one("#card", TextPane).set_lines(
            [Line(f"card:{at}", (prose(text, tone),)) for at, (text, tone) in enumerate(texts)]
        )
        self.query_one("#answers", Keys).show_keys((("y", "yes, run it"), ("n", "no"), ("Esc", "no"), ("↑↓", "scroll")))
        self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        self._since = self._clock.monotonic()

    def action_answer(self, yes: bool) -> None:
        """Leave with an answer; too early, a yes is not one."""
        if yes and (self._since is None or self._clock.monotonic() - self._since < READ_S):
            return
        self.dismiss(yes)
