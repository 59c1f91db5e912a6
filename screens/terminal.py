"""The terminal at its worst: what the framework's driver does not survive is mended here.

Pastes without an end, signals, and text that slipped the gate; the driver itself is in ``driver``.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter

from ztui.text import clean

if TYPE_CHECKING:
    from textual.app import App

PASTE_BEGIN: Final = "\x1b[200~"
PASTE_END: Final = "\x1b[201~"
PASTE_S: Final = 2.0
PASTE_LIMIT: Final = 64 * 1024
LEAVE_S: Final = 1.5


class PasteGuard:
    """Looks at what the terminal sends before the parser does: a paste is cut at 64 KiB, and ends after 2 s."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._size = 0

    def feed(self, text: str, now: float) -> str:
        """What the parser may see of this text."""
        out: list[str] = []
        for part in re.split(f"({re.escape(PASTE_BEGIN)}|{re.escape(PASTE_END)})", text):
            if part == PASTE_BEGIN and self._since is None:
                self._since, self._size = now, 0
                out.append(part)
            elif part == PASTE_END and self._since is not None:
                self._since = None
                out.append(part)
            elif self._since is not None:
                out.append(part[: max(0, PASTE_LIMIT - self._size)])
                self._size += len(part)
            elif part not in (PASTE_BEGIN, PASTE_END):
                out.append(part)
        return "".join(out)

    def tick(self, now: float) -> str:
        """The end mark that never came; empty while there is time."""
        if self._since is None or now - self._since < PASTE_S:
            return ""
        self._since = None
        return PASTE_END


class VisibleControls(LineFilter):
    """The second filter: a control character that is about to be painted becomes a visible escape, and is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.caught = 0

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Check every piece of a line; nearly all pass as they are."""
        del background
        if all(_harmless(segment.text) for segment in segments):
            return segments
        return [segment if _harmless(segment.text) else self._mended(segment) for segment in segments]

    def _mended(self, segment: Segment) -> Segment:
        self.caught += 1
        return Segment(clean(segment.text), segment.style, segment.control)


def _harmless(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or clean(text) == text


def driver_class() -> type[Driver] | None:
    """The driver to use; ``None`` for the framework's own where there is no POSIX terminal."""
    if sys.platform == "win32":
        return None
    from screens.driver import SturdyDriver  # noqa: PLC0415  exists on POSIX only

    return SturdyDriver


def leave(app: App[int], status: int) -> None:
    """End the app from any thread; a terminal that blocks the goodbye does not keep the process."""
    timer = threading.Timer(LEAVE_S, os._exit, (status,))
    timer.daemon = True
    timer.start()
    app.call_later(app.exit, status)


def harden(app: App[int]) -> None:
    """Signals and the second filter. To be called from inside the running app."""
    app._filters.append(VisibleControls())
    loop = asyncio.get_running_loop()
    for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        loop.add_signal_handler(number, leave, app, status)


def local_svg(svg: str) -> str:
    """A saved screen without the addresses of fonts: a picture must not call anybody."""
    return re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
