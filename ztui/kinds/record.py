"""What people and time say of a cluster, kept on this machine: accepted findings, owners' words, the way so far.

They are kinds as everything else, so a waiver that runs out re-judges exactly what it covered.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ztui.kinds.base import Kind, Meta, instant

SELF: Final = "self"
"""The name of the one ``History`` of a cluster."""


class Acceptance(Kind, frozen=True):
    """What waivers and attestations share. Times are RFC 3339; ``namespace_glob`` and ``target`` narrow them down.

    ``target`` is an object in the short form (``pod/shop/api``), empty for every object.
    """

    GROUP = "ztui"
    NAMESPACED = False
    SOURCE = "records"

    check: str = ""
    owner: str = ""
    reason: str = ""
    expires: str = ""
    namespace_glob: str = "*"
    target: str = ""
    ticket: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it has run out; one whose end cannot be read has."""
        until = instant(self.expires)
        return until is None or until <= now

    @property
    def until(self) -> str:
        """The day on which it ends."""
        return self.expires[:10]


class Waiver(Acceptance, frozen=True):
    """A finding that somebody accepted, for a time."""

    PLURAL = "waivers"
    KIND = "Waiver"


class Attestation(Acceptance, frozen=True):
    """An owner's word for what a cluster cannot show: ``reason`` is what is said, ``ticket`` a document's link or hash."""

    PLURAL = "attestations"
    KIND = "Attestation"


class History(Kind, frozen=True):
    """The way so far, as far as it decides. Ages in seconds at ``read_at``; ``None`` where it has not happened.

    ``sweeps`` counts snapshots, ``reached_s`` is the time from the first one to Phase 2, ``regressed`` says that a phase was
    lost, ``closed_per_day`` how fast required findings of phases 1 and 2 went away in 14 days, ``open`` how many there are,
    ``curve`` the maturity, 0-1, from the start to now.
    """

    GROUP = "ztui"
    PLURAL = "histories"
    KIND = "History"
    NAMESPACED = False
    SOURCE = "records"

    started: str = ""
    sweeps: int = 0
    reached_s: float | None = None
    regressed: bool = False
    progressed: str = ""
    closed_per_day: float | None = None
    open: int = 0
    curve: tuple[float, ...] = ()


class GuideMark(Kind, frozen=True):
    """A step of the guide that was left for later; its name is the check's."""

    GROUP = "ztui"
    PLURAL = "guidemarks"
    KIND = "GuideMark"
    NAMESPACED = False
    SOURCE = "records"


def record_meta(name: str) -> Meta:
    """Metadata of a record: it has a name and nothing else."""
    return Meta(name=name, uid="", resource_version="")
