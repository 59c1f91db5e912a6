"""The ladder: how far each namespace has come from learning to enforcing; ``f`` takes the next step of the line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from screens.lines import LIST_KEYS, LinesScreen
from screens.live import Question
from screens.switch import FaultsOnly
from widgets.arrange import Column
from widgets.lines import LineChosen
from ztui.engines.ladder import ladder
from ztui.panes.base import Line, cell
from ztui.panes.ladder import TITLES, card_of, key_of, ladder_lines, summary


class LadderScreen(FaultsOnly, LinesScreen):
    """Screen ``R``."""

    TITLE_WORDS = "Ladder"
    COLUMNS = (
        Column(TITLES[0], flex=2, least=12, fixed=True),
        Column(TITLES[1], 18, fixed=True),
        Column(TITLES[2], 9),
        Column(TITLES[3], 4, name="rungs"),
        Column(TITLES[4], 9),
        Column(TITLES[5], flex=1, least=14),
    )
    GROUPED_BY = ("namespace",)
    KEYS: ClassVar[Sequence[tuple[str, str]]] = (
        ("f", "next step"),
        ("z", "faults only"),
        ("/", "filter"),
        *LIST_KEYS,
        ("s", "sort"),
        ("y", "YAML"),
        ("x", "export"),
        ("o", "overview"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f", "step", show=False, id="ladder.step")]

    def question(self) -> Question:
        """Every namespace of a tenant, or the one that is judged."""
        return ladder, (self.ztui.settings.namespace or "",)

    def lines(self) -> Sequence[Line]:
        """One line a control and namespace."""
        return ladder_lines(self.answer, faults_only=self.faults_only)

    def headline(self) -> Sequence[Line]:
        """How often each control is enforced."""
        told = ", ".join(summary(self.answer or ()))
        return [
            self.ztui.title_line("learn, warn, enforce: how far each namespace is"),
            *([Line("head:sum", (cell(f"enforced: {told}", "dim"),))] if self.answer else []),
        ]

    def empty_words(self) -> str:
        """Nothing to climb."""
        return "everything is enforced" if self.faults_only else "there is no namespace of a tenant"

    def on_line_chosen(self, event: LineChosen) -> None:
        """As ``f``."""
        self._take(event.key)

    def action_step(self) -> None:
        """Show what the next step of the line would do, and take it if a person agrees."""
        self._take(self.chosen_key())

    def _take(self, key: str) -> None:
        from screens.change import ChangeScreen  # noqa: PLC0415  only where something is to be changed

        found = next((item for item in self.answer or () if key_of(item) == key), None)
        card = card_of(found) if found is not None else None
        if found is None:
            self.ztui.tell("put the cursor on a line first")
        elif found.step is None:
            self.ztui.tell("nothing is left to do here by one key")
        elif card is None:
            self.ztui.tell("no one-key fix for this; g shows the steps")
        elif self.ztui.core is None:
            self.ztui.tell("there is no cluster yet")
        else:
            self.app.push_screen(ChangeScreen(found.step.on, (card,), dict(found.step.known)))
