"""The attack of the demo: told by its sources, made one incident of the right workload, and as far as the cluster lets it get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ztui.clock import SystemClock
from ztui.core import Core
from ztui.demo.attack import Attack, Chronicle
from ztui.demo.cluster import new_cluster
from ztui.demo.server import DemoServer
from ztui.demo.world import fill
from ztui.kinds.base import CLUSTER
from ztui.kinds.incident import Incident
from ztui.settings import ContextSettings, Settings
from ztui.sources import alerts, logs
from ztui.sources.side import POLL_S
from ztui.targets import finder

PATIENCE_S = 60.0
SEEDS = (1, 2, 3, 7)


class Impatient(SystemClock):
    """A clock on which the next question to what stands beside the cluster is always near."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0.1 if seconds in {POLL_S, alerts.SOON_S, logs.SOON_S} else seconds)


@asynccontextmanager
async def watched(folder: Path, seed: int) -> AsyncIterator[tuple[Core, Attack, DemoServer]]:
    """A live core on a cluster that is about to be attacked."""
    server = DemoServer(scenario="incident", seed=seed, churn=False)
    await server.start()
    try:
        url = server.telemetry_url
        beside = ContextSettings(metrics_url=url, alertmanager_url=url, logs_url=url)
        settings = Settings(kubeconfig=str(server.write_kubeconfig(folder / "kubeconfig")), contexts={"demo": beside})
        core = Core(settings, finder(settings), clock=Impatient(), triage=True)
        assert server.attack is not None
        async with core.open():
            await core.settled(PATIENCE_S)
            yield core, server.attack, server
    finally:
        await server.stop()


def incidents(core: Core) -> list[Incident]:
    held = core.frame.state.objects.get(Incident, {}).get(CLUSTER, {})
    return [item for item in held.values() if isinstance(item, Incident)]


async def until(core: Core, holds: Callable[[list[Incident]], bool]) -> list[Incident]:
    async with asyncio.timeout(PATIENCE_S):
        async for _ in core.frames():
            if holds(incidents(core)):
                return incidents(core)
    raise AssertionError


@pytest.mark.parametrize("seed", SEEDS)
async def test_an_attack_is_one_critical_incident_of_its_workload(tmp_path: Path, seed: int) -> None:
    async with watched(tmp_path, seed) as (core, attack, _):
        assert incidents(core) == []
        while attack.step():
            pass
        found = await until(
            core,
            lambda items: any({"falco", "audit", "tetragon"} <= set(item.sources) and _knows(item, "miner") for item in items),
        )
        [mine] = [item for item in found if any((ref.namespace, ref.name) == attack.victim for ref in item.things)]
        assert mine.level == "critical"
        assert mine.things[0].namespace == attack.victim[0]
        assert attack.principal in mine.principals


def _knows(item: Incident, word: str) -> bool:
    return any(word in one.rule for one in item.seen)


def test_other_seeds_are_other_attacks() -> None:
    cluster = new_cluster(7)
    fill(cluster, scenario="incident", seed=7, scale=0)
    attacks = [Attack(cluster, Chronicle(), seed) for seed in range(1, 9)]
    assert len({item.victim for item in attacks}) > 2
    assert [item.victim for item in attacks] == [Attack(cluster, Chronicle(), seed).victim for seed in range(1, 9)]


async def test_a_pod_that_is_gone_runs_nothing_and_its_token_is_refused(tmp_path: Path) -> None:
    async with watched(tmp_path, 7) as (_, attack, server):
        attack.step()
        meta = attack.pod["metadata"]
        server.objects.delete("pods", meta["name"], meta["namespace"])
        before = len(server.chronicle.lines["application"])
        while attack.step():
            pass
        assert len(server.chronicle.lines["application"]) == before
        codes = {json.loads(line)["responseStatus"]["code"] for _, line in server.chronicle.lines["audit"]}
        assert codes == {401}
        assert attack.achieved == []


async def test_a_quarantine_ends_the_way_further_and_the_miner(tmp_path: Path) -> None:
    async with watched(tmp_path, 7) as (_, attack, server):
        attack.step()
        server.objects.put(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "quarantine", "namespace": attack.victim[0]},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            }
        )
        while attack.step():
            pass
        assert not {"lateral", "miner"} & set(attack.achieved)
