"""The remediation dialog: choose a recipe, answer what only a person knows, then look and agree; or take a change back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from screens.agree import AgreeScreen
from ztui.changes import shown
from ztui.changes.batch import new_batch
from ztui.panes.base import Line
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.changes.desk import Desk
    from ztui.changes.preview import Preview
    from ztui.kinds.base import Ref
    from ztui.recipes.base import Question, Recipe


class ChangeScreen(AgreeScreen):
    """One change, from the choice of a recipe to its outcome. ``found`` are the recipes, ``known`` what the finding says.

    ``more`` are further objects that the same recipe mends under the same consent; ``undo`` is a change to take back.
    """

    TITLE_WORDS = "Fix"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("U", "take_back", show=False),
        *(Binding(str(number), f"choose({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(
        self,
        ref: Ref,
        found: Sequence[Recipe],
        known: Mapping[str, str] | None = None,
        *,
        more: Sequence[Ref] = (),
        undo: str = "",
    ) -> None:
        super().__init__()
        self._ref = ref
        self._refs = (ref, *more)
        self._found = tuple(found)
        self._known = dict(known or {})
        self._undo = undo
        self._stage = "looking" if undo or len(found) == 1 else "choosing"
        self._card = found[0] if len(found) == 1 else None
        self._answers: dict[str, str] = {}
        self._batch = new_batch(len(self._refs)) if more else None

    def stage_keys(self) -> list[tuple[str, str]]:
        """The recipes by number; after it, the way back."""
        if self._stage == "choosing":
            return [(str(at), card.id) for at, card in enumerate(self._found, 1)]
        is_done = self._stage in {"done", "failed"} and len(self._outcomes) == 1 and self._outcomes[0].undo
        return [("U", "take it back")] if is_done else []

    def head(self) -> str:
        """The object, and how many more."""
        head = f"Take back {self._undo}" if self._undo else f"Fix {clean(str(self._ref), limit=120)}"
        return f"{head} and {len(self._refs) - 1} more" if len(self._refs) > 1 else head

    def _lines(self) -> list[Line]:
        return shown.choices(self._found) if self._stage == "choosing" else super()._lines()

    def waiting(self) -> str:
        """What it would be, while it is asked about."""
        if self._stage == "answering" and self._card is not None:
            return f"{self._card.title} ({self._card.id}, {self._card.risk_class}). Nothing is sent before you have seen it all."
        return super().waiting()

    def question(self) -> str:
        """What only a person knows."""
        asked = self._asked() if self._stage == "answering" else None
        return f"{asked.text}: {self._typed}▏" if asked is not None else ""

    def _begin(self) -> None:
        """Ask what only a person knows, then look."""
        asked = None if self._undo else self._asked()
        if asked is not None:
            self._typed = asked.proposal(self._known)
            self._enter("answering")
        else:
            self._look()

    def _asked(self) -> Question | None:
        if self._card is None:
            return None
        return next((item for item in self._card.asks if item.name not in self._answers), None)

    async def previewed(self, desk: Desk) -> tuple[Preview, ...]:
        """The undo, or what the recipe would make of each object; what one of them does for another too is done once."""
        if self._undo:
            return (await desk.preview_undo(self._undo),)
        assert self._card is not None  # noqa: S101  nothing is looked at before one is chosen
        found: dict[Ref, Preview] = {}
        for at, ref in enumerate(self._refs, 1):
            if len(self._refs) > 1:
                self._tell(f"looking at {at} of {len(self._refs)}")
            new = await desk.preview(self._card, ref, self._answers)
            if not new.plan.writes or all(new.plan.writes != item.plan.writes for item in found.values()):
                found[ref] = new
        if self._batch is not None:
            self._batch = self._batch.with_left(len(found))
        self._refs = tuple(found)
        return tuple(found.values())

    def action_choose(self, number: int) -> None:
        """Take one of the recipes."""
        if self._stage == "choosing" and 0 < number <= len(self._found):
            self._card = self._found[number - 1]
            self._begin()

    def go_on_with_the_rest(self) -> None:
        """Of a batch that stopped, look at those that were not begun."""
        if self._left and self._batch is not None:
            self._batch = self._batch.after(len(self._outcomes))
            self._refs = self._refs[len(self._outcomes) :]
            self._ref = self._refs[0]

    def action_take_back(self) -> None:
        """Look at the undo of what was just done."""
        if self._stage == "done" and len(self._outcomes) == 1 and self._outcomes[0].undo:
            self.app.push_screen(ChangeScreen(self._ref, (), undo=self._outcomes[0].change))

    def go_on(self) -> None:
        """Enter answers a question."""
        if self._stage != "answering":
            super().go_on()
            return
        asked = self._asked()
        if asked is not None:
            self._answers[asked.name] = self._typed.strip()
        self._typed = ""
        self._begin()
