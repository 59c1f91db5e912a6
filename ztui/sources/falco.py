"""A door on this machine for Falco: alerts that falcosidekick, or Falco's own ``http_output``, posts here.

Source: one JSON object in each POST, with ``rule``, ``priority``, ``time``, ``output`` and ``output_fields``. The door opens only
where the settings say so, on loopback alone. Whoever can post here can say anything, so nothing is done but to show it, and no
page in a browser gets that far: browsers name the origin of what they send.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from ztui.clock import Clock
from ztui.errors import ConnectError, SettingsError, ZtuiError
from ztui.health import Freshness, SideLink
from ztui.kinds.logline import FalcoLine
from ztui.store import Event, Put

LIMIT_BYTES: Final = 256 * 1024
"""Of one alert."""

READ_S: Final = 10.0
RATE: Final = 3000
BURST: Final = 10_000
"""Alerts that are taken in a second, and at once after a pause."""

BUSY: Final = 200
"""Requests that are read at the same time."""

AGAIN_S: Final = 30.0
"""Until a port that was taken is tried again."""

NOTED_S: Final = 300.0
"""For how long Health says that something was turned away."""

_OF_BROWSERS: Final = ("Origin", "Sec-Fetch-Site")


def listening(text: str) -> tuple[str, int]:
    """Host and port of ``127.0.0.1:2801``. Raises SettingsError for what is not this machine alone."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = ipaddress.ip_address(parts.hostname or ""), parts.port
    except ValueError as error:
        raise SettingsError("falco_listen cannot be used", where=text, why=str(error), next='such as "127.0.0.1:2801"') from None
    if not host.is_loopback or "@" in text or parts.netloc != text or port is None:
        why = "a port is missing" if host.is_loopback else "others could reach it: it may listen on loopback only"
        raise SettingsError("falco_listen cannot be used", where=text, why=why, next='such as "127.0.0.1:2801"')
    return str(host), port


class FalcoDoor:
    """Listens until it is cancelled; whatever goes wrong shows in its link.

    ``tried`` is set once it is known whether it can listen.
    """

    def __init__(self, listen: str, emit: Callable[[Event], None], clock: Clock) -> None:
        self._listen = listen
        self._emit = emit
        self._clock = clock
        self.tried = asyncio.Event()
        self._problem: ZtuiError | None = None
        self._address = listen
        self._is_open = False
        self._taken = self._refused = self._busy = 0
        self._refused_s: float | None = None
        self._why = ""
        self._left, self._filled_s = float(BURST), clock.monotonic()

    async def run(self) -> None:
        """Listen until cancelled. A port that is taken is tried again; an address that may not be used is not."""
        try:
            host, port = listening(self._listen)
        except SettingsError as error:
            self._problem = error
            self.tried.set()
            return
        while True:
            server = web.Server(self._answer, access_log=None)
            runner = web.ServerRunner(server, shutdown_timeout=0.1)
            try:
                await runner.setup()
                site = web.TCPSite(runner, host, port)
                await site.start()
                bound = runner.addresses[0]
                self._address = f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}"
                self._is_open, self._problem = True, None
                self.tried.set()
                await asyncio.Event().wait()
            except OSError as error:
                why = error.strerror or str(error)
                self._problem = ConnectError("nothing can be heard of Falco", where=self._listen, why=why)
                self.tried.set()
            finally:
                self._is_open = False
                await runner.cleanup()
            await self._clock.sleep(AGAIN_S)

    def link(self) -> SideLink:
        """How the door is doing."""
        problem = self._problem
        now_s = self._clock.monotonic()
        if problem is None and self._refused_s is not None and now_s - self._refused_s < NOTED_S:
            problem = ConnectError(f"turned away: {self._refused}", where=self._address, why=f"the last one: {self._why}")
        freshness = Freshness.LIVE if self._is_open else Freshness.CONNECTING if problem is None else Freshness.LOST
        return SideLink("falco", self._address, freshness, problem=problem, requests=self._taken)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            status, why = await self._take(request)
        except TimeoutError:
            status, why = 408, "it was not sent to its end"
        if status != 200:
            self._refused += 1
            self._refused_s, self._why = self._clock.monotonic(), why
        return web.Response(status=status, text=why, headers={"Connection": "close"} if status in {408, 413} else None)

    async def _take(self, request: web.BaseRequest) -> tuple[int, str]:
        """Take one alert: the status to answer with, and why."""
        if any(name in request.headers for name in _OF_BROWSERS):
            return 403, "a browser sent it"
        if request.method != "POST":
            return 405, "it is no POST"
        if request.content_type != "application/json":
            return 415, "it is not application/json"
        if (request.content_length or 0) > LIMIT_BYTES:
            return 413, f"it is larger than {LIMIT_BYTES // 1024} KiB"
        if self._busy >= BUSY:
            return 503, f"more than {BUSY} at the same time"
        if not self._may():
            return 429, f"more than {RATE} in a second"
        self._busy += 1
        try:
            async with asyncio.timeout(READ_S):
                body = await _read(request)
        finally:
            self._busy -= 1
        if body is None:
            return 413, f"it is larger than {LIMIT_BYTES // 1024} KiB"
        try:
            line = FalcoLine.read(body.decode())
        except UnicodeDecodeError:
            line = None
        if line is None or not any(line.signals()):
            return 400, "it is no alert of Falco"
        self._taken += 1
        self._emit(Put(line))
        return 200, ""

    def _may(self) -> bool:
        """Whether one more is within the rate."""
        now_s = self._clock.monotonic()
        self._left = min(float(BURST), self._left + (now_s - self._filled_s) * RATE)
        self._filled_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def _read(request: web.BaseRequest) -> bytes | None:
    """The body; ``None`` for one that is too large, however long it said to be."""
    parts: list[bytes] = []
    size_bytes = 0
    async for chunk in request.content.iter_any():
        size_bytes += len(chunk)
        if size_bytes > LIMIT_BYTES:
            return None
        parts.append(chunk)
    return b"".join(parts)
