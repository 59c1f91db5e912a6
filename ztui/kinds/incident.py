"""Signals and incidents: one normalised security event, and what belongs together of them.

A signal's words are raw text without credentials; they pass the gate where they are shown. Incidents are kept on this machine,
so one that was looked at yesterday is still there today.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec

from ztui.kinds.base import Kind, Ref
from ztui.redact import redact

Level = Literal["low", "medium", "high", "critical"]
LEVELS: Final[tuple[Level, ...]] = ("low", "medium", "high", "critical")
"""From the least to the worst."""

Phase = Literal["new", "acknowledged", "contained", "eradicated", "closed"]
PHASES: Final[tuple[Phase, ...]] = ("new", "acknowledged", "contained", "eradicated", "closed")
"""In the order in which an incident goes through them."""

WORDS_LIMIT: Final = 1000
NAME_LIMIT: Final = 300
KEPT: Final = "evidence kept in "
"""How the note of a captured bundle begins."""


class Subject(msgspec.Struct, frozen=True):
    """Whom a signal is about, as far as its source tells: empty where it does not.

    ``uid`` is the pod's, or the object's; ``kind`` and ``name`` name a controller or any other object, ``group`` its API group.
    """

    namespace: str = ""
    pod: str = ""
    uid: str = ""
    group: str = ""
    kind: str = ""
    name: str = ""
    node: str = ""
    principal: str = ""
    address: str = ""


class Signal(msgspec.Struct, frozen=True):
    """One security event of one source.

    ``id`` is the same whenever the source tells the same event again; ``total`` is how often it happened until then, so that a
    higher total of a known id is news and the same one is not.
    """

    source: str
    id: str
    at: datetime
    level: Level
    rule: str
    words: str
    subject: Subject
    total: int = 1


def signal(
    source: str,
    id: str,  # noqa: A002  the word of every source
    at: datetime,
    level: Level,
    rule: str,
    words: str,
    subject: Subject,
    total: int = 1,
) -> Signal:
    """A signal from what a source said: its words lose credentials and all beyond a thousand characters."""
    told = redact(words[: WORDS_LIMIT * 4])[:WORDS_LIMIT]
    return Signal(source, id, at.astimezone(UTC), level, rule[:NAME_LIMIT], told, subject, total)


class Heard(msgspec.Struct, frozen=True):
    """How often the event of an id has been counted."""

    source: str
    id: str
    total: int


class Seen(msgspec.Struct, frozen=True):
    """All signals of one rule of one source about one thing, counted: a line of an incident's timeline."""

    source: str
    rule: str
    level: Level
    about: Ref | None
    principal: str
    first: datetime
    last: datetime
    count: int
    words: str
    node: str = ""


class Act(msgspec.Struct, frozen=True):
    """What somebody did about an incident, or said: ``phase`` is the state that it went to, empty for a note alone."""

    at: datetime
    by: str
    words: str = ""
    phase: Phase | Literal[""] = ""


class Incident(Kind, frozen=True):
    """Signals that belong together: about one workload, by one principal, or along a call that was observed.

    ``things`` are the workloads (or nodes, or other objects) concerned, the first one first; ``raised`` says why the level is
    above that of its worst signal.
    """

    GROUP = "ztui"
    PLURAL = "incidents"
    KIND = "Incident"
    NAMESPACED = False
    SOURCE = "records"

    level: Level = "low"
    phase: Phase = "new"
    opened: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    last: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    things: tuple[Ref, ...] = ()
    principals: tuple[str, ...] = ()
    seen: tuple[Seen, ...] = ()
    acts: tuple[Act, ...] = ()
    raised: str = ""

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do something about it."""
        return self.phase != "closed"

    @property
    def is_alarm(self) -> bool:
        """Whether every screen should tell of it: it is bad, and nobody has looked yet."""
        return self.phase == "new" and self.level in {"high", "critical"}

    @property
    def has_evidence(self) -> bool:
        """Whether a bundle about it was kept."""
        return any(act.words.startswith(KEPT) for act in self.acts)

    @property
    def count(self) -> int:
        """How many signals it holds."""
        return sum(item.count for item in self.seen)

    @property
    def sources(self) -> tuple[str, ...]:
        """Who told of it, by name."""
        return tuple(sorted({item.source for item in self.seen}))

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where it happens, by name."""
        return tuple(sorted({item.namespace for item in self.things if item.namespace}))

    def reached(self, phase: Phase) -> timedelta | None:
        """How long after the first signal it came to this state for the first time; ``None`` where it did not."""
        return next((item.at - self.opened for item in self.acts if item.phase == phase), None)
