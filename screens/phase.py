"""The checklist of a phase: rows, checks, findings; Enter opens, and the evidence of the line under the cursor beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from screens.object import DetailScreen
from screens.switch import FaultsOnly
from widgets.arrange import Column
from widgets.lines import CursorMoved, LineChosen, LineTable
from widgets.text import TextPane
from ztui.checks.rows import PHASES
from ztui.frame import Frame
from ztui.panes.base import filtered
from ztui.panes.checklist import checklist
from ztui.panes.detail import detail
from ztui.panes.object import labels_of


class PhaseScreen(FaultsOnly):
    """Screens ``1``-``4`` and ``0``."""

    TITLE_WORDS = "Phase"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "open"),
        ("f", "fix"),
        ("d", "evidence"),
        ("e", "explain"),
        ("z", "faults only"),
        ("/", "filter"),
        ("y", "YAML"),
        ("x", "export"),
        ("o", "overview"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "evidence", show=False, id="evidence")]

    def __init__(self, phase: int) -> None:
        super().__init__()
        self.phase = phase
        self._opened: set[str] = set()

    def body(self) -> Sequence[Widget]:
        """The list, and beside it on a wide terminal the evidence."""
        columns = (
            Column("", 7),
            Column("check", 9),
            Column("what", flex=4, least=20),
            Column("status", 13),
            Column("why", flex=5, least=10),
        )
        return (
            TextPane(id="headline"),
            Horizontal(LineTable(columns, id="checks", empty="reading …"), TextPane(id="evidence", focusable=True), id="split"),
        )

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        table = self.query_one("#checks", LineTable)
        self.query_one("#evidence").display = self.size.width >= 150
        if frame.board is None:
            return
        result = next(item for item in frame.board.phases if item.number == self.phase)
        if not table.has_focus and self.focused is None:
            table.focus()
        state = "achieved" if result.achieved else (f"{result.percent:.0%}" if result.assessed else "not assessed")
        blocked = f", ready, blocked by {', '.join(result.blocked_by)}" if result.blocked_by else ""
        title = f"{self.phase} {PHASES[self.phase]}   {state}{blocked}   confidence {result.confidence:.0%}"
        self.query_one("#headline", TextPane).set_lines([self.ztui.title_line(title)])
        lines = checklist(frame.board, self.ztui.cards, self.phase, self._opened, faults_only=self.faults_only)
        table.say_when_empty("nothing passes the filter" if self.filter else "no faults here")
        table.set_lines(filtered(lines, self.filter, lambda ref: labels_of(frame.state, ref)))
        self._show_evidence()

    def on_line_chosen(self, event: LineChosen) -> None:
        """Rows and checks open and close in place; a finding opens its evidence."""
        kind, _, rest = event.key.partition(":")
        key = f"closed:{rest}" if kind == "row" else event.key
        line = event.table.current
        if kind in {"row", "check"} and line is not None and line.opens:
            self._opened ^= {key}
            self.draw_all()
        else:
            self.action_evidence()

    def on_cursor_moved(self, event: CursorMoved) -> None:
        """The evidence follows the cursor."""
        del event
        self._show_evidence()

    def action_sort(self) -> None:
        """A checklist keeps the order of the model."""
        self.ztui.tell("a checklist keeps the order of the model; z shows faults only, / filters")

    def action_evidence(self) -> None:
        """Open the evidence of the line under the cursor."""
        key = self.query_one("#checks", LineTable).cursor_key
        if key:
            self.app.push_screen(DetailScreen(key, self.chosen_ref()))

    def chosen_check(self) -> str:
        """The check under the cursor, for ``e``; of a finding, its check; empty on a row."""
        kind, _, rest = self.query_one("#checks", LineTable).cursor_key.partition(":")
        return rest.partition(":")[0] if kind in {"check", "finding", "gap"} else ""

    def _show_evidence(self) -> None:
        pane, frame = self.query_one("#evidence", TextPane), self.ztui.frame
        if pane.display and frame.board is not None:
            key = self.query_one("#checks", LineTable).cursor_key
            pane.set_lines(detail(frame.board, self.ztui.cards, key, read_at=self.ztui.read_at(frame)))
