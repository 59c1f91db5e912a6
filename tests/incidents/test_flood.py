"""A flood of events on the whole way: the server's watch, the reflector, the store, triage. Each is counted, and counted once."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.incidents.telling import counted
from ztui.core import Core
from ztui.demo.server import DemoServer
from ztui.kinds.base import CLUSTER
from ztui.kinds.incident import Incident
from ztui.settings import Settings
from ztui.targets import finder

RATE = 2000
WORKLOADS = 40
AT_ONCE = 100
PATIENCE_S = 120.0
LONG_PATIENCE_S = 1200.0


def warning(number: int) -> dict[str, Any]:
    """A refusal at admission, as a controller tells of it (core/v1 Event)."""
    name = f"flood-{number % WORKLOADS}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{number}", "namespace": "default"},
        "involvedObject": {"kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": "default", "name": name, "uid": name},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": f"Error creating: pods {number} is forbidden",
        "count": 1,
        "source": {"component": "replicaset-controller"},
        "firstTimestamp": "2026-01-05T09:00:00Z",
        "lastTimestamp": "2026-01-05T09:00:00Z",
    }


@asynccontextmanager
async def listening(folder: Path, broken_after: int = 0) -> AsyncIterator[tuple[Core, DemoServer]]:
    """A core that judges nothing and hears of incidents, once it has read all there was; its watch may break off once."""
    server = DemoServer(scenario="fresh", churn=False, controllers=False)
    await server.start()
    if broken_after:
        server.faults.on("watch-410", "events", after=broken_after, times=1)
    try:
        settings = Settings(kubeconfig=str(server.write_kubeconfig(folder / "kubeconfig")))
        core = Core(settings, finder(settings), cards={}, triage=True)
        assert core.triage is not None
        core.triage.ready = True  # nothing was counted in an earlier run
        async with core.open():
            await core.settled(PATIENCE_S)
            yield core, server
    finally:
        await server.stop()


def flooded(core: Core) -> list[Incident]:
    held = core.frame.state.objects.get(Incident, {}).get(CLUSTER, {})
    mine = [item for item in held.values() if isinstance(item, Incident)]
    return [item for item in mine if any(ref.name.startswith("flood-") for ref in item.things)]


async def pour(server: DemoServer, events: int, first: int = 0) -> None:
    for number in range(first, first + events):
        server.objects.put(warning(number))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)


async def heard(core: Core, events: int) -> None:
    async for _ in core.frames():
        if counted(flooded(core)) >= events:
            return


async def check_that_none_is_lost(folder: Path, seconds: int, patience_s: float) -> None:
    events = seconds * RATE
    async with listening(folder) as (core, server), asyncio.timeout(patience_s):
        await pour(server, events)
        await heard(core, events)
        # One more proves that nothing follows: what was told twice would have been counted by now.
        await pour(server, 1, events)
        await heard(core, events + 1)
        assert counted(flooded(core)) == events + 1
        assert len(flooded(core)) == WORKLOADS
        assert all(item.is_open and item.level == "medium" for item in flooded(core))


async def test_R11_two_seconds_of_two_thousand_events_lose_none(tmp_path: Path) -> None:
    await check_that_none_is_lost(tmp_path, 2, PATIENCE_S)


@pytest.mark.soak
async def test_R11_a_minute_of_two_thousand_events_a_second_loses_none(tmp_path: Path) -> None:
    await check_that_none_is_lost(tmp_path, 60, LONG_PATIENCE_S)


async def test_R11_what_a_watch_that_broke_off_did_not_tell_is_told_by_the_list(tmp_path: Path) -> None:
    async with listening(tmp_path, broken_after=RATE // 2) as (core, server), asyncio.timeout(PATIENCE_S):
        await pour(server, 2 * RATE)
        await heard(core, 2 * RATE)
        assert counted(flooded(core)) == 2 * RATE
        assert sum(item.path.endswith("/events.k8s.io/v1/events") and "limit=" in item.query for item in server.requests) > 1
