"""Memory over many events on a constant number of objects: what an event leaves behind shows here."""

from __future__ import annotations

import gc

import pytest

from tests.bench.generated import NOW, changed_pod, filled
from tests.bench.probe import memory_mb
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.store import Put

NAMESPACES, PODS_EACH = 20, 50
PER_TICK = 20


@pytest.mark.parametrize("events", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_memory_over_events(events: int) -> None:
    store = filled(NAMESPACES, PODS_EACH)
    judge = Judge(catalogue())
    sizes: list[float] = []
    for number in range(events):
        pod = number * 37 % (NAMESPACES * PODS_EACH)
        store.apply(Put(changed_pod(f"team-{pod // PODS_EACH:04d}", pod, number)))
        if number % PER_TICK == 0:
            judge.judge(store.tick(NOW))
        if number % (events // 10) == 0:
            gc.collect()
            sizes.append(memory_mb("self"))
    judge.close()
    growth = (sizes[-1] / sizes[1] - 1) * 100
    print(f"\n{events:,} events: {sizes[1]:.1f} MB after a tenth, {sizes[-1]:.1f} MB at the end, {growth:+.1f} %")
