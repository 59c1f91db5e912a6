"""Somebody who may see two namespaces only: verdicts for these, UNKNOWN for the rest, and never a pass."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from pathlib import Path

import pytest

from ztui.checks.base import CheckId, Status, catalogue
from ztui.core import Core
from ztui.demo.server import DemoThread
from ztui.frame import Frame
from ztui.kinds.workload import Namespace as Place
from ztui.kinds.workload import Pod
from ztui.score import RowStatus
from ztui.settings import Settings
from ztui.targets import finder, target_finder
from ztui.view import Why


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


@pytest.fixture(scope="module")
def restricted() -> Frame:
    """What `ztui --demo --scenario restricted` shows once all is read."""

    async def seen() -> Frame:
        with target_finder(Namespace(demo=True, scenario="restricted"), Settings()) as (find, mine):
            core = Core(mine, find)
            async with core.open():
                return await core.settled(30)

    return asyncio.run(seen())


def test_the_restricted_demo_opens_as_somebody_who_sees_two_namespaces(restricted: Frame) -> None:
    assert restricted.health is not None
    assert restricted.health.user == "ana"
    pods = restricted.state.objects[Pod]
    assert {place for place, held in pods.items() if held} == {"payments", "shop"}
    assert sorted(restricted.state.objects[Place][""]) == ["payments", "shop"]


@pytest.mark.parametrize("check", catalogue())
def test_the_restricted_demo_knows_what_it_does_not_see(check: CheckId, restricted: Frame) -> None:
    assert restricted.board is not None
    verdict = restricted.board.verdicts[check]
    assert not verdict.errors
    if check == "ZTG-TIME-001":  # a history of its own, of which a first day has none
        assert verdict.status is Status.NA
        return
    assert verdict.status in {Status.UNKNOWN, Status.FAIL}
    assert verdict.gaps
    for _, gap in verdict.gaps:
        assert gap.why in {Why.FORBIDDEN, Why.NOT_CONNECTED}, gap
        assert gap.detail
    for _, finding in restricted.board.findings(check):
        if finding.status in {Status.FAIL, Status.WARN}:
            assert (finding.on.namespace or finding.on.name) in {"payments", "shop"}, finding.on


def test_the_restricted_demo_judges_what_it_sees(restricted: Frame) -> None:
    board = restricted.board
    assert board is not None
    assert board.phase == 0
    assert not any(row.status in {RowStatus.ACHIEVED, RowStatus.ATTESTED} for row in board.rows)
    failed = {finding.on.namespace for _, finding in board.findings(CheckId("ZTG-RES-001")) if finding.status is Status.FAIL}
    assert failed
    assert failed <= {"payments", "shop"}


def test_the_restricted_demo_hands_out_that_login_and_the_others_that_of_an_administrator(tmp_path: Path) -> None:
    with DemoThread(churn=False, scenario="restricted") as demo:
        config = json.loads(demo.write_kubeconfig(tmp_path / "kubeconfig").read_text())
    assert [user["name"] for user in config["users"]] == ["ana"]
    with DemoThread(churn=False) as demo:
        assert [user["name"] for user in json.loads(demo.kubeconfig())["users"]] == ["admin"]


async def test_a_namespace_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    with DemoThread(churn=False) as demo:
        settings = Settings(kubeconfig=str(demo.write_kubeconfig(tmp_path / "kubeconfig")), namespace="nosuch")
        core = Core(settings, finder(settings))
        async with core.open():
            frame = await core.settled(20)
    assert frame.board is not None
    assert frame.board.verdicts[CheckId("ZT1-RBAC-007")].status is Status.UNKNOWN
    assert not [item for item in frame.board.verdicts.values() if item.errors]
