"""What the API server makes of a write whatever its client asks for, and what it refuses: the strategies of its registry.

`reset` names the fields that no client manages there; `prepare` takes them from the stored object.
"""

from __future__ import annotations

from ztui.demo import addresses
from ztui.demo.answers import ApiError, Obj, conflict, invalid
from ztui.demo.calls import Call
from ztui.demo.catalogue import Resource
from ztui.demo.fields.paths import Path, dotted
from ztui.demo.store import clone

_SERVERS_OWN = ("creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
# Beside the spec, fields that a write of the status leaves alone.
_STATUS_LEAVES = {
    ("apps", "deployments"): ("metadata.labels",),
    ("", "pods"): ("metadata.deletionTimestamp", "metadata.ownerReferences"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): ("metadata",),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): ("metadata",),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): ("metadata",),
}
# Built-in kinds of which an update must say which version it was made from.
_CAREFUL = {
    ("policy", "poddisruptionbudgets"), ("node.k8s.io", "runtimeclasses"), ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "csinodes"), ("coordination.k8s.io", "leases"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
}  # fmt: skip


def reset(resource: Resource, sub: str) -> tuple[Path, ...]:
    """The fields that a write of the object, or of a subresource of it, never changes."""
    if sub == "scale" or "status" not in resource.subresources:
        return ()
    if sub != "status":
        return (dotted("status"),)
    if resource.origin == "crd":
        return dotted("metadata"), dotted("spec")
    return dotted("spec"), *(dotted(text) for text in _STATUS_LEAVES.get(resource.id, ()))


def prepare_create(resource: Resource, obj: Obj) -> Obj:
    """A new object as it is stored: its status is not for its creator to say, and some fields are allocated."""
    if "status" in resource.subresources:
        obj.pop("status", None)
        if resource.origin != "crd":
            obj["status"] = {}
    match resource.id:
        case ("", "pods"):
            obj["status"] = {"phase": "Pending", "qosClass": quality(obj)}
        case ("", "namespaces"):
            obj["status"] = {"phase": "Active"}
            spec = obj.setdefault("spec", {})
            spec["finalizers"] = sorted({*(spec.get("finalizers") or ()), "kubernetes"})
        case ("", "services"):
            obj["status"] = {"loadBalancer": {}}
            addresses.allocate(obj)
    return obj


def prepare_update(resource: Resource, sub: str, old: Obj, new: Obj) -> Obj:
    """The changed object with everything that its server alone writes taken from the stored one."""
    meta = new["metadata"]
    for name in _SERVERS_OWN:
        meta.pop(name, None)
        if name in old["metadata"]:
            meta[name] = old["metadata"][name]
    if sub == "status":
        return _status_only(resource, old, new)
    if resource.id == ("", "namespaces"):
        new["spec"] = {**(new.get("spec") or {}), **(old.get("spec") or {})}
    if "status" in resource.subresources:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    if resource.id == ("", "services"):
        addresses.carry(old, new)
    return new


def _status_only(resource: Resource, old: Obj, new: Obj) -> Obj:
    made: Obj = clone({key: value for key, value in old.items() if key != "status"})
    if "status" in new:
        made["status"] = new["status"]
    left = _STATUS_LEAVES.get(resource.id, ())
    if resource.origin == "crd" or left == ("metadata",):
        if "managedFields" in new["metadata"]:
            made["metadata"]["managedFields"] = new["metadata"]["managedFields"]
        return made
    made["metadata"] = new["metadata"]
    for text in left:
        name = text.partition(".")[2]
        made["metadata"].pop(name, None)
        if name in old["metadata"]:
            made["metadata"][name] = old["metadata"][name]
    return made


def check_version(call: Call, old: Obj, new: Obj) -> None:
    """Optimistic locking. Raises ApiError where the object moved on, is another one, or no version was told that must be."""
    meta, before = new["metadata"], old["metadata"]
    resource, version, uid = call.resource, meta.get("resourceVersion"), meta.get("uid")
    if call.verb == "update" and uid and uid != before["uid"]:
        key = "/".join(
            filter(
                None,
                ("/registry", resource.group if resource.origin == "crd" else "", resource.plural, call.namespace, call.name),
            )
        )
        why = (
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: "
            f"UID in precondition: {uid}, UID in object meta: {before['uid']}"
        )
        raise conflict(resource.group, resource.plural, call.name, why)
    if version and version != before["resourceVersion"]:
        raise conflict(resource.group, resource.plural, call.name)
    if not version and call.verb == "update" and (resource.origin == "crd" or resource.id in _CAREFUL):
        cause = ("metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update")
        raise invalid(resource.group, resource.plural, call.name, [cause])


def quality(pod: Obj) -> str:
    """The quality of service class that the resources of a pod's containers give it."""
    told = [container.get("resources") or {} for container in pod["spec"].get("containers") or ()]
    if not any(part.get("requests") or part.get("limits") for part in told):
        return "BestEffort"
    whole = all({"cpu", "memory"} <= (part.get("limits") or {}).keys() for part in told)
    return "Guaranteed" if whole and all((p.get("requests") or p["limits"]) == p["limits"] for p in told) else "Burstable"


def gone_uid(call: Call, obj: Obj) -> None:
    """Raises a 409 ApiError where a patch that would create an object names the uid of one that was there."""
    uid = obj["metadata"].get("uid")
    if uid:
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(call.resource.group, call.resource.plural, call.name, why)


def not_served() -> ApiError:
    """405: this verb has no meaning here."""
    return ApiError(405, "the server does not allow this method on the requested resource", details={})
