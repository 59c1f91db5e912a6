"""Create, update, patch and delete as the API server answers them; a dry run does everything but store.

Server-side apply merges like a strategic patch and notes who applied what. Conflicts between managers are not looked for.
"""

from __future__ import annotations

import asyncio
import copy
import re
from typing import Any

from ztui.demo import reading
from ztui.demo.answers import ApiError, Obj, already_exists, bad_request, conflict, invalid, not_found, success
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.faults import Switch
from ztui.demo.patches import apply_json_patch, fields_of, strategic
from ztui.demo.present import Form, one
from ztui.demo.store import merge, stamp

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]*[a-z0-9])?")
_LOOSE_NAMES = {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "users", "identities", "groups", "oauthclients"}
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


async def answer(cluster: Cluster, call: Call, body: Obj | list[Obj], form: Form) -> tuple[int, Obj]:
    """Carries out a writing verb; returns the HTTP code and what to answer with. Raises ApiError where it is refused."""
    hook = cluster.faults.hit("webhook", call.resource.plural) if cluster.faults else None
    if hook:
        await _hook(hook, call)
    match call.verb:
        case "create":
            return _create(cluster, call, _object(body), form, hook)
        case "update":
            return _update(cluster, call, _object(body), form, hook)
        case "patch":
            return _patch(cluster, call, body, form, hook)
        case "delete":
            return _delete(cluster, call, body if isinstance(body, dict) else {}, form)
        case "deletecollection":
            return _delete_all(cluster, call, form)
    raise ApiError(405, "the server does not allow this method on the requested resource", details={})


