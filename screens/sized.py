"""A screen is as large as the terminal is now, whatever size a late message tells."""

from __future__ import annotations

from typing import Any

from textual.geometry import Size
from textual.screen import Screen


class SizedScreen(Screen[Any]):
    """A screen that takes its size from the terminal.

    The framework lays a screen out by the size in the message, and every layout sends it another such message. Where two sizes
    are under way, each layout calls for the other one, and that never ends.
    """

    def _screen_resized(self, size: Size) -> None:
        super()._screen_resized(self.app.size)
