"""The panes while 200 objects a second change: how soon a key paints, how soon a change is in its cell, what the line carries."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.figures import quantile, table
from tests.bench.generated import SEED
from tests.bench.probe import Probe
from tests.bench.test_long import BINDINGS, opened
from tests.servers import shapes
from tests.servers.kube import KubeServer

RATE, PRESSES, CHANGES = 200, 60, 20
PATCH = {"Content-Type": "application/merge-patch+json"}
LABEL = "bench.example/round"


@contextmanager
def churning(server: KubeServer, rate: int = RATE) -> Iterator[list[int]]:
    """Patch a label of random pods, so many a second, for as long as the block lasts; counts what was answered."""
    done, stop = [0], threading.Event()

    async def churn() -> None:
        rng = random.Random(7)  # noqa: S311  a load
        running: set[asyncio.Future[None]] = set()
        async with server.session(connections=32) as session:
            names = [item["metadata"] for item in (await (await session.get("/api/v1/pods?limit=2000")).json())["items"]]
            loop = asyncio.get_running_loop()
            began, number = loop.time(), 0

            async def one(number: int) -> None:
                meta = rng.choice(names)
                body = json.dumps({"metadata": {"labels": {LABEL: str(number)}}})
                path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
                async with session.patch(path, data=body, headers=PATCH) as answer:
                    done[0] += answer.status == 200

            while not stop.is_set():
                number += 1
                running.add(task := asyncio.ensure_future(one(number)))
                task.add_done_callback(running.discard)
                pause: asyncio.Future[None] = loop.create_future()
                loop.call_at(began + number / rate, pause.set_result, None)
                await pause
            await asyncio.gather(*running, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(churn()), daemon=True)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join(10)


def painted_s(probe: Probe, keys: str, words: str) -> float:
    """How long after a key these words, which were not there, are on the screen."""
    assert not probe.shows(words)
    began_s = time.monotonic()
    probe.send(keys)
    assert probe.read_until(words, 5.0)
    return time.monotonic() - began_s


def test_keys_and_cells_while_two_hundred_change(busy: KubeServer, home: dict[str, str]) -> None:
    figures: dict[str, list[float]] = {}
    with opened(busy, home) as probe:
        for key, words in (("w", "weakest"), ("m", "permissive"), ("p", "Reach")):
            probe.send("o")
            probe.read(1.0)
            figures.setdefault("a pane opens", []).append(painted_s(probe, key, words))
        probe.send("w")
        probe.read(3.0)
        with churning(busy) as done:
            probe.read(3.0)
            began, count, size = time.monotonic(), done[0], sum(len(data) for _, data in probe.chunks)
            for _ in range(PRESSES):
                figures.setdefault("key → paint", []).append(painted_s(probe, "/", "words, ns"))
                probe.send("\x1b")
                probe.read(5.0, lambda: not probe.shows("words, ns"))
                probe.read(0.25)
            spent_s = time.monotonic() - began
            rate = (done[0] - count) / spent_s
            line = (sum(len(data) for _, data in probe.chunks) - size) / spent_s / 1000
    table("panes at 10,000 pods", figures, "s")
    p99 = quantile(figures["key → paint"], 0.99) * 1000
    print(f"  key → paint p99 {p99:.0f} ms at {rate:.0f} changes a second; {line:.1f} kB/s to the terminal")
    assert done[0] > 0


def test_a_change_reaches_its_cell(busy: KubeServer, home: dict[str, str]) -> None:
    account = next(iter(shapes.apps("team-0000", SEED))).name
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "bench-admin"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "team-0000"}],
    }
    figures: dict[str, list[float]] = {"from the server's answer to the screen": []}
    with opened(busy, home) as probe:
        probe.send("w")
        assert probe.read_until("weakest", 5.0)
        probe.read(2.0)
        for _ in range(CHANGES):
            assert not probe.shows("admin-path")
            busy.call("POST", BINDINGS, binding)
            began_s = time.monotonic()
            assert probe.read_until("admin-path", 5.0)
            figures["from the server's answer to the screen"].append(time.monotonic() - began_s)
            busy.call("DELETE", f"{BINDINGS}/bench-admin")
            probe.read(5.0, lambda: not probe.shows("admin-path"))
    table("a right that a workload gets, in its cell of the identity pane, 10,000 pods", figures, "s")
