"""The end of a workload's logs: asked of each container, without credentials, and one refusal costs no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ztui.core import Core
from ztui.demo.server import DemoServer
from ztui.evidence.tail import LINES, MOST
from ztui.kinds.base import Ref
from ztui.settings import Settings
from ztui.targets import finder

WEB = Ref("apps", "Deployment", "shop", "web")


@pytest.fixture
async def demo() -> AsyncIterator[DemoServer]:
    server = DemoServer(churn=False)
    await server.start()
    yield server
    await server.stop()


async def test_the_last_lines_of_each_container(demo: DemoServer, tmp_path: Path) -> None:
    settings = Settings(kubeconfig=str(demo.write_kubeconfig(tmp_path / "kubeconfig")))
    core = Core(settings, finder(settings), triage=True, cards={})
    async with core.open():
        await core.settled(30)
        found = await core.tails(WEB)
        assert 0 < len(found) <= MOST + 1
        assert all(0 < len(tail.lines) <= LINES and not tail.problem for tail in found[:MOST])
        assert await core.tails(Ref("apps", "Deployment", "shop", "nobody")) == ()
        demo.faults.on("status", "pods", times=1, code=500, text="no kubelet")
        first, second, *_ = await core.tails(WEB)
        assert (first.lines, bool(first.problem)) == ((), True)
        assert second.lines
