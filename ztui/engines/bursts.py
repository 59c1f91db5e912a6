"""Somebody who tries doors: many refusals of one principal within a few minutes are a signal, though each alone is none.

Signals may come in any order: a log is read newest first.
"""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ztui.kinds.incident import Level, Signal, signal
from ztui.kinds.logline import REFUSED

MANY: Final = 20
SPAN: Final = timedelta(minutes=5)
"""How many refusals within how long are a burst."""

LEVEL: Final[Level] = "medium"
RULE: Final = "trying doors"
PRINCIPALS_LIMIT: Final = 10_000
TIMES_LIMIT: Final = 10 * MANY


class _Tries(msgspec.Struct):
    """The times of one principal's refusals, in order; ``told`` are those at which a burst was told of."""

    times: list[datetime] = msgspec.field(default_factory=list)
    told: list[datetime] = msgspec.field(default_factory=list)


class Bursts:
    """Counts refusals by principal; by address where nobody knows who it was."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def take(self, told: Signal, news: int) -> Signal | None:
        """Count a signal that came ``news`` times; a burst that it makes whole is told of once in each span."""
        who = told.subject.principal or told.subject.address
        if not told.rule.startswith(REFUSED) or not who:
            return None
        tries = self._tries.setdefault(who, _Tries())
        self._tries.move_to_end(who)
        if len(self._tries) > PRINCIPALS_LIMIT:
            self._tries.popitem(last=False)
        for _ in range(min(news, MANY)):
            insort(tries.times, told.at)
        del tries.times[:-TIMES_LIMIT]
        first = _whole(tries.times, told.at)
        if first is None or any(abs(told.at - at) <= SPAN for at in tries.told):
            return None
        tries.told = [*tries.told, told.at][-TIMES_LIMIT:]
        words = f"{who} was refused {MANY} times within {SPAN.total_seconds() / 60:.0f} minutes, at last: {told.words}"
        return signal(told.source, f"{RULE}/{who}/{first.isoformat()}", told.at, LEVEL, RULE, words, told.subject)


def _whole(times: list[datetime], at: datetime) -> datetime | None:
    """When the burst began that a time belongs to; ``None`` where it belongs to none."""
    for first, last in zip(times, times[MANY - 1 :], strict=False):
        if last - first <= SPAN and first <= at <= last:
            return first
    return None
