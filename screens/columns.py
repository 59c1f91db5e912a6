"""The columns of a list: which, and in which order. A choice is kept for each list, in the state folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.base import FrameScreen
from screens.lines import ListScreen
from widgets.arrange import Column
from widgets.lines import LineTable
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes.base import Line, cell

if TYPE_CHECKING:
    from screens.app import ZtuiApp

USUAL: Final = "usual"
_PARTS: Final = (Column("", 3), Column("column", flex=1, least=20))


def choose(app: ZtuiApp, text: str) -> None:
    """Show the columns that were typed, those that are usual, or a page to choose from."""
    screen = app.screen
    if not isinstance(screen, ListScreen) or not any(not column.fixed and column.called for column in screen.table.columns):
        app.tell("there are no columns to choose here")
        return
    columns = screen.table.columns
    names = text.replace(",", " ").lower().split()
    known = [column.called for column in columns if not column.fixed]
    strange = [name for name in names if name not in known and name != USUAL]
    if strange:
        app.tell(f"there is no column {strange[0]}; there are {', '.join(known)}")
    elif names:
        keep(app, screen.pane, () if USUAL in names else names)
        screen.draw_all()
    else:
        shown = tuple(column.called for column in screen.table.shown if not column.fixed)
        app.push_screen(ColumnsScreen(screen.pane, tuple(column for column in columns if not column.fixed), shown))


def keep(app: ZtuiApp, pane: str, names: Sequence[str]) -> None:
    """Keep a choice, and say so where it cannot outlive the console."""
    problem = app.chosen_columns.keep(pane, names)
    if problem:
        app.tell(problem)


class ColumnsScreen(FrameScreen):
    """All columns of one list, those that are shown first and in their order; each key has its effect at once."""

    TITLE_WORDS = "Columns"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Space", "show or hide"),
        ("-", "earlier"),
        ("+", "later"),
        ("u", "the usual ones"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "switch", show=False, id="column.switch"),
        Binding("minus", "move(-1)", show=False, id="column.earlier"),
        Binding("plus", "move(1)", show=False, id="column.later"),
        Binding("u", "usual", show=False, id="column.usual"),
    ]

    def __init__(self, pane: str, columns: Sequence[Column], shown: Sequence[str]) -> None:
        super().__init__()
        self._pane = pane
        self._columns = tuple(columns)
        self._order: list[str] = []
        self._shown: set[str] = set()
        self._put(shown)

    def body(self) -> Sequence[Widget]:
        """Title and table."""
        return (TextPane(id="headline"), LineTable(_PARTS, header=False, id="columns-shown"))

    @property
    def _table(self) -> LineTable:
        return self.query_one("#columns-shown", LineTable)

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        del frame
        self.query_one("#headline", TextPane).set_lines([self.ztui.title_line(f"Columns of {self._pane}")])
        if not self._table.has_focus and self.focused is None:
            self._table.focus()
        names = {column.called: column.title if column.title[:1].isalpha() else column.called for column in self._columns}
        self._table.set_lines([self._line(name, names[name]) for name in self._order])

    def action_switch(self) -> None:
        """Show the column under the cursor, or hide it; one stays."""
        if self._shown != {self._table.cursor_key}:
            self._shown ^= {self._table.cursor_key}
            self._keep()

    def action_move(self, by: int) -> None:
        """Change places with the column before or after."""
        at = self._order.index(self._table.cursor_key)
        if 0 <= at + by < len(self._order):
            self._order[at], self._order[at + by] = self._order[at + by], self._order[at]
            self._keep()

    def action_usual(self) -> None:
        """Those that are usual for the width."""
        self._put([column.called for column in self._columns if self.size.width >= column.wide])
        keep(self.ztui, self._pane, ())
        self.draw_all()

    def _put(self, shown: Sequence[str]) -> None:
        self._order = [*shown, *(column.called for column in self._columns if column.called not in shown)]
        self._shown = set(shown)

    def _keep(self) -> None:
        keep(self.ztui, self._pane, [name for name in self._order if name in self._shown])
        self.draw_all()

    def _line(self, name: str, title: str) -> Line:
        is_shown = name in self._shown
        return Line(name, (cell("✔" if is_shown else "", "pass"), cell(title, "strong" if is_shown else "dim")))
