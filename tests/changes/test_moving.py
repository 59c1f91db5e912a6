"""An object that moves while its preview is made: the plan is of the object as it is, wherever the news came first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.changes.desks import opened, until
from tests.demo.client import Client
from ztui.changes.writer import Live
from ztui.demo.server import DemoThread
from ztui.kinds.base import Ref
from ztui.kinds.rbac import ClusterRoleBinding
from ztui.recipes.base import Plan, recipes

BINDING = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/platform-admins"


async def test_the_watch_overtakes_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DemoThread(churn=False) as demo:
        admin = Client(demo.url, demo.ca_pem, demo.token("admin"))
        held = admin.ask(BINDING).body["subjects"]
        more = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "first"}
        async with opened(demo, tmp_path) as (core, desk):
            reading = desk._lives
            moved: list[dict[str, Any]] = []

            async def lives(found: Plan) -> list[Live | None]:
                if not moved:
                    moved.append(
                        admin.ask(BINDING, "PATCH", {"subjects": [more, *held]}, content="application/merge-patch+json").body
                    )
                    read = await reading(found)
                    await until(
                        core,
                        lambda frame: _is_heard(frame.state.objects[ClusterRoleBinding][""]["platform-admins"], 1 + len(held)),
                    )
                    return read
                return await reading(found)

            monkeypatch.setattr(desk, "_lives", lives)
            ref = Ref("rbac.authorization.k8s.io", "ClusterRoleBinding", "", "platform-admins")
            shown = await desk.preview(recipes()["R-UNBIND"], ref, {"subject": held[-1]["name"]})
            assert shown.plan.writes[0].body[1] == {"op": "remove", "path": f"/subjects/{len(held)}"}
            assert shown.effect is not None


def _is_heard(binding: object, count: int) -> bool:
    return isinstance(binding, ClusterRoleBinding) and len(binding.subjects or ()) == count
