"""Evidence about an incident: a bundle about its first thing, with its signals as data and as a note, noted in the incident."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from ztui.errors import SettingsError
from ztui.evidence.capture import Captured, Wanted
from ztui.evidence.facts import Item
from ztui.evidence.scrub import json_bytes, scrubbed
from ztui.frame import Frame
from ztui.kinds.incident import KEPT, Incident, Phase
from ztui.panes.handover import handover


class Keeping(Protocol):
    """What a core gives to whoever keeps evidence."""

    @property
    def frame(self) -> Frame:
        """The last frame."""

    async def capture(self, wanted: Wanted) -> Captured:
        """Write a bundle."""

    def act(self, incident: str, words: str, phase: Phase | Literal[""] = "") -> None:
        """Note something about an incident."""


async def keep_evidence(core: Keeping, incident: Incident, namespace: str, output: Path | None) -> Captured:
    """Capture a bundle about an incident and note where it is; who captures one has acknowledged it. Raises ZtuiError."""
    if not incident.things:
        raise SettingsError(f"{incident.name} is about nothing that has a name", why="there is nothing to capture")
    also = signals_of(incident, core.frame.state.now, core.frame.cluster)
    found = await core.capture(Wanted(str(incident.things[0]), namespace, output, incident.name, also))
    phase: Phase | Literal[""] = "acknowledged" if incident.phase == "new" else ""
    core.act(incident.name, f"{KEPT}{found.path}, SHA-256 {found.sha256}", phase)
    return found


def signals_of(incident: Incident, now: datetime, cluster: str) -> tuple[Item, ...]:
    """Two files: ``incident.json`` with every line of the timeline, ``incident.md`` for whoever comes next."""
    tree = scrubbed({"id": incident.name, **msgspec.to_builtins(incident)})
    note = handover(incident, now, cluster)
    return (
        Item("incident.json", json_bytes(tree), "records of ztui"),
        Item("incident.md", note.encode("ascii", "backslashreplace"), "records of ztui"),
    )
