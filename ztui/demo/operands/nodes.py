"""What operators make that look at nodes: features as labels, files that change, benchmarks that are scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ztui.demo import pods
from ztui.demo.answers import Obj
from ztui.demo.operands.base import line, of, ready, spec_of, start
from ztui.demo.store import stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

_BASELINE = "file-integrity.openshift.io/re-init"
_SELINUX = "feature.node.kubernetes.io/kernel-selinux.enabled"
_FEATURES = {
    _SELINUX: "true",
    "feature.node.kubernetes.io/kernel-version.major": "5",
    "feature.node.kubernetes.io/cpu-cpuid.AESNI": "true",
    "feature.node.kubernetes.io/system-os_release.ID": "rhcos",
}


def _features(run: Controllers, obj: Obj) -> None:
    """A worker on each node, and the labels by what it sees there."""
    place = obj["metadata"]["namespace"]
    master = {"image": "openshift-nfd/node-feature-discovery:4.20"}
    start(run, place, {"nfd-master": master, "nfd-worker": line("enforced.yaml", "openshift-nfd", "nfd-worker")})
    ready(run, obj, None, "Available", "Upgradeable")
    for node in run.store.of("nodes"):
        off = {_SELINUX: None} if _is_off(run, node) else {}
        run.update(node, {"metadata": {"labels": {**_FEATURES, **off}}})


def _is_off(run: Controllers, node: Obj) -> bool:
    """Whether the configuration that a node runs by switches SELinux off."""
    name = (node["metadata"].get("annotations") or {}).get("machineconfiguration.openshift.io/currentConfig", "")
    configs = run.cluster.catalogue.named("machineconfigs.machineconfiguration.openshift.io")
    arguments = spec_of(run.store.find(configs, name) or {}, "kernelArguments", default=())
    return bool({"selinux=0", "enforcing=0"} & set(arguments))


def _files(run: Controllers, obj: Obj) -> None:
    """A pod on each node that the check may run on, and what it found there."""
    name, place = obj["metadata"]["name"], obj["metadata"]["namespace"]
    tolerations = spec_of(obj, "tolerations", default=[{"key": "node-role.kubernetes.io/master", "operator": "Exists"}])
    pod = {"nodeSelector": spec_of(obj, "nodeSelector", default={}), "tolerations": tolerations}
    daemon = {"kind": "DaemonSet", "image": "compliance/file-integrity:1.3.6", "sa": "file-integrity-daemon", "pod": pod}
    start(run, place, {f"aide-{name}": {**daemon, "secure": False, "main": {"securityContext": {"privileged": True}}}})
    now = stamp(run.store.now())
    for node in run.store.of("nodes"):
        if not pod["nodeSelector"].items() <= node["metadata"]["labels"].items():
            continue
        at = node["metadata"]["name"]
        owner = {**pods.owner_reference(obj), "blockOwnerDeletion": True}
        run.bring(
            {
                "apiVersion": obj["apiVersion"],
                "kind": "FileIntegrityNodeStatus",
                "metadata": {"name": f"{name}-{at}", "namespace": place, "ownerReferences": [owner]},
                "nodeName": at,
                "results": [{"condition": "Succeeded", "lastProbeTime": now}],
                "lastResult": {"condition": "Succeeded", "lastProbeTime": now},
            }
        )
    run.update(obj, {"status": {"phase": "Active"}})


_checked = of("file-integrity-operator", _files)


def _integrity(run: Controllers, obj: Obj) -> None:
    """As any operand; one that is asked for a new baseline takes the request away, and finds nothing changed."""
    _checked(run, obj)
    if not run.is_live or _BASELINE not in (obj["metadata"].get("annotations") or {}):
        return
    run.update(obj, {"metadata": {"annotations": {_BASELINE: None}}, "status": {"phase": "Initializing"}})
    run.later(lambda: _renewed(run, obj))


def _renewed(run: Controllers, obj: Obj) -> None:
    found = run.again(obj)
    if found is None:
        return
    run.update(found, {"status": {"phase": "Active"}})
    now, name = stamp(run.store.now()), found["metadata"]["name"]
    for item in run.store.of("fileintegritynodestatuses", found["metadata"]["namespace"]):
        if item["metadata"]["name"] == f"{name}-{item['nodeName']}":
            done = {"condition": "Succeeded", "lastProbeTime": now}
            run.store.put({**item, "results": [done], "lastResult": done})


def _bound(run: Controllers, obj: Obj) -> None:
    """A suite of scans: one of the platform, or one for each role of nodes, for each profile that is bound."""
    place = obj["metadata"]["namespace"]
    settings = run.store.find(
        run.cluster.catalogue.named("scansettings.compliance.openshift.io"), obj["settingsRef"]["name"], place
    )
    if settings is None:
        run.update(obj, {"status": {"phase": "INVALID"}})
        return
    for profile in obj.get("profiles") or ():
        name = profile["name"]
        node = name.endswith("-node")
        for role in settings.get("roles") or ["worker", "master"] if node else [""]:
            _scanned(run, obj, f"{name}-{role}".rstrip("-"), name, role)
    ready(run, obj, {"phase": "READY"})


def _scanned(run: Controllers, binding: Obj, name: str, profile: str, role: str) -> None:
    now = stamp(run.store.now())
    spec: Obj = {"scanType": "Node" if role else "Platform", "content": "ssg-ocp4-ds.xml"}
    spec["profile"] = f"xccdf_org.ssgproject.content_profile_{profile.removeprefix('ocp4-')}"
    if role:
        spec["nodeSelector"] = {f"node-role.kubernetes.io/{role}": ""}
    meta = {"name": name, "namespace": binding["metadata"]["namespace"]}
    meta["labels"] = {"compliance.openshift.io/suite": binding["metadata"]["name"]}
    meta["ownerReferences"] = [pods.owner_reference(binding)]
    done = {"phase": "DONE", "result": "COMPLIANT", "startTimestamp": now, "endTimestamp": now}
    run.bring({"apiVersion": binding["apiVersion"], "kind": "ComplianceScan", "metadata": meta, "spec": spec, "status": done})


OPERANDS = {
    ("nfd.openshift.io", "nodefeaturediscoveries"): of("nfd", _features),
    ("fileintegrity.openshift.io", "fileintegrities"): _integrity,
    ("compliance.openshift.io", "scansettingbindings"): of("compliance-operator", _bound),
}
