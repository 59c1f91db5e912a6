"""Contain: the ordered list of what can be done about an incident; Enter opens one's dialog, Space leaves one out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from screens.incidents import OfIncident, keep_evidence
from screens.lines import LinesScreen
from screens.live import Question
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.frame import Frame
from ztui.panes.base import Line, cell
from ztui.panes.contain import CLOSING, EVIDENCE, TITLES, Done, contain_lines, fused_in, key_of, measures_of
from ztui.recipes.base import recipes


class ContainScreen(OfIncident, LinesScreen):
    """The measures against one incident."""

    TITLE_WORDS = "Contain"
    COLUMNS = (
        Column(TITLES[0], 2, fixed=True),
        Column(TITLES[1], 11),
        Column(TITLES[2], flex=3, least=20, fixed=True),
        Column(TITLES[3], flex=3, least=18),
        Column(TITLES[4], flex=5, least=24, wide=120),
    )
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("Enter", "look, then do it"),
        ("Space", "leave out"),
        ("E", "evidence"),
        ("a", "next state"),
        ("J", "journal"),
        ("Esc", "back"),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self.incident = name
        self._skipped: frozenset[str] = frozenset()
        self._done: tuple[Done, ...] = ()
        self._shown: tuple[Line, ...] = ()
        self._had_evidence = False

    def draw(self, frame: Frame) -> None:
        """Show a frame; once the evidence is kept, the cursor goes on to what is next."""
        found, state = self.found(), frame.state
        if found is not None:
            self._shown = contain_lines(self.answer or (), found, self._done, self._skipped, state.now, fused_in(state))
        super().draw(frame)
        kept = found is not None and found.has_evidence
        if kept and not self._had_evidence and self.answer is not None and self.chosen_key() == EVIDENCE:
            self.table.go_to(next((line.key for line in self.lines() if line.status == "open"), EVIDENCE))
        self._had_evidence = kept

    def question(self) -> Question:
        """The measures, as the cluster is now."""
        return measures_of, (self.incident,)

    def lines(self) -> Sequence[Line]:
        """The evidence, then each measure."""
        return self._shown

    def headline(self) -> Sequence[Line]:
        """What it is about, and what would be pressed now."""
        found = self.found()
        if found is None:
            return [self.ztui.title_line("this incident is not kept any more")]
        left = [line for line in self._shown if line.status == "open"]
        done = sum(line.status == "done" for line in self._shown)
        about = str(found.things[0]) if found.things else "?"
        title = self.ztui.title_line(f"{found.level} · {about} · {found.phase} · {done} done, {len(left)} left")
        if not found.has_evidence:
            words = "Enter on the first line keeps the evidence; then go down the list"
        elif done and found.phase in {"new", "acknowledged"}:
            words = "when nothing more is wanted, a brings it to contained"
        elif any(line.status == "open" and line.key.startswith(CLOSING) for line in self._shown):
            words = "it is contained: the last lines end what still tells of it, one by one"
        else:
            words = "Enter shows what a measure would do; nothing is sent before you agree"
        return [title, Line("head:next", (cell(words, "accent"),))]

    def on_mount(self) -> None:
        """Ask the journal what was done already."""
        super().on_mount()
        self._read_journal()

    def on_screen_resume(self) -> None:
        """A change may have been made."""
        super().on_screen_resume()
        self._read_journal()

    def _read_journal(self) -> None:
        self.run_worker(self._read(), group="journal", exclusive=True, exit_on_error=False, name="journal")

    async def _read(self) -> None:
        core = self.ztui.core
        changes = await core.changes() if core is not None else None
        self._done = tuple(
            Done(item.first.recipe, part.ref.namespace, part.ref.name, item.first.at)
            for item in changes or ()
            if item.state == "verified" and not item.first.undoes
            for part in item.parts
            if part.ref is not None
        )
        self.draw_all()

    def on_line_chosen(self, event: LineChosen) -> None:
        """Open the dialog of a measure; what destroys waits for the evidence."""
        from screens.change import ChangeScreen  # noqa: PLC0415  only where something is to be changed

        found = self.found()
        if found is None:
            return
        if event.key == EVIDENCE:
            self.action_evidence()
            return
        item = next((item for item in self.answer or () if key_of(item) == event.key), None)
        card = recipes().get(item.recipe) if item is not None else None
        if item is None or card is None or not item.works:
            self.ztui.tell("nothing to do here: the sentence below says why")
        elif card.risk_class == "destructive" and not found.has_evidence:
            self.ztui.tell("this destroys what could be looked at: the evidence is captured first, then press Enter again")
            keep_evidence(self.ztui, found)
        else:
            self.app.push_screen(ChangeScreen(item.on, (card,), dict(item.known)))

    def action_mark(self) -> None:
        """Leave a measure out, or take it in again."""
        key = self.chosen_key()
        if key and key != EVIDENCE:
            self._skipped = self._skipped ^ {key}
            self.draw_all()
