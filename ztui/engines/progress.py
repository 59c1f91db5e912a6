"""The way so far: from snapshots of a cluster to time needed, losses, speed and forecast. Pure arithmetic.

A snapshot is a ``Sweep``. Those that were taken while the clocks disagreed have no part in durations.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

WINDOW: Final = timedelta(days=14)
LEAST: Final = 5
"""Snapshots in the window below which there is no speed, and so no forecast."""

POINTS: Final = 24
STEADY: Final = 3
"""Sweeps in a row that must agree before a phase counts as reached: no flapping."""

_DONE: Final = frozenset({"achieved", "attested", "n/a"})


class Sweep(msgspec.Struct, frozen=True):
    """A snapshot: when (RFC 3339), by which policy and catalogue, what each row was, and what was open of phases 1 and 2.

    ``rows`` is row id -> status, ``scores`` check id -> 0-1, ``maturity`` and ``confidence`` 0-1. ``skewed`` marks one that was
    taken while our clock and the server's were far apart.
    """

    ts: str
    cluster: str
    catalogue: int
    strict: bool
    phase: int
    maturity: float
    confidence: float
    rows: dict[str, str]
    scores: dict[str, float]
    open: int
    skewed: bool = False

    @property
    def at(self) -> datetime:
        """When it was taken."""
        return datetime.fromisoformat(self.ts).astimezone(UTC)


class Progress(msgspec.Struct, frozen=True):
    """What the way so far says. Times in seconds, ``None`` where it has not happened or cannot be said.

    ``reached_s`` is from the first snapshot to Phase 2, ``progressed`` when something last got better, ``closed_per_day`` the
    speed of 14 days, ``forecast_days`` what is open at that speed, ``lost`` the rows that were done once and are not, ``curve``
    the maturity from the first snapshot to the last at even distances of time.
    """

    started: datetime
    sweeps: int
    reached_s: float | None
    regressed: bool
    progressed: datetime
    closed_per_day: float | None
    forecast_days: float | None
    lost: tuple[str, ...]
    curve: tuple[float, ...] = ()


def progress(sweeps: Sequence[Sweep]) -> Progress | None:
    """The way so far; ``None`` without any snapshot. ``sweeps`` are in the order of time."""
    known = [item for item in sweeps if not item.skewed]
    if not known:
        return None
    last = known[-1]
    speed = _speed(known)
    forecast = last.open / speed if speed and last.open else None
    ever = {row for item in known for row, status in item.rows.items() if status in _DONE}
    lost = tuple(sorted(row for row in ever if last.rows.get(row, "") not in _DONE))
    peak = max(item.phase for item in known)
    return Progress(
        known[0].at, len(known), _reached(known), last.phase < peak, _progressed(known), speed, forecast, lost, _curve(known)
    )


def _curve(sweeps: Sequence[Sweep]) -> tuple[float, ...]:
    """What the maturity was at ``POINTS`` moments; fewer where there are fewer snapshots."""
    start, whole = sweeps[0].at, sweeps[-1].at - sweeps[0].at
    points = min(POINTS, len(sweeps))
    if points < 2:
        return (sweeps[-1].maturity,)
    found, at = [], 0
    for number in range(points):
        moment = start + whole * number / (points - 1)
        while at + 1 < len(sweeps) and sweeps[at + 1].at <= moment:
            at += 1
        found.append(sweeps[at].maturity)
    return tuple(found)


def _reached(sweeps: Sequence[Sweep]) -> float | None:
    """Seconds from the first sweep to the first of three in a row that hold Phase 2."""
    run: list[Sweep] = []
    for item in sweeps:
        run = [*run, item] if item.phase >= 2 else []
        if len(run) >= STEADY:
            return (run[0].at - sweeps[0].at).total_seconds()
    return None


def _progressed(sweeps: Sequence[Sweep]) -> datetime:
    """When something last got better: fewer open findings, or a row that became done."""
    best = sweeps[0].at
    for before, after in pairwise(sweeps):
        won = any(status in _DONE and before.rows.get(row, "") not in _DONE for row, status in after.rows.items())
        if won or after.open < before.open:
            best = after.at
    return best


def _speed(sweeps: Sequence[Sweep]) -> float | None:
    """Findings closed a day over the window; ``None`` before there is a whole day of it, or where nothing was closed."""
    recent = [item for item in sweeps if sweeps[-1].at - item.at <= WINDOW]
    days = (recent[-1].at - recent[0].at).total_seconds() / 86_400
    closed = recent[0].open - recent[-1].open
    return closed / days if len(recent) >= LEAST and days >= 1 and closed > 0 else None
