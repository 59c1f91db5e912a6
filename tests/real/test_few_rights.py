"""A real server and somebody who may see two namespaces of it: their verdicts, and UNKNOWN with the missing right elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.kube import KubeServer
from ztui.board import Board
from ztui.checks.base import Status
from ztui.core import Core
from ztui.settings import Settings
from ztui.targets import finder
from ztui.view import Why

MINE = ("few-rights-a", "few-rights-b")
PROJECTS = "/apis/project.openshift.io/v1/projects"
POD = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "main", "image": "registry.example/web:1"}]}}


@pytest.fixture
def two_namespaces(openshift: KubeServer) -> Iterator[KubeServer]:
    """`ana` is admin of two namespaces, and sees the two projects as OpenShift's own server would let her."""
    for name in MINE:
        openshift.namespace(name)
        openshift.call("POST", f"/api/v1/namespaces/{name}/pods", POD)
        openshift.call("POST", PROJECTS, {"apiVersion": "project.openshift.io/v1", "kind": "Project", "metadata": {"name": name}})
        openshift.kubectl("create", "rolebinding", "ana", "--clusterrole=admin", "--user=ana", "-n", name)
    openshift.kubectl("create", "clusterrole", "sees-projects", "--verb=list", "--resource=projects.project.openshift.io")
    openshift.kubectl("create", "clusterrolebinding", "sees-projects", "--clusterrole=sees-projects", "--user=ana")
    yield openshift
    for name in MINE:
        openshift.kubectl("delete", "rolebinding", "ana", "-n", name)
        openshift.call("DELETE", f"{PROJECTS}/{name}")
    openshift.kubectl("delete", "clusterrolebinding/sees-projects", "clusterrole/sees-projects")


async def _board(server: KubeServer, user: str) -> Board:
    settings = Settings(kubeconfig=str(server.kubeconfig(user)))
    core = Core(settings, finder(settings))
    async with core.open():
        frame = await core.settled(60)
    assert frame.board is not None
    return frame.board


async def test_a_viewer_of_two_namespaces_gets_their_verdicts_and_never_a_pass(two_namespaces: KubeServer) -> None:
    board = await _board(two_namespaces, "ana")
    statuses = {item.status for item in board.verdicts.values()}
    assert Status.PASS not in statuses
    assert Status.ERROR not in statuses
    unknown = [item for item in board.verdicts.values() if item.status is Status.UNKNOWN]
    missing = {str(gap) for item in unknown for _, gap in item.gaps if gap.why is Why.FORBIDDEN}
    assert "forbidden(watch clusterrolebindings.rbac.authorization.k8s.io)" in missing
    judged = {place for cells in board.cells.values() for place, cell in cells.items() if place in MINE and cell.findings}
    assert judged == set(MINE)


async def test_the_same_checks_pass_or_fail_for_somebody_who_sees_all(two_namespaces: KubeServer) -> None:
    board = await _board(two_namespaces, "admin")
    assert {Status.PASS, Status.FAIL} <= {item.status for item in board.verdicts.values()}
