"""Policy: who may reach whom, who may do what, what is refused at admission, and whom the mesh lets call."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, Final

from textual.binding import Binding, BindingType

from screens.help import TextScreen
from screens.lines import LIST_KEYS, MARK_KEYS, LinesScreen
from screens.live import Question
from screens.tabs import Tab, TabbedScreen
from screens.whocan import WhoCanScreen
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.kinds.base import Ref
from ztui.panes.access import access_lines
from ztui.panes.admission import admission_lines
from ztui.panes.base import Line, cell, prose
from ztui.panes.mesh import mesh_lines
from ztui.panes.reach import LEGEND, NOTE, ReachPane, group_lines, passage_lines, reach_pane
from ztui.text import mark_name

_RULER: Final = "1234567890" * 10


TABS: Final[tuple[Tab, ...]] = (
    Tab(
        "Reach",
        (
            Column("#", 3, fixed=True),
            Column("group", flex=3, least=20, fixed=True),
            Column("pods", 5),
            Column("called by", 9),
            Column("may call", 8),
            Column("ports", flex=2, least=8),
            Column(_RULER, flex=4, least=10, name="matrix"),
        ),
        reach_pane,
        "no pods",
    ),
    Tab(
        "Who can",
        (
            Column("question", flex=3, least=24, fixed=True),
            Column("subjects", 8),
            Column("everywhere", 10),
            Column("everybody", flex=2, least=10),
            Column("which means", flex=4, least=10),
        ),
        access_lines,
        "nothing to ask",
    ),
    Tab(
        "Admission",
        (
            Column("engine", 12),
            Column("name", flex=3, least=16, fixed=True),
            Column("mode", 8),
            Column("where", flex=2, least=14),
            Column("controls", 9),
            Column("found", 6),
            Column("fails", 6),
        ),
        admission_lines,
        "nothing looks at requests here",
    ),
    Tab(
        "Mesh",
        (
            Column("workload", flex=3, least=18, fixed=True),
            Column("mesh", 9),
            Column("may call it", flex=5, least=18),
            Column("denied", flex=1, least=8),
            Column("by", flex=3, least=12),
            Column("but", 12),
        ),
        mesh_lines,
        "no workload here is in the mesh",
        ("namespace",),
    ),
)


class PolicyScreen(LinesScreen, TabbedScreen):
    """Screen ``p``."""

    TITLE_WORDS = "Policy"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "open"),
        ("Tab", "next tab"),
        ("t", "ask"),
        ("s", "sort"),
        ("/", "filter"),
        *LIST_KEYS,
        ("y", "YAML"),
        ("x", "export"),
        ("o", "overview"),
    )
    TABS = TABS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "ask", show=False, id="ask")]

    def __init__(self, tab: str = "") -> None:
        super().__init__()
        self.begin_at(tab)

    def question(self) -> Question:
        """The pane of the tab, for the namespace that is looked at."""
        return self.tab.pane, (self.ztui.settings.namespace or "",)

    def lines(self) -> Sequence[Line]:
        """The lines of the answer."""
        return self.answer.lines if isinstance(self.answer, ReachPane) else self.answer or ()

    def headline(self) -> Sequence[Line]:
        """The tabs, and what the table cannot show."""
        lines = [self.tabs_line()]
        if isinstance(self.answer, ReachPane):
            told = f"{self.answer.groups} groups of {self.answer.pods} pods that no policy tells apart; {LEGEND}"
            lines.append(Line("head:legend", (cell(told, "dim"),)))
            lines += [Line(f"head:gap{at}", (cell(text, "unknown"),)) for at, text in enumerate(self.answer.gaps)]
        return lines

    def action_ask(self) -> None:
        """Begin the question of this tab on the command line, with what the cursor is on."""
        line = self.table.current
        start = "who-can " if self.tab.name == "Who can" else "can-reach "
        if start == "can-reach " and line is not None and line.ref is not None:
            start += f"{line.ref.namespace}/{line.ref.name} "
        self.ask_command(start)

    def on_line_chosen(self, event: LineChosen) -> None:
        """A group opens with every other; a question opens its answer."""
        line = event.table.current
        if line is None:
            return
        if event.key.startswith("group:") and line.ref is not None:
            self.app.push_screen(GroupScreen(line.ref))
        elif event.key.startswith(("control:", "unseen:", "calls:")):
            by = [Line(f"by:{at}", (prose(f"    by {mark_name(str(ref))}", "dim"),), ref=ref) for at, ref in enumerate(line.by)]
            self.app.push_screen(TextScreen(self.tab.name, [Line("told", (line.cells[-1],)), *by]))
        elif event.key.startswith("ask:"):
            self.app.push_screen(WhoCanScreen(*event.key.removeprefix("ask:").split()))


class GroupScreen(LinesScreen):
    """One group with every other: who may call it, and whom it may call."""

    TITLE_WORDS = "Reach of a group"
    COLUMNS = (
        Column("", 6, fixed=True),
        Column("group", flex=3, least=20, fixed=True),
        Column("answer", 8),
        Column("open ports", flex=2, least=8),
        Column("decided by", flex=4, least=16),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("Enter", "explain"),
        ("s", "sort"),
        ("/", "filter status:allowed"),
        *MARK_KEYS,
        ("y", "YAML"),
        ("x", "export"),
    )

    def __init__(self, ref: Ref) -> None:
        super().__init__()
        self._ref = ref

    def question(self) -> Question:
        """This group."""
        return group_lines, (self._ref,)

    def empty_words(self) -> str:
        """The group may be gone."""
        return f"nothing that is called {self._ref} runs any more"

    def headline(self) -> Sequence[Line]:
        """Which group."""
        return [self.ztui.title_line(f"Reach of {self._ref}"), Line("head:note", (cell(NOTE, "dim"),))]

    def on_line_chosen(self, event: LineChosen) -> None:
        """The connection in full."""
        line = event.table.current
        if line is None or line.ref is None:
            return
        mine, other = _place(self._ref), _place(line.ref)
        pair = (other, mine) if event.key.startswith("in:") else (mine, other)
        self.app.push_screen(PassageScreen(*pair))


class PassageScreen(LinesScreen):
    """Can A reach B: each port with what decides on each side."""

    TITLE_WORDS = "Can reach"
    COLUMNS = (
        Column("port", 10, fixed=True),
        Column("answer", 8),
        Column("", 7, name="way"),
        Column("side", 8),
        Column("decided by", flex=1, least=30),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Esc", "back"),
        ("y", "YAML of what decides"),
        *MARK_KEYS,
        ("C", "copy"),
        ("x", "export"),
    )

    def __init__(self, src: str, dst: str, port: str = "") -> None:
        super().__init__()
        self._asked: tuple[str, str, str] = (src, dst, port)

    def question(self) -> Question:
        """The two ends and the port."""
        arguments: tuple[Hashable, ...] = (*self._asked, self.ztui.settings.namespace or "")
        return passage_lines, arguments

    def headline(self) -> Sequence[Line]:
        """The question."""
        src, dst, port = self._asked
        asked = f"Can {src} reach {dst}{f' on {port}' if port else ''}?"
        return [self.ztui.title_line(asked), Line("head:note", (cell(NOTE, "dim"),))]


def _place(ref: Ref) -> str:
    return f"{ref.namespace}/{ref.kind.lower()}/{ref.name}"
