"""Row G.TIME: the way to Phase 2 is measured, and gets shorter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ztui.checks.base import Finding, check, cluster_ref, fail, na, ok, reason, seen, warn
from ztui.kinds.record import SELF, History
from ztui.view import View

REACHED = reason("phase-2-reached", "Phase 2 was reached after {days} days, and holds")
YOUNG = reason("history-begins", "the history of this cluster begins: {sweeps} snapshots")
ON_THE_WAY = reason(
    "on-the-way",
    "{open} required findings are open; at {rate} a day that is {days} more days",
    next="Open the guide at its next step",
)
SLOW = reason(
    "no-forecast", "{open} required findings are open, and nothing was closed in 14 days", next="Open the guide at its next step"
)
STUCK = reason(
    "no-progress", "nothing got better for {days} days; {open} required findings are open", next="Open the guide at its next step"
)
LOST = reason(
    "phase-lost", "a phase that was reached is lost again; {open} required findings are open", next="Look at what failed last"
)

_YOUNG: Final = timedelta(hours=24)
_STUCK: Final = timedelta(days=30)


@check(
    "ZTG-TIME-001",
    "Time to Phase 2 is measured and shrinking",
    severity="low",
    gate="R",
    grain="cluster",
    needs=(History,),
    maps=("CISA Gov", "800-53 CA-7", "800-53 PM-6"),
)
def shrinking(view: View) -> Iterator[Finding]:
    """The cluster gets nearer to Phase 2, and it is known how fast.

    Why: what nobody measures takes for ever, and what was reached once is lost unseen.
    How: a hardening project ends, exceptions pile up, and a year later the cluster is where it began.
    Rule: pass if Phase 2 is held; warn if it is not and findings were closed in the last 14 days, or if there is no speed yet;
    fail after 30 days without progress, or if a phase was lost; not applicable on the first day.
    Traps: three snapshots in a row make a phase reached; snapshots taken while clocks disagree do not count.
    Source: the snapshots kept on this machine, one at every change of a row and every ten minutes.
    Verify: ztui guide
    """
    found = view.get(History, SELF)
    started, progressed = (_time(found.started), _time(found.progressed)) if found else (None, None)
    if found is None or started is None:
        yield na(cluster_ref(), YOUNG, sweeps=0)
        return
    facts = [seen(found, "sweeps", found.sweeps), seen(found, "open", found.open)]
    words = {"open": str(found.open), "sweeps": str(found.sweeps)}
    if found.regressed:
        yield fail(cluster_ref(), LOST, seen=facts, **words)
    elif found.reached_s is not None:
        yield ok(cluster_ref(), REACHED, seen=facts, days=f"{found.reached_s / 86_400:.1f}")
    elif view.now - started < _YOUNG:
        yield na(cluster_ref(), YOUNG, seen=facts, **words)
    elif progressed is not None and view.now - progressed > _STUCK:
        yield fail(cluster_ref(), STUCK, seen=facts, days=(view.now - progressed).days, **words)
    elif found.closed_per_day:
        days = found.open / found.closed_per_day
        yield warn(cluster_ref(), ON_THE_WAY, seen=facts, rate=f"{found.closed_per_day:.1f}", days=f"{days:.0f}", **words)
    else:
        yield warn(cluster_ref(), SLOW, seen=facts, **words)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
