"""From a bad connection to a verdict: what the server lost sight of closes its finding, and what nobody sees is never a pass."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import itertools
from pathlib import Path

from tests.faults.rig import Rig, rig, running
from tests.faults.virtual import in_virtual_time
from tests.worlds import card
from ztui.board import Judge
from ztui.checks.base import Status
from ztui.engines.units import SCOPE
from ztui.view import Why

ANONYMOUS = card("ZT1-AUTH-001")
RBAC = "rbac.authorization.k8s.io"


def grant(it: Rig, name: str) -> None:
    """Let anonymous callers view the cluster."""
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    it.objects.put({"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "view"}, "rules": [rule]})
    it.objects.put(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
            "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": "system:unauthenticated"}],
        }
    )


class Seen:
    """The board over a rig's store, kept up to date."""

    def __init__(self, it: Rig) -> None:
        self.it = it
        self.judge = Judge({ANONYMOUS.id: ANONYMOUS})

    def status(self) -> Status:
        """The verdict of now."""
        return self.judge.judge(self.it.store.tick(self.it.clock.now())).verdicts[ANONYMOUS.id].status

    def findings(self) -> set[str]:
        """What fails now."""
        board = self.judge.judge(self.it.store.tick(self.it.clock.now()))
        return {str(item.on) for _, item in board.findings(ANONYMOUS.id) if item.status is Status.FAIL}

    def why(self) -> set[Why]:
        """Why the verdict is not known."""
        board = self.judge.judge(self.it.store.tick(self.it.clock.now()))
        return {gap.why for cell in board.cells[ANONYMOUS.id].values() for _, gap in cell.gaps}


@in_virtual_time
async def test_V29_a_finding_closes_when_a_list_after_a_410_no_longer_has_its_object(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        grant(it, "open")
        grant(it, "wide")
        seen = Seen(it)
        async with running(it.source(*ANONYMOUS.kinds, *SCOPE)):
            await it.until(lambda: seen.findings() == {"clusterrolebinding/open", "clusterrolebinding/wide"})
            it.faults.on("watch-410", "clusterrolebindings", after=0, times=1)
            it.proxy.reset()
            it.objects.delete("clusterrolebindings", "open")
            it.objects.compact()
            await it.until(lambda: seen.findings() == {"clusterrolebinding/wide"}, within_s=5)
            assert seen.status() is Status.FAIL
            it.proxy.reset()
            it.objects.delete("clusterrolebindings", "wide")
            it.objects.compact()
            await it.until(lambda: seen.status() is Status.PASS, within_s=5)
        seen.judge.close()


@in_virtual_time
async def test_F04_a_verdict_on_a_lost_link_becomes_unknown_and_never_passes_on_what_it_remembers(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        grant(it, "open")
        it.objects.delete("clusterrolebindings", "open")
        seen = Seen(it)
        async with running(it.source(*ANONYMOUS.kinds, *SCOPE)):
            await it.until(lambda: seen.status() is Status.PASS)
            it.proxy.hole(new=True)
            await it.until(lambda: seen.status() is Status.UNKNOWN, within_s=76)
            assert seen.why() == {Why.STALE}
            await it.always(lambda: seen.status() is Status.UNKNOWN, for_s=300, step_s=10)
            it.proxy.mend()
            await it.until(lambda: seen.status() is Status.PASS, within_s=20)
        seen.judge.close()


@in_virtual_time
async def test_D4_a_watch_says_how_long_it_may_last_lists_come_in_pages_and_the_heart_beats_apart(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        async with running(it.source(*ANONYMOUS.kinds)):
            await it.clock.sleep(600)
        beats = [at for item, at in zip(it.requests, it.came, strict=True) if item.path == "/readyz"]
        assert all(abs(later - earlier - 5) < 0.1 for earlier, later in itertools.pairwise(beats))
        watches = [item.query for item in it.requests if "watch=" in item.query]
        lasts = {int(query.partition("timeoutSeconds=")[2].partition("&")[0]) for query in watches}
        assert len(watches) > 20
        assert lasts <= set(range(48, 73))
        assert len(lasts) > 5
        lists = [item for item in it.requests if "limit=" in item.query]
        assert {item.query.partition("limit=")[2].partition("&")[0] for item in lists} == {"500"}
        assert len(lists) == len({item.path for item in lists})
