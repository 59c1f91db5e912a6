"""The scale of an object: one field of it, the number of replicas, as an object of its own with managers of its own.

Source: apimachinery, pkg/util/managedfields/scalehandler.go.
"""

from __future__ import annotations

from ztui.demo import strategy
from ztui.demo.answers import ApiError, Obj, invalid
from ztui.demo.calls import Call
from ztui.demo.catalogue import Resource, api_version
from ztui.demo.cluster import Cluster
from ztui.demo.fields.managers import APPLY, Held, Manager, Managers, read, with_managers
from ztui.demo.fields.paths import dotted
from ztui.demo.store import merge

_VERSION = "autoscaling/v1"
_REPLICAS = dotted("spec.replicas")


def of(obj: Obj, call: Call) -> Obj:
    """The Scale of an object, remembering who manages the number."""
    managers = Managers()
    for manager, held in read(obj["metadata"]).held.items():
        if _REPLICAS in held.fields:
            told = manager if manager.operation == APPLY else manager._replace(version=_VERSION)
            managers.held[told] = Held(frozenset({_REPLICAS}), _VERSION, held.time)
    return with_managers(shown(obj, call.resource), managers)


def shown(obj: Obj, resource: Resource | None = None) -> Obj:
    """The autoscaling/v1 Scale of a scalable object as it is answered with. Raises a 500 ApiError for one without a number."""
    if resource and resource.origin == "crd" and "replicas" not in (obj.get("spec") or {}):
        why = 'the spec replicas field ".spec.replicas" does not exist'
        raise ApiError(500, f"Internal error occurred: {why}", details={"causes": [{"message": why}]})
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    meta = {key: obj["metadata"][key] for key in names if key in obj["metadata"]}
    selector = obj["spec"].get("selector") or {}
    labels = selector.get("matchLabels", selector)
    text = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if isinstance(value, str))
    status = {"replicas": (obj.get("status") or {}).get("replicas", 0), "selector": text}
    replicas = obj["spec"].get("replicas", 1)
    return {"kind": "Scale", "apiVersion": _VERSION, "metadata": meta, "spec": {"replicas": replicas} if replicas else {},
            "status": {key: value for key, value in status.items() if value or key == "replicas"}}  # fmt: skip


def write(cluster: Cluster, call: Call, old: Obj, scale: Obj) -> Obj:
    """Stores the number that a Scale asks for, and its managers, in the object; answers with the Scale."""
    strategy.check_version(call, old, scale)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        cause = ("spec.replicas", "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.name, [cause])
    new = with_managers(merge(old, {"spec": {"replicas": replicas}}), _parents(call, old, scale))
    return shown(cluster.store.write(call.resource, new, dry=call.dry_run))


def _parents(call: Call, old: Obj, scale: Obj) -> Managers:
    """The managers of the object after a write of its scale."""
    version = api_version(call.resource.group, call.version)
    before, after = read(old["metadata"]), read(scale["metadata"]).held
    found = Managers()
    for manager, held in before.held.items():
        if _REPLICAS not in held.fields:
            found.held[manager] = held
            continue
        twin = manager if manager.operation == APPLY else manager._replace(version=_VERSION)
        left = held.fields if after.pop(twin, None) else held.fields - {_REPLICAS}
        if left:
            found.held[manager] = held._replace(fields=left)
    for manager, held in after.items():
        if _REPLICAS in held.fields:
            told = Manager(manager.name, manager.operation, "" if manager.operation == APPLY else version, manager.subresource)
            found.held[told] = Held(frozenset({_REPLICAS}), version)  # the real server tells no time of these
    return found
