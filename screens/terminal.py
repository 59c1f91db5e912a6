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
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter

from ztui.text import clean, plain
from ztui.words import ASCII_GLYPHS, GLYPHS

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


class AsciiOnly(LineFilter):
    """For a terminal that takes no Unicode: every character becomes ASCII of the same width, so that columns stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace what is not ASCII."""
        del background
        return [
            segment if segment.text.isascii() else Segment(as_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def as_ascii(text: str) -> str:
    """The same text in ASCII, as wide as before."""
    return "".join(char if char.isascii() else _ASCII.get(char) or _simple(char) for char in text)


def _simple(char: str) -> str:
    if 0x2500 <= ord(char) < 0x2580:
        return (
            "-" if unicodedata.name(char, "").endswith("HORIZONTAL") else ("|" if "VERTICAL" in unicodedata.name(char) else "+")
        )
    return ("#" if 0x2580 <= ord(char) < 0x25A0 else "?") * cell_len(char)


_ASCII: Final = {
    **{GLYPHS[status]: glyph for status, glyph in ASCII_GLYPHS.items()},
    **dict(zip("▸▾●·…–—±░▁▂▃▄▅▆▇→←↑↓≠×§“”’≤≥│─", ">v*..--~._:-=+*%" + '><^v!xS""\'<>|-', strict=True)),
}


def takes_unicode() -> bool:
    """Whether the terminal's encoding has our glyphs."""
    try:
        "✔█─".encode(getattr(sys.__stderr__, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


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
    if not takes_unicode():
        app._filters.append(AsciiOnly())
    # Whoever had the terminal in between has written over it, and the framework only paints what changed.
    app.app_resume_signal.subscribe(app, lambda _: app.refresh(repaint=True, layout=True))
    loop = asyncio.get_running_loop()
    for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        loop.add_signal_handler(number, leave, app, status)


@contextmanager
def stepped_aside(app: App[int], program: str) -> Iterator[None]:
    """Leave the terminal to a program. Ctrl-C is for it, not for us: a handler, because it would inherit an ignored signal."""
    loop = asyncio.get_running_loop()
    with app.suspend():
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, lambda *_: None)
        sys.stderr.write(f"ztui: {plain(clean(program, limit=100))} has the terminal; Ctrl-C ends it\n")
        sys.stderr.flush()
        try:
            yield
        finally:
            loop.add_signal_handler(signal.SIGINT, leave, app, 130)


def local_svg(svg: str) -> str:
    """A saved screen without the addresses of fonts: a picture must not call anybody."""
    return re.sub(r"@font-face\s*{.*?}", "", svg, flags=re.DOTALL)
