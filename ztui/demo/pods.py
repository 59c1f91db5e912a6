"""How a pod of the demo looks: what admission, the scheduler, the network and the kubelet would have added to a template."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import datetime, timedelta

from ztui.demo.answers import Obj
from ztui.demo.store import merge, stamp

_SAFE = "bcdfghjklmnpqrstvwxz2456789"  # apimachinery rand.SafeEncodeString
REVISION = "controller-revision-hash"
"""The label by which StatefulSets and DaemonSets know which template a pod is made of."""
_API_TOKEN = "kube-api-access-"  # noqa: S105  # the volume's name


def suffix(rng: random.Random, length: int = 5) -> str:
    """A random name ending, from the alphabet of the real one."""
    return "".join(rng.choices(_SAFE, k=length))


def template_hash(template: Obj) -> str:
    """A stand-in for pod-template-hash: equal templates, equal text."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:10])


def digest_of(image: str) -> str:
    """The digest a running image reports, the same for the same reference."""
    if "@" in image:
        return image
    repository = image.rsplit(":", 1)[0] if ":" in image.rsplit("/", 1)[-1] else image
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def owner_reference(owner: Obj) -> Obj:
    """The controller reference to an owner."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def admitted(pod: Obj, token: str, *, automount: bool) -> Obj:
    """A new pod after admission: with an account, the account's token in a volume of that name ending, and tolerations."""
    spec = json.loads(json.dumps(pod["spec"]))
    account = spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", account)
    if spec.get("automountServiceAccountToken", automount):
        volume = f"{_API_TOKEN}{token}"
        spec.setdefault("volumes", []).append(_token_volume(volume))
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            mount = {"name": volume, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
            container.setdefault("volumeMounts", []).append(mount)
    for trouble in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{trouble}"
        told = spec.get("tolerations") or []
        if not any(one.get("key") in (None, key) and one.get("effect") in (None, "NoExecute") for one in told):
            wait = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            spec["tolerations"] = [*told, wait]
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    return {**pod, "spec": spec}


def new_pod(template: Obj, owner: Obj, name: str, rng: random.Random, *, automount: bool = True) -> Obj:
    """A pod as the API server stores it right after a controller created it: admitted, not yet scheduled."""
    meta = template.get("metadata") or {}
    spec = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "securityContext": {},
        **template["spec"],
    }
    annotations = {"openshift.io/scc": "restricted-v2", **(meta.get("annotations") or {})}
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": name.rsplit("-", 1)[0] + "-",
            "namespace": owner["metadata"]["namespace"],
            "labels": dict(meta.get("labels") or {}),
            "annotations": annotations,
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }
    return admitted(made, suffix(rng), automount=automount)


def _token_volume(name: str) -> Obj:
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        {"configMap": {"name": "openshift-service-ca.crt", "items": [{"key": "service-ca.crt", "path": "service-ca.crt"}]}},
    ]  # fmt: skip
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def run(pod: Obj, node: Obj, ip: str, at: datetime) -> Obj:
    """The pod after the scheduler, the network plugin and the kubelet: Running on a node, every container ready."""
    host = next(a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP")
    spec = {**pod["spec"], "nodeName": node["metadata"]["name"]}
    own = host if spec.get("hostNetwork") else ip
    meta = dict(pod["metadata"])
    if not spec.get("hostNetwork"):
        network = {"default": {"ip_addresses": [f"{ip}/23"], "mac_address": _mac(ip), "ip_address": f"{ip}/23"}}
        meta["annotations"] = {**meta.get("annotations", {}), "k8s.ovn.org/pod-networks": json.dumps(network)}
    since = stamp(at)
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": since}
        for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    ]
    status = {
        "phase": "Running",
        "conditions": conditions,
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "podIP": own,
        "podIPs": [{"ip": own}],
        "startTime": since,
        "qosClass": pod["status"].get("qosClass", "Burstable"),
        "containerStatuses": [container_status(container, since) for container in spec["containers"]],
    }
    if spec.get("initContainers"):
        status["initContainerStatuses"] = [container_status(c, since) for c in spec["initContainers"]]
    return {**pod, "metadata": meta, "spec": spec, "status": status}


def container_status(container: Obj, since: str) -> Obj:
    """A running, ready container."""
    return {
        "name": container["name"],
        "state": {"running": {"startedAt": since}},
        "lastState": {},
        "ready": True,
        "restartCount": 0,
        "image": container["image"],
        "imageID": digest_of(container["image"]),
        "containerID": f"cri-o://{hashlib.sha256((since + container['name']).encode()).hexdigest()}",
        "started": True,
    }


def finish(pod: Obj, at: datetime) -> Obj:
    """The pod of a Job that is done."""
    end = stamp(at + timedelta(seconds=41))
    statuses = [
        merge(status, {
            "state": {"running": None, "terminated": {
                "exitCode": 0, "reason": "Completed", "startedAt": stamp(at), "finishedAt": end,
                "containerID": status["containerID"],
            }},
            "ready": False, "started": False,
        })
        for status in pod["status"]["containerStatuses"]
    ]  # fmt: skip
    done: Obj = merge(pod, {"status": {"phase": "Succeeded", "containerStatuses": statuses}})
    return done


def _mac(ip: str) -> str:
    return "0a:58:" + ":".join(f"{int(part):02x}" for part in ip.split("."))
