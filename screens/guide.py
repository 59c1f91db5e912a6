"""The guide: one step at a time to the next phase; what was found here, the commands, and a proof that turns green by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from screens.base import FrameScreen
from widgets.arrange import Column
from widgets.lines import CursorMoved, LineChosen, LineTable
from widgets.text import TextPane
from ztui.board import Board
from ztui.checks.base import CheckId
from ztui.frame import Frame
from ztui.guide.procedures import names_of
from ztui.guide.route import Stop, route, skipped_in
from ztui.guide.runbook import summary
from ztui.kinds.base import CLUSTER
from ztui.kinds.record import SELF, History
from ztui.panes.base import Line, cell, filtered
from ztui.panes.guide import guide_lines, stop_detail
from ztui.panes.history import way_words

GOALS = (1, 2, 3, 4, 0)


class GuideScreen(FrameScreen):
    """Screen ``g``."""

    TITLE_WORDS = "Guide"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "the step"),
        ("f", "fix"),
        ("space", "skip, or back"),
        ("t", "another goal"),
        ("e", "explain"),
        ("/", "filter"),
        ("x", "export"),
        ("o", "overview"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "goal", show=False, id="goal"),
        Binding("space", "skip", show=False, id="skip"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._goal: int | None = None
        self._stops: list[Stop] = []

    def body(self) -> Sequence[Widget]:
        """The stops, and beside them on a wide terminal the step under the cursor."""
        columns = (
            Column("", 5),
            Column("check", 9),
            Column("step", flex=3, least=18),
            Column("", 9),
            Column("work", 12),
            Column("row", 16),
        )
        return (
            TextPane(id="headline"),
            Horizontal(LineTable(columns, id="stops", empty="reading …"), TextPane(id="evidence", focusable=True), id="split"),
        )

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        table = self.query_one("#stops", LineTable)
        self.query_one("#evidence").display = self.size.width >= 150
        if frame.board is None:
            return
        if not table.has_focus and self.focused is None:
            table.focus()
        goal = self.goal(frame.board)
        self._stops = route(frame.board, self.ztui.cards, to=goal, skipped=skipped_in(frame.state))
        lines = [self.ztui.title_line(f"Phase {frame.board.phase} of 4   {summary(self._stops, goal)}")]
        way = way_so_far(frame)
        if way:
            lines.append(Line("guide:way", (cell(way, "dim"),)))
        self.query_one("#headline", TextPane).set_lines(lines)
        table.say_when_empty(
            "nothing passes the filter" if self.filter else "nothing is left on this way; t chooses another goal"
        )
        table.set_lines(filtered(guide_lines(frame.board, self._stops), self.filter))
        self._show_step()

    def goal(self, board: Board) -> int:
        """The phase that the way leads to: the next one, until another is chosen."""
        return min(board.phase + 1, 4) if self._goal is None else self._goal

    def on_line_chosen(self, event: LineChosen) -> None:
        """Enter opens the step."""
        self.app.push_screen(StepScreen(CheckId(event.key.partition(":")[2])))

    def on_cursor_moved(self, event: CursorMoved) -> None:
        """The step follows the cursor."""
        del event
        self._show_step()

    def action_goal(self) -> None:
        """The way to the next phase after this one, round and round."""
        board = self.ztui.frame.board
        if board is not None:
            self._goal = GOALS[(GOALS.index(self.goal(board)) + 1) % len(GOALS)]
            self.draw_all()

    def action_skip(self) -> None:
        """Leave the step under the cursor for later, or take it back; it stays so over restarts."""
        check = self.chosen_check()
        core = self.ztui.core
        if check and core is not None:
            self.ztui.run_worker(core.skip(check), group="skip", exit_on_error=False, name="skip")

    def chosen_check(self) -> str:
        """The check under the cursor, for ``e``."""
        return self.query_one("#stops", LineTable).cursor_key.partition(":")[2]

    def _show_step(self) -> None:
        pane, frame = self.query_one("#evidence", TextPane), self.ztui.frame
        if not pane.display or frame.board is None:
            return
        check = self.chosen_check()
        stop = next((item for item in self._stops if item.check == check), None)
        pane.set_lines(stop_detail(frame.board, self.ztui.cards, stop, names_of(frame.health)) if stop else [])


class StepScreen(FrameScreen):
    """One step in full; it follows the cluster, and says so when it is done."""

    TITLE_WORDS = "Step"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("↑↓", "scroll"),
        ("f", "fix"),
        ("r", "look now"),
        ("n", "next step"),
        ("e", "explain"),
        ("C", "copy"),
        ("x", "export"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("n", "next", show=False, id="next")]

    def __init__(self, check: CheckId) -> None:
        super().__init__()
        self._check = check
        self._said: list[Line] = []

    def body(self) -> Sequence[Widget]:
        """The text."""
        return (TextPane(id="text", focusable=True),)

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        pane, board = self.query_one("#text", TextPane), frame.board
        if not pane.has_focus and self.focused is None:
            pane.focus()
        if board is None:
            return
        stop = next((item for item in self._stops(board) if item.check == self._check), None)
        if stop is None:
            card = self.ztui.cards[self._check]
            done = (cell(f"✔ {card.id}  {card.title}: done, the check is green", "pass"),)
            words = "n opens the next step" + (
                "; what this one said stays, for whoever is in the middle of it" if self._said else ""
            )
            below = [Line("step:gap", ()), *self._said] if self._said else []
            pane.set_lines([Line("step:done", done), Line("step:next", (cell(words, "dim"),)), *below])
        else:
            self._said = stop_detail(board, self.ztui.cards, stop, names_of(frame.health))
            pane.set_lines(self._said)

    def action_next(self) -> None:
        """The next step of the way."""
        board = self.ztui.frame.board
        stops = [item for item in self._stops(board) if item.state != "skipped"] if board else []
        names = [item.check for item in stops]
        at = (names.index(self._check) + 1) % len(names) if self._check in names else 0
        if not stops:
            self.ztui.tell("nothing is left on this way")
            return
        self._check, self._said = names[at], []
        self.query_one("#text", TextPane).scroll_home(animate=False)
        self.draw_all()

    def chosen_check(self) -> str:
        """The check of the step, for ``e``."""
        return self._check

    def _stops(self, board: Board) -> list[Stop]:
        foundations = self.ztui.cards[self._check].row.startswith("G.")
        return route(board, self.ztui.cards, to=0 if foundations else 4, skipped=skipped_in(self.ztui.frame.state))


def way_so_far(frame: Frame) -> str:
    """What the history says, in one line; empty where there is none."""
    found = frame.state.objects.get(History, {}).get(CLUSTER, {}).get(SELF)
    return way_words(found) if isinstance(found, History) else ""
