"""Contain: what can be done about an incident, first things first; each line a measure, and why it is in this place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ztui.kinds.base import Ref
from ztui.kinds.incident import Incident
from ztui.kinds.workload import Job
from ztui.panes.base import Line, Tone, cell, prose
from ztui.panes.incidents import span
from ztui.recipes.base import recipes
from ztui.recipes.closing import endings
from ztui.recipes.contain import Measure, containment
from ztui.recipes.fuse import PREFIX
from ztui.view import State, View
from ztui.words import told

TITLES: Final = ("", "step", "what", "on", "why")
EVIDENCE: Final = "evidence"
"""The key of the line that captures a bundle."""

CLOSING: Final = ("R-SILENCE:", "R-ACS-RESOLVE:")
"""How the keys of the lines begin that end what tells of an incident."""

THINGS: Final = 5
LONG: Final = timedelta(hours=1)
"""How long a measure stands until it is asked whether it is still wanted."""
_PEOPLE: Final = 3
_TONES: Final[Mapping[str, Tone]] = {"safe": "plain", "disruptive": "warn", "destructive": "fail"}


class Done(msgspec.Struct, frozen=True):
    """A change that was verified: its recipe, where, to what, and when."""

    recipe: str
    namespace: str
    name: str
    at: datetime


def measures_of(view: View, name: str) -> tuple[Measure, ...]:
    """The measures for everything that an incident is about, each once: those of its first workload first.

    People who took part are contained like workloads; the system's own users are not people. Once it is contained, what still
    tells of it can be ended.
    """
    found = next((item for item in view.all(Incident) if item.name == name), None)
    if found is None:
        return ()
    people = [Ref("user.openshift.io", "User", "", who) for who in found.principals if not who.startswith("system:")]
    targets = (*found.things[:THINGS], *people[:_PEOPLE])
    measures = {key_of(item): item for target in targets for item in containment(view, target)}
    measures |= {key_of(item): item for item in endings(found)}
    return tuple(measures.values())


def fused_in(state: State) -> frozenset[str]:
    """The namespaces that hold a fuse."""
    held = state.objects.get(Job, {})
    return frozenset(place for place, part in held.items() if any(name.startswith(PREFIX) for name in part))


def key_of(item: Measure) -> str:
    """The key of its line."""
    return f"{item.recipe}:{item.on}"


def done_at(item: Measure, done: Iterable[Done], since: datetime) -> datetime | None:
    """When it was done, to this object or beside it, the last time since then; ``None`` where it was not.

    What tells of an incident is ended one by one.
    """
    mine = (one for one in done if one.recipe == item.recipe and one.namespace == item.on.namespace and one.at >= since)
    return max((one.at for one in mine if item.step != "close" or one.name == item.on.name), default=None)


_ENDS: Final = {
    "R-SILENCE": "it ends by itself after the hours that were agreed to: J, then U, ends it before",
    "R-ACS-RESOLVE": "nothing takes it back",
}
"""What ends what tells of an incident."""


def reminder(recipe: str, at: datetime, now: datetime, *, fused: bool) -> str:
    """What stands since when, and what ends it: nothing but a person, unless the cluster holds a fuse for it."""
    if recipe in _ENDS:
        return f"done {at:%H:%M:%S} UTC, {span(now - at)} ago; {_ENDS[recipe]}"
    ends = "its fuse ends it in the cluster" if fused else "nothing ends it by itself: J, then U, takes it back"
    late = " still wanted?" if now - at >= LONG and not fused else ""
    return f"done {at:%H:%M:%S} UTC, {span(now - at)} ago;{late} {ends}"


def contain_lines(
    measures: Iterable[Measure],
    incident: Incident,
    done: Iterable[Done],
    skipped: frozenset[str],
    now: datetime,
    fused: frozenset[str] = frozenset(),
) -> tuple[Line, ...]:
    """The evidence, then each measure. ``fused`` are the namespaces in which the cluster itself ends what was made."""
    changes, cards = tuple(done), recipes()
    kept = incident.has_evidence
    first = (
        cell("✔" if kept else "1", "pass" if kept else "accent"),
        cell("evidence"),
        cell("Capture a bundle", "pass" if kept else "plain"),
        cell(str(incident.things[0]) if incident.things else "?"),
        prose("what is known now, before anything changes it" if not kept else "kept: what follows may destroy the rest"),
    )
    lines = [Line(EVIDENCE, first, ref=incident.things[0] if incident.things else None)]
    for number, item in enumerate(measures, 2):
        key, card = key_of(item), cards.get(item.recipe)
        made, skips = done_at(item, changes, incident.opened), key in skipped
        ends = item.step == "network" and item.on.namespace in fused
        says = reminder(item.recipe, made, now, fused=ends) if made else told(item.why)
        tone: Tone = "dim" if skips or not item.works else _TONES.get(card.risk_class, "plain") if card else "dim"
        glyph = "✔" if made is not None else "–" if skips or not item.works else str(number)
        lines.append(
            Line(
                key,
                (
                    cell(glyph, "pass" if made is not None else "dim" if skips or not item.works else "accent"),
                    cell(item.step, "dim" if skips else "plain"),
                    cell(card.title if card is not None else item.recipe, tone),
                    cell(str(item.on), "dim" if skips else "plain"),
                    prose(("skipped: " if skips else "") + says, "dim" if skips or not item.works else "plain"),
                ),
                ref=item.on,
                namespace=item.on.namespace,
                status="done" if made is not None else "skipped" if skips else "open" if item.works else "nothing to do",
            )
        )
    return tuple(lines)
