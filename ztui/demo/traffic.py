"""Controllers of what traffic needs: EndpointSlices of Services, admission of Routes, Routes of Ingresses, budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ztui.demo.answers import Obj
from ztui.demo.pods import owner_reference
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import stamp
from ztui.demo.telling import tell

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

APPS = "apps.demo.example"
TERMINATION = "route.openshift.io/termination"


def queue_services(run: Controllers, namespace: str, labelled: list[dict[str, str]]) -> None:
    """Queues the Services and budgets that select any of these label sets."""
    for plural in ("services", "poddisruptionbudgets"):
        resource = run.cluster.catalogue.named(plural)
        for obj in run.store.all(resource, namespace):
            selector = obj["spec"].get("selector") or {}
            matches = selector_predicate(selector if plural != "services" else {"matchLabels": selector})
            if selector and any(matches(labels) for labels in labelled):
                run.queue(resource, namespace, obj["metadata"]["name"])


def service(run: Controllers, obj: Obj) -> None:
    """One EndpointSlice and one Endpoints object per Service with a selector."""
    meta, spec = obj["metadata"], obj["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return
    matches = selector_predicate({"matchLabels": spec["selector"]})
    found = [
        pod
        for pod in run.store.of("pods", meta["namespace"])
        if matches(pod["metadata"].get("labels") or {}) and pod["status"].get("podIP") and pod["status"]["phase"] == "Running"
    ]
    ports = [_slice_port(port, found[0] if found else None) for port in spec.get("ports") or ()]
    slices = run.children(obj, "endpointslices")
    name = slices[0]["metadata"]["name"] if slices else f"{meta['name']}-{meta['uid'][-5:]}"
    run.store.put(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": {
                    **(meta.get("labels") or {}),
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": meta["name"],
                },
                "ownerReferences": [owner_reference(obj)],
            },
            "addressType": "IPv4",
            "endpoints": [_endpoint(pod) for pod in found],
            "ports": ports,
        }
    )
    subsets: list[Obj] = []
    if found:
        addresses = [
            {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _target(pod)} for pod in found
        ]
        subsets = [{"addresses": addresses, "ports": ports}]
    tell(
        run.store,
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": dict(meta.get("labels") or {})},
            "subsets": subsets,
        },
    )


def _slice_port(port: Obj, pod: Obj | None) -> Obj:
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, str):
        named = [p for c in (pod or {"spec": {"containers": []}})["spec"]["containers"] for p in c.get("ports") or ()]
        target = next((p["containerPort"] for p in named if p.get("name") == target), port["port"])
    return {"name": port.get("name", ""), "port": target, "protocol": port.get("protocol", "TCP")}


def _target(pod: Obj) -> Obj:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta.get("uid", "")}


def _endpoint(pod: Obj) -> Obj:
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "targetRef": _target(pod),
        "nodeName": pod["spec"]["nodeName"],
    }


def route(run: Controllers, obj: Obj) -> None:
    """The default router admits every route whose host nobody older holds."""
    meta, spec = obj["metadata"], obj["spec"]
    host = spec.get("host") or f"{meta['name']}-{meta['namespace']}.{APPS}"
    if (obj.get("status") or {}).get("ingress"):
        return
    older = [
        other
        for other in run.store.of("routes.route.openshift.io")
        if other["spec"].get("host") == host
        and other["spec"].get("path") == spec.get("path")
        and other["metadata"]["uid"] != meta["uid"]
        and (other.get("status") or {}).get("ingress")
        and other["metadata"]["namespace"] != meta["namespace"]
    ]
    admitted: Obj = {"type": "Admitted", "status": "True", "lastTransitionTime": meta["creationTimestamp"]}
    if older:
        taken = older[0]["metadata"]["name"]
        admitted |= {
            "status": "False",
            "reason": "HostAlreadyClaimed",
            "message": f"route {taken} already exposes {host} and is older",
        }
    ingress = {
        "host": host,
        "routerName": "default",
        "conditions": [admitted],
        "wildcardPolicy": spec.get("wildcardPolicy", "None"),
        "routerCanonicalHostname": f"router-default.{APPS}",
    }
    to = {"kind": "Service", "weight": 100, **spec["to"]}
    run.update(obj, {"spec": {"host": host, "to": to, "wildcardPolicy": "None"}, "status": {"ingress": [ingress]}})


def ingress(run: Controllers, obj: Obj) -> None:
    """An Ingress of the OpenShift class becomes one Route per path."""
    meta, spec = obj["metadata"], obj["spec"]
    routes = run.cluster.catalogue.get("route.openshift.io", "routes")
    if spec.get("ingressClassName") not in (None, "openshift-default") or routes is None:
        return
    secured = {host for entry in spec.get("tls") or () for host in entry.get("hosts") or ()}
    everywhere = bool((meta.get("annotations") or {}).get(TERMINATION)) or {} in (spec.get("tls") or ())
    have = {(r["spec"]["host"], r["spec"].get("path")): r for r in run.children(obj, "routes")}
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            key = (rule.get("host"), path.get("path"))
            backend = (path.get("backend") or {}).get("service")
            tls = {"termination": "edge", "insecureEdgeTerminationPolicy": "Redirect"}
            if key in have and (everywhere or rule["host"] in secured) is not bool(have[key]["spec"].get("tls")):
                run.update(have[key], {"spec": {"tls": None if have[key]["spec"].get("tls") else tls}})
            if key in have or not backend or not rule.get("host"):
                continue
            made: Obj = {
                "host": rule["host"],
                "path": path.get("path"),
                "to": {"kind": "Service", "name": backend["name"], "weight": 100},
                "port": {"targetPort": backend["port"].get("name") or backend["port"].get("number")},
            }
            if everywhere or rule["host"] in secured:
                made["tls"] = tls
            reference = {**owner_reference(obj), "apiVersion": "networking.k8s.io/v1"}
            run.store.put(
                {
                    "apiVersion": "route.openshift.io/v1",
                    "kind": "Route",
                    "metadata": {
                        "name": f"{meta['name']}-{meta['uid'][-5:]}",
                        "namespace": meta["namespace"],
                        "labels": dict(meta.get("labels") or {}),
                        "ownerReferences": [reference],
                    },
                    "spec": made,
                }
            )
    host = [{"hostname": f"router-default.{APPS}"}]
    run.update(obj, {"status": {"loadBalancer": {"ingress": host}}})


def disruption_budget(run: Controllers, obj: Obj) -> None:
    """Counts the pods a budget covers."""
    meta, spec = obj["metadata"], obj["spec"]
    matches = selector_predicate(spec.get("selector"))
    found = [p for p in run.store.of("pods", meta["namespace"]) if matches(p["metadata"].get("labels") or {})]
    total = len(found)
    healthy = sum(p["status"]["phase"] == "Running" for p in found)
    least = spec.get("minAvailable")
    wanted = _amount(least, total) if least is not None else total - _amount(spec.get("maxUnavailable", 1), total)
    allowed = max(0, healthy - wanted)
    reason = "SufficientPods" if allowed else "InsufficientPods"
    condition = {
        "type": "DisruptionAllowed", "status": str(bool(allowed)), "reason": reason, "message": "",
        "lastTransitionTime": meta.get("creationTimestamp") or stamp(run.store.now()),
        "observedGeneration": meta.get("generation", 1),
    }  # fmt: skip
    status = {
        "currentHealthy": healthy,
        "desiredHealthy": wanted,
        "disruptionsAllowed": allowed,
        "expectedPods": total,
        "observedGeneration": meta.get("generation", 1),
        "conditions": [condition],
    }
    run.update(obj, {"status": status})


def _amount(value: Any, total: int) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return -(-total * int(value[:-1]) // 100)
    return int(value)
