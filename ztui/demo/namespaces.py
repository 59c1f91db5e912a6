"""The controllers of namespaces: what each one is born with, and how a deleted one is emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ztui.demo.answers import Obj
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers


def namespace(run: Controllers, space: Obj) -> None:
    """What every namespace gets: its own name as a label, ServiceAccounts, their bindings, the two CA ConfigMaps."""
    name = space["metadata"]["name"]
    if space["metadata"].get("deletionTimestamp"):
        _empty(run, space)
        return
    if (space["metadata"].get("labels") or {}).get("kubernetes.io/metadata.name") != name:
        space = run.update(space, {"metadata": {"labels": {"kubernetes.io/metadata.name": name}}})
    for obj in namespace_defaults(name):
        resource = run.cluster.catalogue.of_kind(obj["apiVersion"], obj["kind"])
        if not run.store.find(resource, obj["metadata"]["name"], name):
            run.store.put(obj)


def _empty(run: Controllers, space: Obj) -> None:
    """Deletes what is in a terminating namespace, and the namespace once nothing holds on; says what does."""
    left = run.clear(space["metadata"]["name"])
    if not left:
        run.drop(space)
        return
    kinds = ", ".join(f"{plural} has {count} resource instances" for plural, count in sorted(left.items()))
    held = f"Some content in the namespace has finalizers remaining: {kinds}"
    said = (
        ("NamespaceContentRemaining", "SomeResourcesRemain", f"Some resources are remaining: {kinds}"),
        ("NamespaceFinalizersRemaining", "SomeFinalizersRemain", held),
    )
    now = stamp(run.store.now())
    conditions = [{"type": t, "status": "True", "lastTransitionTime": now, "reason": r, "message": m} for t, r, m in said]
    before = (space.get("status") or {}).get("conditions") or ()
    if [c["message"] for c in before] != [c["message"] for c in conditions]:
        run.update(space, {"status": {"conditions": conditions}})


def namespace_defaults(name: str) -> list[Obj]:
    """The objects that OpenShift puts into every new namespace."""

    def obj(kind: str, called: str, api: str = "v1", **body: Any) -> Obj:
        return {"apiVersion": api, "kind": kind, "metadata": {"name": called, "namespace": name}, **body}

    def binding(called: str, role: str, subject: Obj, about: str) -> Obj:
        made = obj("RoleBinding", called, "rbac.authorization.k8s.io/v1")
        made["metadata"]["annotations"] = {"openshift.io/description": about}
        made["roleRef"] = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
        return {**made, "subjects": [subject]}

    def account(called: str) -> Obj:
        return {"kind": "ServiceAccount", "name": called, "namespace": name}

    everyone = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": f"system:serviceaccounts:{name}"}
    about = "Allows {} in this namespace to {}.  It is auto-managed by a controller; remove subjects to disable."
    return [
        *(obj("ServiceAccount", called) for called in ("default", "builder", "deployer")),
        obj("ConfigMap", "kube-root-ca.crt", data={"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}),
        obj(
            "ConfigMap",
            "openshift-service-ca.crt",
            data={"service-ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
        ),
        binding(
            "system:image-pullers", "system:image-puller", everyone, about.format("all pods", "pull images from this namespace")
        ),
        binding(
            "system:image-builders",
            "system:image-builder",
            account("builder"),
            about.format("builds", "push images to this namespace"),
        ),
        binding(
            "system:deployers",
            "system:deployer",
            account("deployer"),
            about.format("deploymentconfigs", "rollout pods in this namespace"),
        ),
    ]
