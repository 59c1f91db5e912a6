"""What the API server refuses of an object: labels that are none, templates that fit nothing, fields that may not change.

Far from all that the real one checks: what a changed object of the demo may run into. Source: k8s.io/kubernetes/pkg/apis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ztui.demo.answers import Obj, invalid
from ztui.demo.calls import Call

Cause = tuple[str, str, str]  # field, reason, message
_IMMUTABLE = {
    "Deployment": ("spec.selector",), "ReplicaSet": ("spec.selector",), "DaemonSet": ("spec.selector",),
    "Secret": ("type",), "Job": ("spec.selector", "spec.completionMode"), "PersistentVolumeClaim": ("spec.storageClassName",),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "PriorityClass": ("value",),
}  # fmt: skip
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_NAME_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def check(call: Call, old: Obj | None, new: Obj) -> None:
    """Raises a 422 ApiError where an object may not be so, or may not become so."""
    causes = [*_label_causes(new), *_workload_causes(new)]
    if old is not None:
        causes = [*_meta_causes(old, new), *causes, *_frozen(old, new), *_pod_causes(old, new)]
    if causes:
        raise invalid(call.resource.group, call.resource.kind, new["metadata"]["name"], causes)


def _meta_causes(old: Obj, new: Obj) -> Iterator[Cause]:
    before, after = old["metadata"], new["metadata"]
    uid = after.get("uid")
    if uid and uid != before["uid"]:
        yield "metadata.uid", "FieldValueInvalid", f"Invalid value: {json.dumps(uid)}: field is immutable"
    fresh = sorted(set(after.get("finalizers") or ()) - set(before.get("finalizers") or ()))
    if fresh and before.get("deletionTimestamp"):
        listed = ", ".join(json.dumps(name) for name in fresh)
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
        yield "metadata.finalizers", "FieldValueForbidden", f"Forbidden: {why}"


def _frozen(old: Obj, new: Obj) -> Iterator[Cause]:
    kind = new["kind"]
    if kind in ("ConfigMap", "Secret") and old.get("immutable"):
        if not new.get("immutable"):
            yield "immutable", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"
        if old.get("data") != new.get("data"):
            yield "data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"
    if "roleRef" in old and old["roleRef"] != new.get("roleRef"):
        told = json.dumps(new.get("roleRef"), separators=(",", ":"))
        yield "roleRef", "FieldValueInvalid", f"Invalid value: {told}: cannot change roleRef"
    for text in _IMMUTABLE.get(kind, ()):
        before, after = old, new
        for name in text.split("."):
            before, after = before.get(name) or {}, after.get(name) or {}
        if before != after and before:
            told = json.dumps(after, separators=(",", ":"))
            yield text, "FieldValueInvalid", f"Invalid value: {told}: field is immutable"


def _label_causes(obj: Obj) -> Iterator[Cause]:
    """What is wrong with an object's labels."""
    for key, value in (obj["metadata"].get("labels") or {}).items():
        for why in _key_faults(key):
            yield "metadata.labels", "FieldValueInvalid", f"Invalid value: {json.dumps(key)}: {why}"
        if not isinstance(value, str):
            continue
        if len(value) > 63:
            yield "metadata.labels", "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: must be no more than 63 bytes"
        if value and not _NAME.fullmatch(value):
            yield "metadata.labels", "FieldValueInvalid", f"Invalid value: {json.dumps(value)}: {_VALUE_TEXT}"


def _key_faults(key: str) -> Iterator[str]:
    """What is wrong with the key of a label; apimachinery, IsQualifiedName."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        yield f"a valid label key {_NAME_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash and not _PREFIX.fullmatch(prefix):
        yield f"prefix part {SUBDOMAIN}"
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 bytes"
    if not _NAME.fullmatch(name):
        yield f"name part {_NAME_TEXT}"


def _workload_causes(obj: Obj) -> Iterator[Cause]:
    """What is wrong with the template of a workload, or with a pod: no containers, a selector that does not fit."""
    spec = obj.get("spec") or {}
    if obj["kind"] in ("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"):
        selector = (spec.get("selector") or {}).get("matchLabels") or {}
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if not spec.get("selector"):
            yield "spec.selector", "FieldValueRequired", "Required value"
        elif not selector.items() <= labels.items():
            told = json.dumps(labels, separators=(",", ":"))
            why = "`selector` does not match template `labels`"
            yield "spec.template.metadata.labels", "FieldValueInvalid", f"Invalid value: {told}: {why}"
        yield from _container_causes((spec.get("template") or {}).get("spec") or {}, "spec.template.spec")
    elif obj["kind"] == "Pod":
        yield from _container_causes(spec, "spec")
    elif obj["kind"] in ("RoleBinding", "ClusterRoleBinding"):
        yield from _role_causes(obj)
    elif obj["kind"] == "Service" and spec.get("loadBalancerSourceRanges") and spec.get("type") != "LoadBalancer":
        why = "may only be used when `type` is 'LoadBalancer'"
        yield "spec.LoadBalancerSourceRanges", "FieldValueForbidden", f"Forbidden: {why}"
    if (
        obj["kind"] == "Deployment"
        and (spec.get("strategy") or {}).get("type") == "Recreate"
        and spec["strategy"].get("rollingUpdate")
    ):
        why = "may not be specified when strategy `type` is 'Recreate'"
        yield "spec.strategy.rollingUpdate", "FieldValueForbidden", f"Forbidden: {why}"


def _role_causes(binding: Obj) -> Iterator[Cause]:
    role, kinds = (
        binding.get("roleRef") or {},
        ["ClusterRole"] if binding["kind"] == "ClusterRoleBinding" else ["Role", "ClusterRole"],
    )
    if role.get("kind") not in kinds:
        listed = ", ".join(f'"{kind}"' for kind in kinds)
        text = f'Unsupported value: "{role.get("kind") or ""}": supported values: {listed}'
        yield "roleRef.kind", "FieldValueNotSupported", text
    if not role.get("name"):
        yield "roleRef.name", "FieldValueRequired", "Required value"


def _container_causes(spec: Obj, path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield f"{path}.containers", "FieldValueRequired", "Required value"
    for number, container in enumerate(spec.get("containers") or ()):
        for field in ("name", "image"):
            if not container.get(field):
                yield f"{path}.containers[{number}].{field}", "FieldValueRequired", "Required value"


def _pod_causes(old: Obj, new: Obj) -> Iterator[Cause]:
    """What of a pod that is there may not change any more."""
    if new["kind"] == "Pod" and _fixed(old["spec"]) != _fixed(new["spec"]):
        why = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
            "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
        )
        yield "spec", "FieldValueForbidden", why


def _fixed(spec: Obj) -> Obj:
    kept = {key: value for key, value in spec.items() if key not in ("activeDeadlineSeconds", "tolerations", "schedulingGates")}
    for name in ("containers", "initContainers", "ephemeralContainers"):
        kept[name] = [{**container, "image": ""} for container in spec.get(name) or ()]
    return kept
