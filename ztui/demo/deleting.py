"""Delete, deletecollection and eviction: preconditions, finalizers, grace for pods, dry runs."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

from ztui.demo import reading
from ztui.demo.answers import ApiError, Obj, conflict, invalid, success
from ztui.demo.calls import Call
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster
from ztui.demo.present import Form, many, one
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import Store, merge, stamp

STOPPING_S = 1.0  # how long a pod of the demo takes to stop, if it may take so long
COLLECTING_S = 0.2  # how long the garbage collector takes
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_POLICIES = ("Foreground", "Background", "Orphan")
# Kinds whose delete answers with the object: ReturnDeletedObject of their storage.
_SHOWN_LAST = {
    ("", "pods"), ("", "services"), ("", "serviceaccounts"), ("", "persistentvolumes"), ("", "persistentvolumeclaims"),
    ("", "resourcequotas"), ("", "podtemplates"), ("", "namespaces"), ("storage.k8s.io", "storageclasses"),
    ("storage.k8s.io", "csidrivers"), ("storage.k8s.io", "csinodes"),
}  # fmt: skip
_NO_GARBAGE = {("", "events"), ("", "namespaces"), ("events.k8s.io", "events")}


def delete(cluster: Cluster, call: Call, options: Obj, form: Form) -> tuple[int, Obj]:
    """Deletes one object: a Status once it is gone, the object where something has to go first or its kind is so."""
    options = _options(call, options)
    found = reading.find(cluster, call)
    _preconditions(call, found, options)
    left = _remove(cluster, call, found, options, dry=bool(options.get("dryRun")))
    if left is not None:
        return 200, one(call.resource, call.version, left, form)
    meta = found["metadata"]
    about: Obj = {"name": meta["name"]}
    if call.resource.group:
        about["group"] = call.resource.group
    return 200, success({**about, "kind": call.resource.plural, "uid": meta["uid"]})


def is_let_go(resource: Resource, old: Obj, new: Obj) -> bool:
    """True for a deleted object whose last finalizer goes; pods wait for their kubelet, namespaces to be emptied."""
    if not old["metadata"].get("deletionTimestamp") or new["metadata"].get("finalizers"):
        return False
    return resource.plural != "namespaces" and not (
        resource.plural == "pods" and old["metadata"].get("deletionGracePeriodSeconds")
    )


def _options(call: Call, body: Obj) -> Obj:
    """What a delete asks for, in its body or else its query. Raises a 422 ApiError for what it may not."""
    names = ("propagationPolicy", "gracePeriodSeconds", "orphanDependents")
    options: Obj = body or {name: call.query[name] for name in names if name in call.query}
    if not body and call.dry_run:
        options["dryRun"] = ["All"]
    causes = []
    policy = options.get("propagationPolicy")
    if policy and options.get("orphanDependents") is not None:
        why = "orphanDependents and deletionPropagation cannot be both set"
        causes.append(("propagationPolicy", "FieldValueInvalid", f'Invalid value: "{policy}": {why}'))
    elif policy not in (None, "", *_POLICIES):
        listed = ", ".join(f'"{name}"' for name in (*_POLICIES, "nil"))
        text = f'Unsupported value: "{policy}": supported values: {listed}'
        causes.append(("propagationPolicy", "FieldValueNotSupported", text))
    asked = options.get("dryRun") or []
    if asked not in ([], ["All"]):
        causes.append(("dryRun", "FieldValueNotSupported", f'Unsupported value: {json.dumps(asked)}: supported values: "All"'))
    if causes:
        raise invalid("meta.k8s.io", "DeleteOptions", "", causes)
    return options


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


def delete_all(cluster: Cluster, call: Call, options: Obj, form: Form) -> tuple[int, Obj]:
    """Deletes what a list with the same options would show, and answers with that list."""
    options = _options(call, options)
    chosen, _ = reading.predicate_of(cluster, call)
    found = [obj for obj in cluster.store.all(call.resource, call.namespace) if chosen is None or chosen(obj)]
    for obj in found if not options.get("dryRun") else ():
        _remove(cluster, call, obj, options, dry=False)
    meta = {"resourceVersion": str(cluster.store.version)}
    return 200, many(call.resource, call.version, found, meta, form)


def _remove(cluster: Cluster, call: Call, obj: Obj, options: Obj, *, dry: bool) -> Obj | None:
    """Removes an object, or marks it where finalizers, a kubelet or content come first; what to answer with, if any."""
    meta, store, resource = obj["metadata"], cluster.store, call.resource
    grace = _grace(resource, obj, options)
    held = [*(meta.get("finalizers") or ())]
    policy = options.get("propagationPolicy")
    waits = {"Foreground": FOREGROUND, "Orphan": ORPHAN}.get(policy or "", "")
    if waits and waits not in held and resource.id not in _NO_GARBAGE:
        held = [name for name in held if name not in (FOREGROUND, ORPHAN)] + [waits]
    if resource.id == ("", "namespaces"):
        return _leaving(cluster, resource, obj, {"status": {"phase": "Terminating"}}, dry=dry)
    if not held and not grace:
        last = store.remove(resource, _stamped(store, resource, obj)) if not dry else obj
        return last if resource.id in _SHOWN_LAST else None
    if meta.get("deletionTimestamp") and grace is not None and grace >= int(meta.get("deletionGracePeriodSeconds") or 0):
        return obj
    seconds = grace or 0
    going: Obj = {"metadata": {"deletionGracePeriodSeconds": seconds, "finalizers": held or None}}
    left = _leaving(cluster, resource, obj, going, dry=dry, seconds=seconds)
    if not dry and grace:
        asyncio.get_running_loop().call_later(min(STOPPING_S, grace), _stopped, cluster, left)
    if not dry and waits:
        asyncio.get_running_loop().call_later(COLLECTING_S, _collected, cluster, resource, left)
    return left


def _grace(resource: Resource, pod: Obj, options: Obj) -> int | None:
    """How long a pod has to stop, in seconds; None for what is gone at once."""
    if resource.id != ("", "pods"):
        return None
    asked = options.get("gracePeriodSeconds")
    seconds = int(asked if asked is not None else pod["spec"].get("terminationGracePeriodSeconds", 30))
    done = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return (1 if seconds < 0 else seconds) if pod["spec"].get("nodeName") and not done else 0


def _stamped(store: Store, resource: Resource, obj: Obj) -> Obj:
    """A pod's last state tells when it went; the others go as they are."""
    if resource.id != ("", "pods"):
        return obj
    at = {"deletionTimestamp": stamp(store.now()), "deletionGracePeriodSeconds": 0}
    return store.write(resource, merge(obj, {"metadata": at}))


