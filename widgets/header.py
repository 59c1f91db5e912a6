"""The first and the last line of every screen: where we are and how fresh it is; which keys work here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from textual.strip import Strip

from widgets.content import Toned, fit, strip_of
from ztui.panes.base import Cell, cell

_WORTH: Final = 6
"""So much room behind a key is worth beginning it: two gaps, and four letters of what it does."""

HELP: Final = "help"
"""What the key that tells all keys does."""


class Bar(Toned):
    """One line of cells from the left, and some from the right; what does not fit is cut on the left."""

    PAIRS: ClassVar[bool] = False
    DEFAULT_CSS = "Bar { height: 1; width: 1fr; background: $panel; }"

    def __init__(self, id: str | None = None) -> None:  # noqa: A002  the framework's word
        super().__init__(id=id)
        self._left: tuple[Cell, ...] = ()
        self._right: tuple[Cell, ...] = ()

    def show(self, left: Sequence[Cell], right: Sequence[Cell] = ()) -> None:
        """Show these cells; nothing is painted where nothing changed."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        del y
        base, width = self.rich_style, self.size.width
        right = [(f"{item.text} ", base + self.tone(item.tone)) for item in self._right if item.text]
        room = max(0, width - sum(cell_len(text) for text, _ in right) - 1)
        left, used = [], 0
        for at, item in enumerate(self._left):
            if self.PAIRS and at % 2 == 0 and used + cell_len(item.text) + _WORTH > room:
                break  # a key without a word says nothing
            text = fit(item.text, min(cell_len(item.text), room - used - 1))
            if not text:
                break
            left.append((f" {text}", base + self.tone(item.tone)))
            used += cell_len(text) + 1
        return strip_of([*left, (" " * max(0, width - used - (width - room - 1) - 0), base), *right], width, base)


class Keys(Bar):
    """The keys that work here, as many as fit."""

    PAIRS = True

    def show_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Show ``(key, what it does)`` pairs, most wanted first; the one that tells all of them always has room, on the right."""
        left: list[Cell] = []
        right: list[Cell] = []
        for key, about in keys:
            if about == HELP:
                right = [cell(key, "accent"), cell(about, "dim")]
            else:
                left += [cell(key, "accent"), cell(f"{about} ", "dim")]
        self.show(left, right)
