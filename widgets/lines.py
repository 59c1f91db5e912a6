"""LineTable: virtual lines with keys. Repaints only the visible lines that changed; the cursor stays on its key.

Rows are plain values from a pane; there is no widget and no style for each of them, so ten thousand cost what ten cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets import arrange
from widgets.arrange import HEADING, Column, Places
from widgets.content import Exports, fit, piece, strip_of
from ztui.panes.base import Line, cell

MARK = "●"
"""What stands before a marked line."""


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


class LineTable(ScrollView, Exports, can_focus=True):
    """A table of ``Line`` values under fixed columns."""

    DEFAULT_CSS = """
    LineTable { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False, id="line.up"),
        Binding("down,j", "move(1)", show=False, id="line.down"),
        Binding("pageup", "page(-1)", show=False, id="page.up"),
        Binding("pagedown", "page(1)", show=False, id="page.down"),
        Binding("home", "edge(-1)", show=False, id="line.first"),
        Binding("end", "edge(1)", show=False, id="line.last"),
        Binding("enter,l,right", "choose", show=False, id="open"),
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
        self._chosen: tuple[str, ...] = ()
        self._places: tuple[int, ...] = ()
        self._widths: tuple[int, ...] = ()
        self._fits = 0
        self._sort: int | None = None
        self._grouping: Places | None = None
        self._folded: set[str] = set()
        self._marked: set[str] = set()

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

    @property
    def sorts(self) -> bool:
        """Whether there is a column to sort by; a tree keeps its order."""
        return any(column.title for column in self._columns) and not any(line.depth for line in self._given)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns that the lines have."""
        return self._columns

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that are shown, in their order."""
        return tuple(self._columns[at] for at in self._picked())

    @property
    def without_room(self) -> tuple[Column, ...]:
        """The columns that were chosen and do not fit."""
        return tuple(self._columns[at] for at in self._wanted()[len(self._picked()) :])

    @property
    def marked(self) -> tuple[Line, ...]:
        """The marked lines that are there, each once."""
        return tuple(arrange.counted(self._given, self._marked).values())

    def export(self) -> list[str]:
        """All lines in the order shown, or the marked ones alone; each column as wide as its longest text.

        What stands in no column (the sentence of a line) comes last.
        """
        places = (*self._picked(), *range(len(self._columns), max((len(line.cells) for line in self._given), default=0)))
        lines = list(arrange.counted(self._lines, self._marked).values()) or self._lines
        rows = [self._texts(line, places) for line in lines]
        titles = [column.title for column in self.shown]
        rows = [titles, *rows] if self._header and any(titles) else rows
        widths = [max(map(cell_len, column)) for column in zip_longest(*rows, fillvalue="")]
        return ["  ".join(map(fit, row, widths)).rstrip() for row in rows]

    def choose(self, names: Sequence[str]) -> None:
        """Show the columns of these names, in this order; without any, those that the width is usual for."""
        if tuple(names) != self._chosen:
            self._chosen, self._places, self._widths = tuple(names), (), ()
            self.refresh()

    def group(self, places: Places | None) -> None:
        """Put the lines under headings, or take these away."""
        if places is not self._grouping:
            self._grouping = places
            self._folded.clear()
            self._arrange()

    def mark(self) -> None:
        """Mark the line under the cursor, or take its mark away, and go on; on a heading, all lines below it."""
        keys = {arrange.thing(line.key) for line in self._under_cursor()}
        self._marked = self._marked - keys if keys <= self._marked else self._marked | keys
        self._arrange()
        self.refresh()
        self.action_move(1)

    def unmark(self) -> None:
        """Take all marks away."""
        self._marked.clear()
        self._arrange()
        self.refresh()

    def say_when_empty(self, text: str) -> None:
        """What stands there when there is no line."""
        if text != self._empty:
            self._empty = text
            if not self._lines:
                self.refresh()

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these lines; the cursor stays on its key, or near its place where that is gone."""
        if lines is not self._given:  # nobody changes a list that was given
            self._given = lines
            self._arrange()

    def _arrange(self) -> None:
        new = arrange.in_order(self._given, self._sort)
        if self._grouping is not None:
            new = arrange.under_headings(new, self._grouping, self._folded, self._marked)
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
        titled = [at for at in self._picked() if self._columns[at].title]
        order: list[int | None] = [None, *titled]
        self._sort = order[(order.index(self._sort) + 1) % len(order)] if self._sort in order else None
        self._arrange()
        self.refresh()
        return "" if self._sort is None else self._columns[self._sort].title

    def go_to(self, key: str) -> None:
        """Move the cursor to the line of a key, where there is one."""
        at = next((at for at, line in enumerate(self._lines) if line.key == key), None)
        if at is not None:
            self._set_cursor(at)

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
        """Choose the line under the cursor; a heading of this table opens and closes."""
        if self._grouping is not None and self.cursor_key.startswith(HEADING):
            self._folded ^= {self.cursor_key.removeprefix(HEADING)}
            self._arrange()
        elif self._lines:
            self.post_message(LineChosen(self, arrange.thing(self.cursor_key)))

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
            titles = [(fit(column.title, at), self.tone("dim")) for column, at in zip(self.shown, self._fitted(), strict=True)]
            return strip_of(self._spaced(titles), width, base)
        at = y - self._header + self.scroll_offset.y
        if not self._lines:
            return strip_of([(f" {self._empty}", self.tone("dim"))] if at == 0 else [], width, base)
        if at >= len(self._lines):
            return Strip.blank(width, base)
        line = self._lines[at]
        style = base + self.tone("cursor") if at == self._cursor and self.has_focus else base
        mark = arrange.thing(line.key) in self._marked
        return strip_of(self._spaced(self._pieces(line), mark=mark), width, style)

    def on_focus(self) -> None:
        """The cursor line shows where the keys go."""
        self._repaint(self._cursor)

    def on_blur(self) -> None:
        """The cursor line shows where the keys go."""
        self._repaint(self._cursor)

    def _pieces(self, line: Line) -> list[tuple[str, Style]]:
        widths = self._fitted()
        if line.key.startswith(HEADING):
            widths = (self.size.width - 1,)
        cells = [line.cells[at] if at < len(line.cells) else cell("") for at in self._picked()]
        pieces = [piece(item, width, self) for item, width in zip(cells, widths, strict=False)]
        first = "  " * line.depth + (("▾ " if line.is_open else "▸ ") if line.opens else "")
        if first and pieces:
            text = first + cells[0].text
            pieces[0] = (fit(text, widths[0]), pieces[0][1])
        return pieces

    def _spaced(self, pieces: list[tuple[str, Style]], *, mark: bool = False) -> list[tuple[str, Style]]:
        first = [(MARK, self.tone("accent"))] if mark else []
        spaced = [(f" {text}", style) for text, style in pieces if text]
        if mark and spaced:
            spaced[0] = (spaced[0][0][1:], spaced[0][1])
        return [*first, *spaced]

    def _texts(self, line: Line, places: Sequence[int]) -> list[str]:
        texts = [line.cells[at].text if at < len(line.cells) else "" for at in places]
        return ["  " * line.depth + texts[0], *texts[1:]] if texts else []

    def _under_cursor(self) -> Sequence[Line]:
        """The line under the cursor; of a heading, the lines below it."""
        key = self.cursor_key
        if self._grouping is None or not key.startswith(HEADING):
            return self._lines[self._cursor : self._cursor + 1]
        place = key.removeprefix(HEADING)
        return [line for line in self._given if place in (self._grouping(line) or ("",))]

    def _wanted(self) -> tuple[int, ...]:
        """The places of the columns to show, whether they fit or not."""
        return arrange.chosen(self._columns, self._chosen) if self._chosen else arrange.usual(self._columns, self.size.width)

    def _picked(self) -> tuple[int, ...]:
        self._measure()
        if not self._places:
            wanted = self._wanted()
            self._places = arrange.fitting(self._columns, wanted, self._fits) if self._chosen else wanted
        return self._places

    def _fitted(self) -> tuple[int, ...]:
        places = self._picked()
        if not self._widths:
            self._widths = arrange.widths(self._columns, places, self._fits)
        return self._widths

    def _measure(self) -> None:
        """What was worked out for another width counts no more; a scroll bar takes its part."""
        width = self.size.width - (self.scrollbar_size_vertical if self.show_vertical_scrollbar else 0)
        if width != self._fits:
            self._places, self._widths, self._fits = (), (), width

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
