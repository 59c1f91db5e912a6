"""What the scanner of images makes: a report on each container of what runs, named after what controls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo import olm
from ztui.demo.answers import Obj
from ztui.demo.operands.base import told
from ztui.demo.pods import template_hash
from ztui.demo.store import merge, stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_KINDS = {"ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"}


def pod(run: Controllers, obj: Obj) -> None:
    """A running pod is scanned after a moment, once for each image of its controller."""
    if run.is_live and obj["status"].get("phase") == "Running" and olm.is_installed(run, "trivy-operator"):
        run.later(lambda: _scan(run, obj))


def _scan(run: Controllers, obj: Obj) -> None:
    found = run.again(obj)
    if found is None:
        return
    meta = found["metadata"]
    owner = next((item for item in meta.get("ownerReferences") or () if item.get("controller")), None)
    if owner is None or owner["kind"] not in _KINDS:
        owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"], "controller": True}
    status = found["status"]
    for item in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        _report(run, meta["namespace"], owner, item)


def _report(run: Controllers, namespace: str, owner: Obj, container: Obj) -> None:
    name = f"{owner['kind'].lower()}-{owner['name']}-{container['name']}"
    name = name if len(name) <= 63 else f"{owner['kind'].lower()}-{template_hash({'name': name})}"
    repository, _, digest = container["imageID"].partition("@")
    server, _, rest = repository.partition("/")
    tag = container["image"].rpartition("/")[2].partition("@")[0].partition(":")[2]
    reports = run.cluster.catalogue.named("vulnerabilityreports.aquasecurity.github.io")
    before = run.store.find(reports, name, namespace)
    if before is not None and before["report"]["artifact"]["digest"] == digest:
        return
    labels = {"kind": owner["kind"], "name": owner["name"], "namespace": namespace}
    marks = {f"trivy-operator.resource.{key}": value for key, value in labels.items()}
    marks["trivy-operator.container.name"] = container["name"]
    artifact = {"repository": rest, "digest": digest, **({"tag": tag} if tag else {})}
    about = {"artifact": artifact, "registry": {"server": server}, "updateTimestamp": stamp(run.store.now())}
    meta = {"name": name, "namespace": namespace, "labels": marks, "ownerReferences": [{**owner, "blockOwnerDeletion": False}]}
    made = told(run, "adaptive.yaml", "VulnerabilityReport", "replicaset-web-main")
    made["metadata"] = meta
    run.bring(merge(made, {"report": about}))
