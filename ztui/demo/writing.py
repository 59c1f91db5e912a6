"""Create, update, patch and apply as the API server answers them; a dry run does everything but store.

Deletes are in `deleting`, patch formats in `merge`, field ownership in `apply`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ztui.demo import apply, defaults, deleting, reading, security
from ztui.demo.answers import ApiError, Obj, already_exists, bad_request, conflict, invalid, not_found
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.faults import Switch
from ztui.demo.identity import ISSUER
from ztui.demo.merge import json_patch, strategic
from ztui.demo.present import Form, in_version, one
from ztui.demo.rbac import RBAC, check_grant
from ztui.demo.store import clone, merge, stamp

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# Names of these are checked as path segments only: rbac, user and oauth objects use colons and more.
_LOOSE = {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "users", "identities", "groups", "oauthclients"}
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


async def answer(cluster: Cluster, call: Call, body: Any, form: Form) -> tuple[int, Obj]:
    """Carries out a writing verb; returns the HTTP code and what to answer with. Raises ApiError where it is refused."""
    hook = cluster.faults.hit("webhook", call.resource.plural) if cluster.faults else None
    if hook:
        await _hook(hook, call)
    with cluster.store.lock:
        match call.verb:
            case "create":
                return _create(cluster, call, _object(body), form, hook)
            case "update":
                return _update(cluster, call, _object(body), form, hook)
            case "patch":
                return _patch(cluster, call, body, form, hook)
            case "delete":
                return deleting.delete(cluster, call, body if isinstance(body, dict) else {}, form)
            case _:
                return deleting.delete_all(cluster, call, body if isinstance(body, dict) else {})


def _create(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    match call.sub or call.resource.plural:
        case "eviction":
            return deleting.evict(cluster, call, body)
        case "token":
            return _token(cluster, call, body)
        case "projectrequests":
            return _project(cluster, call, body)
    if call.sub:
        raise ApiError(405, "the server does not allow this method on the requested resource", details={})
    obj = _checked(cluster, call, body)
    meta = obj["metadata"]
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + cluster.store.new_uid()[:5]
    _check_name(call, meta.get("name") or "")
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "managedFields"):
        meta.pop(field, None)
    if cluster.store.find(call.resource, meta["name"], call.namespace):
        raise already_exists(call.resource.group, call.resource.plural, meta["name"])
    return 201, _stored(cluster, call, None, _admitted(obj, hook), form)


def _update(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    if call.sub == "finalize":
        return deleting.finalize(cluster, call, body, form)
    old = reading.find(cluster, call)
    if call.sub == "scale":
        return 200, _scaled(cluster, call, old, body)
    obj = _checked(cluster, call, body)
    return 200, _stored(cluster, call, old, _admitted(_replaced(call, old, obj), hook), form)


def _patch(cluster: Cluster, call: Call, body: Any, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    media = call.request.headers.get("Content-Type", "").split(";")[0].strip()
    if media in _APPLY:
        return _apply(cluster, call, _object(body), form, hook)
    old = reading.find(cluster, call)
    source = reading.scale_of(old) if call.sub == "scale" else in_version(call.resource, call.version, old)
    new = _patched(call, media, source, body)
    if call.sub == "scale":
        return 200, _scaled(cluster, call, old, new)
    return 200, _stored(cluster, call, old, _admitted(_replaced(call, old, _checked(cluster, call, new)), hook), form)


def _patched(call: Call, media: str, old: Obj, body: Any) -> Obj:
    if media == _JSON_PATCH:
        return _object(json_patch(old, body))
    if media == _MERGE_PATCH:
        return _object(merge(old, _object(body)))
    if media == _STRATEGIC_PATCH and call.resource.origin != "crd":
        return _object(strategic(old, _object(body)))
    if media == _STRATEGIC_PATCH:
        listed = ", ".join((_JSON_PATCH, _MERGE_PATCH, *_APPLY))
        text = f"the body of the request was in an unknown format - accepted media types include: {listed}"
        raise ApiError(415, text)
    raise ApiError(415, "415: Unsupported Media Type", details={})


def _replaced(call: Call, old: Obj, new: Obj) -> Obj:
    """What an update really changes: spec or status by subresource, never what the server alone writes."""
    _unchanged_since(call, old, new["metadata"])
    if call.sub == "status":
        return {**clone(old), "status": new.get("status") or {}}
    if "status" in call.resource.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    for field in ("uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"):
        new["metadata"].pop(field, None)
        if field in old["metadata"]:
            new["metadata"][field] = old["metadata"][field]
    if "roleRef" in old and old["roleRef"] != new.get("roleRef"):
        cause = ("roleRef", "FieldValueInvalid", f"Invalid value: {new.get('roleRef')}: cannot change roleRef")
        raise invalid(call.resource.group, call.resource.kind, call.name, [cause])
    return new


def _apply(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    """Server-side apply: create, or merge what the manager wants over what is there."""
    manager = call.query.get("fieldManager", "")
    if not manager:
        cause = ("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
        raise invalid("meta.k8s.io", "PatchOptions", "", [cause])
    wanted = _checked(cluster, call, body)
    if wanted["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    old = cluster.store.find(call.resource, call.name, call.namespace)
    if old is None:
        _check_name(call, call.name)
    else:
        _unchanged_since(call, old, wanted["metadata"])
        wanted["metadata"].pop("resourceVersion", None)
    now = stamp(cluster.store.now())
    made = apply.server_side(
        old, wanted, resource=call.resource, version=call.version, manager=manager, force=call.flag("force"), time=now
    )
    return (201 if old is None else 200), _stored(cluster, call, old, _admitted(made, hook), form, applied=True)


def _stored(cluster: Cluster, call: Call, old: Obj | None, obj: Obj, form: Form, *, applied: bool = False) -> Obj:
    """Stores the object unless this is a dry run, and answers with it as it is or would be."""
    store = cluster.store
    if call.resource.origin != "crd":
        obj = defaults.fill(clone(obj))
    if call.resource.group == RBAC:
        check_grant(cluster.authorizer, call.user, obj, old)
    agent = call.request.headers.get("User-Agent", "unknown").split("/")[0]
    manager = call.query.get("fieldManager") or agent
    if not applied:
        time = stamp(store.now())
        obj = apply.tracked(old, obj, resource=call.resource, version=call.version, manager=manager, time=time, sub=call.sub)
    if call.resource.id == ("", "namespaces"):
        call.warnings += security.warnings(store, old, obj)
    if old is not None and old["metadata"].get("deletionTimestamp") and not obj["metadata"].get("finalizers"):
        if not call.dry_run and call.resource.plural not in ("pods", "namespaces"):
            store.remove(call.resource, obj)
        return one(call.resource, call.version, obj, form)
    stored = store.write(call.resource, obj, dry=call.dry_run)
    revert = cluster.faults.hit("revert", call.resource.plural) if old is not None and not call.dry_run else None
    if revert and old is not None:
        again = {
            **clone(old),
            "metadata": {**clone(old["metadata"]), "managedFields": stored["metadata"].get("managedFields", [])},
        }
        asyncio.get_running_loop().call_later(float(revert.get("seconds", 1)), store.write, call.resource, again)
    return one(call.resource, call.version, stored, form)


def _scaled(cluster: Cluster, call: Call, old: Obj, scale: Obj) -> Obj:
    _unchanged_since(call, old, scale.get("metadata") or {})
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        cause = ("spec.replicas", "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0")
        raise invalid("autoscaling", "Scale", call.name, [cause])
    new = cluster.store.write(call.resource, merge(old, {"spec": {"replicas": replicas}}), dry=call.dry_run)
    return reading.scale_of(new)


def _token(cluster: Cluster, call: Call, body: Obj) -> tuple[int, Obj]:
    """TokenRequest: a fresh token of a ServiceAccount."""
    account = reading.find(cluster, call)
    spec = body.get("spec") or {}
    status = cluster.identities.issue(account, spec)
    meta = {"name": call.name, "namespace": call.namespace, "uid": cluster.store.new_uid()}
    meta["creationTimestamp"] = stamp(cluster.store.now())
    spec = {"audiences": [ISSUER], "expirationSeconds": 3600, "boundObjectRef": None, **spec}
    return 201, {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": meta,
        "spec": spec,
        "status": status,
    }


def _project(cluster: Cluster, call: Call, body: Obj) -> tuple[int, Obj]:
    """A ProjectRequest becomes a namespace whose requester is its admin."""
    name = (body.get("metadata") or {}).get("name") or ""
    _check_name(call, name)
    if cluster.store.find(cluster.catalogue.named("namespaces"), name):
        raise already_exists("project.openshift.io", "projects", name)
    notes = {"openshift.io/requester": call.user.name, "openshift.io/display-name": body.get("displayName") or ""}
    space = cluster.store.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": notes},
                               "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})  # fmt: skip
    rbac = "rbac.authorization.k8s.io"
    cluster.store.put(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "admin", "namespace": name},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": call.user.name}],
        }
    )
    return 201, {**space, "kind": "Project", "apiVersion": "project.openshift.io/v1"}


def _checked(cluster: Cluster, call: Call, body: Obj) -> Obj:
    """The object with the identity of its path. Raises ApiError where they disagree."""
    obj: Obj = clone(body)
    for field in ("apiVersion", "kind"):
        if not obj.get(field) and call.resource.origin == "crd":
            raise bad_request(f"Object '{field.capitalize()}' is missing in the body of the request")
    kind = obj.setdefault("kind", call.resource.kind)
    if kind != call.resource.kind:
        version, ours = str(obj.get("apiVersion", "v1")), call.resource.kind
        inner = (call.resource.group or "core").split(".")[0]
        why = f"converting ({version.rpartition('/')[2]}.{kind}) to ({inner}.{ours}): unknown conversion"
        raise bad_request(f'{kind} in version "{version.rpartition("/")[2]}" cannot be handled as a {ours}: {why}')
    meta = obj.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")
    if call.name and meta.setdefault("name", call.name) != call.name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})")
    if not call.resource.namespaced:
        meta.pop("namespace", None)
        return obj
    if (meta.get("namespace") or call.namespace) != call.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    meta["namespace"] = call.namespace
    space = cluster.store.find(cluster.catalogue.named("namespaces"), call.namespace)
    if space is None:
        raise not_found("", "namespaces", call.namespace)
    if space["metadata"].get("deletionTimestamp") and call.verb == "create":
        why = f"unable to create new content in namespace {call.namespace} because it is being terminated"
        causes = [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {call.namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]
        about = {"name": meta.get("name", ""), "kind": call.resource.plural, "causes": causes}
        raise ApiError(403, f'{call.resource.plural} "{meta.get("name", "")}" is forbidden: {why}', details=about)
    return obj


def _check_name(call: Call, name: str) -> None:
    if not name:
        cause = ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        raise invalid(call.resource.group, call.resource.kind, "", [cause])
    if call.resource.plural in _LOOSE:
        return
    if len(name) > 253 or not _NAME.fullmatch(name):
        why = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
            "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        )
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
        raise bad_request('admission webhook "policy.demo.example" does not support dry run')
    if hook.get("deny"):
        text = f'admission webhook "policy.demo.example" denied the request: {hook.get("deny")}'
        raise ApiError(403, text, details={})


def _admitted(obj: Obj, hook: Switch | None) -> Obj:
    return _object(merge(obj, hook.get("set"))) if hook and hook.get("set") else obj


def _object(body: Any) -> Obj:
    if not isinstance(body, dict):
        raise bad_request("error decoding the body of the request: expected an object")
    return body
