"""Journals for the tests: entries as a caller would hand them in, and folders with records in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ztui.changes.disk import Disk
from ztui.changes.entry import Entry, Record, Step
from ztui.changes.files import HEAD, JOURNAL
from ztui.changes.journal import Journal
from ztui.clock import ManualClock
from ztui.kinds.base import Ref

DENY = Ref("networking.k8s.io", "NetworkPolicy", "shop", "default-deny", "u-1")


def entry(step: Step = "intent", change: str = "c1", **fields: Any) -> Entry:
    given: dict[str, Any] = {
        "recipe": "R-NP-DENY",
        "ref": DENY,
        "action": "apply",
        "user": "ana",
        "context": "prod-eu-1",
        "cluster": "7f3a",
        "session": "s1",
        "after": {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        "undo": [{"action": "delete", "uid": "u-1"}],
    }
    return Entry(change=change, step=step, **{**given, **fields})


def opened(folder: Path | None, *, reading: bool = False, disk: Disk | None = None) -> Journal:
    return Journal.open(folder, clock=ManualClock(), reading=reading, disk=disk)


def written(folder: Path, count: int) -> list[Record]:
    """A journal of so many records, closed."""
    journal = opened(folder)
    steps: tuple[Step, ...] = ("intent", "sent", "acked", "verified")
    records = [journal.append(entry(steps[at % 4], f"c{at // 4}")) for at in range(count)]
    journal.close()
    return records


def lines(folder: Path) -> list[bytes]:
    return (folder / JOURNAL).read_bytes().splitlines(keepends=True)


def head(folder: Path) -> bytes:
    return (folder / HEAD).read_bytes()


def refusal(journal: Journal) -> str:
    assert journal.problem is not None
    return str(journal.problem)


def plain(line: bytes) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(line)
    return found
