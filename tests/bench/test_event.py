"""One pod event to a changed verdict, at 1,000, 10,000 and 100,000 pods: the cost of an event must not follow the cluster.

CPU time of the judge's own thread: other work on the machine does not count.
"""

from __future__ import annotations

import gc
import time

import pytest

from tests.bench.figures import quantile
from tests.bench.generated import NOW, changed_pod, filled
from tests.bench.probe import memory_mb
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.store import Put

EVENTS = 300
PODS_EACH = 50


@pytest.mark.parametrize("namespaces", [20, 200, 2000])
def test_event_to_verdict(namespaces: int) -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    store = filled(namespaces, PODS_EACH)
    judge = Judge(catalogue())
    started_s = time.process_time()
    judge.judge(store.state)
    first_s = time.process_time() - started_s
    seconds: list[float] = []
    changed = 0
    for round_ in range(EVENTS):
        number = round_ * 37 % (namespaces * PODS_EACH)
        pod = changed_pod(f"team-{number // PODS_EACH:04d}", number, round_)
        before = judge.memo.computed
        started_s = time.thread_time()
        store.apply(Put(pod))
        judge.judge(store.tick(NOW))
        seconds.append(time.thread_time() - started_s)
        changed += judge.memo.computed > before
    judge.close()
    event = ", ".join(f"p{share:.0%} {quantile(seconds, share) * 1000:.2f} ms".replace("%", "") for share in (0.5, 0.99, 1.0))
    print(f"\n{namespaces * PODS_EACH:>7,} pods: first judgement {first_s:.2f} s of CPU, RSS {memory_mb('self'):.0f} MB")
    print(f"         event to verdict: {event}; {changed} of {EVENTS} re-judged something")
