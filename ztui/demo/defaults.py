"""What the API server fills in before it stores: defaults of the built-in kinds that people create by hand."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

from ztui.demo.answers import Obj

RBAC = "rbac.authorization.k8s.io"


def fill(obj: Obj) -> Obj:
    """Completes a new or changed object; the caller hands it over."""
    wanted = _KINDS.get(obj["kind"])
    if wanted:
        wanted(obj)
    return obj


def _namespace(obj: Obj) -> None:
    meta = obj["metadata"]
    meta["labels"] = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def _service(obj: Obj) -> None:
    spec, meta = obj.setdefault("spec", {}), obj["metadata"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] == "ExternalName":
        return
    digest = hashlib.sha256(f"{meta.get('namespace')}/{meta['name']}".encode()).digest()
    spec.setdefault("clusterIP", f"172.30.{digest[0]}.{digest[1] % 254 + 1}")
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    spec.setdefault("internalTrafficPolicy", "Cluster")
    for number, port in enumerate(spec.get("ports") or ()):
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port["port"])
        if spec["type"] in ("NodePort", "LoadBalancer"):
            port.setdefault("nodePort", 30000 + (digest[2] * 8 + number) % 2768)
    obj.setdefault("status", {"loadBalancer": {}})


def _workload(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    if obj["kind"] != "DaemonSet":
        spec.setdefault("replicas", 1)
    obj.setdefault("status", {})
    _pod_spec((spec.get("template") or {}).get("spec") or {})


def _pod(obj: Obj) -> None:
    obj.setdefault("status", {"phase": "Pending"})
    _pod_spec(obj.get("spec") or {})


def _pod_spec(spec: Obj) -> None:
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        latest = ":" not in str(container.get("image", "")).rsplit("/", 1)[-1] or str(container["image"]).endswith(":latest")
        container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
        for port in container.get("ports") or ():
            port.setdefault("protocol", "TCP")
        for field in ("livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field):
                defaults = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
                container[field] = {**defaults, **container[field]}
        container.setdefault("resources", {})
        container.setdefault("terminationMessagePath", "/dev/termination-log")
        container.setdefault("terminationMessagePolicy", "File")


def _secret(obj: Obj) -> None:
    obj.setdefault("type", "Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()


def _binding(obj: Obj) -> None:
    obj.setdefault("roleRef", {}).setdefault("apiGroup", RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", RBAC)


def _policy(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    spec.setdefault("policyTypes", ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _route(obj: Obj) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("wildcardPolicy", "None")
    to = spec.setdefault("to", {})
    to.setdefault("kind", "Service")
    to.setdefault("weight", 100)


_KINDS: dict[str, Callable[[Obj], None]] = {
    "Namespace": _namespace,
    "Service": _service,
    "Deployment": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _workload,
    "ReplicaSet": _workload,
    "Pod": _pod,
    "Secret": _secret,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "NetworkPolicy": _policy,
    "Route": _route,
}
