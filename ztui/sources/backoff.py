"""How long to wait before the next try: jittered, exponential, forgiving after a time of health."""

from __future__ import annotations

import random
from typing import Final

from ztui.clock import Clock

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0
HEALTHY_S: Final = 60.0


class Backoff:
    """Delays of one connection. Half of each delay is random, so that many clients do not come back at once."""

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311  jitter, not a secret
        self._next_s = FIRST_S
        self._since = clock.monotonic()

    def healthy(self) -> None:
        """Say that the connection works; a minute of it forgets the failures before."""
        if self._clock.monotonic() - self._since >= HEALTHY_S:
            self._next_s = FIRST_S

    def failed(self) -> float:
        """Say that it failed; returns the seconds to wait."""
        self._since = self._clock.monotonic()
        delay, self._next_s = self._next_s, min(LONGEST_S, self._next_s * 2)
        return delay / 2 + self._rng.random() * delay / 2
