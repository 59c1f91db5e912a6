"""The POSIX driver: survives bytes that are no UTF-8, a terminal that hangs up, and a link that does not take what is written."""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from codecs import getincrementaldecoder
from typing import Final

from textual._xterm_parser import XTermParser  # the driver's own parser; there is no public name for it
from textual.drivers.linux_driver import LinuxDriver

from screens.terminal import PasteGuard, leave

QUEUE_ROOM: Final = 4
LOOK_S: Final = 0.5


class SturdyDriver(LinuxDriver):
    """The POSIX driver that survives bad input and a terminal that is not read."""

    def write(self, data: str) -> None:
        """Queue for the terminal; a terminal that does not keep up loses frames, not the program its loop."""
        thread = self._writer_thread
        if thread is None:
            return
        queue = thread._queue
        if queue.qsize() >= (queue.maxsize or 30) - QUEUE_ROOM and len(data) > 64:
            self._catch_up()
            return
        super().write(data)

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

    def _hung_up(self) -> None:
        """The terminal is gone: nobody can see or stop us, so we go too."""
        leave(self._app, 129)

    def _catch_up(self) -> None:
        """Paint everything once the terminal reads again; frames in between are not worth keeping."""
        if getattr(self, "_catching", False):
            return
        self._catching = True
        loop = asyncio.get_running_loop()

        def look() -> None:
            thread = self._writer_thread
            if thread is None:
                return
            if thread._queue.qsize():
                loop.call_later(LOOK_S, look)
                return
            self._catching = False
            self._app.refresh(repaint=True, layout=True)

        loop.call_later(LOOK_S, look)


def _read(fileno: int) -> bytes:
    try:
        return os.read(fileno, 4096)
    except OSError:
        return b""
