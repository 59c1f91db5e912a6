"""Delete, deletecollection and eviction: preconditions, finalizers, grace for pods, dry runs."""

from __future__ import annotations

import asyncio
from typing import Any

from ztui.demo import reading
from ztui.demo.answers import ApiError, Obj, conflict, success
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.present import Form, many, one
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import merge, stamp

STOPPING_S = 1.0  # how long a pod of the demo takes to stop, whatever its grace period


def delete(cluster: Cluster, call: Call, options: Obj, form: Form) -> tuple[int, Obj]:
    """Deletes one object: a Status once it is gone, the object where something has to go first."""
    found = reading.find(cluster, call)
    _preconditions(call, found, options)
    left = found if _dry(call, options) else _remove(cluster, call, found, options)
    meta = found["metadata"]
    if left is not None and (left is not found or meta.get("finalizers")):
        return 200, one(call.resource, call.version, left, form)
    about: Obj = {"name": meta["name"]}
    if call.resource.group:
        about["group"] = call.resource.group
    return 200, success({**about, "kind": call.resource.plural, "uid": meta["uid"]})


def _preconditions(call: Call, found: Obj, options: Obj) -> None:
    meta, wanted = found["metadata"], options.get("preconditions") or {}
    if wanted.get("uid") and wanted["uid"] != meta["uid"]:
        why = (
            f"the UID in the precondition ({wanted['uid']}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise conflict(call.resource.group, call.resource.kind, call.name, why)
    version = wanted.get("resourceVersion")
    if version and version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({meta['resourceVersion']}). The object might have been modified"
        )
        raise conflict(call.resource.group, call.resource.kind, call.name, why)


def _dry(call: Call, options: Obj) -> bool:
    return call.dry_run or "All" in (options.get("dryRun") or ())


def delete_all(cluster: Cluster, call: Call, options: Obj) -> tuple[int, Obj]:
    """Deletes what a list with the same options would show, and answers with that list."""
    chosen, _ = reading.predicate_of(cluster, call)
    found = [obj for obj in cluster.store.all(call.resource, call.namespace) if chosen is None or chosen(obj)]
    for obj in found if not _dry(call, options) else ():
        _remove(cluster, call, obj, options)
    meta = {"resourceVersion": str(cluster.store.version)}
    return 200, many(call.resource, call.version, found, meta, Form())


def _remove(cluster: Cluster, call: Call, obj: Obj, options: Obj) -> Obj | None:
    """Removes an object, or marks it and returns it where finalizers, a kubelet or a namespace's content come first."""
    meta, store = obj["metadata"], cluster.store
    grace = options.get("gracePeriodSeconds", call.query.get("gracePeriodSeconds"))
    pod = call.resource.id == ("", "pods") and str(grace) != "0" and obj["spec"].get("nodeName")
    if options.get("propagationPolicy", call.query.get("propagationPolicy")) == "Orphan":
        for resource, child in store.owned(meta["uid"]):
            others = [o for o in child["metadata"]["ownerReferences"] if o["uid"] != meta["uid"]]
            store.write(resource, merge(child, {"metadata": {"ownerReferences": others or None}}))
    if not (meta.get("finalizers") or pod or call.resource.id == ("", "namespaces")):
        store.remove(call.resource, obj)
        return None
    if meta.get("deletionTimestamp"):
        return obj
    going: Obj = {"metadata": {"deletionTimestamp": stamp(store.now()), "deletionGracePeriodSeconds": 30 if pod else 0}}
    if call.resource.id == ("", "namespaces"):
        going["status"] = {"phase": "Terminating"}
    left = store.write(call.resource, merge(obj, going))
    if pod:
        asyncio.get_running_loop().call_later(STOPPING_S, _stopped, cluster, left)
    return left


def _stopped(cluster: Cluster, pod: Obj) -> None:
    """The kubelet reports that a deleted pod's containers have ended."""
    meta, resource = pod["metadata"], cluster.catalogue.named("pods")
    found = cluster.store.find(resource, meta["name"], meta["namespace"])
    if found and found["metadata"]["uid"] == meta["uid"] and not found["metadata"].get("finalizers"):
        cluster.store.remove(resource, found)


def finalize(cluster: Cluster, call: Call, body: Obj, form: Form) -> tuple[int, Obj]:
    """PUT …/finalize of a namespace: its spec.finalizers are replaced; without any, a terminating one is gone."""
    old = reading.find(cluster, call)
    left: Any = (body.get("spec") or {}).get("finalizers")
    new = cluster.store.write(call.resource, merge(old, {"spec": {"finalizers": left or None}}))
    if not left and new["metadata"].get("deletionTimestamp"):
        cluster.store.remove(call.resource, new)
    return 200, one(call.resource, call.version, new, form)


def evict(cluster: Cluster, call: Call, body: Obj) -> tuple[int, Obj]:
    """POST …/eviction: a delete that disruption budgets may refuse."""
    pod = reading.find(cluster, call)
    labels = pod["metadata"].get("labels") or {}
    for budget in cluster.store.of("poddisruptionbudgets", call.namespace):
        status = budget.get("status") or {}
        if selector_predicate(budget["spec"].get("selector"))(labels) and not status.get("disruptionsAllowed"):
            why = (
                f"The disruption budget {budget['metadata']['name']} needs {status.get('desiredHealthy', 0)} "
                f"healthy pods and has {status.get('currentHealthy', 0)} currently"
            )
            causes = [{"reason": "DisruptionBudget", "message": why}]
            text = "Cannot evict pod as it would violate the pod's disruption budget."
            raise ApiError(429, text, details={"causes": causes})
    options = body.get("deleteOptions") or {}
    _preconditions(call, pod, options)
    if not _dry(call, options):
        _remove(cluster, call, pod, options)
    return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
