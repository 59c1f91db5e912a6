"""Journal: what was changed from here, by whom, and how it ended; take one or a whole session back, or see its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.base import FrameScreen
from widgets.arrange import Column
from widgets.lines import LineChosen, LineTable
from widgets.text import TextPane
from ztui.errors import ZtuiError
from ztui.frame import Frame
from ztui.panes.base import Line, cell, filtered

if TYPE_CHECKING:
    from ztui.changes.change import Change
    from ztui.changes.desk import Desk


class JournalScreen(FrameScreen):
    """Screen ``J``."""

    TITLE_WORDS = "Journal"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "steps"),
        ("U", "take it back"),
        ("S", "take its session back"),
        ("/", "filter"),
        ("x", "export"),
        ("Esc", "back"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "take_back", show=False, id="take-back"),
        Binding("S", "take_session_back", show=False, id="take-session-back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._changes: tuple[Change, ...] = ()
        self._desk: Desk | None = None
        self._problem = ""

    def body(self) -> Sequence[Widget]:
        """State of the journal, then the changes."""
        columns = (
            Column("", 1),
            Column("when (UTC)", 17),
            Column("change", 11),
            Column("state", 11),
            Column("recipe", 16),
            Column("on", flex=3, least=16),
            Column("how it ended", flex=4, least=10),
        )
        return (TextPane(id="headline"), LineTable(columns, id="changes", empty="nothing was changed from here yet"))

    def on_mount(self) -> None:
        """Read the journal."""
        super().on_mount()
        self.run_worker(self._read(), group="journal", exclusive=True, exit_on_error=False, name="journal")

    def on_screen_resume(self) -> None:
        """A change may have been added."""
        super().on_screen_resume()
        self.run_worker(self._read(), group="journal", exclusive=True, exit_on_error=False, name="journal")

    async def _read(self) -> None:
        core = self.ztui.core
        try:
            if core is not None:
                self._desk = await core.desk()
                self._changes = tuple(reversed(await self._desk.changes()))
        except ZtuiError as error:
            self._problem = str(error)
        self.draw_all()

    def draw(self, frame: Frame) -> None:
        """Show the changes, newest first."""
        del frame
        from ztui.changes.ledger import change_lines, headline  # noqa: PLC0415  only where it is asked

        table = self.query_one("#changes", LineTable)
        if not table.has_focus and self.focused is None:
            table.focus()
        head = [Line("problem", (cell(self._problem, "error"),))] if self._problem else []
        if self._desk is not None:
            head += headline(self._desk.journal, self._desk.mode)
        self.query_one("#headline", TextPane).set_lines(head)
        table.set_lines(filtered(change_lines(self._changes), self.filter))

    def _chosen(self) -> Change | None:
        key = self.chosen_key()
        return next((item for item in self._changes if item.id == key), None)

    def on_line_chosen(self, event: LineChosen) -> None:
        """The steps of a change."""
        del event
        from screens.help import TextScreen  # noqa: PLC0415  only where it is asked
        from ztui.changes.ledger import step_lines  # noqa: PLC0415  as above

        found = self._chosen()
        if found is not None:
            self.app.push_screen(TextScreen("Change", step_lines(found)))

    def action_take_back(self) -> None:
        """Look at what taking the change under the cursor back would do."""
        from screens.change import ChangeScreen  # noqa: PLC0415  only where it is asked
        from ztui.kinds.base import Ref  # noqa: PLC0415  as above

        found = self._chosen()
        if found is None:
            self.ztui.tell("put the cursor on a change first")
        else:
            self.app.push_screen(ChangeScreen(found.first.ref or Ref("", "", "", found.id), (), undo=found.id))

    def action_take_session_back(self) -> None:
        """Look at what taking back everything would do that was made in the session of the change under the cursor."""
        from screens.rewind import RewindScreen  # noqa: PLC0415  only where it is asked

        found = self._chosen()
        if found is None:
            self.ztui.tell("put the cursor on a change first")
        else:
            self.app.push_screen(RewindScreen(found.first.session))
