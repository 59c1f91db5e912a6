"""Incidents contained on a demo cluster, as a person would: shown, made, proved, and taken back where that can be."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.changes.desks import agree, opened, until
from tests.changes.test_protocol import person
from tests.demo.client import Client
from ztui.demo.server import DemoThread
from ztui.engines.openings import openings
from ztui.engines.reach import spot_of
from ztui.errors import ChangeError
from ztui.frame import Frame
from ztui.kinds.base import Ref
from ztui.kinds.gitops import Application
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.workload import Job, Pod, ServiceAccount
from ztui.recipes.base import Draft, Recipe, plan, recipes
from ztui.recipes.contain import containment
from ztui.recipes.quarantine import ASIDE, HELD_BY
from ztui.recipes.roots import pods_of
from ztui.recipes.suspend import stands_still
from ztui.view import View

API = Ref("apps", "Deployment", "payments", "api")
PODS = "/api/v1/namespaces/payments/pods"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/payments/networkpolicies"


def answers(card: Recipe, **given: str) -> dict[str, str]:
    return {item.name: item.proposal({}) for item in card.asks} | given


def pods(frame: Frame, ref: Ref) -> tuple[Pod, ...]:
    return pods_of(View(frame.state), ref)


async def test_a_quarantine_and_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    card = recipes()["R-QUARANTINE"]
    async with opened(demo, tmp_path) as (core, desk):
        held = {pod.name: dict(pod.labels) for pod in pods(core.frame, API)}
        assert held
        shown = await desk.preview(card, API, answers(card))
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert shown.effect is not None
        assert shown.effect.cut
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        view = View(core.frame.state)
        for name, labels in held.items():
            pod = view.get(Pod, name, "payments")
            assert pod is not None
            assert openings(view, spot_of(view, pod)) == ()
            assert msgspec.json.decode(pod.annotations[ASIDE]).items() <= labels.items()
            assert not pod.owners  # its ReplicaSet has let go of it
        await until(core, lambda frame: len(pods(frame, API)) == len(held))  # and started others in its place
        assert not held.keys() & {pod.name for pod in pods(core.frame, API)}
        back = await agree(desk, await desk.preview_undo(outcome.change))
        assert back.state == "verified"
        for name, labels in held.items():
            found = admin.ask(f"{PODS}/{name}").body["metadata"]
            assert found["labels"] == labels
            assert ASIDE not in found["annotations"]
        assert not [item for item in admin.ask(POLICIES).body["items"] if "quarantine" in item["metadata"]["name"]]


async def test_what_is_gone_meanwhile_is_no_reason_to_leave_the_rest(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    card = recipes()["R-QUARANTINE"]
    async with opened(demo, tmp_path) as (core, desk):
        [name, other] = [pod.name for pod in pods(core.frame, API)]
        outcome = await agree(desk, await desk.preview(card, API, answers(card)))
        deleted = recipes()["R-POD-DELETE"]
        gone = await agree(desk, await desk.preview(deleted, Ref("", "Pod", "payments", name)))
        assert gone.state == "verified"
        with pytest.raises(ChangeError, match="cannot be taken back"):
            await desk.preview_undo(gone.change)
        assert admin.ask(f"{PODS}/{name}").code == 404
        back = await desk.preview_undo(outcome.change)
        assert [item.reason.code for item in back.plan.radius] == ["gone-since"]
        assert (await agree(desk, back)).state == "verified"
        assert HELD_BY not in admin.ask(f"{PODS}/{other}").body["metadata"]["labels"]


def hurried(card: Recipe, seconds: int) -> Recipe:
    """The recipe with a fuse of seconds instead of minutes."""

    def function(view: View, ref: Ref, **given: str) -> Draft:
        draft = card.function(view, ref, **given)
        job = draft.writes[0]
        body = {"spec": {**job.body["spec"], "activeDeadlineSeconds": seconds}}
        return msgspec.structs.replace(draft, writes=(msgspec.structs.replace(job, body=body), *draft.writes[1:]))

    return msgspec.structs.replace(card, function=function)


async def test_a_fuse_ends_a_quarantine(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    card = recipes()["R-QUARANTINE"]
    async with opened(demo, tmp_path) as (core, desk):
        shown = await desk.preview(hurried(card, 3), API, answers(card, fuse="30"))
        assert shown.refusals == ()
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        acked = [item for held in await desk.changes() for item in held.records if item.step == "acked"]
        uid = next(item.ref.uid for item in acked if item.ref is not None and item.ref.kind == "Job")
        paths = {path for item in acked if isinstance(item.after, dict) for path in item.after}
        assert f"metadata.ownerReferences.{uid}.name" in paths, "the journal knows the owner by its own uid"
        await until(core, lambda frame: not [item for item in frame.state.objects[Job]["payments"] if "fuse" in item])
        await until(core, lambda frame: not [item for item in frame.state.objects[NetworkPolicy]["payments"] if "ztui" in item])
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        assert (await agree(desk, back)).state == "verified"


async def test_a_fuse_is_renewed(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    card = recipes()["R-QUARANTINE"]
    async with opened(demo, tmp_path) as (core, desk):
        quarantine = await agree(desk, await desk.preview(card, API, answers(card, fuse="30", labels="stay")))
        frame = await until(core, lambda frame: any("fuse" in item for item in frame.state.objects[Job]["payments"]))
        [step] = [item for item in containment(View(frame.state), API) if item.step == "network"]
        assert step.recipe == "R-FUSE-RENEW"
        outcome = await agree(desk, await desk.preview(recipes()[step.recipe], step.on, {"fuse": "240"}))
        assert outcome.state == "verified"
        assert (await desk.preview_undo(quarantine.change)).plan.stops == ()
        path = f"/apis/batch/v1/namespaces/payments/jobs/{step.on.name}"
        assert 240 * 60 <= admin.ask(path).body["spec"]["activeDeadlineSeconds"] <= 242 * 60
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert admin.ask(path).body["spec"]["activeDeadlineSeconds"] == 30 * 60


APPS = "/apis/apps/v1/namespaces"
CASES: dict[str, tuple[str, Ref, str, dict[str, str]]] = {
    "a Deployment is stopped": ("R-SCALE-ZERO", API, f"{APPS}/payments/deployments/api", {}),
    "a StatefulSet is stopped": (
        "R-SCALE-ZERO",
        Ref("apps", "StatefulSet", "payments", "ledger"),
        f"{APPS}/payments/statefulsets/ledger",
        {},
    ),
    "a CronJob is suspended": (
        "R-SCALE-ZERO",
        Ref("batch", "CronJob", "payments", "reconcile"),
        "/apis/batch/v1/namespaces/payments/cronjobs/reconcile",
        {},
    ),
    "an account is stripped": (
        "R-STRIP",
        Ref("", "ServiceAccount", "payments", "payments"),
        "/apis/rbac.authorization.k8s.io/v1/namespaces/payments/rolebindings",
        {},
    ),
    "a user is left without rights": (
        "R-USER-DISABLE",
        Ref("user.openshift.io", "User", "", "chidi"),
        "/apis/rbac.authorization.k8s.io/v1/namespaces/payments/rolebindings",
        {},
    ),
}


def held(admin: Client, path: str) -> list[dict[str, Any]]:
    body = admin.ask(path).body
    items = [person(item) for item in body.get("items", [body])]
    for item in items:  # counted by the controller, set by nobody
        (item["metadata"].get("annotations") or {}).pop("deployment.kubernetes.io/revision", None)
    return sorted(items, key=lambda item: str(item["metadata"]["name"]))


@pytest.mark.parametrize("name", CASES)
async def test_there_and_back(demo: DemoThread, admin: Client, tmp_path: Path, name: str) -> None:
    recipe, ref, path, given = CASES[name]
    card = recipes()[recipe]
    before = held(admin, path)
    async with opened(demo, tmp_path) as (_, desk):
        shown = await desk.preview(card, ref, answers(card, **given))
        assert (shown.plan.stops, shown.refusals, shown.rights) == ((), (), ())
        assert shown.plan.radius
        outcome = await agree(desk, shown)
        assert (outcome.state, outcome.words) == ("verified", "done, and proved")
        assert held(admin, path) != before
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"
        assert held(admin, path) == before


def _is_back(card: Recipe, ref: Ref, given: dict[str, str], frame: Frame) -> bool:
    return bool(plan(View(frame.state), card, ref, given).writes)


async def test_a_node_an_application_and_an_image(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (core, desk):
        view = View(core.frame.state)
        node = next(item for item in containment(view, API) if item.recipe == "R-IMAGE-BLOCK").on
        worker = next(pod.spec.node_name for pod in pods(core.frame, API))
        app = next(item.ref for item in view.all(Application) if not stands_still(item))
        targets = [("R-IMAGE-BLOCK", node), ("R-CORDON", Ref("", "Node", "", worker)), ("R-ARGO-SUSPEND", app)]
        for name, ref in targets:
            card = recipes()[name]
            given = answers(card, **({"taint": "yes"} if name == "R-CORDON" else {}))
            shown = await desk.preview(card, ref, given)
            assert (shown.refusals, shown.rights) == ((), ())
            places = [(write.ref, write.kind) for write in shown.plan.writes]
            outcome = await agree(desk, shown)
            assert outcome.state == "verified", (name, outcome)
            assert plan(View(core.frame.state), card, ref, given).writes == ()
            assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified", places
            await until(core, partial(_is_back, card, ref, given))


async def test_an_account_is_made_anew(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    path, card = "/api/v1/namespaces/payments/serviceaccounts/payments", recipes()["R-SA-RECREATE"]
    ref = Ref("", "ServiceAccount", "payments", "payments")
    before = admin.ask(path).body
    async with opened(demo, tmp_path) as (core, desk):
        shown = await desk.preview(card, ref)
        assert (shown.refusals, shown.rights) == ((), ())
        old = {
            pod.metadata.uid
            for pod in core.frame.state.objects[Pod]["payments"].values()
            if isinstance(pod, Pod) and pod.account == "payments"
        }
        assert len(shown.plan.writes) == 2 + len(old)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        now = admin.ask(path).body
        assert now["metadata"]["uid"] != before["metadata"]["uid"]
        assert person(now)["metadata"].get("labels", {}).items() >= person(before)["metadata"].get("labels", {}).items()
        found = core.frame.state.objects[ServiceAccount]["payments"]["payments"]
        assert found.metadata.uid == now["metadata"]["uid"]
        with pytest.raises(ChangeError, match="cannot be taken back"):
            await desk.preview_undo(outcome.change)
