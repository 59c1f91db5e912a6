"""Who can: the subjects that may do something, and by which path. Follows the cluster as any other screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from screens.lines import LIST_KEYS, MARK_KEYS, LinesScreen, ListScreen
from screens.live import Question
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.kinds.base import Ref
from ztui.panes.base import Line, cell
from ztui.panes.unbind import loss_lines
from ztui.whocan import NOTE, who_can_lines


class WhoCanScreen(ListScreen):
    """Screen ``:who-can``."""

    TITLE_WORDS = "Who can"
    COLUMNS = (Column("subject", flex=3, least=20, fixed=True), Column("scope", 16), Column("path", flex=5, least=20))
    GROUPED_BY = ("namespace",)
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("Enter", "what if this binding went away"),
        ("s", "sort"),
        ("/", "filter"),
        *LIST_KEYS,
        ("x", "export"),
        ("y", "YAML of the binding"),
        ("C", "copy"),
    )

    def __init__(self, verb: str, resource: str, name: str = "") -> None:
        super().__init__()
        self._asked = (verb, resource, name)

    def question(self) -> Question:
        """Who can do this, in the namespace that is looked at."""
        return who_can_lines, (*self._asked, self.ztui.settings.namespace or "")

    def lines(self) -> Sequence[Line]:
        """A line for each way."""
        found: Sequence[Line] = self.answer[0]
        return found

    def empty_words(self) -> str:
        """Nobody, or nobody that could be seen."""
        return "nobody, as far as RBAC says" if self.answer[1] else "nobody, in what could be read"

    def on_line_chosen(self, event: LineChosen) -> None:
        """What if this binding went away."""
        line = event.table.current
        if line is not None and line.ref is not None:
            self.app.push_screen(LossScreen(line.ref))

    def headline(self) -> Sequence[Line]:
        """The question, how many ways there are, and what may be missing."""
        lines, complete = self.answer or ((), False)
        verb, resource, name = self._asked
        where = f" in namespace {self.ztui.settings.namespace}" if self.ztui.settings.namespace else ""
        words = f"Who can {verb} {resource}{f' {name}' if name else ''}{where}?   {len(lines)} ways"
        found = [self.ztui.title_line(words)]
        if not complete and not self.problem and self.ztui.frame.settled:
            text = "not all roles and bindings could be read: there may be more; H says which"
            found.append(Line("head:part", (cell(text, "unknown"),)))
        return [*found, Line("head:note", (cell(NOTE, "dim"),))]


class LossScreen(LinesScreen):
    """What if this binding went away: who would lose what. Nothing is changed here."""

    TITLE_WORDS = "Without a binding"
    COLUMNS = (
        Column("subject", flex=3, least=20, fixed=True),
        Column("loses", 6),
        Column("keeps", 6),
        Column("cut off from", 13),
        Column("rights", flex=5, least=16),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("s", "sort"),
        ("/", "filter"),
        *MARK_KEYS,
        ("y", "YAML of the binding"),
        ("x", "export"),
    )

    def __init__(self, binding: Ref) -> None:
        super().__init__()
        self._binding = binding

    def question(self) -> Question:
        """This binding."""
        return loss_lines, (self._binding,)

    def empty_words(self) -> str:
        """It may be gone already, or name nobody."""
        return f"{self._binding} is gone, or binds nobody"

    def headline(self) -> Sequence[Line]:
        """Which binding."""
        told = "who would lose what, were it not there; nothing is changed here"
        return [self.ztui.title_line(f"Without {self._binding}"), Line("head:note", (cell(told, "dim"),))]
