"""The signals of an incident as files of a bundle: what was told and what was done, as data and as a note."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ztui.evidence.facts import Item
from ztui.evidence.scrub import json_bytes, scrubbed
from ztui.kinds.incident import Incident
from ztui.panes.handover import handover


def signals_of(incident: Incident, now: datetime, cluster: str) -> tuple[Item, ...]:
    """Two files: ``incident.json`` with every line of the timeline, ``incident.md`` for whoever comes next."""
    tree = scrubbed({"id": incident.name, **msgspec.to_builtins(incident)})
    note = handover(incident, now, cluster)
    return (
        Item("incident.json", json_bytes(tree), "records of ztui"),
        Item("incident.md", note.encode("ascii", "backslashreplace"), "records of ztui"),
    )
