"""The POSIX driver: survives bytes that are no UTF-8, a terminal that hangs up, and a link that does not take what is written."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import time
from codecs import getincrementaldecoder
from functools import cached_property
from queue import Full
from typing import Final

from textual._xterm_parser import XTermParser  # the driver's own parser; there is no public name for it
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Resize
from textual.geometry import Size

from screens.paint import Shown
from screens.terminal import PasteGuard, leave

QUEUE_ROOM: Final = 4
SHORT: Final = 64
LOOK_S: Final = 0.5
GOODBYE_S: Final = 0.3


class SturdyDriver(LinuxDriver):
    """The POSIX driver that survives bad input and a terminal that is not read."""

    _leaving = False
    _catching = False

    @cached_property
    def shown(self) -> Shown:
        """What the terminal shows."""
        return Shown()

    def write(self, data: str) -> None:
        """Queue for the terminal; a terminal that does not keep up loses frames, not the program its loop.

        While the terminal belongs to somebody else (suspended, or gone) there is no thread that writes, and nothing is kept. The
        goodbye may wait a moment for room.
        """
        thread = self._writer_thread
        if thread is None or not thread.is_alive():
            return
        room = thread._queue.maxsize - thread._queue.qsize()
        try:
            if room <= QUEUE_ROOM and len(data) > SHORT and not self._leaving:
                raise Full  # noqa: TRY301  the same answer for both
            thread._queue.put(data, block=self._leaving, timeout=GOODBYE_S)
        except Full:
            self._catch_up()

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self._leaving = self._catching = False
        self.shown.forget()
        super().start_application_mode()  # type: ignore[no-untyped-call]  # the framework's own has no annotation
        # Its own handler may be interrupted by the next signal, and then the older size is told last; the loop calls in turn.
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._resized)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        self._leaving = True
        super().stop_application_mode()

    def run_input_thread(self) -> None:
        """Read keys until the terminal is gone."""
        selector = selectors.SelectSelector()
        selector.register(self.fileno, selectors.EVENT_READ)
        parser, guard = XTermParser(self._debug), PasteGuard()
        decode = getincrementaldecoder("utf-8")("replace").decode
        try:
            while not self.exit_event.is_set():
                text = guard.tick(time.monotonic())
                if selector.select(0.1):
                    raw = _read(self.fileno)
                    if not raw:
                        self._hung_up()
                        return
                    text += guard.feed(decode(raw), time.monotonic())
                for event in (*parser.feed(text), *parser.tick()) if text else parser.tick():
                    self.process_message(event)
        finally:
            selector.close()

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(Resize(size, size))

    def _hung_up(self) -> None:
        """The terminal is gone: nobody can see or stop us, so we go too."""
        leave(self._app, 129)

    def _catch_up(self) -> None:
        """Paint everything once the terminal reads again; frames in between are not worth keeping."""
        if self._catching or self._leaving:
            return
        self._catching = True
        loop = asyncio.get_running_loop()

        def look() -> None:
            thread = self._writer_thread
            if thread is None or not thread.is_alive():
                return
            if thread._queue.qsize():
                loop.call_later(LOOK_S, look)
                return
            self._catching = False
            self.shown.forget()
            self._app.refresh(repaint=True, layout=True)

        loop.call_later(LOOK_S, look)


def _read(fileno: int) -> bytes:
    try:
        return os.read(fileno, 4096)
    except OSError:
        return b""
