"""A cluster of 1,000 pods: a rule of the network to changed verdicts, the guide, and one sweep of a Vault.

CPU time of the thread that does it: other work on the machine does not count, nor does the server of the Vault.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from pathlib import Path

from tests.bench.figures import quantile, table
from tests.bench.generated import NOW, filled
from tests.worlds import all_kinds
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.clock import SystemClock
from ztui.demo.server import DemoThread
from ztui.guide.procedures import Names
from ztui.guide.route import route
from ztui.guide.runbook import as_markdown, as_text
from ztui.kinds.base import decode
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.vaultpaths import paths_of
from ztui.settings import Settings, VaultSettings
from ztui.sources.vault import Vaults
from ztui.sources.vaulttarget import find_vaults
from ztui.store import Event, Hole, Put, Whole

NAMESPACES, PODS_EACH = 20, 50
CHANGES = 300
RUNS = 20


def rule(number: int) -> NetworkPolicy:
    """A default that closes and opens again, namespace by namespace."""
    place = f"team-{number % NAMESPACES:04d}"
    meta = {"name": "default", "namespace": place, "uid": f"n-{place}", "resourceVersion": str(number + 1)}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}] * (number // NAMESPACES % 2)}
    return decode(NetworkPolicy, json.dumps({"metadata": meta, "spec": spec}).encode())


def test_a_rule_to_verdicts_and_the_guide() -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    store = filled(NAMESPACES, PODS_EACH)
    judge = Judge(catalogue())
    board = judge.judge(store.state)
    seconds: list[float] = []
    changed = 0
    for number in range(CHANGES):
        before = dict(board.cells)
        started_s = time.thread_time()
        store.apply(Put(rule(number)))
        board = judge.judge(store.tick(NOW))
        seconds.append(time.thread_time() - started_s)
        changed += dict(board.cells) != before
    judge.close()
    told = ", ".join(f"p{share * 100:.0f} {quantile(seconds, share) * 1000:.1f} ms" for share in (0.5, 0.99, 1.0))
    print(f"\na NetworkPolicy to verdicts, {NAMESPACES * PODS_EACH:,} pods: {told}; {changed} of {CHANGES} changed cells")
    figures: dict[str, list[float]] = {"the way to Phase 4": [], "its next step as text": [], "the whole runbook": []}
    cards = catalogue()
    for _ in range(RUNS):
        started_s = time.thread_time()
        stops = route(board, cards, to=4)
        figures["the way to Phase 4"].append((time.thread_time() - started_s) * 1000)
        started_s = time.thread_time()
        as_text(board, cards, stops, 4, Names())
        figures["its next step as text"].append((time.thread_time() - started_s) * 1000)
        started_s = time.thread_time()
        as_markdown(board, cards, stops, 4, Names())
        figures["the whole runbook"].append((time.thread_time() - started_s) * 1000)
    table(f"the guide, {NAMESPACES * PODS_EACH:,} pods", figures, "ms of CPU")


async def test_a_sweep_of_a_vault(tmp_path: Path) -> None:
    kinds = frozenset(kind for kind in all_kinds() if kind.SOURCE == "vault" and paths_of(kind))
    figures: dict[str, list[float]] = {"CPU of the reader": [], "until all is read": []}
    asked = 0
    with DemoThread(churn=False) as demo:
        authority, token = demo.server.write_vault(tmp_path)
        vault = VaultSettings(demo.server.vault.url, ca_file=str(authority), token_file=str(token))
        for _ in range(RUNS):
            before = len(demo.server.vault.requests)
            started_s, cpu_s = time.monotonic(), time.thread_time()
            await _swept(vault, kinds)
            figures["CPU of the reader"].append((time.thread_time() - cpu_s) * 1000)
            figures["until all is read"].append((time.monotonic() - started_s) * 1000)
            asked = len(demo.server.vault.requests) - before
    table(f"one sweep of the demo's Vault, {asked} requests, {len(kinds)} kinds", figures, "ms")


async def _swept(vault: VaultSettings, kinds: frozenset[type]) -> None:
    known, whole = set(kinds), asyncio.Event()

    def take(event: Event) -> None:
        if isinstance(event, (Whole, Hole)):
            known.discard(event.kind)
        if not known:
            whole.set()

    found = Vaults(find_vaults(Settings(vaults={"demo": vault}), "any", {}), kinds, take, SystemClock(), timeout_s=20)
    task = asyncio.create_task(found.run())
    try:
        await whole.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
