"""The dialog that takes a whole session back: all that goes, newest first, what stays and why, and one consent for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from screens.agree import AgreeScreen
from ztui.changes.batch import new_batch
from ztui.changes.ledger import rewind_lines
from ztui.changes.rewind import LIMITS, Rewind, look, turn
from ztui.panes.base import Line
from ztui.text import clean

if TYPE_CHECKING:
    from ztui.changes.desk import Desk
    from ztui.changes.preview import Preview
    from ztui.recipes.base import RiskClass


class RewindScreen(AgreeScreen):
    """Takes back what one session has made. What was taken back already is in the journal: looking again goes on from there."""

    TITLE_WORDS = "Take back"
    MOST: ClassVar[Mapping[RiskClass, int]] = LIMITS

    def __init__(self, session: str) -> None:
        super().__init__()
        self._session = session
        self._rewind = Rewind(session)
        self._batch = new_batch(0)

    def head(self) -> str:
        """The session."""
        return f"Take back session {clean(self._session)}"

    def title_of(self, previews: Sequence[Preview]) -> str:
        """The session, and how much of it goes."""
        return f"{self.head()}: {len(previews)} change{'s' if len(previews) > 1 else ''}"

    def above(self) -> list[Line]:
        """What goes and what stays, a line each."""
        return rewind_lines(self._rewind) if self._stage != "looking" else []

    async def previewed(self, desk: Desk) -> tuple[Preview, ...]:
        """The undo of everything that still stands."""
        self._rewind = Rewind(self._session)
        self._rewind = await look(desk, self._session, self._tell)
        if self._batch is not None:
            self._batch = self._batch.with_left(len(self._rewind.previews))
        return self._rewind.previews

    async def turn(self, at: int) -> Preview:
        """Look again where one before it was about the same object."""
        assert self._desk is not None  # noqa: S101  there is no consent without one
        return await turn(self._desk, self._rewind, at)

    def is_ready(self, at: int) -> bool:
        """What is in the way of a late one may go with those before it."""
        return at in self._rewind.late or super().is_ready(at)

    def go_on_with_the_rest(self) -> None:
        """Count on from where it stopped."""
        if self._batch is not None:
            self._batch = self._batch.after(len(self._outcomes))
