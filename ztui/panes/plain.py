"""What is said of plaintext calls to a port, by name and against the day before, and of the waypoints that calls pass."""

from __future__ import annotations

from typing import Any, Final

from ztui.engines.plaintext import LEAST, Hour, Hours, Plaintext
from ztui.engines.waypoints import Waypoint
from ztui.panes.base import Tone
from ztui.panes.facts import Fact
from ztui.panes.history import step
from ztui.text import clean, mark_name
from ztui.view import Gap
from ztui.words import gap_text

NAMED: Final = 5
"""So many callers are named in a sentence."""


def plain_fact(name: str, found: Plaintext, gap: Gap | None, *, counted: bool, apart: bool = False) -> Fact:
    """Who called in plaintext in the last day. What was counted stands, whatever else is not known.

    ``counted`` says whether a mesh stands before the port at all: past it nobody counts. ``apart`` says that one stands before
    other ports of the workload, and what is counted is of those.
    """
    by = (*found.by, *(item.by for item in found.callers))
    if apart:
        return Fact("plaintext", "not counted", "unknown", "no mesh stands before it, so nobody counts who calls it in plaintext")
    if found.plain >= LEAST:
        return Fact("plaintext", _short(found), "fail", _sentence(name, found, gap), by)
    if gap is not None:
        return Fact("plaintext", "?", "unknown", f"who calls it in plaintext is not measured: {gap_text(gap)}", by)
    if not counted:
        says = "no mesh stands before it, so nobody counts who calls it in plaintext"
        return Fact("plaintext", "not counted", "unknown", says, by)
    if found.calls < LEAST:
        says = f"nothing called it in the last day, as far as the mesh counts{_earlier(found)}"
        return Fact("plaintext", "no calls", "dim", says, by)
    if found.unsaid >= LEAST:
        says = f"of {_times(found.unsaid)} in the last day the mesh does not say whether they came over mutual TLS"
        return Fact("plaintext", "?", "unknown", f"{says}; none is known to have come in plaintext{_earlier(found)}", by)
    says = f"nobody: all {found.calls:,.0f} calls of the last day came over mutual TLS{_earlier(found)}"
    return Fact("plaintext", "nobody", "pass", says, by)


def hours_fact(found: Hours, gap: Gap | None, *, counted: bool) -> Fact:
    """How plaintext came and went in the last day, drawn as its share of the calls of each hour."""
    name = "by hour"
    if gap is not None:
        return Fact(name, "?", "unknown", f"when it was called in plaintext is not measured: {gap_text(gap)}")
    if not counted:
        return Fact(name, "–", "unknown", "no mesh stands before it, so nobody counts when it is called in plaintext")
    called = sum(item.calls >= LEAST for item in found.hours)
    if not called:
        return Fact(name, "–", "dim", "nothing called it in the last day, as far as the mesh counts", found.by)
    drawn = "".join(map(_drawn, found.hours))
    says = f"{drawn} its share of each hour's calls, until now: called in {called} of the last {len(found.hours)} hours"
    plain = [ago for ago, item in enumerate(reversed(found.hours)) if item.plain >= LEAST]
    unsaid = sum(item.unsaid >= LEAST for item in found.hours)
    but = f"; of some calls in {unsaid} of them the mesh does not say how they came" if unsaid else ""
    if not plain:
        tone: Tone = "unknown" if unsaid else "pass"
        return Fact(name, drawn, tone, f"{says}, in none of them in plaintext{' that is known' * bool(unsaid)}{but}", found.by)
    often = "all" if len(plain) == called else str(len(plain))
    when = f", the last time {plain[0]} hour{'s' * (plain[0] > 1)} ago" if plain[0] else ", also in the last one"
    return Fact(name, drawn, "warn" if plain[0] else "fail", f"{says}, in {often} of them in plaintext{when}{but}", found.by)


