"""Changes on a real API server, from the preview to the undo: afterwards everything that a person sets is as it was."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.changes.desks import agree, drained
from tests.changes.test_protocol import person
from tests.servers.kube import KubeServer
from ztui.changes import rewind
from ztui.changes.batch import Batch, in_turn
from ztui.changes.desk import Desk
from ztui.changes.preview import Preview
from ztui.core import Core
from ztui.kinds.base import Ref
from ztui.recipes.base import kinds_used, recipes
from ztui.settings import Settings
from ztui.sources.target import find_target

RBAC = "rbac.authorization.k8s.io"
PEOPLE = [{"apiGroup": RBAC, "kind": "User", "name": name} for name in ("bela", "ana")]
BOX = {"name": "c", "image": "registry.example/web:1", "securityContext": {"privileged": True}}


def made(kube: KubeServer, obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kube.kubectl("create", "-f", "-", "-o", "json", input=json.dumps(obj)).stdout)
    return found


@pytest.fixture(scope="module")
def shop(kube: KubeServer) -> Iterator[str]:
    """A namespace with a binding for two people and one for one, and a Deployment with its pods, which nobody controls here."""
    place = kube.namespace("changes")
    view = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"}
    made(
        kube,
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "changes"},
            "roleRef": view,
            "subjects": PEOPLE,
        },
    )
    made(
        kube,
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "one", "namespace": place},
            "roleRef": view,
            "subjects": PEOPLE[:1],
        },
    )
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [BOX]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    root = made(
        kube, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": place}, "spec": spec}
    )
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": root["metadata"]["uid"], "controller": True}
    for number in range(2):
        meta = {"name": f"web-{number}", "namespace": place, "labels": {"app": "web"}, "ownerReferences": [owner]}
        made(kube, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [BOX]}})
    yield place


@asynccontextmanager
async def on(kube: KubeServer, state: Path | None = None) -> AsyncIterator[Desk]:
    """The desk of a core that has read everything; with a folder its journal outlives it."""
    settings = Settings(kubeconfig=str(kube.kubeconfig()))
    core = Core(Settings(), lambda: find_target(settings, {}), also=kinds_used(), state=state)
    async with core.open():
        await core.settled(60)
        yield await core.desk()
    await drained()


CASES = [
    ("R-PSA", "Namespace", "", {"level": "restricted"}, ("namespace", "PLACE")),
    ("R-LABEL-OWNER", "Namespace", "", {"owner": "ana"}, ("namespace", "PLACE")),
    ("R-NP-DENY", "Namespace", "", {"direction": "both"}, ("networkpolicies", "-n", "PLACE")),
    ("R-NP-ALLOW", "Namespace", "", {}, ("networkpolicies", "-n", "PLACE")),
    ("R-UNBIND", "ClusterRoleBinding", "changes", {"subject": "bela"}, ("clusterrolebinding", "changes")),
    ("R-UNBIND", "RoleBinding", "one", {}, ("rolebinding", "one", "-n", "PLACE")),
    ("R-PDB", "Deployment", "web", {}, ("poddisruptionbudgets", "-n", "PLACE")),
    ("R-SECCTX", "Deployment", "web", {}, ("deployment", "web", "-n", "PLACE")),
    ("R-REPLICAS", "Deployment", "web", {"replicas": "3"}, ("deployment", "web", "-n", "PLACE")),
    ("R-ROLLOUT", "Deployment", "web", {}, ("deployment", "web", "-n", "PLACE")),
    ("R-SA-NOAUTOMOUNT", "Deployment", "web", {}, ("serviceaccounts", "-n", "PLACE")),
    ("R-ANNOTATE", "Deployment", "web", {"reason": "looked at"}, ("deployment", "web", "-n", "PLACE")),
]
GROUPS = {"Deployment": "apps", "ClusterRoleBinding": RBAC, "RoleBinding": RBAC}


def held(kube: KubeServer, what: tuple[str, ...], place: str) -> list[dict[str, Any]]:
    words = [place if word == "PLACE" else word for word in what]
    found = json.loads(kube.kubectl("get", *words, "-o", "json").stdout)
    items = [person(item) for item in found.get("items", [found])]
    return sorted(items, key=lambda item: str(item["metadata"]["name"]))


def hurried(preview: Preview) -> Preview:
    """Without controllers no rollout ends: nobody waits for it, and nothing is taken back by itself."""
    return msgspec.structs.replace(preview, plan=msgspec.structs.replace(preview.plan, verify_s=2.0, rolls_back=False))


@pytest.mark.parametrize(("recipe", "kind", "name", "answers", "what"), CASES, ids=[f"{item[0]}-{item[1]}" for item in CASES])
async def test_there_and_back(
    kube: KubeServer, shop: str, recipe: str, kind: str, name: str, answers: dict[str, str], what: tuple[str, ...]
) -> None:
    ref = Ref(GROUPS.get(kind, ""), kind, "" if kind in {"Namespace", "ClusterRoleBinding"} else shop, name or shop)
    before = await asyncio.to_thread(held, kube, what, shop)
    async with on(kube) as desk:
        shown = hurried(await desk.preview(recipes()[recipe], ref, answers))
        assert shown.steps
        assert [step.problem for step in shown.steps if step.problem] == []
        assert await asyncio.to_thread(held, kube, what, shop) == before, "a preview changed something"
        outcome = await agree(desk, shown)
        assert outcome.state in {"verified", "applied"}, outcome.words
        assert await asyncio.to_thread(held, kube, what, shop) != before
        back = await desk.preview_undo(outcome.change)
        assert back.plan.stops == ()
        changed = await asyncio.to_thread(held, kube, what, shop)
        assert (await agree(desk, back)).state == "verified"
        assert changed != before
        assert await asyncio.to_thread(held, kube, what, shop) == before


async def test_the_pods_that_break_a_level_are_named(kube: KubeServer, shop: str) -> None:
    async with on(kube) as desk:
        shown = await desk.preview(recipes()["R-PSA"], Ref("", "Namespace", "", shop), {"level": "restricted"})
        warnings = [text for step in shown.steps if step.dry for text in step.dry.warnings]
        assert any("web-0" in text and "privileged" in text for text in warnings)


async def test_a_session_and_back_by_another(kube: KubeServer, shop: str, tmp_path: Path) -> None:
    """Four changes, two of them of one field: the budget and the policies go, and the field has what it had."""
    kinds = ("namespace", shop), ("networkpolicies", "-n", shop), ("poddisruptionbudgets", "-n", shop)
    place = Ref("", "Namespace", "", shop)
    chosen: tuple[tuple[str, Ref, dict[str, str]], ...] = (
        ("R-PSA", place, {"level": "baseline"}),
        ("R-NP-DENY", place, {"direction": "ingress"}),
        ("R-PDB", Ref("apps", "Deployment", shop, "web"), {}),
        ("R-PSA", place, {"level": "restricted"}),
    )
    before = [await asyncio.to_thread(held, kube, what, shop) for what in kinds]
    async with on(kube, tmp_path) as desk:
        for recipe, ref, answers in chosen:
            outcome = await agree(desk, hurried(await desk.preview(recipes()[recipe], ref, answers)))
            assert outcome.state in {"verified", "applied"}, outcome.words
    changed = [await asyncio.to_thread(held, kube, what, shop) for what in kinds]
    assert all(now != was for now, was in zip(changed, before, strict=True))
    async with on(kube, tmp_path) as desk:
        session = rewind.session_of(await desk.changes(), rewind.LAST)
        found = await rewind.look(desk, session, lambda _: None)
        assert [item.first.recipe for item in found.changes] == [recipe for recipe, _, _ in reversed(chosen)]
        assert (found.late, found.held) == (frozenset({3}), ())
        batch = Batch("real", len(found.previews))
        turns = in_turn(desk, found.previews, lambda at: rewind.turn(desk, found, at), "it is over now", batch, lambda _: None)
        assert [item.state async for item in turns] == ["verified"] * 4
    assert [await asyncio.to_thread(held, kube, what, shop) for what in kinds] == before
