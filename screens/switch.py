"""The switch between all lines and the faults alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from screens.base import FrameScreen


class FaultsOnly(FrameScreen):
    """A list with a switch; ``faults_only`` says how it stands. The subclass names the key ``z`` with ``faults only``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("z", "faults", show=False, id="faults")]

    def __init__(self) -> None:
        super().__init__()
        self.faults_only = False

    def action_faults(self) -> None:
        """Show only what is not as it should be, or everything again."""
        self.faults_only = not self.faults_only
        self.draw_all()

    def keys(self) -> Sequence[tuple[str, str]]:
        """The switch says which way it goes."""
        found = super().keys()
        return tuple((key, "all lines" if about == "faults only" and self.faults_only else about) for key, about in found)
