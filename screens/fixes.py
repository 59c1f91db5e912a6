"""The findings of one check that a recipe can mend: open one, or mark several and mend them with one consent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.base import FrameScreen
from screens.change import ChangeScreen
from widgets.arrange import Column
from widgets.lines import LineChosen, LineTable
from widgets.text import TextPane
from ztui.board import Board
from ztui.checks.base import CheckId, Finding, Status
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.panes.base import TONES, Line, cell, filtered
from ztui.panes.checklist import finding_key
from ztui.recipes.base import recipes_for
from ztui.words import GLYPHS, sentence

OPEN = frozenset({Status.FAIL, Status.WARN})


def mendable(board: Board, check: CheckId) -> list[Finding]:
    """The open findings of a check that some recipe mends, worst first."""
    found = [item for _, item in board.findings(check) if item.status in OPEN and not item.accepted]
    return [item for item in found if recipes_for(item.on, (check,))]


class FixesScreen(FrameScreen):
    """What a check finds and a recipe can mend."""

    TITLE_WORDS = "Fix"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "fix this one"),
        ("Space", "mark"),
        ("f", "fix the marked"),
        ("/", "filter"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", show=False),
        Binding("f", "batch", show=False),
    ]

    def __init__(self, check: CheckId) -> None:
        super().__init__()
        self._check = check

    def body(self) -> Sequence[Widget]:
        """Title and list."""
        columns = (Column("", 2), Column("object", flex=2, least=24), Column("status", 7), Column("why", flex=4, least=16))
        return (TextPane(id="headline"), LineTable(columns, id="findings", empty="nothing is left to mend here"))

    def draw(self, frame: Frame) -> None:
        """Show what is open now."""
        table = self.query_one("#findings", LineTable)
        if not table.has_focus and self.focused is None:
            table.focus()
        if frame.board is None:
            return
        table.set_lines(filtered([self._line(item) for item in mendable(frame.board, self._check)], self.filter))
        marked = f"   {len(table.marked)} marked" if table.marked else ""
        title = f"{self._check}  {self.ztui.cards[self._check].title}{marked}"
        self.query_one("#headline", TextPane).set_lines([self.ztui.title_line(title)])

    def _line(self, finding: Finding) -> Line:
        cells = (
            cell(GLYPHS[finding.status], TONES[finding.status]),
            cell(str(finding.on)),
            cell(str(finding.status), TONES[finding.status]),
            cell(sentence(finding), "dim"),
        )
        words = " ".join(item.text for item in cells)
        return Line(finding_key(self._check, finding), cells, words=words, status=str(finding.status), ref=finding.on)

    def _finding(self, key: str) -> Finding | None:
        board = self.ztui.frame.board
        found = mendable(board, self._check) if board is not None else []
        return next((item for item in found if finding_key(self._check, item) == key), None)

    def chosen_check(self) -> str:
        """The check, for ``e``."""
        return self._check

    def on_line_chosen(self, event: LineChosen) -> None:
        """The dialog for one finding."""
        finding = self._finding(event.key)
        if finding is not None:
            self.app.push_screen(ChangeScreen(finding.on, recipes_for(finding.on, (self._check,)), dict(finding.values)))

    def action_mark(self) -> None:
        """Mark the finding under the cursor, or take the mark off."""
        self.query_one("#findings", LineTable).mark()
        self.draw_all()

    def action_batch(self) -> None:
        """One dialog for all that are marked; without marks for the one under the cursor."""
        keys = [line.key for line in self.query_one("#findings", LineTable).marked] or [self.chosen_key()]
        found = [item for key in keys if (item := self._finding(key)) is not None]
        if not found:
            self.ztui.tell("mark findings with Space first")
            return
        refs: tuple[Ref, ...] = tuple(dict.fromkeys(item.on for item in found))
        shared = [card for card in recipes_for(found[0].on, (self._check,)) if all(item.on.kind in card.on for item in found)]
        self.app.push_screen(ChangeScreen(found[0].on, shared, dict(found[0].values), more=refs[1:]))