def waypoint_fact(found: tuple[Waypoint, ...] | Gap) -> Fact:
    """Which waypoints calls pass, and so where policies about requests are asked."""
    if isinstance(found, Gap):
        return Fact("waypoint", "?", "unknown", f"cannot be seen: {gap_text(found)}")
    if not found:
        return Fact("waypoint", "none", "dim", "none is asked for: policies about requests are asked nowhere")
    parts = []
    for item in found:
        where = f"{item.namespace}/{mark_name(item.name)}"
        calls = "calls to its Services" if item.traffic == "service" else "calls to its pods"
        parts.append(f"{where} takes {calls}" if item.ref else f"{where} is asked for {calls} and is not there")
    missing = any(item.ref is None for item in found)
    by = tuple(dict.fromkeys(ref for item in found for ref in item.by))
    return Fact("waypoint", found[0].name, "warn" if missing else "plain", "; ".join(parts), by)


def hours_document(found: Hours, gap: Gap | None, *, counted: bool) -> list[dict[str, int]] | None:
    """The same as data, oldest first; ``None`` where nobody counts."""
    if gap is not None or not counted:
        return None
    counts = ({"calls": item.calls, "plain": item.plain, "unsaid": item.unsaid} for item in found.hours)
    return [{name: round(value) for name, value in told.items()} for told in counts]


def plain_document(found: Plaintext, gap: Gap | None, *, counted: bool) -> dict[str, Any]:
    """The same as data; ``calls`` is ``None`` where nobody counts."""
    known = gap is None and counted
    return {
        "calls": round(found.calls) if known else None,
        "plain": round(found.plain) if known or found.plain >= LEAST else None,
        "unsaid": round(found.unsaid) if known else None,
        "day_before": round(found.before) if found.before is not None else None,
        "from": [
            {"namespace": clean(one.namespace), "workload": clean(one.name), "calls": round(one.count)} for one in found.callers
        ],
        "nameless": round(found.nameless) if known else None,
    }


def _drawn(hour: Hour) -> str:
    """A bar for plaintext, a dot where all came over mutual TLS, a dash where nothing called, a question where nobody can say."""
    if hour.calls < LEAST:
        return "-"
    if hour.plain < LEAST:
        return "?" if hour.unsaid >= LEAST else "·"
    return step(hour.plain / hour.calls)


def _short(found: Plaintext) -> str:
    """The callers, most first, with the trend."""
    first = next((f"{item.namespace}/{mark_name(item.name)}" for item in found.callers), "callers without a name")
    more = len(found.callers) + (found.nameless >= LEAST) - 1
    return f"{first}{f' and {more} more' if more > 0 else ''}: {found.plain:,.0f}{_change(found)}"


def _change(found: Plaintext) -> str:
    more = 0 if found.before is None else round(found.plain) - round(found.before)
    return f" ({abs(more):,d} {'more' if more > 0 else 'fewer'})" if more else ""


def _sentence(name: str, found: Plaintext, gap: Gap | None) -> str:
    who = [f"{_times(item.count)} by {item.namespace}/{mark_name(item.name)}" for item in found.callers[:NAMED]]
    rest = found.callers[NAMED:]
    if rest:
        who.append(f"{_times(sum(item.count for item in rest))} by {len(rest)} more")
    if found.nameless >= LEAST:
        who.append(f"{_times(found.nameless)} by callers that the mesh has no name for")
    told = " and ".join(", ".join(who).rsplit(", ", 1)) if len(who) > 1 else "".join(who) or _times(found.plain)
    also = f"; there may be others: {gap_text(gap)}" if gap is not None else ""
    return f"in the last day {name} was called in plaintext {told}: STRICT would cut them off{_earlier(found)}{also}"


def _earlier(found: Plaintext) -> str:
    """How it was the day before."""
    if found.before is None:
        return "; of the day before nothing was counted"
    now, then = round(found.plain), round(found.before)
    if now == then:
        return "; the day before it was the same" if now else ""
    return f"; the day before {_times(then)} in plaintext, so {'more' if now > then else 'fewer'} now"


def _times(count: float) -> str:
    number = round(count)
    return "once" if number == 1 else f"{number:,d} times" if number else "never"
