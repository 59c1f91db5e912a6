"""The objects of a filled server, shaped as a busy cluster has them: 8 to 9 kB for a pod, owners all the way up.

Pure: a namespace's number, the seed and what the server gave (uids) decide everything. `populate` sends them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

Object = dict[str, Any]

NODES = 50
APPS = 4
STARTED = "2026-01-05T08:00:00Z"
_TIERS = ("web", "api", "db", "worker")


@dataclass(frozen=True)
class App:
    """One Deployment's worth of a namespace; `hardened` is what most are and some are not."""

    namespace: str
    name: str
    hash: str
    tier: str
    tag: int
    hardened: bool

    @property
    def selector(self) -> dict[str, str]:
        """What its Service and Deployment select."""
        return {"app": self.name}

    @property
    def labels(self) -> dict[str, str]:
        """What its pods carry."""
        names = {"app.kubernetes.io/name": self.name, "app.kubernetes.io/part-of": self.namespace}
        owner = {"owner": f"owners-of-{self.namespace}", "tier": self.tier, "version": f"v{self.tag}"}
        return self.selector | names | owner | {"pod-template-hash": self.hash}


def apps(namespace: str, seed: int) -> list[App]:
    """The apps of a namespace; the same seed gives the same ones."""
    random = Random(f"{seed}/{namespace}")  # noqa: S311 - shapes, no secrets
    return [
        App(
            namespace=namespace,
            name=f"svc-{number}",
            hash=f"{random.getrandbits(36):09x}",
            tier=random.choice(_TIERS),
            tag=random.randint(1, 40),
            hardened=random.random() < 0.8,
        )
        for number in range(APPS)
    ]


def owner(kind: str, version: str, made: Object) -> list[Object]:
    """The owner reference of a thing made by `made`, as controllers write it."""
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    return [{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True, "blockOwnerDeletion": True}]


def node(number: int) -> Object:
    """A worker that is ready and has room."""
    labels = {"node-role.kubernetes.io/worker": "", "kubernetes.io/os": "linux", "kubernetes.io/hostname": f"worker-{number}"}
    return {"metadata": {"name": f"worker-{number}", "labels": labels}}


def node_status() -> Object:
    """The status of every worker."""
    size = {"cpu": "64", "memory": "256Gi", "pods": "500"}
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "lastTransitionTime": STARTED,
        "lastHeartbeatTime": STARTED,
    }
    info = {"kubeletVersion": "v1.36.3", "containerRuntimeVersion": "cri-o://1.36.0", "osImage": "linux", "architecture": "amd64"}
    empty = dict.fromkeys(("bootID", "kernelVersion", "kubeProxyVersion", "machineID", "operatingSystem", "systemUUID"), "")
    return {"status": {"capacity": size, "allocatable": size, "conditions": [ready], "nodeInfo": empty | info}}


def namespace(name: str) -> Object:
    """A team's namespace; each fourth one is watched by Pod Security admission."""
    watched = {"pod-security.kubernetes.io/audit": "restricted"} if int(name[-4:]) % 4 == 0 else {}
    return {"metadata": {"name": name, "labels": {"team": name, "owner": f"owners-of-{name}"} | watched}}


