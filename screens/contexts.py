"""Contexts: the clusters of the kubeconfig; switch to one, or assess the marked ones once, one after another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.base import FrameScreen
from widgets.arrange import Column
from widgets.lines import LineChosen, LineTable
from widgets.text import TextPane
from ztui.frame import Frame
from ztui.panes.base import filtered
from ztui.panes.contexts import context_lines
from ztui.targets import finder, records_folder

if TYPE_CHECKING:
    from screens.app import ZtuiApp


class ContextsScreen(FrameScreen):
    """Screen ``c``."""

    TITLE_WORDS = "Contexts"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "switch"),
        ("space", "mark"),
        ("r", "assess marked"),
        ("D", "demo"),
        ("/", "filter"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", show=False, id="mark"),
        Binding("r", "assess", show=False, id="assess"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._marked: set[str] = set()

    def body(self) -> Sequence[Widget]:
        """The list."""
        columns = (
            Column("", 3),
            Column("context", flex=3, least=16),
            Column("phase", 22),
            Column("user", flex=2, least=8),
            Column("namespace", 12),
            Column("server", flex=3, least=10),
        )
        return (TextPane(id="headline"), LineTable(columns, id="contexts", empty="no context was found"))

    def draw(self, frame: Frame) -> None:
        """Show a frame."""
        app = self.ztui
        table = self.query_one("#contexts", LineTable)
        if not table.has_focus and self.focused is None:
            table.focus()
        words = f"Looked at: {', '.join(app.looked_at)}" if app.looked_at else "Reading the kubeconfig …"
        table.say_when_empty("no context was found; D opens the demo cluster")
        self.query_one("#headline", TextPane).set_lines([app.title_line(words)])
        lines = context_lines(app.contexts, app.current_context, frame, app.assessed, self._marked)
        table.set_lines(filtered(lines, self.filter))

    def on_line_chosen(self, event: LineChosen) -> None:
        """Switch: the old connection is closed first."""
        self.ztui.action_ctx(event.key.partition(":")[2])

    def action_mark(self) -> None:
        """Mark or unmark the line, and go on to the next."""
        table = self.query_one("#contexts", LineTable)
        if table.cursor_key:
            self._marked ^= {table.cursor_key.partition(":")[2]}
            self.draw_all()
            table.action_move(1)

    def action_assess(self) -> None:
        """Assess the marked contexts once."""
        if not self._marked:
            self.ztui.tell("mark contexts with space first")
            return
        names = sorted(self._marked)
        self.app.run_worker(_assess(self.ztui, names), group="assess", exclusive=True, exit_on_error=False, name="assess")
        self._marked = set()
        self.draw_all()


async def _assess(app: ZtuiApp, names: Sequence[str]) -> None:
    """Assess contexts once, one after another, whatever screen is on top meanwhile."""
    from ztui.core import Core  # noqa: PLC0415  a keymap loads this module before the first paint

    for name in names:
        app.assessed[name] = "assessing …"
        app.redraw()
        mine = msgspec.structs.replace(app.base, context=name)
        core = Core(mine, finder(mine), state=records_folder(mine, os.environ))
        async with core.open():
            frame = await core.settled(mine.wait_s)
        problem = frame.problem or (frame.health.problem if frame.health else None)
        if problem is not None or frame.board is None:
            app.assessed[name] = problem.what if problem else "not assessed"
        else:
            app.assessed[name] = f"phase {frame.board.phase}, {frame.board.maturity:.0%}"
        app.redraw()
