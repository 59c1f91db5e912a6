"""The blast radius at 10,000 pods, each application with rules of its own: asked first, and again after one pod has changed.

CPU time of one thread, as the judge's.
"""

from __future__ import annotations

import gc
import time

from tests.bench.figures import table
from tests.bench.generated import NOW, SEED, changed_pod, filled
from tests.bench.test_reach import closed
from tests.servers import shapes
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.panes.blast import blast_lines
from ztui.store import Put

NAMESPACES, PODS_EACH, RUNS = 200, 50, 5


def test_blast_radius_at_ten_thousand_pods() -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    store = filled(NAMESPACES, PODS_EACH)
    closed(store)
    store.tick(NOW)
    name = next(iter(shapes.apps("team-0100", SEED))).name
    figures: dict[str, list[float]] = {}
    for run in range(RUNS):
        for target in (f"deployment/team-0100/{name}", f"serviceaccount/team-0100/{name}", "node/worker-0"):
            judge = Judge(catalogue())
            judge.judge(store.state)
            arguments = (judge.cell_of, target, "")
            for what in ("first", "after one pod changed"):
                started_s = time.thread_time()
                lines = judge.memo.value(blast_lines, arguments)
                figures.setdefault(f"{target}: {what}", []).append(time.thread_time() - started_s)
                assert len(lines) > 20
                store.apply(Put(changed_pod("team-0100", 5000, run)))
                judge.judge(store.tick(NOW))
            judge.close()
    table("blast radius at 10,000 pods", figures, "s")
