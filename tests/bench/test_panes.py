"""The live panes at 10,000 pods: first opened on data that is judged already, and drawn again after one pod has changed.

CPU time of one thread, as the judge's.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable
from typing import Any, Final

from tests.bench.figures import table
from tests.bench.generated import NOW, changed_pod, filled
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.panes.access import access_lines
from ztui.panes.identity import identity_lines
from ztui.panes.mesh import mesh_lines
from ztui.panes.mtls import all_ports, mtls_lines
from ztui.panes.people import users_pane
from ztui.panes.reach import reach_pane
from ztui.panes.workloads import all_rows
from ztui.store import Put

NAMESPACES, PODS_EACH, RUNS = 200, 50, 5
Ask = Callable[[Judge], Any]
PANES: Final[dict[str, Ask]] = {
    "identity": lambda judge: judge.look(all_rows, ""),
    "mTLS": lambda judge: judge.look(all_ports, ""),
    "reach": lambda judge: _plain(judge, reach_pane, ""),
    "who can": lambda judge: _plain(judge, access_lines, ""),
    "mesh": lambda judge: _plain(judge, mesh_lines, ""),
    "users": lambda judge: _plain(judge, users_pane),
}


def _plain(judge: Judge, pane: Callable[..., Any], *arguments: Hashable) -> Any:
    return judge.memo.value(pane, arguments)


def test_panes_of_ten_thousand_pods() -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    figures: dict[str, list[float]] = {}
    for run in range(RUNS):
        store = filled(NAMESPACES, PODS_EACH)
        judge = Judge(catalogue())
        judge.judge(store.state)
        for name, ask in PANES.items():
            _measured(figures, f"{name}: first", ask, judge)
        _measured(figures, "identity: lines", lambda found: identity_lines(found.look(all_rows, "")), judge)
        _measured(figures, "mTLS: lines", lambda found: mtls_lines(found.look(all_ports, "")), judge)
        store.apply(Put(changed_pod("team-0100", 5000, run)))
        judge.judge(store.tick(NOW))
        for name, ask in PANES.items():
            _measured(figures, f"{name}: after one pod changed", ask, judge)
        judge.close()
    table("panes at 10,000 pods", figures, "s")


def _measured(figures: dict[str, list[float]], name: str, work: Ask, judge: Judge) -> None:
    started_s = time.thread_time()
    work(judge)
    figures.setdefault(name, []).append(time.thread_time() - started_s)
