"""Contain: what can be done about an incident, first things first; each line a measure, and why it is in this place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from ztui.kinds.base import Ref
from ztui.kinds.incident import Incident
from ztui.panes.base import Line, Tone, cell, prose
from ztui.recipes.base import Note, recipes
from ztui.recipes.contain import Measure, containment
from ztui.redact import redact
from ztui.text import Clean, clean
from ztui.view import View

TITLES: Final = ("", "step", "what", "on", "why")
EVIDENCE: Final = "evidence"
"""The key of the line that captures a bundle."""

KEPT: Final = "evidence kept in "
"""How the note of a captured bundle begins."""

THINGS: Final = 5
_PEOPLE: Final = 3
_TONES: Final[Mapping[str, Tone]] = {"safe": "plain", "disruptive": "warn", "destructive": "fail"}


class Done(msgspec.Struct, frozen=True):
    """A change that was verified: its recipe, where, and when."""

    recipe: str
    namespace: str
    at: datetime


def measures_of(view: View, name: str) -> tuple[Measure, ...]:
    """The measures for everything that an incident is about, each once: those of its first workload first.

    People who took part are contained like workloads; the system's own users are not people.
    """
    found = next((item for item in view.all(Incident) if item.name == name), None)
    if found is None:
        return ()
    people = [Ref("user.openshift.io", "User", "", who) for who in found.principals if not who.startswith("system:")]
    targets = (*found.things[:THINGS], *people[:_PEOPLE])
    told = {key_of(item): item for target in targets for item in containment(view, target)}
    return tuple(told.values())


def key_of(item: Measure) -> str:
    """The key of its line."""
    return f"{item.recipe}:{item.on}"


def is_done(item: Measure, done: Iterable[Done], since: datetime) -> bool:
    """Whether it was done since then, to this object or beside it."""
    return any(one.recipe == item.recipe and one.namespace == item.on.namespace and one.at >= since for one in done)


def contain_lines(
    measures: Iterable[Measure], incident: Incident, done: Iterable[Done], skipped: frozenset[str]
) -> tuple[Line, ...]:
    """The evidence, then each measure."""
    changes, cards = tuple(done), recipes()
    kept = has_evidence(incident)
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
        made, skips = is_done(item, changes, incident.opened), key in skipped
        tone: Tone = "dim" if skips or not item.works else _TONES.get(card.risk_class, "plain") if card else "dim"
        glyph = "✔" if made else "–" if skips or not item.works else str(number)
        lines.append(
            Line(
                key,
                (
                    cell(glyph, "pass" if made else "dim" if skips or not item.works else "accent"),
                    cell(item.step, "dim" if skips else "plain"),
                    cell(card.title if card is not None else item.recipe, tone),
                    cell(str(item.on), "dim" if skips else "plain"),
                    prose(("skipped: " if skips else "") + words_of(item.why), "dim" if skips or not item.works else "plain"),
                ),
                ref=item.on,
                namespace=item.on.namespace,
                status="done" if made else "skipped" if skips else "open" if item.works else "nothing to do",
            )
        )
    return tuple(lines)


def has_evidence(incident: Incident) -> bool:
    """Whether a bundle of it was kept."""
    return any(act.words.startswith(KEPT) for act in incident.acts)


def words_of(note: Note) -> Clean:
    """A sentence with its values."""
    values = {name: clean(redact(value), limit=300) for name, value in note.values}
    return clean(note.reason.text.format_map(values), limit=600)