def settings(name: str) -> list[tuple[str, Object]]:
    """Path below the namespace and body of what stands beside the apps."""
    rbac, role = "rbac.authorization.k8s.io", {"kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io"}
    binding = f"/apis/{rbac}/v1/namespaces/{name}/rolebindings"
    core = f"/api/v1/namespaces/{name}"
    developers = {"kind": "Group", "apiGroup": rbac, "name": name}
    reader = {"kind": "ServiceAccount", "name": "svc-0", "namespace": name}
    return [
        (f"{core}/configmaps", {"metadata": {"name": "cfg"}, "data": {"mode": "test"}}),
        (f"{core}/secrets", {"metadata": {"name": "db"}, "stringData": {"password": "not-a-secret"}}),
        (binding, {"metadata": {"name": "devs"}, "roleRef": role | {"name": "edit"}, "subjects": [developers]}),
        (binding, {"metadata": {"name": "svc-0-view"}, "roleRef": role | {"name": "view"}, "subjects": [reader]}),
        (
            f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies",
            {"metadata": {"name": "default-deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}},
        ),
    ]


def service(app: App) -> Object:
    """A ClusterIP service in front of the app."""
    port = {"name": "http", "port": 8080, "targetPort": "http"}
    return {"metadata": {"name": app.name, "labels": app.selector}, "spec": {"selector": app.selector, "ports": [port]}}


def endpoint_slice(app: App, made_service: Object, pods: list[tuple[str, int]]) -> Object:
    """The addresses behind the service; `pods` are names with their cluster-wide numbers."""
    labels = {"kubernetes.io/service-name": app.name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}
    endpoints = [
        {
            "addresses": [pod_ip(number)],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": f"worker-{number % NODES}",
            "targetRef": {"kind": "Pod", "name": pod, "namespace": app.namespace},
        }
        for pod, number in pods
    ]
    metadata = {"name": f"{app.name}-{app.hash[:5]}", "labels": labels, "ownerReferences": owner("Service", "v1", made_service)}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}


def deployment(app: App, replicas: int) -> Object:
    """The app's Deployment."""
    template = {"metadata": {"labels": app.selector}, "spec": pod_spec(app)}
    spec = {"replicas": replicas, "selector": {"matchLabels": app.selector}, "template": template}
    metadata = {"name": app.name, "labels": app.labels, "annotations": {"deployment.kubernetes.io/revision": "1"}}
    return {"metadata": metadata, "spec": spec}


def replica_set(app: App, replicas: int, made_deployment: Object) -> Object:
    """The one ReplicaSet of the Deployment."""
    selector = app.selector | {"pod-template-hash": app.hash}
    template = {"metadata": {"labels": app.labels}, "spec": pod_spec(app)}
    spec = {"replicas": replicas, "selector": {"matchLabels": selector}, "template": template}
    owners = owner("Deployment", "apps/v1", made_deployment)
    return {"metadata": {"name": f"{app.name}-{app.hash}", "labels": app.labels, "ownerReferences": owners}, "spec": spec}


def workload_status(replicas: int) -> Object:
    """The status of a ReplicaSet with all its pods up."""
    return {"status": {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas, "observedGeneration": 1}}


def deployment_status(replicas: int) -> Object:
    """The same for the Deployment above it."""
    available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "lastTransitionTime": STARTED}
    more = {"updatedReplicas": replicas, "conditions": [available]}
    return {"status": workload_status(replicas)["status"] | more}


def pod_name(app: App, number: int) -> str:
    """The name of a pod by its cluster-wide number."""
    return f"{app.name}-{app.hash}-{number:05d}"


def pod_ip(number: int) -> str:
    """The address of a pod by its cluster-wide number."""
    return f"10.{128 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def pod(app: App, name: str, number: int, made_replica_set: Object) -> Object:
    """A pod as its ReplicaSet and the platform's admission make it."""
    network = {"default": {"ip_addresses": [f"{pod_ip(number)}/14"], "gateway_ips": ["10.128.0.1"]}}
    annotations = {"k8s.ovn.org/pod-networks": json.dumps(network), "openshift.io/scc": "restricted-v2"}
    owners = owner("ReplicaSet", "apps/v1", made_replica_set)
    metadata = {"name": name, "labels": app.labels, "annotations": annotations, "ownerReferences": owners}
    return {"metadata": metadata, "spec": pod_spec(app) | {"nodeName": f"worker-{number % NODES}"}}


def pod_spec(app: App) -> Object:
    """Two containers and a volume under the app's own ServiceAccount."""
    seccomp = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}} if app.hardened else {}
    return {
        "serviceAccountName": app.name,
        "containers": [_container(app, name) for name in ("main", "sidecar")],
        "volumes": [{"name": "cfg", "configMap": {"name": "cfg"}}],
    } | seccomp


def _container(app: App, name: str) -> Object:
    tight = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": name,
        "image": _image(app, name),
        "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    return container | (_main() if name == "main" else {}) | ({"securityContext": tight} if app.hardened else {})


def _main() -> Object:
    """What the main container has and its sidecar does not."""
    password: Object = {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    return {
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [*({"name": f"CFG_{number}", "value": "v" * 20} for number in range(8)), password],
        "volumeMounts": [{"name": "cfg", "mountPath": "/etc/cfg", "readOnly": True}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 10},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
    }


def _image(app: App, container: str) -> str:
    return f"registry.example.com/{app.namespace}/{app.name}-{container}:{app.tag}"


def pod_status(app: App, number: int) -> Object:
    """What a kubelet would report of a pod that runs."""
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    host = f"192.0.2.{number % NODES + 1}"
    return {
        "status": {
            "phase": "Running",
            "conditions": [{"type": kind, "status": "True", "lastTransitionTime": STARTED} for kind in kinds],
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "podIP": pod_ip(number),
            "podIPs": [{"ip": pod_ip(number)}],
            "startTime": STARTED,
            "containerStatuses": [_container_status(app, name, number) for name in ("main", "sidecar")],
        }
    }


def _container_status(app: App, name: str, number: int) -> Object:
    image = _image(app, name)
    digest = f"{app.tag:064x}"
    return {
        "name": name,
        "image": image,
        "imageID": f"{image.rpartition(':')[0]}@sha256:{digest}",
        "containerID": f"cri-o://{number:064x}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": STARTED}},
    }
