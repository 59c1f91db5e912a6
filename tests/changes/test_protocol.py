"""Changes from the preview to the undo, on a demo cluster that misbehaves as real ones do."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.changes.desks import REASON, agree, found_on, look, opened, until
from tests.demo.client import Client
from ztui.changes.consent import Consent
from ztui.changes.desk import holds
from ztui.changes.shown import lines
from ztui.demo.server import DemoThread
from ztui.errors import ChangeError, DriftError
from ztui.kinds.measured import ObservedCall
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.telemetry import MonitoringConfig
from ztui.recipes.base import recipes
from ztui.settings import ContextSettings, Settings
from ztui.view import View

PSA = "pod-security.kubernetes.io/enforce"
NAMESPACE = "/api/v1/namespaces/payments"


def labels(admin: Client) -> dict[str, str]:
    found: dict[str, str] = admin.ask(NAMESPACE).body["metadata"].get("labels") or {}
    return found


def person(obj: dict[str, Any]) -> dict[str, Any]:
    """What a person sets of an object."""
    meta = {key: value for key, value in obj["metadata"].items() if key in {"name", "namespace", "labels", "annotations"}}
    return {**{key: value for key, value in obj.items() if key not in {"metadata", "status"}}, "metadata": meta}


def writes(demo: DemoThread) -> list[str]:
    kept = [item for item in demo.requests if item.method != "GET" and "reviews" not in item.path]
    return [f"{item.method} {item.path}" for item in kept]


async def test_a_change_is_shown_made_proved_and_taken_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    before = person(admin.ask(NAMESPACE).body)
    async with opened(demo, tmp_path) as (core, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert shown.effect is not None
        assert "ZTG-TEN-001" in shown.effect.proofs
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert labels(admin)[PSA] == "baseline"
        assert not found_on(core.frame, "ZTG-TEN-001", "payments")
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        await until(core, lambda frame: found_on(frame, "ZTG-TEN-001", "payments"))
        assert person(admin.ask(NAMESPACE).body) == before
        assert [item.state for item in await desk.changes()] == ["undone", "verified"]
        with pytest.raises(ChangeError, match="taken back already"):
            await desk.preview_undo(outcome.change)


async def test_a_closed_namespace_and_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    policies = "/apis/networking.k8s.io/v1/namespaces/legacy/networkpolicies"
    async with opened(demo, tmp_path) as (core, desk):
        shown = await look(desk, "R-NP-DENY", "Namespace", "legacy", direction="ingress")
        assert shown.effect is not None
        assert shown.effect.cut
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert not found_on(core.frame, "ZT2-NET-002", "legacy")
        made = {item["metadata"]["name"]: item for item in admin.ask(policies).body["items"]}
        assert "ztui-default-deny" in made
        assert made["ztui-default-deny"]["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "ztui"
        assert made["ztui-default-deny"]["metadata"]["annotations"]["ztui.io/change-id"] == outcome.change
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert admin.ask(policies).body["items"] == []


async def test_what_would_change_nothing_is_stopped(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        assert (await agree(desk, await look(desk, "R-LABEL-OWNER", "Namespace", "legacy", owner="ana"))).state == "verified"
        again = await look(desk, "R-LABEL-OWNER", "Namespace", "legacy", owner="ana")
        assert [stop.note.reason.code for stop in again.plan.stops] == ["as-wanted"]
        with pytest.raises(ChangeError, match="as-wanted"):
            await agree(desk, again)
        assert (await look(desk, "R-LABEL-OWNER", "Namespace", "legacy", owner="bela")).plan.stops == ()
        assert len(await desk.changes()) == 1


async def test_calls_that_were_seen_want_an_override_and_an_exception_keeps_them(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    selected = {"metadata": {"labels": {"policy": "none"}}, "spec": {"podSelector": {"matchLabels": {"nobody": "here"}}}}
    place = "/apis/networking.k8s.io/v1/namespaces/payments/networkpolicies/ledger"
    assert admin.ask(place, "PATCH", selected, content="application/merge-patch+json").code == 200
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: bool(frame.state.count(ObservedCall)))
        shown = await look(desk, "R-NP-DENY", "Namespace", "payments", direction="ingress")
        assert shown.effect is not None
        assert {(item.src.name, item.dst.name) for item in shown.effect.seen} == {("reports", "ledger")}
        assert shown.need(desk.mode).word == "override payments"
        with pytest.raises(ChangeError, match="not agreed to"):
            await desk.apply(shown, Consent("payments"), lambda _: None)
        assert (await agree(desk, await look(desk, "R-NP-ALLOW", "Namespace", "payments"))).state == "verified"
        again = await look(desk, "R-NP-DENY", "Namespace", "payments", direction="ingress")
        assert again.effect is not None
        assert again.effect.seen == ()
        assert again.need(desk.mode).word == "payments"


async def test_nothing_is_proved_before_all_that_was_made_is_seen(demo: DemoThread, tmp_path: Path) -> None:
    """Several policies are one change: the first of them on the watch is not yet what was agreed to."""
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: bool(frame.state.count(ObservedCall)))
        shown = await look(desk, "R-NP-ALLOW", "Namespace", "payments")
        names = [write.ref.name for write in shown.plan.writes if write.creates]
        assert len(names) > 1
        was, card = View(core.frame.state), recipes()["R-NP-ALLOW"]
        assert (await agree(desk, shown)).state == "verified"
        whole = core.frame.state
        assert set(names) <= set(whole.objects[NetworkPolicy]["payments"])
        assert holds(core.frame, shown, (), card, was)
        for name in names:
            part = {key: obj for key, obj in whole.objects[NetworkPolicy]["payments"].items() if key != name}
            policies = {**whole.objects[NetworkPolicy], "payments": part}
            state = msgspec.structs.replace(whole, objects={**whole.objects, NetworkPolicy: policies})
            assert not holds(msgspec.structs.replace(core.frame, state=state), shown, (), card, was)


async def test_F21_an_object_that_moved_since_the_preview_stops_it(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        moved = {"metadata": {"labels": {"team": "others"}}}
        assert admin.ask(NAMESPACE, "PATCH", moved, content="application/merge-patch+json").code == 200
        with pytest.raises(DriftError, match="changed since the preview"):
            await agree(desk, shown)
        assert PSA not in labels(admin)
        assert [(item.state, item.last.outcome) for item in await desk.changes()] == [
            ("failed", "nothing was sent: changed since the preview")
        ]


async def test_two_operators_at_once(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, first), opened(demo, tmp_path, user="ana") as (_, second):
        one = await look(first, "R-PSA", "Namespace", "payments", level="baseline")
        two = await look(second, "R-PSA", "Namespace", "payments", level="restricted")
        assert (await agree(first, one)).state == "verified"
        with pytest.raises(ChangeError):
            await agree(second, two)
        assert labels(admin)[PSA] == "baseline"


async def test_F17_a_lost_answer_is_read_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        demo.faults.on("lose-answer", "namespaces", times=1)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        assert labels(admin)[PSA] == "baseline"
        assert [record.step for record in (await desk.changes())[0].records] == ["intent", "sent", "acked", "verified"]


async def test_F18_fields_of_others_are_named_and_taken_over_only_after_a_yes(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "payments", "labels": {PSA: "privileged"}}}
    path = f"{NAMESPACE}?fieldManager=terraform"
    assert admin.ask(path, "PATCH", body, content="application/apply-patch+yaml").code == 200
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: found_on(frame, "ZTG-TEN-001", "payments"))
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert [owner for step in shown.steps for owner, _ in step.owners] == ["terraform"]
        assert shown.need(desk.mode).risk_class == "disruptive"
        with pytest.raises(ChangeError, match="nothing was sent"):
            await desk.apply(shown, Consent("payments", REASON), lambda _: None)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        await agree(desk, await desk.preview_undo(outcome.change))
        assert labels(admin)[PSA] == "privileged"


async def test_V30_fields_of_a_repository_are_never_forced_and_its_patch_is_offered(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "payments", "labels": {PSA: "privileged"}}}
    path = f"{NAMESPACE}?fieldManager=argocd-controller"
    assert admin.ask(path, "PATCH", body, content="application/apply-patch+yaml").code == 200
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: found_on(frame, "ZTG-TEN-001", "payments"))
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert [owner for step in shown.steps for owner, _ in step.owners] == ["argocd-controller"]
        before = writes(demo)
        with pytest.raises(ChangeError, match="nothing was sent") as refused:
            await agree(desk, shown)
        assert "argocd-controller sets these fields from a repository" in str(refused.value.why)
        assert writes(demo) == before
        assert all("dryRun=All" in item.query for item in demo.requests if "force=true" in item.query)
        assert labels(admin)[PSA] == "privileged"
        told = "\n".join(line.cells[0].text for line in lines(shown, desk.mode))
        assert "managed from a repository, which will take this back: w writes the patch for it" in told
        assert "refuses: argocd-controller sets these fields from a repository" in told
        patch = yaml.safe_load(desk.manifests(shown))
        assert (patch["metadata"]["name"], patch["metadata"]["labels"][PSA]) == ("payments", "baseline")


async def test_V28_one_key_of_a_text_is_set_and_the_others_stay_as_they_are_written(
    demo: DemoThread, admin: Client, tmp_path: Path
) -> None:
    written = "# ours\nprometheusK8s:\n  retention: 15d   # long\n  volumeClaimTemplate: {spec: {storageClassName: 'gp3'}}\n"
    written += "enableUserWorkload: false\nalertmanagerMain:\n  enableUserAlertmanagerConfig: true\n"
    path = "/api/v1/namespaces/openshift-monitoring/configmaps/cluster-monitoring-config"
    change = {"data": {"config.yaml": written, "other": "kept"}}
    assert admin.ask(path, "PATCH", change, content="application/merge-patch+json").code == 200
    async with opened(demo, tmp_path) as (core, desk):
        await until(core, lambda frame: any(not item.data.user_workload for item in View(frame.state).all(MonitoringConfig)))
        shown = await look(desk, "R-UWM", "ConfigMap", "cluster-monitoring-config", "openshift-monitoring")
        outcome = await agree(desk, shown)
        data = admin.ask(path).body["data"]
        assert data["config.yaml"] == written.replace("enableUserWorkload: false", "enableUserWorkload: true")
        assert yaml.safe_load(data["config.yaml"]) == {**yaml.safe_load(written), "enableUserWorkload": True}
        assert data["other"] == "kept"
        await agree(desk, await desk.preview_undo(outcome.change))
        assert admin.ask(path).body["data"] == change["data"]


async def test_F19_the_words_of_a_webhook_are_shown_and_nothing_is_sent(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    demo.faults.on("webhook", "namespaces", deny="owners decide: ask \x1b[31mthem")
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert "owners decide" in shown.refusals[0]
        with pytest.raises(ChangeError, match="nothing was sent"):
            await agree(desk, shown)
        assert PSA not in labels(admin)
        assert await desk.changes() == []


async def test_F19_what_a_webhook_rewrites_is_shown(demo: DemoThread, tmp_path: Path) -> None:
    from ztui.changes.preview import rewrites  # noqa: PLC0415  of this test alone

    demo.faults.on("webhook", "namespaces", set={"metadata": {"labels": {PSA: "restricted"}}})
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert ["restricted" in line.text for step in shown.steps for line in rewrites(step)] == [True]


async def test_F20_without_a_dry_run_it_takes_the_strongest_consent(demo: DemoThread, tmp_path: Path) -> None:
    demo.faults.on("webhook", "namespaces", no_dry_run=True)
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert shown.blind
        assert shown.need(desk.mode).reason
        with pytest.raises(ChangeError, match="not agreed to"):
            await desk.apply(shown, Consent("payments"), lambda _: None)
        assert (await agree(desk, shown)).state == "verified"


async def test_F23_an_edit_by_others_is_not_taken_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        outcome = await agree(desk, await look(desk, "R-PSA", "Namespace", "payments", level="baseline"))
        theirs = {"metadata": {"labels": {PSA: "restricted"}}}
        assert admin.ask(NAMESPACE, "PATCH", theirs, content="application/merge-patch+json").code == 200
        shown = await desk.preview_undo(outcome.change)
        assert [dict(item.note.values)["now"] for item in shown.plan.stops] == ["restricted"]
        with pytest.raises(ChangeError, match="precondition"):
            await agree(desk, shown)
        assert labels(admin)[PSA] == "restricted"


async def test_a_missing_right_is_named(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, user="viewer") as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert shown.rights == ("patch namespaces",)


async def test_R28_read_only_has_nothing_that_writes(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path, settings=Settings(read_only=True)) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        assert [step.dry for step in shown.steps] == [None]
        with pytest.raises(ChangeError, match="read-only"):
            await agree(desk, shown)
        assert desk._writer is None
        assert writes(demo) == []


async def test_a_production_context_is_locked_until_it_is_unlocked(demo: DemoThread, tmp_path: Path) -> None:
    name = msgspec.yaml.decode(demo.kubeconfig("admin"))["current-context"]
    settings = Settings(contexts={name: ContextSettings(prod=True)})
    async with opened(demo, tmp_path, settings=settings) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        with pytest.raises(ChangeError, match="locked"):
            await agree(desk, shown)
        desk.unlock()
        assert (await agree(desk, shown)).state == "verified"


async def test_R21_what_is_not_proved_is_taken_back_by_itself(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    policies = "/apis/networking.k8s.io/v1/namespaces/legacy/networkpolicies"
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-NP-DENY", "Namespace", "legacy", direction="ingress")
        hopeless = msgspec.structs.replace(shown.plan, verify_s=0.5)
        assert shown.effect is not None
        never = msgspec.structs.replace(shown.effect, proofs=("ZT2-NET-003",))
        outcome = await agree(desk, msgspec.structs.replace(shown, plan=hopeless, effect=never))
        assert outcome.state == "rolled-back"
        assert admin.ask(policies).body["items"] == []
        assert [item.state for item in await desk.changes()] == ["rolled-back"]


@pytest.mark.parametrize("typed", ["", "y", "PAYMENTS", "payments ", "payment"])
async def test_R29_nothing_but_the_name_agrees(demo: DemoThread, tmp_path: Path, typed: str) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await look(desk, "R-PSA", "Namespace", "payments", level="baseline")
        with pytest.raises(ChangeError, match="not agreed to"):
            await desk.apply(shown, Consent(typed, REASON), lambda _: None)
