"""Incidents: what goes on now, by workload, worst first; and the page of one, from its first signal to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from screens.base import WIDE, FrameScreen
from screens.lines import LIST_KEYS, ListScreen
from screens.live import Question
from screens.page import PageScreen
from widgets.arrange import Column
from widgets.lines import LineChosen
from widgets.prompt import Prompt
from ztui.errors import ZtuiError
from ztui.kinds.base import Ref
from ztui.kinds.incident import PHASES, Incident
from ztui.panes.base import Line, cell, prose
from ztui.panes.incidents import TITLES, headline, incident_lines, incident_of
from ztui.view import View

if TYPE_CHECKING:
    from screens.app import ZtuiApp
    from ztui.core import Core


class OfIncident(FrameScreen):
    """A screen about one incident: its state, and the evidence about it. A subclass sets ``incident``, its id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "advance", show=False, id="incident-state"),
        Binding("E", "evidence", show=False, id="evidence"),
    ]
    incident = ""

    def found(self) -> Incident | None:
        """The incident as it is now; ``None`` where it is not kept any more."""
        return self.ztui.frame.incidents.get(self.incident)

    def action_advance(self) -> None:
        """Acknowledge at once; every later state is typed, with what there is to say."""
        found, core = self.found(), self.ztui.core
        if found is None or core is None:
            return
        if found.phase == "new":
            core.act(self.incident, "", "acknowledged")
        else:
            self.query_one(Prompt).ask(":", f"state {self.incident} {following(found)} ")
            self.ztui.tell("Enter sets this state, with what you type behind it; Esc leaves it as it is")

    def action_evidence(self) -> None:
        """Keep what can be known, before anything is done."""
        found = self.found()
        if found is not None:
            keep_evidence(self.ztui, found)


class IncidentScreen(OfIncident, PageScreen):
    """One incident, followed live."""

    TITLE_WORDS = "Incident"
    GONE = "this incident is not kept any more"
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("f", "contain"),
        ("b", "blast radius"),
        ("E", "evidence"),
        ("L", "logs"),
        ("a", "next state"),
        ("n", "note"),
        ("Esc", "back"),
        ("↑↓", "scroll"),
        ("x", "export"),
        ("C", "copy"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "note", show=False, id="incident-note"),
        Binding("f", "contain", show=False, id="contain"),
        Binding("b", "blast", show=False, id="blast"),
        Binding("L", "logs", show=False, id="logs"),
    ]

    def __init__(self, name: str, ref: Ref | None) -> None:
        super().__init__(ref)
        self.incident = name

    def question(self) -> Question:
        """The incident."""
        return incident_of, (self.incident,)

    def keys(self) -> Sequence[tuple[str, str]]:
        """The first key says what it would do now."""
        found = self.found()
        about = "" if found is None else following(found)
        return tuple((key, about if about and name == "next state" else name) for key, name in super().keys())  # noqa: SIM118

    def action_contain(self) -> None:
        """What can be done about it, in order."""
        from screens.contain import ContainScreen  # noqa: PLC0415  only where it is asked

        self.app.push_screen(ContainScreen(self.incident))

    def action_blast(self) -> None:
        """What could be reached from here."""
        from screens.blast import BlastScreen  # noqa: PLC0415  only where it is asked

        if self._ref is None:
            self.ztui.tell("it is about nothing that has a name")
        else:
            self.app.push_screen(BlastScreen(str(self._ref)))

    def action_logs(self) -> None:
        """The last lines that its containers wrote."""
        core = self.ztui.core
        if core is None or self._ref is None:
            self.ztui.tell("it is about nothing that writes a log")
        else:
            self.run_worker(self._read_logs(core, self._ref), group="logs", exclusive=True, exit_on_error=False, name="logs")

    async def _read_logs(self, core: Core, ref: Ref) -> None:
        from screens.help import TextScreen  # noqa: PLC0415  only where it is asked

        try:
            found = await core.tails(ref)
        except ZtuiError as error:
            self.ztui.tell(str(error))
            return
        lines = [Line("none", (cell(f"{ref} has no pod that writes a log", "dim"),))] if not found else []
        for tail in found:
            lines.append(Line(f"head:{tail.what}", (cell(tail.what, "strong"),)))
            lines += [Line(f"why:{tail.what}", (prose(tail.problem, "unknown"),), depth=1)] if tail.problem else []
            lines += [Line(f"{tail.what}:{at}", (prose(text),), depth=1) for at, text in enumerate(tail.lines)]
        if self.is_current:
            self.app.push_screen(TextScreen("Logs", lines))

    def action_note(self) -> None:
        """Write down what somebody should know."""
        self.query_one(Prompt).ask(":", f"note {self.incident} ")


def keep_evidence(app: ZtuiApp, incident: Incident) -> None:
    """Begin a bundle about what an incident is about, its signals included."""
    from screens.blast import capture  # noqa: PLC0415  only where it is asked

    if not incident.things:
        app.tell("it is about nothing that has a name: there is nothing to capture")
    else:
        capture(app, str(incident.things[0]), incident)


def following(incident: Incident) -> str:
    """The state after that of an incident; from the last one back to the first but one."""
    at = PHASES.index(incident.phase) + 1
    return PHASES[at] if at < len(PHASES) else "acknowledged"


class IncidentsScreen(ListScreen):
    """Screen ``i``."""

    TITLE_WORDS = "Incidents"
    COLUMNS = (
        Column(TITLES[0], 1, fixed=True),
        Column(TITLES[1], 8, fixed=True),
        Column(TITLES[2], 12),
        Column(TITLES[3], 8),
        Column(TITLES[4], flex=3, least=16),
        Column(TITLES[5], flex=4, least=16),
        Column(TITLES[6], flex=2, least=10, wide=WIDE),
        Column(TITLES[7], 5, wide=WIDE),
        Column(TITLES[8], 8, wide=WIDE),
    )
    GROUPED_BY = ("namespace",)
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "what happened"),
        ("f", "contain"),
        ("/", "filter"),
        *LIST_KEYS,
        ("s", "sort"),
        ("x", "export"),
        ("o", "overview"),
    )

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f", "contain", show=False, id="contain")]

    def action_contain(self) -> None:
        """What can be done about the one under the cursor, in order."""
        from screens.contain import ContainScreen  # noqa: PLC0415  only where it is asked

        if self.chosen_key():
            self.app.push_screen(ContainScreen(self.chosen_key()))

    def question(self) -> Question:
        """All incidents."""
        return incident_lines, ()

    def headline(self) -> Sequence[Line]:
        """How many are open, and what cannot be heard."""
        title, *rest = headline(View(self.ztui.frame.state))
        return [self.ztui.title_line(title.cells[0].text), *rest]

    def empty_words(self) -> str:
        """Nothing was told that matters."""
        return "no incident: nothing that is heard tells of one"

    def on_line_chosen(self, event: LineChosen) -> None:
        """Open one."""
        line = self.table.current
        self.app.push_screen(IncidentScreen(event.key, line.ref if line is not None else None))
