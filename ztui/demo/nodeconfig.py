"""The machine config operator of the demo cluster: what nodes boot with is rendered from its parts, pool by pool.

Pools that are not paused bring their nodes to a new rendering after a moment. What the story tells is not rendered again.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.operators import condition, held_up, parts
from ztui.demo.selectors import selector_predicate

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_GROUP: Final = "machineconfiguration.openshift.io"
_ROLE: Final = f"{_GROUP}/role"
CONFIGS: Final = (_GROUP, "machineconfigs")


def kubelet_config(run: Controllers, obj: Obj) -> None:
    """The pools that it is for get a part with its settings."""
    if not run.unseen(obj):
        return
    chosen = selector_predicate(obj["spec"].get("machineConfigPoolSelector"))
    text = json.dumps(obj["spec"].get("kubeletConfig") or {}, sort_keys=True)
    for item in _pools(run):
        if chosen(item["metadata"].get("labels") or {}):
            _part(run, item, "kubelet", "/etc/kubernetes/kubelet.conf", text, obj)


def image_policy(run: Controllers, obj: Obj) -> None:
    """Every pool gets a part with the signatures that its nodes have to look for."""
    if not run.unseen(obj):
        return
    told = [item["spec"] for item in run.store.of("clusterimagepolicies.config.openshift.io")]
    for item in _pools(run):
        _part(run, item, "registries", "/etc/containers/policy.json", json.dumps(told, sort_keys=True))


def machine_config(run: Controllers, obj: Obj) -> None:
    """A part that is new or another one makes the pools that take it look again."""
    if run.unseen(obj):
        changed(run, obj)


def changed(run: Controllers, obj: Obj) -> None:
    """A part came, went or is another: the pools that take it are rendered again."""
    labels = obj["metadata"].get("labels") or {}
    if run.is_live and _ROLE in labels:
        for item in _pools(run):
            if _takes(item, labels):
                run.later(partial(_render, run, item))


def pool(run: Controllers, obj: Obj) -> None:
    """A pool that is not paused brings its nodes to what it was told."""
    _say_converged(run)
    spec, status = obj["spec"], obj.get("status") or {}
    wanted = (spec.get("configuration") or {}).get("name")
    if not run.is_live or spec.get("paused") or wanted == (status.get("configuration") or {}).get("name"):
        return
    if _is_updating(obj):
        return
    _set_nodes(run, obj, {"desiredConfig": wanted, "state": "Working"})
    _set_pool(run, obj, "True", status)
    run.later(lambda: _updated(run, obj))


def _pools(run: Controllers) -> list[Obj]:
    return run.store.of(f"machineconfigpools.{_GROUP}")


def _takes(item: Obj, labels: Obj) -> bool:
    return selector_predicate(item["spec"].get("machineConfigSelector"))(labels)


def _part(run: Controllers, item: Obj, what: str, path: str, text: str, owner: Obj | None = None) -> None:
    """One part that the operator makes by itself: a file on the nodes of a pool, which goes with what it was made for."""
    name = item["metadata"]["name"]
    meta: Obj = {"name": f"99-{name}-generated-{what}", "labels": {_ROLE: name}}
    if owner is not None:
        meta["ownerReferences"] = [pods.owner_reference(owner)]
    file = {"path": path, "mode": 420, "overwrite": True, "contents": {"source": f"data:,{quote(text)}"}}
    config = {"ignition": {"version": "3.5.0"}, "storage": {"files": [file]}}
    run.bring({"apiVersion": f"{_GROUP}/v1", "kind": "MachineConfig", "metadata": meta, "spec": {"config": config}})


def _render(run: Controllers, item: Obj) -> None:
    """What a pool's nodes are to boot with: all of its parts by name, a later one over an earlier one."""
    found = run.again(item)
    if found is None:
        return
    name = found["metadata"]["name"]
    taken = [part for part in run.store.of(".".join(reversed(CONFIGS))) if _takes(found, part["metadata"].get("labels") or {})]
    taken.sort(key=lambda part: str(part["metadata"]["name"]))
    files: Obj = {}
    units: Obj = {}
    arguments: list[str] = []
    for part in taken:
        config = part["spec"].get("config") or {}
        files |= {file["path"]: file for file in (config.get("storage") or {}).get("files") or ()}
        units |= {unit["name"]: unit for unit in (config.get("systemd") or {}).get("units") or ()}
        arguments += part["spec"].get("kernelArguments") or ()
    config = {
        "ignition": {"version": "3.5.0"},
        "storage": {"files": list(files.values())},
        "systemd": {"units": list(units.values())},
    }
    spec = {"config": config, "kernelArguments": arguments}
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:32]
    rendered = f"rendered-{name}-{digest}"
    meta = {"name": rendered, "annotations": {f"{_GROUP}/generated-by-controller-version": "9b2f6d1c"}}
    run.bring({"apiVersion": f"{_GROUP}/v1", "kind": "MachineConfig", "metadata": meta, "spec": spec})
    sources = [{"apiVersion": f"{_GROUP}/v1", "kind": "MachineConfig", "name": part["metadata"]["name"]} for part in taken]
    run.update(found, {"spec": {"configuration": {"name": rendered, "source": sources}}})


def _say_converged(run: Controllers) -> None:
    """The operator of the pools holds up releases while one of them is paused or updates."""
    part = next((item for item in parts(run) if item["metadata"]["name"] == "machine-config"), None)
    if not run.is_live or part is None or any(item["spec"].get("paused") or _is_updating(item) for item in _pools(run)):
        return
    if held_up(part) is not None:
        run.update(part, {"status": {"conditions": condition(run, part, "Upgradeable", "True", "AsExpected")}})


def _is_updating(obj: Obj) -> bool:
    told = (obj.get("status") or {}).get("conditions") or ()
    return any((item["type"], item["status"]) == ("Updating", "True") for item in told)


def _updated(run: Controllers, obj: Obj) -> None:
    """The nodes have what they were told."""
    found = run.again(obj)
    if found is None:
        return
    told = obj["spec"]["configuration"]
    _set_nodes(run, found, {"currentConfig": told["name"], "desiredConfig": told["name"], "state": "Done"})
    count = found["status"].get("machineCount", 0)
    _set_pool(run, found, "False", {"configuration": told, "updatedMachineCount": count, "readyMachineCount": count})


def _set_nodes(run: Controllers, obj: Obj, notes: Obj) -> None:
    chosen = selector_predicate(obj["spec"].get("nodeSelector"))
    marks = {f"{_GROUP}/{key}": value for key, value in notes.items()}
    for node in run.store.of("nodes"):
        if chosen(node["metadata"]["labels"]):
            run.update(node, {"metadata": {"annotations": marks}})


def _set_pool(run: Controllers, obj: Obj, busy: str, status: Obj) -> None:
    updating = condition(run, obj, "Updating", busy, "")
    told = {**obj, "status": {**(obj.get("status") or {}), "conditions": updating}}
    updated = condition(run, told, "Updated", "False" if busy == "True" else "True", "")
    run.update(obj, {"status": {**status, "conditions": updated}})
