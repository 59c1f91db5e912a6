"""What the API server allocates to a Service and takes back: addresses and ports.

Source: k8s.io/kubernetes/pkg/registry/core/service.
"""

from __future__ import annotations

import hashlib

from ztui.demo.answers import Obj

_ADDRESS = ("clusterIP", "clusterIPs")
_BALANCER = ("allocateLoadBalancerNodePorts", "loadBalancerClass")
_WITH_PORTS = ("NodePort", "LoadBalancer")


def allocate(service: Obj) -> None:
    """Completes a Service that is about to be stored; the same name gets the same addresses."""
    spec, meta = service["spec"], service["metadata"]
    if spec.get("type") == "ExternalName":
        return
    digest = hashlib.sha256(f"{meta.get('namespace')}/{meta['name']}".encode()).digest()
    spec.setdefault("clusterIP", f"172.30.{digest[0]}.{digest[1] % 254 + 1}")
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    for number, port in enumerate(spec.get("ports") or ()):
        if spec.get("type") in _WITH_PORTS:
            port.setdefault("nodePort", 30000 + (digest[2] * 8 + number) % 2768)


def carry(old: Obj, new: Obj) -> None:
    """Gives a changed Service what it has and did not name, and takes what its new type has no use for."""
    before, after = old["spec"], new["spec"]
    was, becomes = before.get("type", "ClusterIP"), after.get("type", "ClusterIP")
    if was != "ExternalName" and becomes != "ExternalName":
        for name in _ADDRESS:
            if not after.get(name) and before.get(name):
                after[name] = before[name]
    elif becomes == "ExternalName":
        _drop(before, after, (*_ADDRESS, "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"))
    if was in _WITH_PORTS and becomes in _WITH_PORTS:
        _keep_ports(before, after)
    elif was in _WITH_PORTS and _node_ports(after) <= _node_ports(before):
        for port in after.get("ports") or ():
            port.pop("nodePort", None)
    if was in _WITH_PORTS and becomes not in _WITH_PORTS:
        _drop(before, after, ("externalTrafficPolicy", "healthCheckNodePort"))
    if was == "LoadBalancer" != becomes:
        _drop(before, after, _BALANCER)
    if becomes != "LoadBalancer":
        new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}
    allocate(new)


def _keep_ports(before: Obj, after: Obj) -> None:
    """The node port of a port of that name, where it names no other."""
    ports = {port.get("name"): port.get("nodePort") for port in before.get("ports") or ()}
    taken = {port.get("nodePort") for port in after.get("ports") or ()}
    for port in after.get("ports") or ():
        kept = ports.get(port.get("name"))
        if kept and not port.get("nodePort") and kept not in taken:
            port["nodePort"] = kept


def _drop(before: Obj, after: Obj, names: tuple[str, ...]) -> None:
    for name in names:
        if before.get(name) == after.get(name):
            after.pop(name, None)


def _node_ports(spec: Obj) -> set[int]:
    return {int(port["nodePort"]) for port in spec.get("ports") or () if port.get("nodePort")}
