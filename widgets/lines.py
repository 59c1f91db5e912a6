"""LineTable: virtual lines with keys. Repaints only the visible lines that changed; the cursor stays on its key.

Rows are plain values from a pane; there is no widget and no style for each of them, so ten thousand cost what ten cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.content import Toned, fit, piece, strip_of
from ztui.panes.base import Line, cell


@dataclass(frozen=True)
class Column:
    """One column: its title, its width in cells; ``flex`` columns share what is left, by weight. ``least`` is their minimum."""

    title: str
    width: int = 0
    flex: int = 0
    least: int = 0


@dataclass
class LineChosen(Message):
    """Enter or a click on the line that the cursor is on."""

    table: LineTable
    key: str


@dataclass
class CursorMoved(Message):
    """The cursor is on another line."""

    table: LineTable
    key: str

    def can_replace(self, message: Message) -> bool:
        """Only where the cursor is now matters."""
        return isinstance(message, CursorMoved) and message.table is self.table


class LineTable(ScrollView, Toned, can_focus=True):
    """A table of ``Line`` values under fixed columns."""

    DEFAULT_CSS = """
    LineTable { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(-1)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("enter,l,right", "choose", show=False),
    ]

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        header: bool = True,
        empty: str = "nothing here",
        id: str | None = None,  # noqa: A002  the framework's word
    ) -> None:
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._header = header
        self._empty = empty
        self._given: Sequence[Line] = ()
        self._lines: list[Line] = []
        self._cursor = 0
        self._widths: tuple[int, ...] = ()
        self._sort: int | None = None

    @property
    def lines(self) -> Sequence[Line]:
        """The lines in the order shown."""
        return self._lines

    @property
    def cursor_key(self) -> str:
        """The key of the line under the cursor; empty without lines."""
        return self._lines[self._cursor].key if self._lines else ""

    @property
    def current(self) -> Line | None:
        """The line under the cursor."""
        return self._lines[self._cursor] if self._lines else None

    def say_when_empty(self, text: str) -> None:
        """What stands there when there is no line."""
        if text != self._empty:
            self._empty = text
            if not self._lines:
                self.refresh()

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines; the cursor stays on its key, or near its place where that is gone."""
        self._given = lines
        new = self._sorted(lines)
        old, key = self._lines, self.cursor_key
        self._lines = new
        cursor = next((at for at, line in enumerate(new) if line.key == key), min(self._cursor, max(0, len(new) - 1)))
        if len(new) != len(old):
            self.virtual_size = Size(self.size.width, len(new) + self._header)
        moved, self._cursor = cursor != self._cursor, cursor
        if moved and key and self.is_mounted:
            self._reveal()
        self._repaint_changed(old, new, everything=moved or not old or not new)
        if self.cursor_key != key:
            self.post_message(CursorMoved(self, self.cursor_key))

    def sort_next(self) -> str:
        """Sort by the next column, or not at all after the last; returns the title of the column."""
        titled = [at for at, column in enumerate(self._columns) if column.title]
        order: list[int | None] = [None, *titled]
        self._sort = order[(order.index(self._sort) + 1) % len(order)]
        self.set_lines(self._given)
        self.refresh()
        return "" if self._sort is None else self._columns[self._sort].title

    def action_move(self, by: int) -> None:
        """Move the cursor up or down."""
        self._set_cursor(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by a screenful."""
        self._set_cursor(self._cursor + by * max(1, self.size.height - self._header - 1))

    def action_edge(self, by: int) -> None:
        """Move the cursor to the first or the last line."""
        self._set_cursor(0 if by < 0 else len(self._lines) - 1)

    def action_choose(self) -> None:
        """Choose the line under the cursor."""
        if self._lines:
            self.post_message(LineChosen(self, self.cursor_key))

    def on_click(self, event: Click) -> None:
        """A click moves the cursor; one on the cursor's line chooses it."""
        at = event.y + self.scroll_offset.y - self._header
        if event.y >= self._header and 0 <= at < len(self._lines):
            if at == self._cursor:
                self.action_choose()
            else:
                self._set_cursor(at)

    def on_resize(self) -> None:
        """Columns follow the width."""
        self._widths = ()
        self.virtual_size = Size(self.size.width, len(self._lines) + self._header)

    def notify_style_update(self) -> None:
        """Colours follow the theme."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One visible line, formatted when it is needed."""
        width = self.size.width
        base = self.rich_style
        if self._header and y == 0:
            titles = [(fit(column.title, at), self.tone("dim")) for column, at in zip(self._columns, self._fitted(), strict=True)]
            return strip_of(self._spaced(titles), width, base)
        at = y - self._header + self.scroll_offset.y
        if not self._lines:
            return strip_of([(f" {self._empty}", self.tone("dim"))] if at == 0 else [], width, base)
        if at >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[at]
        style = base + self.tone("cursor") if at == self._cursor and self.has_focus else base
        return strip_of(self._spaced(self._pieces(line)), width, style)

    def on_focus(self) -> None:
        """The cursor line shows where the keys go."""
        self._repaint(self._cursor)

    def on_blur(self) -> None:
        """The cursor line shows where the keys go."""
        self._repaint(self._cursor)

    def _pieces(self, line: Line) -> list[tuple[str, Style]]:
        widths = self._fitted()
        cells = (*line.cells, *(cell("") for _ in range(len(widths) - len(line.cells))))
        pieces = [piece(item, width, self) for item, width in zip(cells, widths, strict=False)]
        first = "  " * line.depth + (("▾ " if line.is_open else "▸ ") if line.opens else "")
        if first and pieces:
            text = first + cells[0].text
            pieces[0] = (fit(text, widths[0]), pieces[0][1])
        return pieces

    def _spaced(self, pieces: list[tuple[str, Style]]) -> list[tuple[str, Style]]:
        return [(f" {text}", style) for text, style in pieces if text]

    def _fitted(self) -> tuple[int, ...]:
        if not self._widths:
            room = self.size.width - sum(column.width for column in self._columns) - len(self._columns)
            shares = sum(column.flex for column in self._columns)
            self._widths = tuple(
                column.width or max(column.least, room * column.flex // max(1, shares)) for column in self._columns
            )
        return self._widths

    def _sorted(self, lines: Sequence[Line]) -> list[Line]:
        if self._sort is None or any(line.depth for line in lines):
            return list(lines)
        at = self._sort
        return sorted(lines, key=lambda line: line.cells[at].text if at < len(line.cells) else "")

    def _set_cursor(self, at: int) -> None:
        at = max(0, min(len(self._lines) - 1, at))
        if at == self._cursor or not self._lines:
            return
        old, self._cursor = self._cursor, at
        self._repaint(old)
        self._repaint(at)
        self._reveal()
        self.post_message(CursorMoved(self, self.cursor_key))

    def _reveal(self) -> None:
        room = max(1, self.size.height - self._header)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, immediate=True)
        elif self._cursor >= top + room:
            self.scroll_to(y=self._cursor - room + 1, animate=False, immediate=True)

    def _repaint_changed(self, old: list[Line], new: list[Line], *, everything: bool) -> None:
        if everything:
            self.refresh()
            return
        top = self.scroll_offset.y
        for at in range(top, min(max(len(old), len(new)), top + self.size.height)):
            before = old[at] if at < len(old) else None
            after = new[at] if at < len(new) else None
            if before != after:
                self._repaint(at)

    def _repaint(self, at: int) -> None:
        y = at - self.scroll_offset.y + self._header
        if self._header <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))
