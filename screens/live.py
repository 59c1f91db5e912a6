"""LiveScreen: a screen whose lines are found by the core, and found again when the cluster has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from screens.base import FrameScreen
from ztui.frame import Frame

Question = tuple[Callable[..., Any], tuple[Hashable, ...]]
"""A pure function of a view, and its arguments."""


class LiveScreen(FrameScreen):
    """Asks one question at a time; a newer state is asked when the answer is there, so a flood cannot starve the screen.

    A subclass gives ``question``, and shows what ``answer`` holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answer: Any = None
        self.problem = ""
        self._answered: tuple[Question, int] | None = None
        self._is_asking = False
        self._kept: Question | None = None

    def question(self) -> Question:
        """What this screen wants to know now."""
        raise NotImplementedError

    def follow(self, frame: Frame) -> None:
        """Ask where the question or the state is another than what was answered."""
        if not self._is_asking and self._answered != (self.question(), frame.state.tick):
            self._is_asking = True
            self.run_worker(self._ask(), group="look", name="look")

    def on_unmount(self) -> None:
        """Off the screen it costs nothing."""
        self._release()

    async def _ask(self) -> None:
        question, tick = self.question(), self.ztui.frame.state.tick
        if self._kept not in {None, question}:
            self._release()
            self.answer = None
        self._kept = question
        found, self.problem = self.answer, ""
        try:
            found = await self.ztui.derive(question[0], *question[1])
        except Exception as error:  # noqa: BLE001  a bug in one pane must not cost the others
            self.problem = f"this pane failed: {type(error).__name__}: {error}"
        finally:
            self._is_asking = False
        self._answered = (question, tick)
        if question == self.question():
            self.answer = found
        self.draw_all()

    def _release(self) -> None:
        if self._kept is not None:
            self.ztui.release(self._kept[0], *self._kept[1])
            self._kept = None
