"""The four phases side by side, each a column with its rows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.style import Style
from textual.strip import Strip

from widgets.content import Exports, fit, strip_of
from ztui.panes.overview import PhaseCard


class PhaseColumns(Exports):
    """Columns of phase cards in boxes. Height follows the longest."""

    DEFAULT_CSS = "PhaseColumns { height: auto; width: 1fr; }"

    def __init__(self, id: str | None = None) -> None:  # noqa: A002  the framework's word
        super().__init__(id=id)
        self._cards: tuple[PhaseCard, ...] = ()

    def show(self, cards: Sequence[PhaseCard]) -> None:
        """Show these cards."""
        found = tuple(cards)
        if found != self._cards:
            taller = self._rows(found) != self._rows(self._cards)
            self._cards = found
            self.refresh(layout=taller)

    def export(self) -> list[str]:
        """The cards one below the other."""
        texts: list[str] = []
        for card in self._cards:
            texts.append(f"{card.number} {card.title}  {card.state}")
            texts += ["  " + " ".join(item.text for item in line.cells if item.text) for line in card.lines]
        return texts

    def get_content_height(self, *_: object) -> int:
        """Rows of the longest card and its frame."""
        return self._rows(self._cards) + 2

    def render_line(self, y: int) -> Strip:
        """One line across all columns."""
        base, width = self.rich_style, self.size.width
        if not self._cards:
            return Strip.blank(width, base)
        each = width // len(self._cards)
        pieces: list[tuple[str, Style]] = []
        for card in self._cards:
            pieces += self._line(card, y, each)
        return strip_of(pieces, width, base)

    def _line(self, card: PhaseCard, y: int, width: int) -> list[tuple[str, Style]]:
        dim = self.tone("dim")
        inside = width - 4
        if y == 0:
            return self._title(card, width)
        if y == self._rows(self._cards) + 1:
            return [("└" + "─" * (width - 2) + "┘", dim)]
        if y - 1 >= len(card.lines):
            return [("│ ", dim), (" " * inside, dim), (" │", dim)]
        glyph, title, count = card.lines[y - 1].cells[:3]
        number = f" {count.text}" if count.text else ""
        return [
            ("│ ", dim),
            (f"{glyph.text} ", self.tone(glyph.tone)),
            (fit(title.text, inside - 2 - len(number)), self.tone(title.tone)),
            (number, self.tone(count.tone)),
            (" │", dim),
        ]

    def _title(self, card: PhaseCard, width: int) -> list[tuple[str, Style]]:
        dim, state = self.tone("dim"), f" {card.state} "
        name = f"{card.number} {card.title} "
        line = width - 3 - cell_len(name) - cell_len(state)
        if line < 0:
            name, line = fit(name, max(4, cell_len(name) + line)), 0
        return [("┌ ", dim), (name, self.tone("strong")), ("─" * line, dim), (state, self.tone(card.tone)), ("┐", dim)]

    @staticmethod
    def _rows(cards: Sequence[PhaseCard]) -> int:
        return max((len(card.lines) for card in cards), default=0)
