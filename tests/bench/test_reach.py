"""The map of reach of 10,000 pods, each application with rules of its own, and the same map after one pod has changed.

CPU time of one thread, as the judge's.
"""

from __future__ import annotations

import gc
import time
from typing import Any

from tests.bench.figures import table
from tests.bench.generated import NOW, SEED, changed_pod, filled
from tests.servers import shapes
from tests.worlds import put
from ztui.engines.reachmap import reach_map
from ztui.memo import Memo
from ztui.store import Put, Store

NAMESPACES, PODS_EACH, RUNS = 200, 50, 5


def closed(store: Store) -> None:
    """Every namespace closed by default, and a rule for each application: nothing may share a group with anything."""
    for number in range(NAMESPACES):
        name = f"team-{number:04d}"
        every: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        dns = {
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "team-0000"}}}],
            "ports": [{"port": 53}],
        }
        before = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"team-{max(0, number - 1):04d}"}}}
        specs = {"deny": every, "dns": {"podSelector": {}, "egress": [dns, {"to": [{"podSelector": {}}]}]}}
        for app in shapes.apps(name, SEED):
            mine = {"matchLabels": {"app.kubernetes.io/name": app.name}}
            outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.169.254/32"]}}
            rule = {"from": [before, {"podSelector": mine}, outside], "ports": [{"port": 8080}]}
            specs[app.name] = {"podSelector": mine, "ingress": [rule]}
        for policy, spec in specs.items():
            put(store, {"kind": "NetworkPolicy", "metadata": {"name": policy, "namespace": name}, "spec": spec})


def test_reach_of_ten_thousand_pods() -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    store = filled(NAMESPACES, PODS_EACH)
    closed(store)
    store.tick(NOW)
    first: list[float] = []
    after: list[float] = []
    for run in range(RUNS):
        memo = Memo()
        memo.advance(store.state)
        started_s = time.thread_time()
        whole = memo.value(reach_map, ())
        first.append(time.thread_time() - started_s)
        store.apply(Put(changed_pod("team-0100", 5000, run)))
        memo.advance(store.tick(NOW))
        started_s = time.thread_time()
        memo.value(reach_map, ())
        after.append(time.thread_time() - started_s)
    pairs = sum(mask.bit_count() for masks in whole.callers for mask in masks)
    print(f"\n{NAMESPACES * PODS_EACH:,} pods, {len(whole.marks):,} groups, {pairs:,} ways that are open")
    table("the map of reach", {"first": first, "after one pod changed": after}, "s")
