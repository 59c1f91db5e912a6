"""What was, in words and drawn in a line of text: the way so far, and shares by the hour."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ztui.kinds.record import History

DAY_S = 86_400
_STEPS = "▁▂▃▄▅▆▇█"


def step(share: float) -> str:
    """A share of one, above nothing, as one sign: the full block is all."""
    return _STEPS[min(len(_STEPS), max(1, math.ceil(share * len(_STEPS)))) - 1]


def plot(curve: Sequence[float]) -> str:
    """The maturity from the start to now, one sign a moment (the full block is 100 %), with both ends told."""
    if len(curve) < 2:
        return ""
    signs = "".join(_STEPS[min(len(_STEPS) - 1, int(max(0.0, value) * len(_STEPS)))] for value in curve)
    return f"{curve[0]:.0%} {signs} {curve[-1]:.0%}"


def way_words(found: History) -> str:
    """One line about the history of a cluster."""
    drawn = plot(found.curve)
    return f"{drawn}   {_words(found)}" if drawn else _words(found)


def _words(found: History) -> str:
    since = found.started[:10]
    if found.regressed:
        return f"since {since}: a phase that was reached is lost again; {found.open} required findings of phases 1 and 2 are open"
    if found.reached_s is not None:
        return f"since {since}: Phase 2 was reached after {found.reached_s / DAY_S:.1f} days"
    if found.closed_per_day and found.open:
        days = found.open / found.closed_per_day
        return f"since {since}: {found.closed_per_day:.1f} findings closed a day; at that speed Phase 2 is {days:.0f} days away"
    if not found.open:
        return f"since {since}: no required finding of phases 1 and 2 is open"
    return f"since {since}: {found.open} required findings of phases 1 and 2 are open; no forecast yet"
