"""Signals for tests, and a triage of a small world to fold them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.worlds import NOW, world
from ztui.board import Judge
from ztui.checks.base import Check, CheckId
from ztui.kinds.incident import Incident, Level, Signal, Subject, signal
from ztui.store import Store
from ztui.triage import Folded, Triage

CONTROLLER = {"apiVersion": "apps/v1", "controller": True, "uid": "u"}
SHOP: tuple[Any, ...] = (
    "ns/shop",
    "ns/bank",
    {"kind": "Node", "metadata": {"name": "n1"}},
    {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}},
    {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "web-6d5f",
            "namespace": "shop",
            "ownerReferences": [{**CONTROLLER, "kind": "Deployment", "name": "web"}],
        },
    },
    {
        "kind": "Pod",
        "metadata": {
            "name": "web-6d5f-abcde",
            "namespace": "shop",
            "uid": "pod-1",
            "ownerReferences": [{**CONTROLLER, "kind": "ReplicaSet", "name": "web-6d5f"}],
        },
        "spec": {"serviceAccountName": "web", "nodeName": "n1", "containers": [{"name": "main", "image": "app:1"}]},
        "status": {"phase": "Running", "podIP": "10.0.0.7"},
    },
    {"kind": "StatefulSet", "metadata": {"name": "db", "namespace": "bank"}},
)


def told(
    number: int = 0,
    *,
    source: str = "falco",
    rule: str = "shell",
    level: Level = "high",
    after_s: float = 0,
    total: int = 1,
    **subject: str,
) -> Signal:
    """A signal; without a subject, of the one pod of the shop."""
    about = Subject(**(subject or {"namespace": "shop", "pod": "web-6d5f-abcde"}))
    return signal(source, f"id-{number}", NOW + timedelta(seconds=after_s), level, rule, f"words {number}", about, total)


class Desk:
    """A triage in a world of its own, folded when asked."""

    def __init__(self, *objects: Any, cards: Mapping[CheckId, Check] | None = None) -> None:
        self.store: Store = world(objects or SHOP)
        self.judge = Judge(cards or {})
        self.triage = Triage()
        self.triage.ready = True
        self.incidents: dict[str, Incident] = {}

    def fold(self, *signals: Signal, now: datetime = NOW, settled: bool = True) -> Folded | None:
        """Tell these, tick, and fold."""
        self.triage.tell(signals)
        state = self.store.tick(now)
        folded = self.triage.fold(self.judge, state, self.judge.judge(state), settled=settled)
        for item in folded.changed if folded else ():
            self.incidents[item.name] = item
        for name in folded.dropped if folded else ():
            del self.incidents[name]
        return folded

    @property
    def one(self) -> Incident:
        """The only incident."""
        [found] = self.incidents.values()
        return found


def counted(incidents: Iterable[Incident]) -> int:
    """How many signals all of them hold."""
    return sum(item.count for item in incidents)
