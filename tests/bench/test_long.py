"""What stays behind after a long sitting, what a changed row costs on the line, and how long the screen stands still.

All on the console as a program against 10,000 pods, but for the standstill: that is measured inside, on the app's own loop.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from pathlib import Path

import pyte

from screens.app import ZtuiApp
from tests.bench.figures import quantile, table
from tests.bench.probe import Probe
from tests.bench.test_console import LIVE, WAIT_S
from tests.servers.kube import KubeServer
from ztui.settings import Settings
from ztui.targets import finder

CYCLES, WARM_UP = 500, 40
SCREENS = "wmpvgJHc12340"
TOGGLES = 10
BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "bench-anonymous"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [{"kind": "Group", "name": "system:unauthenticated", "apiGroup": "rbac.authorization.k8s.io"}],
}
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"


def opened(server: KubeServer, home: dict[str, str]) -> Probe:
    """The console, once everything is judged."""
    probe = Probe([sys.executable, "-m", "ztui"], home | {"KUBECONFIG": str(server.kubeconfig())})
    assert probe.read_until(LIVE, WAIT_S)
    probe.read(3.0)
    return probe


def held(pid: int) -> tuple[int, int]:
    """Threads and open files of a process."""
    return len(list(Path(f"/proc/{pid}/task").iterdir())), len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_five_hundred_screens_opened_and_left(busy: KubeServer, home: dict[str, str]) -> None:
    with opened(busy, home) as probe:
        sizes: list[float] = []
        for cycle in range(CYCLES):
            probe.send(SCREENS[cycle % len(SCREENS)])
            probe.read(5.0, lambda: len(probe.chunks[-1][1]) > 100)
            probe.read(0.1)
            probe.send("o")
            probe.read(5.0, lambda: len(probe.chunks[-1][1]) > 100)
            probe.read(0.1)
            if cycle == WARM_UP:
                before = held(probe.pid)
            if cycle >= WARM_UP and cycle % 20 == 0:
                sizes.append(probe.memory_mb())
        after = held(probe.pid)
    assert after[0] <= before[0], "threads are left behind"
    # Watches that the server ends take a new connection before the old one is gone: a few more are none left behind.
    assert after[1] <= before[1] + CYCLES // 50, "files or sockets are left behind"
    table("RSS while screens are opened and left", {"RSS, MB": sizes}, "MB")
    print(f"  first {sizes[0]:.1f}, last {sizes[-1]:.1f} MB; threads {before[0]} -> {after[0]}, files {before[1]} -> {after[1]}")


def test_bytes_of_a_changed_row(busy: KubeServer, home: dict[str, str]) -> None:
    with opened(busy, home) as probe:
        probe.send("1")
        probe.read(2.0)
        screen = pyte.Screen(probe.columns, probe.lines)
        stream = pyte.ByteStream(screen)
        for _, data in probe.chunks:
            stream.feed(data)
        each: list[float] = []
        for toggle in range(TOGGLES * 2):
            before, seen = list(screen.display), len(probe.chunks)
            if toggle % 2:
                busy.call("DELETE", f"{BINDINGS}/bench-anonymous")
            else:
                busy.call("POST", BINDINGS, BINDING)
            probe.read(1.5)
            news = b"".join(data for _, data in probe.chunks[seen:])
            stream.feed(news)
            rows = sum(old != new for old, new in zip(before, screen.display, strict=True))
            assert rows, "nothing changed on the screen"
            each.append(len(news) / rows)
    table("bytes to the terminal for each row that changed", {"phase checklist": each}, "bytes")


async def test_standstill_while_everything_is_read(busy: KubeServer) -> None:
    gc.set_threshold(10_000, 10, 10)  # as the program does
    settings = Settings(kubeconfig=str(busy.kubeconfig()))
    app = ZtuiApp(settings, finder(settings))
    late: list[float] = []

    def look(due: float) -> None:
        now = loop.time()
        late.append(now - due)
        watching.append(loop.call_at(now + 0.01, look, now + 0.01))
        del watching[:-1]

    loop = asyncio.get_running_loop()
    watching: list[asyncio.TimerHandle] = []
    async with app.run_test(size=(140, 40)) as pilot:
        look(loop.time())
        ends = time.monotonic() + WAIT_S
        while not (app.frame.settled and app.frame.board is not None) and time.monotonic() < ends:
            await pilot.pause(0.05)
        watching[-1].cancel()
    assert app.frame.settled
    print(f"\nevent loop late: p50 {quantile(late, 0.5) * 1000:.1f} ms, p99 {quantile(late, 0.99) * 1000:.1f} ms,", end=" ")
    print(f"longest {max(late) * 1000:.1f} ms over {len(late)} looks")
