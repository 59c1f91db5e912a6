"""Recipes of network, mesh, workloads and tokens on the demo: shown, made, and taken back to exactly what was there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.changes.desks import agree, opened, until
from tests.changes.test_protocol import person
from tests.demo.client import Client
from ztui.changes.preview import Preview
from ztui.checks.base import CheckId
from ztui.demo.server import DemoThread
from ztui.errors import ChangeError
from ztui.kinds.base import Ref
from ztui.kinds.measured import ObservedCall
from ztui.recipes.base import recipes
from ztui.recipes.secret import INVALID_SINCE

ISTIO = "/apis/security.istio.io/v1/namespaces"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/payments/networkpolicies"
OPEN = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "open"},
    "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "ledger"}}, "ingress": [{"ports": [{"port": 5432}]}]},
}
CASES: dict[str, tuple[Ref, dict[str, str], str]] = {
    "R-PA-NS": (Ref("apps", "Deployment", "payments", "worker"), {}, f"{ISTIO}/payments/peerauthentications"),
    "R-PA-MESH": (Ref("", "Cluster", "", "cluster"), {}, f"{ISTIO}/istio-system/peerauthentications"),
    "R-ENROLL": (Ref("apps", "Deployment", "reporting", "reports"), {}, "/api/v1/namespaces/reporting"),
    "R-AP-DENY": (Ref("", "Namespace", "", "payments"), {"mode": "warn"}, f"{ISTIO}/payments/authorizationpolicies"),
    "R-EGRESSFW": (Ref("", "Namespace", "", "legacy"), {}, "/apis/k8s.ovn.org/v1/namespaces/legacy/egressfirewalls"),
    "R-SA-NOAUTOMOUNT": (Ref("apps", "Deployment", "web", "assets"), {}, "/api/v1/namespaces/web/serviceaccounts"),
    "R-SECCTX": (Ref("apps", "Deployment", "reporting", "reports"), {}, "/apis/apps/v1/namespaces/reporting/deployments/reports"),
    "R-REPLICAS": (
        Ref("apps", "Deployment", "mobile", "config"),
        {"replicas": "2"},
        "/apis/apps/v1/namespaces/mobile/deployments/config",
    ),
    "R-PDB": (Ref("apps", "Deployment", "mobile", "push"), {}, "/apis/policy/v1/namespaces/mobile/poddisruptionbudgets"),
    "R-PIN-DIGEST": (Ref("apps", "Deployment", "mobile", "push"), {}, "/apis/apps/v1/namespaces/mobile/deployments/push"),
    "R-ROLLOUT": (Ref("apps", "Deployment", "mobile", "bff"), {}, "/apis/apps/v1/namespaces/mobile/deployments/bff"),
    "R-ANNOTATE": (
        Ref("", "Service", "mobile", "bff"),
        {"exposure": "internal", "reason": "behind the gateway"},
        "/api/v1/namespaces/mobile/services/bff",
    ),
    "R-LABEL-OWNER": (Ref("apps", "Deployment", "mobile", "bff"), {"owner": "team-apps"}, "/api/v1/namespaces/mobile"),
    "R-NP-NARROW": (
        Ref("networking.k8s.io", "NetworkPolicy", "payments", "open"),
        {"direction": "ingress", "rule": "0"},
        f"{POLICIES}/open",
    ),
}


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoThread]:
    with DemoThread(churn=False) as running:
        admin = Client(running.url, running.ca_pem, running.token("admin"))
        assert admin.ask(POLICIES, "POST", OPEN).code == 201
        yield running


def held(admin: Client, path: str) -> object:
    body = admin.ask(path).body
    items = [person(item) for item in body.get("items", [body])]
    for item in items:  # counted by the controller, set by nobody
        (item["metadata"].get("annotations") or {}).pop("deployment.kubernetes.io/revision", None)
    return sorted(items, key=lambda item: str(item["metadata"]["name"]))


async def test_a_token_is_switched_off_and_on_again(demo: DemoThread, tmp_path: Path) -> None:
    admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
    async with opened(demo, tmp_path) as (core, desk):
        board = core.frame.board
        assert board is not None
        finding = next(item for _, item in board.findings(CheckId("ZT2-SEC-005")) if item.status in {"FAIL", "WARN"})
        path = f"/api/v1/namespaces/{finding.on.namespace}/secrets/{finding.on.name}"
        outcome = await agree(desk, await desk.preview(recipes()["R-SATOKEN-SOFT"], finding.on))
        assert outcome.state == "verified"
        assert INVALID_SINCE in admin.ask(path).body["metadata"]["labels"]
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert INVALID_SINCE not in (admin.ask(path).body["metadata"].get("labels") or {})
        shown = await desk.preview(recipes()["R-SATOKEN-DEL"], finding.on)
        assert shown.need(desk.mode).word == f"override {finding.on.name}"
        gone = await agree(desk, shown)
        assert gone.state == "verified"
        assert admin.ask(path).code == 404
        with pytest.raises(ChangeError, match="cannot be taken back"):
            await desk.preview_undo(gone.change)
        kept = repr([item.records for item in await desk.changes()])
        assert not any("dryRun" in item.query for item in demo.requests if item.path == path)
        assert "eyJ" not in kept


@pytest.mark.parametrize("name", CASES)
async def test_there_and_back(demo: DemoThread, tmp_path: Path, name: str) -> None:
    admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
    ref, answers, path = CASES[name]
    if path.endswith(f"/{ref.name}"):  # what was made without its defaults has them after its first write
        for value in ("1", None):
            note = {"metadata": {"annotations": {"touched": value}}}
            assert admin.ask(path, "PATCH", note, content="application/merge-patch+json").code == 200
    before = held(admin, path)
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: bool(frame.state.count(ObservedCall)))
        shown: Preview = await desk.preview(recipes()[name], ref, answers)
        assert shown.plan.writes, [item.note.reason.code for item in shown.plan.stops]
        assert shown.refusals == ()
        outcome = await agree(desk, shown)
        assert outcome.state == "verified", outcome.words
        assert held(admin, path) != before
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        assert held(admin, path) == before
