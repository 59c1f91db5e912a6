"""Live tables: ListScreen under its headline; LinesScreen, whose lines end in a sentence that stands below for the cursor's."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.live import LiveScreen
from widgets.arrange import Column, Places
from widgets.lines import CursorMoved, LineTable
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes.base import Line, cell, filtered, prose
from ztui.panes.object import labels_of
from ztui.text import mark_name

MARK_KEYS: Final = (("Space", "mark"), ("|", "columns"))
"""The keys of every list."""
LIST_KEYS: Final = (("Space", "mark"), ("b", "group"), ("|", "columns"))
"""Those of a list that can be grouped."""


class Once:
    """The lines of an answer, made once: an answer of which nothing changed is the same object, and then so are its lines."""

    def __init__(self) -> None:
        self._of: tuple[Any, tuple[Hashable, ...]] = (self, ())
        self._lines: Sequence[Line] = ()

    def of(self, make: Callable[..., Sequence[Line]], answer: Any, *how: Hashable) -> Sequence[Line]:
        """``make(answer, *how)``, or what it made the last time."""
        if self._of[0] is not answer or self._of[1] != how:
            self._of, self._lines = (answer, how), make(answer, *how)
        return self._lines


def by_namespace(line: Line) -> Sequence[str]:
    """Under which namespaces a line belongs."""
    return line.namespace.split()


def by_node(line: Line) -> Sequence[str]:
    """Under which nodes a line belongs."""
    return line.nodes


GROUPINGS: Final[Mapping[str, Places]] = {"namespace": by_namespace, "node": by_node}


def told_of(line: Line) -> list[Line]:
    """The sentence of a line, and the objects that decide what it says where the sentence does not name them."""
    told = line.cells[-1]
    silent = [name for ref in line.by if (name := mark_name(str(ref))) not in told.text]
    more = [Line("by", (prose(f"It rests on {', '.join(silent)} too.", "dim"),))] if silent else []
    return [Line("sentence", (told,)), *more]


class ListScreen(LiveScreen):
    """A table under a headline: its lines can be marked, its columns chosen, and the lines be grouped where that makes sense.

    A subclass gives the question, ``lines`` from its answer, and ``headline``. ``GROUPED_BY`` are names of ``GROUPINGS``.
    """

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    GROUPED_BY: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", show=False, id="mark"),
        Binding("b", "group", show=False, id="group"),
        Binding("vertical_line", "columns", show=False, id="columns"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.grouping = ""

    def body(self) -> Sequence[Widget]:
        """Title and table."""
        return (TextPane(id="headline"), LineTable(self.COLUMNS, id="lines", empty="looking …"))

    @property
    def table(self) -> LineTable:
        """The table in sight."""
        return self.query_one("#lines", LineTable)

    @property
    def pane(self) -> str:
        """The name under which the choice of columns is kept."""
        return self.TITLE_WORDS.lower().replace(" ", "-")

    @property
    def grouped_by(self) -> tuple[str, ...]:
        """What the lines can be grouped by."""
        return self.GROUPED_BY

    def lines(self) -> Sequence[Line]:
        """The lines of the answer."""
        return self.answer or ()

    def headline(self) -> Sequence[Line]:
        """What stands above the table."""
        raise NotImplementedError

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        self.follow(frame)
        table = self.table
        table.choose(self.ztui.chosen_columns.of(self.pane))
        table.group(GROUPINGS.get(self.grouping))
        if not table.has_focus and (self.focused is None or isinstance(self.focused, LineTable)):
            table.focus()
        head = list(self.headline())
        if self.problem:
            head.append(Line("head:problem", (cell(self.problem, "error"),)))
        elif not frame.settled:
            head.append(Line("head:wait", (cell(f"not yet ({frame.loaded} of {frame.kinds} kinds)", "unknown"),)))
        if table.without_room:
            names = ", ".join(column.called for column in table.without_room)
            head.append(
                Line("head:room", (cell(f"no room for the columns {names}: widen the terminal, or choose fewer", "warn"),))
            )
        self.query_one("#headline", TextPane).set_lines(head)
        if self.answer is not None:
            table.say_when_empty("nothing passes the filter" if self.filter else self.empty_words())
            table.set_lines(filtered(self.lines(), self.filter, lambda ref: labels_of(frame.state, ref)))

    def empty_words(self) -> str:
        """What stands there when there is no line."""
        return "nothing here"

    def keys(self) -> Sequence[tuple[str, str]]:
        """The keys say how many lines are marked, and how they are grouped."""
        count = len(self.table.marked)
        told = {"group": f"by {self.grouping}"} if self.grouping else {}
        told |= {"mark": f"mark ({count})", "export": f"export {count} marked"} if count else {}
        clear = ((self.ztui.shown_key("Esc"), "clear marks"),) if count and not self.filter else ()
        found = super().keys()
        return (*clear, *((key, told.get(about, about)) for key, about in found))

    def action_mark(self) -> None:
        """Mark the line under the cursor, or take its mark away."""
        self.table.mark()
        self.draw_all()

    def action_back(self) -> None:
        """Clear the filter, then the marks, then go back."""
        if not self.filter and self.table.marked:
            self.table.unmark()
            self.draw_all()
        else:
            super().action_back()

    def action_group(self) -> None:
        """Group by the next thing, or not at all after the last."""
        ways = ("", *self.grouped_by)
        if len(ways) == 1:
            self.ztui.tell("these lines are of no one namespace")
            return
        self.grouping = ways[(ways.index(self.grouping) + 1) % len(ways)] if self.grouping in ways else ""
        self.draw_all()

    def action_columns(self) -> None:
        """Choose which columns are shown, and in which order."""
        self.ztui.action_columns()


class LinesScreen(ListScreen):
    """A table whose lines end in a sentence, which stands below for the line under the cursor."""

    def body(self) -> Sequence[Widget]:
        """Title, table, sentence."""
        return (*super().body(), TextPane(id="sentence"))

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        super().draw(frame)
        self._show_sentence()

    def on_cursor_moved(self, event: CursorMoved) -> None:
        """The sentence follows the cursor."""
        del event
        self._show_sentence()

    def _show_sentence(self) -> None:
        line = self.table.current
        told = line is not None and line.cells and not line.opens
        self.query_one("#sentence", TextPane).set_lines(told_of(line) if line is not None and told else ())
