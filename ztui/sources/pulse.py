"""Whether a target is there, and how old what we know of it is.

A kind is live while the target's heartbeat is younger than 15 s and its own stream is not overdue; then stale; a minute later
lost, which makes a gap. One request every five seconds, on its own connection, answers for all streams.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from ztui.clock import Clock
from ztui.errors import ForbiddenError, ZtuiError
from ztui.health import Freshness
from ztui.sources.guard import Progress

BEAT_S: Final = 5.0
STALE_S: Final = 15.0
LOST_S: Final = 60.0
CUT_S: Final = 44.0
"""Silence after which streams are cut: with one look more, 45 s have not passed."""

RETRY_S: Final = 2.0
LOOK_S: Final = 1.0


class Pulse:
    """The heartbeat of one target; ``back`` is told of the seconds of silence when it answers again."""

    def __init__(self, clock: Clock, ping: Callable[[], Awaitable[float]], back: Callable[[float], None]) -> None:
        self._clock = clock
        self._ping = ping
        self._back = back
        self.heard_at: float | None = None
        self.latency_s = 0.0
        self.error: ZtuiError | None = None

    async def beat(self) -> None:
        """Ask every five seconds whether the server is there, until cancelled."""
        while True:
            try:
                self.latency_s = await self._ping()
                self._heard()
            except ForbiddenError:
                self._heard()  # A server that refuses is there.
            except ZtuiError as error:
                self.error = error
            await self._clock.sleep(BEAT_S if self.error is None else RETRY_S)

    @property
    def silent_s(self) -> float:
        """Seconds since the target was last heard of; 0 before the first answer."""
        return 0.0 if self.heard_at is None else self._clock.monotonic() - self.heard_at

    def freshness(self, progress: Progress) -> tuple[Freshness, float]:
        """How fresh one kind is, and for how many seconds nothing was heard of it."""
        if progress.state == "blocked":
            return Freshness.LIVE, 0.0  # That it cannot be read is known, and asked again.
        overdue = self._clock.monotonic() - progress.alive_at - progress.due_s
        silent = max(self.silent_s - STALE_S, overdue if progress.state != "waiting" else 0.0)
        if silent <= 0:
            return Freshness.LIVE, 0.0
        return (Freshness.LOST if silent >= LOST_S else Freshness.STALE), silent + STALE_S

    def overall(self, each: Iterable[Freshness]) -> Freshness:
        """The freshness of everything: the worst of its parts."""
        if self.heard_at is None:
            return Freshness.CONNECTING
        found = set(each)
        return next((item for item in (Freshness.LOST, Freshness.STALE) if item in found), Freshness.LIVE)

    def _heard(self) -> None:
        silent_s, failed = self.silent_s, self.error is not None
        self.heard_at, self.error = self._clock.monotonic(), None
        if failed:
            self._back(silent_s)