def _leaving(cluster: Cluster, resource: Resource, obj: Obj, going: Obj, *, dry: bool, seconds: int = 0) -> Obj:
    store = cluster.store
    at = stamp(store.now() + timedelta(seconds=seconds))
    if obj["metadata"].get("deletionTimestamp") and not seconds:
        at = obj["metadata"]["deletionTimestamp"]
    return store.write(resource, merge(merge(obj, {"metadata": {"deletionTimestamp": at}}), going), dry=dry)


def _collected(cluster: Cluster, resource: Resource, owner: Obj) -> None:
    """The garbage collector has dealt with what an object owns, and lets it go."""
    meta, store = owner["metadata"], cluster.store
    found = store.find(resource, meta["name"], meta.get("namespace", ""))
    if found is None or found["metadata"]["uid"] != meta["uid"]:
        return
    held = found["metadata"].get("finalizers") or []
    for kind, child in store.owned(meta["uid"]):
        if ORPHAN in held:
            others = [ref for ref in child["metadata"]["ownerReferences"] if ref["uid"] != meta["uid"]]
            store.write(kind, merge(child, {"metadata": {"ownerReferences": others or None}}))
        else:
            store.remove(kind, child)
    left = [name for name in held if name not in (FOREGROUND, ORPHAN)]
    found = store.write(resource, merge(found, {"metadata": {"finalizers": left or None}}))
    if not left:
        store.remove(resource, found)


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
    _remove(cluster, call, pod, options, dry=call.dry_run or bool(options.get("dryRun")))
    return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
