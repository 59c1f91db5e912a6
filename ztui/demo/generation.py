"""Which objects count the changes of what is asked of them, and what of a change counts.

Source: the strategies of k8s.io/kubernetes/pkg/registry; custom kinds count everything beside metadata and status.
"""

from __future__ import annotations

from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.catalogue import Resource

# Built-in kinds with a generation, by what of them counts.
_BY_SPEC = {
    ("apps", "daemonsets"), ("apps", "deployments"), ("apps", "replicasets"), ("apps", "statefulsets"), ("batch", "cronjobs"),
    ("batch", "jobs"), ("", "pods"), ("", "podtemplates"), ("", "replicationcontrollers"), ("policy", "poddisruptionbudgets"),
    ("networking.k8s.io", "ingresses"), ("networking.k8s.io", "ingressclasses"), ("networking.k8s.io", "networkpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("apiextensions.k8s.io", "customresourcedefinitions"), ("storage.k8s.io", "csidrivers"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"), ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
    ("apps.openshift.io", "deploymentconfigs"), ("image.openshift.io", "imagestreams"),
}  # fmt: skip
_BY_WEBHOOKS = {("admissionregistration.k8s.io", f"{kind}webhookconfigurations") for kind in ("mutating", "validating")}
_BY_ALL = {("discovery.k8s.io", "endpointslices")}
_CONSTANT = {("scheduling.k8s.io", "priorityclasses")}
_COUNTED = _BY_SPEC | _BY_WEBHOOKS | _BY_ALL | _CONSTANT


def counted(resource: Resource, old: Obj | None, new: Obj) -> int | None:
    """The generation of an object that becomes `new`; None for kinds that have none."""
    custom = resource.origin == "crd"
    if not custom and resource.id not in _COUNTED:
        return None
    if old is None:
        return int(new["metadata"].get("generation") or 1)
    before = int(old["metadata"].get("generation") or 1)
    return before + bool(_asked(resource, old) != _asked(resource, new))


def _asked(resource: Resource, obj: Obj) -> Any:
    """What of an object counts."""
    if resource.origin == "crd":
        hidden = {"metadata", "status"} if "status" in resource.subresources else {"metadata"}
        return {key: value for key, value in obj.items() if key not in hidden}
    meta = obj["metadata"]
    if resource.id in _CONSTANT:
        return None
    if resource.id in _BY_WEBHOOKS:
        return obj.get("webhooks")
    if resource.id in _BY_ALL:
        return [{key: value for key, value in obj.items() if key != "metadata"}, meta.get("labels"), meta.get("annotations")]
    leaving = resource.id == ("", "pods") and meta.get("deletionTimestamp") is not None
    # A Deployment counts its annotations too, since they go to its ReplicaSets; but for those that its controller writes.
    notes = meta.get("annotations") if resource.plural == "deployments" else None
    noted = {key: value for key, value in (notes or {}).items() if not key.startswith("deployment.kubernetes.io/")}
    return obj.get("spec"), noted, leaving
