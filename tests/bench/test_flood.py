"""How late the event loop is while 2,000 events a second come in, from a server in another thread.

The server takes its part of the one interpreter, so what is printed is more than a cluster elsewhere would cost.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from tests.bench.figures import quantile
from tests.incidents.telling import counted
from tests.incidents.test_flood import PATIENCE_S, RATE, flooded, heard, warning
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.settings import Settings
from ztui.targets import finder

SECONDS = 10
STEP_S = 0.05


async def test_lateness_in_a_flood(tmp_path: Path) -> None:
    with DemoThread(scenario="fresh", churn=False, controllers=False) as demo:
        settings = Settings(kubeconfig=str(demo.server.write_kubeconfig(tmp_path / "kubeconfig")))
        core = Core(settings, finder(settings), cards={}, triage=True)
        assert core.triage is not None
        core.triage.ready = True
        loop = asyncio.get_running_loop()
        late: list[float] = []
        looks: list[asyncio.TimerHandle] = []

        def look(due: float) -> None:
            late.append(loop.time() - due)
            looks[:] = [loop.call_at(loop.time() + 0.01, look, loop.time() + 0.01)]

        def pour() -> None:
            """All events at their rate, in a thread of its own."""
            pause = threading.Event()
            begun = loop.time()
            for number in range(SECONDS * RATE):
                demo.server.objects.put(warning(number))
                ahead_s = number / RATE - (loop.time() - begun)
                if ahead_s > STEP_S:
                    pause.wait(ahead_s)

        async with core.open(), asyncio.timeout(PATIENCE_S):
            await core.settled(PATIENCE_S)
            look(loop.time())
            begun = loop.time()
            await asyncio.gather(asyncio.to_thread(pour), heard(core, SECONDS * RATE))
            took_s = loop.time() - begun
            looks[0].cancel()
            assert counted(flooded(core)) == SECONDS * RATE
    shares = ", ".join(f"p{share * 100:g} {quantile(late, share) * 1000:.1f} ms" for share in (0.5, 0.99))
    print(f"\n{SECONDS * RATE:,} events in {took_s:.1f} s, none lost; event loop late: {shares},", end=" ")
    print(f"longest {max(late) * 1000:.1f} ms over {len(late)} looks")
