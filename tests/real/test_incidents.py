"""Incidents on a real API server: a warning is heard and becomes one, what is normal is not even told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.servers.kube import KubeServer
from ztui.core import Core
from ztui.kinds.base import CLUSTER
from ztui.kinds.incident import Incident
from ztui.kinds.notice import NOTICES
from ztui.settings import Settings
from ztui.targets import finder
from ztui.view import Why

WAIT_S = 60.0
EVENTS = "/apis/events.k8s.io/v1/namespaces/night/events"


def event(name: str, kind: str, reason: str, count: int = 1) -> dict[str, object]:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": "night"},
        "eventTime": now,
        "reportingController": "example.com/test",
        "reportingInstance": "test-1",
        "action": "Testing",
        "type": kind,
        "reason": reason,
        "note": "pods are forbidden",
        "regarding": {"kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": "night", "name": "api-1", "uid": "x"},
        **({"series": {"count": count, "lastObservedTime": now}} if count > 1 else {}),
    }


def incidents(core: Core) -> list[Incident]:
    held = core.frame.state.objects.get(Incident, {}).get(CLUSTER, {})
    return [item for item in held.values() if isinstance(item, Incident) and "night" in item.namespaces]


async def until(core: Core, holds: Callable[[list[Incident]], object]) -> list[Incident]:
    async with asyncio.timeout(WAIT_S):
        async for _ in core.frames():
            if holds(incidents(core)):
                return incidents(core)
    raise AssertionError


async def test_a_warning_becomes_an_incident_and_is_counted_on(kube: KubeServer) -> None:
    assert kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": "night"}}).status in {201, 409}
    settings = Settings(kubeconfig=str(kube.kubeconfig()))
    core = Core(settings, finder(settings), triage=True)
    async with core.open():
        await core.settled(WAIT_S)
        gaps = {kind.PLURAL: core.frame.state.gap(kind) for kind in NOTICES}
        assert all(gap is None or gap.why is Why.ABSENT for gap in gaps.values()), gaps
        assert incidents(core) == []

        for name, kind, reason in (("calm", "Normal", "Created"), ("refused", "Warning", "FailedCreate")):
            answer = await asyncio.to_thread(kube.call, "POST", EVENTS, event(name, kind, reason))
            assert answer.status == 201, answer.body
        sent_s = time.monotonic()
        [mine] = await until(core, bool)
        print(f"\nheard {time.monotonic() - sent_s:.3f} s after the answer")
        assert [(item.rule, item.count) for item in mine.seen] == [("FailedCreate", 1)]
        assert str(mine.things[0]) == "replicaset/night/api-1"

        more = {"series": event("refused", "Warning", "FailedCreate", 7)["series"]}
        answer = await asyncio.to_thread(kube.call, "PATCH", f"{EVENTS}/refused", more, content="application/merge-patch+json")
        assert answer.status == 200, answer.body
        [mine] = await until(core, lambda found: found[0].count > 1)
        assert mine.count == 7
