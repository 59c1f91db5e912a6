"""Incidents: a line for each, worst first, and the page of one: what happened to which workload, who told, what was done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from ztui.checks.base import Status
from ztui.engines.marks import GapNote
from ztui.kinds.base import Kind
from ztui.kinds.incident import LEVELS, PHASES, Incident, Level, Phase, Seen
from ztui.kinds.logline import BESIDE
from ztui.kinds.notice import NOTICES
from ztui.panes.base import Line, Tone, cell, prose
from ztui.panes.reach import short
from ztui.view import View, Why
from ztui.words import GLYPHS, gap_text

TONES: Final[dict[Level, Tone]] = {"critical": "fail", "high": "fail", "medium": "warn", "low": "dim"}
PHASE_TONES: Final[dict[Phase, Tone]] = {
    "new": "accent",
    "acknowledged": "warn",
    "contained": "plain",
    "eradicated": "plain",
    "closed": "dim",
}
TITLES: Final = ("", "level", "state", "last", "on", "what", "told by", "n", "id")
_NEXT: Final[dict[Phase, str]] = {
    "new": "a acknowledges it, so that others see that somebody looks; f contains it",
    "acknowledged": "f contains it; b shows what could be reached from here; a says that it is contained",
    "contained": "find the cause and remove it, then a brings it to eradicated; f ends alerts that still tell of it",
    "eradicated": "watch that nothing comes again, then a closes it",
    "closed": "nothing; a opens it again",
}


def order(incident: Incident) -> tuple[bool, int, float]:
    """Open before closed, worst before lesser, newest before older."""
    return not incident.is_open, -LEVELS.index(incident.level), -incident.last.timestamp()


def incidents_of(view: View) -> tuple[Incident, ...]:
    """All incidents, in the order in which somebody should look at them."""
    return tuple(sorted(view.all(Incident), key=order))


def incident_lines(view: View) -> tuple[Line, ...]:
    """A line for each incident."""
    now = view.now
    return tuple(_line(item, now) for item in view.derive(incidents_of))


def _line(item: Incident, now: datetime) -> Line:
    worst = worst_of(item)
    first = next(iter(item.things), None)
    things = next(iter(item.principals), "?") if first is None else short(first) if first.namespace else str(first)
    more = len(item.things) - 1
    tone: Tone = TONES[item.level] if item.is_open else "dim"
    glyph = GLYPHS[Status.FAIL if tone == "fail" else Status.WARN if tone == "warn" else Status.NA]
    return Line(
        item.name,
        (
            cell(glyph, tone),
            cell(item.level, tone),
            cell(item.phase, PHASE_TONES[item.phase]),
            cell(stamp(item.last, now).split()[0], "dim"),
            cell(things + (f" +{more}" if more > 0 else ""), "strong" if item.is_open else "dim"),
            cell(worst.rule if worst else ""),
            cell(", ".join(item.sources), "dim"),
            cell(str(item.count), "dim"),
            cell(item.name, "dim"),
        ),
        words=" ".join((item.name, item.level, item.phase, things, *(one.rule for one in item.seen), *item.sources)),
        status=item.phase,
        namespace=" ".join(item.namespaces),
        ref=item.things[0] if item.things else None,
    )


def worst_of(item: Incident) -> Seen | None:
    """The signal that says most: the worst, and of these the newest."""
    return max(item.seen, key=lambda one: (LEVELS.index(one.level), one.last), default=None)


def incident_of(view: View, name: str) -> tuple[Line, ...]:
    """The page of one incident; empty where it is not known."""
    found = next((item for item in view.all(Incident) if item.name == name), None)
    return tuple(page(found, view.now)) if found is not None else ()


def page(item: Incident, now: datetime) -> Iterator[Line]:
    """One incident in full."""
    worst = worst_of(item)
    yield _text("title", f"{item.level}: {worst.rule if worst else 'nothing told yet'}", TONES[item.level])
    yield _text("state", f"{item.phase}{clocks(item, now)}", PHASE_TONES[item.phase])
    if item.raised:
        yield _text("raised", f"one level worse than its signals: {item.raised}", "dim")
    yield _text("on", f"on {', '.join(map(str, item.things)) or 'nothing that has a name'}", "strong")
    if item.principals:
        yield _text("by", f"by {', '.join(item.principals)}")
    if _NEXT[item.phase]:
        yield _text("next", f"next: {_NEXT[item.phase]}", "accent")
    yield _text("gap", "")
    told = f"{item.count} signals of {len(item.sources)} sources ({', '.join(item.sources)}), oldest first (UTC)"
    yield _text("timeline", told, "strong")
    for number, (at, words, tone) in enumerate(timeline(item)):
        yield Line(f"at:{number}", (prose(f"{stamp(at, now)} {words}", tone),), depth=1)


def timeline(item: Incident) -> list[tuple[datetime, str, Tone]]:
    """What was seen and what was done, oldest first, as raw text."""
    return sorted((*_seen(item), *_acted(item)), key=lambda told: told[0])


def _seen(item: Incident) -> Iterator[tuple[datetime, str, Tone]]:
    for one in item.seen:
        about = f" on {one.about}" if one.about is not None and one.about != item.things[0] else ""
        who = f" by {one.principal}" if one.principal else ""
        often = f" ({one.count} times until {one.last.astimezone(UTC):%H:%M:%S})" if one.count > 1 else ""
        says = f": {one.words}" if one.words else ""
        yield one.first, f"{one.level} {one.source}: {one.rule}{about}{who}{often}{says}", TONES[one.level]


def _acted(item: Incident) -> Iterator[tuple[datetime, str, Tone]]:
    for act in item.acts:
        what = f"→ {act.phase}" if act.phase else "note"
        yield act.at, f"{what} by {act.by}{': ' if act.words else ''}{act.words}", "accent"


def clocks(item: Incident, now: datetime) -> str:
    """When it was heard of, and how long it took to each state."""
    told = [f"{phase} after {span(took)}" for phase in PHASES[1:] if (took := item.reached(phase)) is not None]
    heard = f"first heard {stamp(item.opened, now)}, last {stamp(item.last, now)}"
    return "".join(f"; {part}" for part in (heard, *told))


def span(time: timedelta) -> str:
    """A time in one number: ``40 s``, ``12 min``, ``3 h``, ``2 d``."""
    seconds = max(0, int(time.total_seconds()))
    if seconds < 90:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def stamp(at: datetime, now: datetime) -> str:
    """A time of day; with its day where that is another one."""
    told = at.astimezone(UTC)
    return f"{told:%H:%M:%S}" if told.date() == now.astimezone(UTC).date() else f"{told:%m-%d %H:%M:%S}"


def blind_spots(view: View, kinds: Iterable[type[Kind]] = (*NOTICES, *BESIDE)) -> tuple[GapNote, ...]:
    """What would tell of incidents and cannot be read; a cluster that does not serve an API has nothing to tell by it."""
    found = []
    for kind in kinds:
        gap = view.gap(kind)
        if gap is not None and gap.why is not Why.ABSENT:
            found.append((kind.PLURAL, gap))
    return tuple(found)


def headline(view: View) -> tuple[Line, ...]:
    """How many, and what cannot be heard."""
    items = [item for item in view.derive(incidents_of) if item.is_open]
    count = {level: sum(item.level == level for item in items) for level in reversed(LEVELS)}
    told = ", ".join(f"{number} {level}" for level, number in count.items() if number)
    lines = [_text("count", f"{len(items)} open{': ' if told else ''}{told}", "strong")]
    blind = view.derive(blind_spots)
    if blind:
        lines.append(_text("blind", "not heard: " + "; ".join(f"{name} {gap_text(gap)}" for name, gap in blind), "unknown"))
    return tuple(lines)


def _text(key: str, words: str, tone: Tone = "plain") -> Line:
    return Line(key, (prose(words, tone),))
