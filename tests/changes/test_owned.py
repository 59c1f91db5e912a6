"""Changes of many writes: what one makes and another belongs to, values that are taken away, answers that are lost on the way."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.changes.desks import agree, opened
from tests.changes.test_protocol import writes
from tests.demo.client import Client
from ztui.changes.desk import Desk
from ztui.changes.preview import Preview
from ztui.demo.server import DemoThread
from ztui.errors import ChangeError
from ztui.kinds.base import Ref
from ztui.recipes.base import STAND_IN, recipes

LEDGER = Ref("apps", "StatefulSet", "payments", "ledger")
POD = "/api/v1/namespaces/payments/pods/ledger-0"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/payments/networkpolicies"
NAME = "app.kubernetes.io/name"


async def quarantine(desk: Desk, **given: str) -> Preview:
    asked = {"labels": "aside", "template": "no", "fuse": "60"} | given
    return await desk.preview(recipes()["R-QUARANTINE"], LEDGER, asked)


async def test_F17_lost_answers_are_read_back_and_the_owner_is_known(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await quarantine(desk)
        for plural in ("jobs", "networkpolicies", "pods"):
            demo.faults.on("lose-answer", plural, times=1)
        outcome = await agree(desk, shown)
        assert outcome.state == "verified"
        [policy] = [item for item in admin.ask(POLICIES).body["items"] if "quarantine" in item["metadata"]["name"]]
        [owner] = policy["metadata"]["ownerReferences"]
        job = admin.ask(f"/apis/batch/v1/namespaces/payments/jobs/{owner['name']}").body
        assert owner["uid"] == job["metadata"]["uid"]
        assert (await agree(desk, await desk.preview_undo(outcome.change))).state == "verified"


async def test_nothing_is_sent_where_the_owner_is_not_made_first(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await quarantine(desk)
        alone = msgspec.structs.replace(
            shown, plan=msgspec.structs.replace(shown.plan, writes=shown.plan.writes[1:]), steps=shown.steps[1:]
        )
        before = len(writes(demo))
        with pytest.raises(ChangeError, match="its owner is not made before it"):
            await agree(desk, alone)
        assert len(writes(demo)) == before


async def test_F23_a_label_that_somebody_put_back_is_not_taken_back(demo: DemoThread, admin: Client, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        outcome = await agree(desk, await quarantine(desk, fuse="none"))
        assert NAME not in admin.ask(POD).body["metadata"]["labels"]
        theirs = {"metadata": {"labels": {NAME: "theirs"}}}
        assert admin.ask(POD, "PATCH", theirs, content="application/merge-patch+json").code == 200
        back = await desk.preview_undo(outcome.change)
        assert [dict(item.note.values) for item in back.plan.stops] == [
            {"field": f"metadata.labels.[{NAME}]", "ours": "nothing", "now": "theirs"}
        ]


async def test_what_is_copied_for_others_names_no_owner_that_is_not_there(demo: DemoThread, tmp_path: Path) -> None:
    async with opened(demo, tmp_path) as (_, desk):
        shown = await quarantine(desk)
        for text in (desk.manifests(shown), desk.commands(shown)):
            assert "ownerReferences" not in text
            assert STAND_IN not in text
        assert "kubectl patch pods/ledger-0 -n payments --type=merge -p '{" in desk.commands(shown)
        stopped = await desk.preview(recipes()["R-SCALE-ZERO"], LEDGER)
        wanted = (
            """kubectl patch statefulsets.apps/ledger -n payments --subresource=scale --type=merge -p '{"spec":{"replicas":0}}'"""
        )
        assert desk.commands(stopped).strip() == wanted
