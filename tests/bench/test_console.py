"""What the console costs: the first paint beside an empty app's, and 10,000 pods from first paint to idle."""

from __future__ import annotations

import sys

from tests.bench.figures import table
from tests.bench.probe import Probe
from tests.servers.kube import KubeServer

EMPTY = "from textual.app import App\nclass Empty(App[int]):\n    pass\nEmpty().run()\n"
RUNS, PAINTS = 5, 9
WAIT_S, IDLE_S = 60.0, 10.0
LIVE = r"\d,\d{3} objects"


def test_first_paint_beside_an_empty_app(home: dict[str, str]) -> None:
    commands = {"an empty app": ("-c", EMPTY), "ztui without a cluster": ("-m", "ztui")}
    painted: dict[str, list[float]] = {name: [] for name in commands}
    used: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(PAINTS + 1):  # the first of each compiles
        for name, arguments in commands.items():
            with Probe([sys.executable, *arguments], home) as probe:
                probe.read(WAIT_S, lambda probe=probe: probe.painted_s == probe.painted_s)  # type: ignore[misc]  # not a number until then
                painted[name].append(probe.painted_s)
                used[name].append(probe.cpu_s)
    table("First paint", {name: values[1:] for name, values in painted.items()}, "s")
    table("First paint", {name: values[1:] for name, values in used.items()}, "s of CPU")


def test_ten_thousand_pods(busy: KubeServer, home: dict[str, str]) -> None:
    figures: dict[str, list[float]] = {}
    sizes: dict[str, list[float]] = {}
    for _ in range(RUNS):
        with Probe([sys.executable, "-m", "ztui"], home | {"KUBECONFIG": str(busy.kubeconfig())}) as probe:
            assert probe.read_until(LIVE, WAIT_S)
            before_s = probe.cpu_s
            probe.read(2.0)
            found = {
                "first paint": probe.painted_s,
                "first rows (verdicts on the overview)": probe.shown_s(
                    lambda text: "not yet (" in text or "checks judged" in text
                ),
                "all held and judged": probe.shown_s(lambda text: "checks judged" in text),
                "CPU until then": before_s,
            }
            start_s = probe.cpu_s
            idle_bytes = probe.read(IDLE_S)
            for name, value in found.items():
                figures.setdefault(name, []).append(value)
            sizes.setdefault("RSS, MB", []).append(probe.memory_mb())
            sizes.setdefault("RSS at its peak, MB", []).append(probe.memory_mb("VmHWM"))
            sizes.setdefault("bytes until then, kB", []).append(sum(len(data) for _, data in probe.chunks) / 1000)
            sizes.setdefault("idle CPU, % of a core", []).append((probe.cpu_s - start_s) / IDLE_S * 100)
            sizes.setdefault("idle bytes", []).append(idle_bytes)
    table("10,000 pods in the console", figures, "s")
    table("10,000 pods in the console", sizes, "as named")
