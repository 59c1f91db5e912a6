"""Create, update, patch and apply as the API server answers them; a dry run does everything but store.

One write goes: decode (`decoding`), who manages what (`fields`), admission, what the server decides (`strategy`), store.
Deletes are in `deleting`, patch formats in `patches`, the scale of an object in `scale`.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

from ztui.demo import admission, decoding, deleting, reading, scale, strategy, validation
from ztui.demo.answers import ApiError, Obj, already_exists, bad_request, invalid, not_found
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.faults import Switch
from ztui.demo.fields import owners
from ztui.demo.fields.owners import Scope
from ztui.demo.identity import ISSUER
from ztui.demo.patches import json_patch, strategic
from ztui.demo.present import Form, in_version, one
from ztui.demo.rbac import RBAC, check_grant
from ztui.demo.store import clone, merge, stamp

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
# Names of these are checked as path segments only: rbac, user and oauth objects use colons and more.
_LOOSE = {"roles", "rolebindings", "clusterroles", "clusterrolebindings", "users", "identities", "groups", "oauthclients"}
_STEP = ("op", "path", "from", "value")
_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


async def answer(cluster: Cluster, call: Call, body: Any, form: Form) -> tuple[int, Obj]:
    """Carries out a writing verb; returns the HTTP code and what to answer with. Raises ApiError where it is refused."""
    call.check_options(applies=call.media in _APPLY and call.verb == "patch")
    hook = cluster.faults.hit("webhook", call.resource.plural) if cluster.faults else None
    if hook:
        await admission.hook(hook, call)
    with cluster.store.lock:
        match call.verb:
            case "create":
                return _create(cluster, call, _object(body), form, hook)
            case "update":
                return _update(cluster, call, _object(body), form, hook)
            case "patch" if call.media in _APPLY:
                return _apply(cluster, call, body, form, hook)
            case "patch":
                return _patch(cluster, call, body, form, hook)
            case "delete":
                return deleting.delete(cluster, call, body if isinstance(body, dict) else {}, form)
            case _:
                return deleting.delete_all(cluster, call, body if isinstance(body, dict) else {}, form)


def _create(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    match call.sub or call.resource.plural:
        case "eviction":
            return deleting.evict(cluster, call, body)
        case "token":
            return _token(cluster, call, body)
        case "projectrequests":
            return _project(cluster, call, body)
    if call.sub:
        raise strategy.not_served()
    scope = decoding.scope_of(cluster, call)
    obj = decoding.create_or_update(call, scope, body)
    _place(cluster, call, obj)
    meta = obj["metadata"]
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + cluster.store.new_uid()[:5]
    _check_name(call, meta.get("name") or "")
    for field in ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "managedFields"):
        meta.pop(field, None)
    if cluster.store.find(call.resource, meta["name"], call.namespace):
        raise already_exists(call.resource.group, call.resource.plural, meta["name"])
    made = owners.track(scope, None, obj, call.manager)
    return 201, _stored(cluster, call, None, admission.changed(cluster, call, None, made, hook), form)


def _update(cluster: Cluster, call: Call, body: Obj, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    if call.sub == "finalize":
        return deleting.finalize(cluster, call, body, form)
    old = reading.find(cluster, call)
    scope = decoding.scope_of(cluster, call)
    new = decoding.create_or_update(call, scope, body)
    if not new["metadata"].get("name"):
        raise decoding.nameless(call)
    _place(cluster, call, new)
    if call.sub == "scale":
        return 200, scale.write(cluster, call, old, owners.track(scope, scale.of(old, call), new, call.manager))
    return 200, _replaced(cluster, call, scope, old, new, form, hook)


def _patch(cluster: Cluster, call: Call, body: Any, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    if call.media not in (_JSON_PATCH, _MERGE_PATCH, _STRATEGIC_PATCH):
        raise ApiError(415, "415: Unsupported Media Type", details={})
    if call.media == _STRATEGIC_PATCH and call.resource.origin == "crd":
        listed = ", ".join((_JSON_PATCH, _MERGE_PATCH, _APPLY[0]))
        text = f"the body of the request was in an unknown format - accepted media types include: {listed}"
        raise ApiError(415, text)
    old = reading.find(cluster, call)
    scope = decoding.scope_of(cluster, call)
    source = scale.of(old, call) if call.sub == "scale" else in_version(call.resource, call.version, old)
    new = decoding.patched(call, scope, _patched(call, scope, source, body), body)
    if not isinstance(new.get("metadata"), dict) or not new["metadata"].get("name"):
        raise decoding.nameless(call)
    _place(cluster, call, new)
    if call.sub == "scale":
        return 200, scale.write(cluster, call, old, owners.track(scope, source, new, call.manager))
    return 200, _replaced(cluster, call, scope, old, new, form, hook)


def _patched(call: Call, scope: Scope, old: Obj, body: Any) -> Obj:
    if call.media == _JSON_PATCH:
        found: Any = json_patch(old, body)
        steps = enumerate(body) if call.validation == "Warn" else ()
        call.warnings += [f'json patch unknown field "[{at}].{key}"' for at, step in steps for key in step if key not in _STEP]
        return _object(found)
    if not isinstance(body, dict):
        kind = "array" if isinstance(body, list) else "string"
        said = "error decoding patch: " if call.media == _MERGE_PATCH else ""
        raise bad_request(f"{said}json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")
    if call.media == _MERGE_PATCH:
        return _object(merge(old, body))
    return _object(strategic(scope.shape, old, body))


def _replaced(cluster: Cluster, call: Call, scope: Scope, old: Obj, new: Obj, form: Form, hook: Switch | None) -> Obj:
    """A write of an object that is there, but for an apply: tracked, admitted, checked and stored."""
    new = owners.track(scope, old, new, call.manager)
    return _changed(cluster, call, old, admission.changed(cluster, call, old, new, hook), form)


def _apply(cluster: Cluster, call: Call, body: Any, form: Form, hook: Switch | None) -> tuple[int, Obj]:
    """Server-side apply: create, or merge what the manager wants over what is there."""
    if not isinstance(body, dict):
        why = "while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"
        raise bad_request(f"error decoding YAML: error unmarshaling JSON: {why}")
    config: Obj = clone(body)
    scope = decoding.scope_of(cluster, call)
    api, kind = str(config.get("apiVersion") or ""), str(config.get("kind") or "")
    if (api, kind) != (scope.version, "Scale" if call.sub == "scale" else call.resource.kind):
        group, _, version = api.rpartition("/")
        raise bad_request(f"invalid object type: {group}/{version}, Kind={kind}")
    if not isinstance(config.setdefault("metadata", {}), dict):
        raise bad_request("metadata.managedFields must be nil")
    found = cluster.store.find(call.resource, call.name, call.namespace)
    if found is None and call.sub:
        raise not_found(call.resource.group, call.resource.plural, call.name)
    old = scale.of(found, call) if found and call.sub == "scale" else found
    made = owners.apply(scope, old, config, call.manager, force=call.flag("force"))
    if old is None:
        strategy.gone_uid(call, made)
        made["metadata"].setdefault("name", call.name)
        for field in ("resourceVersion", "creationTimestamp", "generation"):
            made["metadata"].pop(field, None)
    made = decoding.applied(call, scope, made)
    _place(cluster, call, made)
    if found is None or old is None:
        _check_name(call, call.name)
        return 201, _stored(cluster, call, None, admission.changed(cluster, call, None, made, hook), form)
    if call.sub == "scale":
        return 200, scale.write(cluster, call, found, made)
    return 200, _changed(cluster, call, old, admission.changed(cluster, call, old, made, hook), form)


def _changed(cluster: Cluster, call: Call, old: Obj, new: Obj, form: Form) -> Obj:
    strategy.check_version(call, old, new)
    new["metadata"].pop("resourceVersion", None)
    new = strategy.prepare_update(call.resource, call.sub, old, new)
    return _stored(cluster, call, old, new, form)


def _stored(cluster: Cluster, call: Call, old: Obj | None, obj: Obj, form: Form) -> Obj:
    """Stores the object unless this is a dry run, and answers with it as it is or would be."""
    store = cluster.store
    if old is None:
        obj = strategy.prepare_create(call.resource, obj)
    validation.check(call, old, obj)
    admission.check(cluster, call, old, obj)
    if call.resource.group == RBAC:
        check_grant(cluster.authorizer, call.user, obj, old)
    if old is not None and deleting.is_let_go(call.resource, old, obj):
        obj["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        last = obj if call.dry_run else store.remove(call.resource, obj)
        return one(call.resource, call.version, last, form)
    stored = store.write(call.resource, obj, dry=call.dry_run, counts=call.sub != "status")
    revert = cluster.faults.hit("revert", call.resource.plural) if old is not None and not call.dry_run else None
    if revert and old is not None:
        again = {
            **clone(old),
            "metadata": {**clone(old["metadata"]), "managedFields": stored["metadata"].get("managedFields", [])},
        }
        asyncio.get_running_loop().call_later(float(revert.get("seconds", 1)), store.write, call.resource, again)
    return one(call.resource, call.version, stored, form)


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


def _place(cluster: Cluster, call: Call, obj: Obj) -> None:
    """Gives the object name and namespace of its path. Raises ApiError where they disagree, or nothing may come there."""
    meta = obj["metadata"]
    if not call.resource.namespaced:
        meta.pop("namespace", None)
    elif (meta.get("namespace") or call.namespace) != call.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    else:
        meta["namespace"] = call.namespace
    if call.name and meta.setdefault("name", call.name) != call.name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({call.name})")


def _check_name(call: Call, name: str) -> None:
    if not name:
        cause = ("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        raise invalid(call.resource.group, call.resource.kind, "", [cause])
    if call.resource.plural in _LOOSE:
        return
    if len(name) > 253 or not _NAME.fullmatch(name):
        cause = ("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {validation.SUBDOMAIN}')
        raise invalid(call.resource.group, call.resource.kind, name, [cause])


def _object(body: Any) -> Obj:
    if not isinstance(body, dict):
        raise bad_request("error decoding the body of the request: expected an object")
    return body
