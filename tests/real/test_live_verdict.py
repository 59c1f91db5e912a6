"""A live console core on a real API server: a change in the cluster is a changed verdict, and back."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing

from tests.servers.kube import KubeServer
from ztui.checks.base import CheckId, Status
from ztui.core import Core
from ztui.settings import load_settings
from ztui.targets import finder

RUNS = 20
DEADLINE_S = 30.0
ANONYMOUS = CheckId("ZT1-AUTH-001")
BINDING = "live-anonymous"


async def _until(core: Core, status: Status) -> None:
    """Wait until the verdict on anonymous access is this one."""
    async with aclosing(core.frames()) as frames:
        async for frame in frames:
            if frame.board is not None and frame.board.verdicts[ANONYMOUS].status is status:
                return


async def test_an_anonymous_binding_turns_the_verdict_red_and_its_removal_turns_it_back(kube: KubeServer) -> None:
    environ = {**os.environ, "KUBECONFIG": str(kube.kubeconfig("admin"))}
    settings = load_settings({"kubeconfig": str(kube.kubeconfig("admin"))}, environ)
    core = Core(settings, finder(settings))
    seconds: list[float] = []
    async with core.open():
        frame = await core.settled(DEADLINE_S)
        assert frame.board is not None
        before = frame.board.verdicts[ANONYMOUS].status
        assert before in {Status.PASS, Status.WARN}
        for _ in range(RUNS):
            for words, wanted in ((("create",), Status.FAIL), (("delete",), before)):
                what = ["clusterrolebinding", BINDING]
                flags = ["--clusterrole=view", "--group=system:unauthenticated"] if words == ("create",) else []
                await asyncio.to_thread(kube.kubectl, *words, *what, *flags)
                started = time.monotonic()
                async with asyncio.timeout(DEADLINE_S):
                    await _until(core, wanted)
                seconds.append(time.monotonic() - started)
    ordered = sorted(seconds)
    print(f"after kubectl returned: median {ordered[len(ordered) // 2]:.3f} s, longest {ordered[-1]:.3f} s of {len(ordered)}")
