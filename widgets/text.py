"""Wrapped lines of tones that scroll: details, explanations, help."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.content import Exports, strip_of
from ztui.panes.base import Line, Tone


class TextPane(ScrollView, Exports, can_focus=True):
    """Lines wrapped to the width, each in one tone."""

    DEFAULT_CSS = "TextPane { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; overflow-x: hidden; }"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", show=False),
        Binding("down,j", "scroll_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_home", show=False),
        Binding("end", "scroll_end", show=False),
    ]

    def __init__(self, id: str | None = None, *, focusable: bool = False) -> None:  # noqa: A002  the framework's word
        super().__init__(id=id)
        self.can_focus = focusable
        self._lines: tuple[Line, ...] = ()
        self._wrapped: list[tuple[str, Tone]] = []

    def export(self) -> list[str]:
        """The lines before wrapping."""
        return ["  ".join(item.text for item in line.cells) for line in self._lines]

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines."""
        found = tuple(lines)
        if found != self._lines:
            self._lines = found
            self._wrap()

    def on_resize(self) -> None:
        """Wrap again."""
        self._wrap()

    def render_line(self, y: int) -> Strip:
        """One visible line."""
        at = y + self.scroll_offset.y
        if at >= len(self._wrapped):
            return Strip.blank(self.size.width, self.rich_style)
        text, tone = self._wrapped[at]
        return strip_of([(text, self.tone(tone))], self.size.width, self.rich_style)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The height at the width that the layout is about to give: the first paint is already right."""
        del container, viewport
        return len(self._folded(width))

    def _wrap(self) -> None:
        if not self.size.width:
            self.refresh(layout=True)
            return  # not laid out yet: the first resize wraps
        self._wrapped = self._folded(self.size.width)
        self.virtual_size = Size(self.size.width, len(self._wrapped))
        self.refresh()

    def _folded(self, width: int) -> list[tuple[str, Tone]]:
        found: list[tuple[str, Tone]] = []
        for line in self._lines:
            text = "  ".join(cell.text for cell in line.cells)
            indent = " " * (line.depth or len(text) - len(text.lstrip()) + 2)
            parts = textwrap.wrap(text, max(10, width - 1), subsequent_indent=indent, break_on_hyphens=False) or [""]
            found += [(part, line.cells[0].tone if line.cells else "plain") for part in parts]
        return found
