"""Somebody who may see two namespaces only: verdicts for these, UNKNOWN for the rest, and never a pass."""

from __future__ import annotations

from pathlib import Path

from ztui.checks.base import CheckId, Status
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.settings import Settings
from ztui.targets import finder


async def test_a_viewer_of_two_namespaces_never_gets_a_pass(tmp_path: Path) -> None:
    with DemoThread(churn=False) as demo:
        path = demo.write_kubeconfig(tmp_path / "kubeconfig", "ana")
        settings = Settings(kubeconfig=str(path))
        core = Core(settings, finder(settings))
        async with core.open():
            frame = await core.settled(20)
    assert frame.board is not None
    statuses = {verdict.status for verdict in frame.board.verdicts.values()}
    assert Status.UNKNOWN in statuses
    assert Status.PASS not in statuses
    assert all(verdict.gaps for verdict in frame.board.verdicts.values() if verdict.status is Status.UNKNOWN)


async def test_a_namespace_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with DemoThread(churn=False) as demo:
        settings = Settings(kubeconfig=str(demo.write_kubeconfig(tmp_path / "kubeconfig")), namespace="nosuch")
        core = Core(settings, finder(settings))
        async with core.open():
            frame = await core.settled(20)
    assert frame.board is not None
    assert frame.board.verdicts[CheckId("ZT1-RBAC-007")].status is Status.UNKNOWN
    assert not [item for item in frame.board.verdicts.values() if item.errors]
