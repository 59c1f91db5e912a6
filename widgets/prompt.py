"""The line at the bottom that asks: ``:`` for a command, ``/`` for a filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input

LONGEST = 300


@dataclass
class Submitted(Message):
    """The prompt was answered. ``mark`` is what it asked with."""

    mark: str
    text: str


class Prompt(Input):
    """Hidden until it asks, then over the last line, so that nothing else moves; Tab takes the suggestion, Escape gives up."""

    DEFAULT_CSS = """
    Prompt { layer: above; dock: bottom; visibility: hidden; height: 1; border: none; padding: 0 1; background: $panel; }
    Prompt:focus { border: none; }
    Prompt.asking { visibility: visible; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False),
        Binding("tab", "cursor_right", show=False),
    ]

    def __init__(self, id: str | None = None) -> None:  # noqa: A002  the framework's word
        super().__init__(id=id, compact=True, max_length=LONGEST, select_on_focus=False)
        self.mark = ""
        self._before: Widget | None = None

    def ask(self, mark: str, text: str, suggestions: Sequence[str] = ()) -> None:
        """Show the prompt."""
        self._before = self.screen.focused
        self.mark = mark
        self.suggester = SuggestFromList(suggestions, case_sensitive=False) if suggestions else None
        self.placeholder = "a command" if mark == ":" else "words, ns: status: !not, -l app=web"
        self.value = text
        self.add_class("asking")
        self.screen.set_focus(self)  # at once: what is typed right after the key is meant for the prompt
        self.cursor_position = len(text)

    def action_give_up(self) -> None:
        """Hide without an answer."""
        self._hide()

    def action_submit(self) -> None:  # type: ignore[override]  # the framework's is a coroutine; nothing here waits
        """Answer."""
        mark, text = self.mark, self.value
        self._hide()
        self.post_message(Submitted(mark, text))

    def on_blur(self) -> None:
        """A prompt that lost the keyboard is gone."""
        self.remove_class("asking")

    def _hide(self) -> None:
        self.remove_class("asking")
        self.screen.set_focus(self._before)
