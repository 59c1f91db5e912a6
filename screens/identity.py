"""Identity: a line for each workload, user and group, and the whole chain of one in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from screens.base import VERY_WIDE, WIDE
from screens.lines import LIST_KEYS, Once
from screens.live import Question
from screens.page import PageScreen
from screens.switch import FaultsOnly
from screens.tabs import Tab, TabbedScreen
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.panes.base import Kept, Line, cell
from ztui.panes.identity import TITLES, identity_line, identity_lines, workload_page
from ztui.panes.people import COLUMNS as PEOPLE_COLUMNS
from ztui.panes.people import TITLES as PEOPLE_TITLES
from ztui.panes.people import UsersPane, people_lines, person_page, users_pane
from ztui.panes.workloads import COLUMNS, all_rows, rows

_WIDTHS: Final = {"token": 12, "certificate": 9, "mtls": 11, "node": 14, "risk": 14}
_WIDE: Final = {
    "account": WIDE,
    "image": WIDE,
    "token": VERY_WIDE,
    "identity": VERY_WIDE,
    "certificate": VERY_WIDE,
    "node": VERY_WIDE,
}


def _column(name: str) -> Column:
    title, wide = TITLES[name], _WIDE.get(name, 0)
    if name in _WIDTHS:
        return Column(title, _WIDTHS[name], name=name, wide=wide)
    return Column(title, flex=2, least=10, name=name, wide=wide)


_PERSON: Final[dict[str, dict[str, Any]]] = {
    "login": {"flex": 2, "least": 14},
    "groups": {"flex": 3, "least": 12, "wide": WIDE},
    "rights": {"width": 16},
    "grants": {"flex": 2, "least": 14, "wide": WIDE},
    "seen": {"width": 16, "wide": WIDE},
    "state": {"width": 8},
}


class IdentityScreen(FaultsOnly, TabbedScreen):
    """Screen ``w``: workloads, and the people."""

    TITLE_WORDS = "Identity"
    TABS = (
        Tab(
            "Workloads",
            (Column("workload", flex=4, least=22, fixed=True), *map(_column, COLUMNS)),
            all_rows,
            "no workload runs here",
            ("namespace", "node"),
        ),
        Tab(
            "Users",
            (
                Column("name", flex=3, least=16, fixed=True),
                Column("kind", 5, fixed=True),
                *(Column(PEOPLE_TITLES[name], name=name, **_PERSON[name]) for name in PEOPLE_COLUMNS),
            ),
            users_pane,
            "no user, and no group that holds a grant",
        ),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "the whole chain"),
        ("Tab", "next tab"),
        ("z", "faults only"),
        ("/", "filter"),
        *LIST_KEYS,
        ("s", "sort"),
        ("y", "YAML"),
        ("x", "export"),
        ("o", "overview"),
    )

    def __init__(self, tab: str = "") -> None:
        super().__init__()
        self._once, self._kept_lines = Once(), Kept(identity_line)
        self.begin_at(tab)

    def question(self) -> Question:
        """The workloads of the cluster, or of the one namespace that is judged; or everybody who is a user."""
        mine = (self.ztui.cell_of, self.ztui.settings.namespace or "") if self.tab.pane is all_rows else ()
        return self.tab.pane, mine

    def lines(self) -> Sequence[Line]:
        """One line for each workload, or for each user and group."""
        return self._once.of(self._made, self.answer, self.faults_only)

    def _made(self, answer: Any, faults_only: bool) -> Sequence[Line]:
        if isinstance(answer, UsersPane):
            return people_lines(answer.rows, faults_only=faults_only)
        return identity_lines(answer, faults_only=faults_only, kept=self._kept_lines)

    def headline(self) -> Sequence[Line]:
        """The tabs, how many there are, and what is not shown."""
        if not isinstance(self.answer, UsersPane):
            count = "" if self.answer is None else f"{len(self.answer)}, the most at risk first   "
            return [self.tabs_line(f"{count}▸ weakest link   * derived")]
        admins = sum(row.of.is_admin for row in self.answer.rows)
        words = f"{len(self.answer.rows)} users and groups, {admins} may do everything"
        notes = [Line(f"head:note{at}", (cell(text, "dim"),)) for at, text in enumerate(self.answer.notes)]
        return [self.tabs_line(words), *notes]

    def empty_words(self) -> str:
        """Nothing runs, nobody is known, or nothing is at fault."""
        return "no faults here" if self.faults_only else super().empty_words()

    def on_line_chosen(self, event: LineChosen) -> None:
        """Open the chain of the workload, or everything about the user."""
        line = event.table.current
        if event.key.startswith("person:"):
            self.app.push_screen(PersonScreen(event.key.removeprefix("person:")))
        elif line is not None and line.ref is not None:
            self.app.push_screen(WorkloadScreen(line.ref))


class WorkloadScreen(PageScreen):
    """One workload: the chain from its caller to its secrets, followed live."""

    TITLE_WORDS = "Workload"
    GONE = "this workload is gone, or none of its pods is alive"

    def question(self) -> Question:
        """The workloads of its namespace."""
        return rows, (self.ztui.cell_of, self._ref.namespace if self._ref else "")

    def page(self) -> Sequence[Line]:
        """Its chain."""
        row = next((item for item in self.answer if item.unit == self._ref), None)
        return workload_page(row) if row is not None else ()


class PersonScreen(PageScreen):
    """One user or group: logins, groups, grants, and the steps to more, followed live."""

    TITLE_WORDS = "User"
    GONE = "no object names it any more"

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def question(self) -> Question:
        """Everybody: whether it is still one of them is part of the answer."""
        return users_pane, ()

    def page(self) -> Sequence[Line]:
        """Everything about it."""
        row = next((item for item in self.answer.rows if item.of.who == self._who), None)
        self._ref = row.of.ref if row is not None else None
        return person_page(row) if row is not None else ()