def _create(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    if call.sub:
        raise ApiError(405, "the server does not allow this method on the requested resource", details={})
    obj = _checked(cluster, call, body)
    meta = obj["metadata"]
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + cluster.store.new_uid()[:5]
    _check_name(call, meta.get("name", ""))
    if cluster.store.find(call.resource, meta["name"], call.namespace):
        raise already_exists(call.resource.group, call.resource.plural, meta["name"])
    return 201, _stored(cluster, call, _admitted(obj, hook), form, "Update", obj)


def _update(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    old = reading.find(cluster, call)
    if call.sub == "scale":
        return 200, _scaled(cluster, call, old, body)
    obj = _checked(cluster, call, body)
    _unchanged_since(call, old, obj["metadata"])
    if call.sub == "status":
        obj = {**old, "status": obj.get("status") or {}}
    elif "status" in call.resource.subresources:
        obj = {**obj, **({"status": old["status"]} if "status" in old else {})}
    return 200, _stored(cluster, call, _admitted(obj, hook), form, "Update", body)


def _patch(cluster: Cluster, call: Call, body: Obj | list[Obj], form: Form, hook: Switch | None) -> tuple[int, Obj]:
    media = call.request.headers.get("Content-Type", "").split(";")[0].strip()
    if media in _APPLY:
        return _apply(cluster, call, _object(body), form, hook)
    old = reading.find(cluster, call)
    source = reading.scale_of(old) if call.sub == "scale" else old
    new = _patched(call, media, source, body)
    if call.sub == "scale":
        return 200, _scaled(cluster, call, old, new)
    _unchanged_since(call, old, new.get("metadata") or {})
    if call.sub == "status":
        new = {**old, "status": new.get("status") or {}}
    changed = body if isinstance(body, dict) else {}
    return 200, _stored(cluster, call, _admitted(_checked(cluster, call, new), hook), form, "Update", changed)


def _patched(call: Call, media: str, old: Obj, body: Obj | list[Obj]) -> Obj:
    if media == _JSON_PATCH:
        if not isinstance(body, list):
            raise bad_request("json patch needs a list of operations")
        return apply_json_patch(copy.deepcopy(old), body)
    if not isinstance(body, dict):
        raise bad_request("a patch needs an object")
    if media == _MERGE_PATCH:
        return _whole(merge(old, body))
    if media == _STRATEGIC_PATCH:
        if call.resource.origin == "crd":
            text = "the body of the request was in an unknown format - accepted media types include: "
            listed = ", ".join((_JSON_PATCH, _MERGE_PATCH, *_APPLY))
            raise ApiError(415, text + listed, reason="UnsupportedMediaType", details={})
        return _whole(strategic(old, body))
    raise ApiError(415, f"the body of the request was in an unknown format: {media}", details={})


def _apply(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    """Server-side apply: create or merge, and note the manager."""
    manager = call.query.get("fieldManager", "")
    if not manager:
        raise bad_request("PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch")
    wanted = _checked(cluster, call, body)
    old = cluster.store.find(call.resource, call.name, call.namespace)
    if old is None:
        wanted["metadata"]["name"] = call.name
        _check_name(call, call.name)
        return 201, _stored(cluster, call, _admitted(wanted, hook), form, "Apply", body)
    merged = _checked(cluster, call, _whole(strategic(old, wanted)))
    return 200, _stored(cluster, call, _admitted(merged, hook), form, "Apply", body)


def _delete(cluster: Cluster, call: Call, options: Obj, form: Form) -> tuple[int, Obj]:
    found = reading.find(cluster, call)
    meta = found["metadata"]
    for name in ("uid", "resourceVersion"):
        wanted = (options.get("preconditions") or {}).get(name)
        if wanted and wanted != meta.get(name):
            why = f"Precondition failed: {'UID' if name == 'uid' else 'ResourceVersion'} in precondition: {wanted}, "
            raise conflict(call.resource.group, call.resource.plural, call.name, f"{why}in object meta: {meta.get(name)}")
    dry = call.dry_run or "All" in (options.get("dryRun") or ())
    if not dry:
        _remove(cluster, call, found)
    if call.resource.plural in ("pods", "namespaces") and not call.resource.group:
        return 200, one(call.resource, call.version, found, form)
    return 200, success({"name": meta["name"], "kind": call.resource.plural, "uid": meta["uid"]})


def _delete_all(cluster: Cluster, call: Call, form: Form) -> tuple[int, Obj]:
    chosen, _ = reading.predicate_of(cluster, call)
    found = [obj for obj in cluster.store.all(call.resource, call.namespace) if chosen is None or chosen(obj)]
    for obj in found if not call.dry_run else ():
        _remove(cluster, call, obj)
    meta = {"resourceVersion": str(cluster.store.version)}
    return 200, {"kind": f"{call.resource.kind}List", "apiVersion": call.resource.api_version, "metadata": meta, "items": found}


def _remove(cluster: Cluster, call: Call, obj: Obj) -> None:
    """Removes an object, or marks it where a finalizer or a namespace's content has to go first."""
    meta = obj["metadata"]
    waits = meta.get("finalizers") or (call.resource.plural == "namespaces" and not call.resource.group)
    if waits and not meta.get("deletionTimestamp"):
        going = {"metadata": {"deletionTimestamp": stamp(cluster.store.now())}}
        if call.resource.plural == "namespaces":
            going["status"] = {"phase": "Terminating"}
        cluster.store.write(call.resource, merge(obj, going))
    elif not waits:
        cluster.store.remove(call.resource, obj)


def _scaled(cluster: Cluster, call: Call, old: Obj, scale: Obj) -> Obj:
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        cause = ("spec.replicas", "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.name, [cause])
    new = merge(old, {"spec": {"replicas": replicas}})
    if not call.dry_run:
        new = cluster.store.write(call.resource, new)
    return reading.scale_of(new)


def _stored(cluster: Cluster, call: Call, obj: Obj, form: Form, operation: str, applied: Obj) -> Obj:
    """Stores the object unless this is a dry run, and answers with it as it is or would be."""
    store, meta = cluster.store, obj["metadata"]
    old = store.find(call.resource, meta["name"], call.namespace)
    _note_manager(call, obj, operation, applied, stamp(store.now()))
    if not call.dry_run:
        return one(call.resource, call.version, store.write(call.resource, obj), form)
    if old is None:
        meta.setdefault("uid", store.new_uid())
        meta.setdefault("creationTimestamp", stamp(store.now()))
    else:
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
    return one(call.resource, call.version, obj, form)


def _note_manager(call: Call, obj: Obj, operation: str, applied: Obj, now: str) -> None:
    manager = call.query.get("fieldManager") or call.request.headers.get("User-Agent", "unknown").split("/")[0]
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": call.resource.api_version,
        "time": now,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields_of(applied),
    }
    if call.sub:
        entry["subresource"] = call.sub
    meta = obj["metadata"] = dict(obj["metadata"])
    same = (manager, operation, call.sub or None)
    others = [
        item
        for item in meta.get("managedFields") or ()
        if (item.get("manager"), item.get("operation"), item.get("subresource")) != same
    ]
    meta["managedFields"] = [*others, entry]


def _checked(cluster: Cluster, call: Call, body: Obj) -> Obj:
    """The object with the identity of its path. Raises ApiError where they disagree."""
    obj = copy.deepcopy(body)
    kind = obj.setdefault("kind", call.resource.kind)
    if kind != call.resource.kind:
        raise bad_request(f"{kind} in version {obj.get('apiVersion')!r} cannot be handled as a {call.resource.kind}")
    meta = obj.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("metadata: expected an object")
    if call.name and meta.setdefault("name", call.name) != call.name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})")
    if call.resource.namespaced:
        if meta.setdefault("namespace", call.namespace) != call.namespace:
            text = f"the namespace of the provided object does not match the namespace sent on the request ({call.namespace})"
            raise bad_request(text)
        if cluster.store.find(cluster.catalogue.named("namespaces"), call.namespace) is None:
            raise not_found("", "namespaces", call.namespace)
    else:
        meta.pop("namespace", None)
    return obj


def _check_name(call: Call, name: str) -> None:
    if not name:
        cause = ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        raise invalid(call.resource.group, call.resource.kind, "", [cause])
    if call.resource.plural not in _LOOSE_NAMES and (len(name) > 253 or not _NAME.fullmatch(name)):
        why = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'"
        cause = ("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {why}')
        raise invalid(call.resource.group, call.resource.kind, name, [cause])


def _unchanged_since(call: Call, old: Obj, meta: Obj) -> None:
    """Optimistic locking. Raises a 409 ApiError where the object moved on."""
    version, uid = meta.get("resourceVersion"), meta.get("uid")
    if version and version != old["metadata"]["resourceVersion"]:
        raise conflict(call.resource.group, call.resource.plural, call.name)
    if uid and uid != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old['metadata']['uid']}"
        raise conflict(call.resource.group, call.resource.plural, call.name, why)


async def _hook(hook: Switch, call: Call) -> None:
    """The `webhook` switch: slow, unwilling, or unable to do a dry run."""
    await asyncio.sleep(float(hook.get("seconds", 0)))
    if hook.get("no_dry_run") and call.dry_run:
        text = "admission webhook does not support dry run: the request is rejected as its side effects are unknown"
        raise bad_request(text)
    if hook.get("deny"):
        text = f'admission webhook "policy.demo.example" denied the request: {hook.get("deny")}'
        raise ApiError(403, text, reason="Forbidden", details={})


def _admitted(obj: Obj, hook: Switch | None) -> Obj:
    return _whole(merge(obj, hook.get("set"))) if hook and hook.get("set") else obj


def _object(body: Obj | list[Obj]) -> Obj:
    if not isinstance(body, dict):
        raise bad_request("expected an object")
    return body


def _whole(value: Any) -> Obj:
    if not isinstance(value, dict):
        raise bad_request("the patch leaves no object")
    return value
