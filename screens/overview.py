"""The overview: where are we, what is the next best step; and, where there is no cluster yet, why and what to press."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from screens.base import FrameScreen
from widgets.arrange import Column
from widgets.lines import LineChosen, LineTable
from widgets.phases import PhaseColumns
from widgets.text import TextPane
from ztui.board import Board
from ztui.frame import Frame
from ztui.health import Freshness
from ztui.panes import overview, start
from ztui.panes.base import Line, cell
from ztui.report import headline


class OverviewScreen(FrameScreen):
    """Screen ``o``."""

    TITLE_WORDS = "Overview"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "open"),
        ("1-4", "phase"),
        ("g", "guide"),
        ("f", "fix next step"),
        ("i", "incidents"),
        ("w", "identity"),
        ("m", "mTLS"),
        ("p", "policy"),
        ("v", "Vault"),
        ("0", "foundations"),
        ("e", "explain next step"),
        ("d", "its evidence"),
        ("c", "contexts"),
        ("H", "health"),
        ("q", "quit"),
    )

    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "evidence", show=False, id="evidence")]

    def body(self) -> Sequence[Widget]:
        """Headline, phases as columns or as a list, next step."""
        name, counts = Column("", flex=3, least=22), Column("", flex=2, least=15)
        columns = (name, Column("", 12), Column("", overview.BAR), Column("", 11), counts)
        return (
            TextPane(id="headline"),
            Vertical(PhaseColumns(id="columns"), LineTable(columns, header=False, id="phases"), id="judged"),
            TextPane(id="next"),
        )

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        app = self.ztui
        waiting = start.lines(frame, app.context_names, app.looked_at, asks=app.unapproved is not None)
        judged = frame.board is not None and not waiting
        self.query_one("#judged").display = judged
        self.query_one("#headline").display = judged
        step = self.query_one("#next", TextPane)
        if not judged or frame.board is None:
            step.set_lines(waiting or [Line("start:0", (cell("reading the cluster …", "dim"),))])
            return
        wide = self.size.width >= 104
        self.query_one("#columns").display = wide
        phases = self.query_one("#phases", LineTable)
        self.query_one("#headline", TextPane).set_lines(self._headline(frame, frame.board))
        self.query_one("#columns", PhaseColumns).show(overview.phase_cards(frame.board)[:4])
        phases.set_lines(overview.phase_lines(frame.board))
        if not phases.has_focus and self.focused is None:
            phases.focus()
        step.set_lines(self._next(frame, frame.board))

    def on_line_chosen(self, event: LineChosen) -> None:
        """Enter on a phase opens its checklist."""
        self.ztui.action_phase(event.key.partition(":")[2])

    def next_check(self) -> str:
        """The check of the next best step, for ``e``."""
        board = self.ztui.frame.board
        step = overview.next_best_step(board, self.ztui.cards) if board else None
        return step.check if step else ""

    def action_evidence(self) -> None:
        """Open the evidence of the next best step."""
        from screens.object import DetailScreen  # noqa: PLC0415  after the first paint

        check = self.next_check()
        if check:
            self.app.push_screen(DetailScreen(f"check:{check}"))

    def action_filter(self) -> None:
        """Four phases need none."""
        self.ztui.tell("there is no list to filter here: / works in the lists that Enter, w, m, p, v and i open")

    def _headline(self, frame: Frame, board: Board) -> list[Line]:
        lines = [Line("head:0", (cell(headline(board, self.ztui.settings.namespace), "strong"),))]
        unknown = sum(item.status == "UNKNOWN" for item in board.verdicts.values())
        words = f"{len(board.verdicts)} checks judged" if frame.settled else f"not yet ({frame.loaded} of {frame.kinds} kinds)"
        if unknown:
            words += f"; {unknown} unknown: H shows what could not be read"
        policy = "strict" if self.ztui.settings.strict else "pragmatic"
        lines.append(Line("head:1", (cell(f"{words}; policy {policy}", "dim"),)))
        return lines

    def _next(self, frame: Frame, board: Board) -> list[Line]:
        lines: list[Line] = []
        step = overview.next_best_step(board, self.ztui.cards)
        if step is not None:
            closes = "   closes 1 row" if step.rows else ""
            lines.append(Line("next:0", (cell(f"Next ▸ {step.check} {step.title}{closes}   e explains", "accent"),)))
            lines.append(Line("next:1", (cell(f"  {step.what}"),)))
            if step.next:
                lines.append(Line("next:2", (cell(f"  {step.next}", "strong"),)))
        elif frame.settled:
            lines.append(Line("next:0", (cell("Nothing that this release judges is left to mend", "pass"),)))
        if frame.health is not None and frame.health.freshness in {Freshness.STALE, Freshness.LOST}:
            lines.append(Line("next:3", (cell("What is shown is old: H says why; it recovers by itself", "warn"),)))
        return lines
