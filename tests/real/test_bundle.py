"""A bundle on a real API server: its objects as they are, its refusals in the manifest (there is no kubelet, so no log)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.changes.desks import connections, drained
from tests.servers.kube import KubeServer
from ztui.core import Core
from ztui.evidence.capture import Wanted
from ztui.evidence.reading import page_of, read_bundle
from ztui.settings import Settings
from ztui.targets import finder

WAIT_S = 120
MARK = "nobodyMaySeeThis24letters"


def template(owner: dict[str, Any] | None = None) -> dict[str, Any]:
    meta = {"labels": {"app": "many"}, "annotations": {"token": f"token={MARK}"}}
    if owner:
        meta["ownerReferences"] = [owner]  # type: ignore[assignment]
    box = {"name": "main", "image": "registry.example/app:1", "env": [{"name": "MODE", "value": MARK}]}
    return {"metadata": meta, "spec": {"nodeName": "gone", "containers": [box]}}


async def test_what_a_real_server_holds(kube: KubeServer, namespace: str, tmp_path: Path) -> None:
    base = f"/apis/apps/v1/namespaces/{namespace}"
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "many"}}, "template": template()}
    made = kube.call("POST", f"{base}/deployments", {"metadata": {"name": "many"}, "spec": spec})
    assert made.status == 201, made.body
    owner = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "many",
        "uid": made.body["metadata"]["uid"],
        "controller": True,
    }
    meta = {"name": "many-1", "labels": {"app": "many"}, "ownerReferences": [owner]}
    replica_set = kube.call("POST", f"{base}/replicasets", {"metadata": meta, "spec": spec})
    assert replica_set.status == 201, replica_set.body
    for at in range(2):
        above = {**owner, "kind": "ReplicaSet", "name": "many-1", "uid": replica_set.body["metadata"]["uid"]}
        body = template(above)
        body["metadata"]["name"] = f"many-1-{at}"
        done = kube.call("POST", f"/api/v1/namespaces/{namespace}/pods", body)
        assert done.status == 201, done.body
    settings = Settings(kubeconfig=str(kube.kubeconfig()))
    core, others = Core(settings, finder(settings), state=tmp_path), len(connections())
    async with core.open():
        await core.settled(WAIT_S)
        done_bundle = await core.capture(Wanted(f"deployment/{namespace}/many"))
    await drained(others)
    bundle = await asyncio.to_thread(read_bundle, done_bundle.path)
    names = {item.path for item in bundle.manifest.files}
    assert bundle.is_sound
    assert {f"objects/pod/{namespace}/many-1-{at}.json" for at in range(2)} <= names
    (held,) = json.loads("\n".join(page_of(bundle, f"history/{namespace}/replicasets.json")))
    assert held["metadata"]["name"] == "many-1"
    assert not any(MARK in line for name in names for line in page_of(bundle, name))
    assert done_bundle.recorded == 1
    logs = [item for item in bundle.manifest.missing if item.what.startswith(f"log of {namespace}/many-1-")]
    assert len(logs) == 2
