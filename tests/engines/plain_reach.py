"""A second opinion on reach: plain objects, plain loops, nothing shared with the engine. Written from the API's documents.

Slow and simple on purpose. A world is ``{"namespaces": {name: labels}, "pods": [...], "policies": [...], "anps": [...],
"banp": {...} | None, "cnps": [...]}`` of API objects; a pod is ``{"ns", "name", "labels", "ip", "host", "node", "ports"}``.
"""

from __future__ import annotations

import ipaddress
from typing import Any

Obj = dict[str, Any]


def allowed(world: Obj, src: Obj, dst: Obj, protocol: str, port: int) -> bool:
    if src["ns"] == dst["ns"] and src["name"] == dst["name"]:
        return True
    out = src["host"] or direction(world, "egress", src, dst, dst, protocol, port)
    near = src["host"] and src["node"] == dst["node"]
    into = dst["host"] or near or direction(world, "ingress", dst, src, dst, protocol, port)
    return bool(out and into)


def direction(world: Obj, way: str, pod: Obj, other: Obj, dst: Obj, protocol: str, port: int) -> bool:
    verdict = tier(world, way, pod, other, dst, protocol, port, admin=True)
    if verdict in ("Allow", "Accept"):
        return True
    if verdict == "Deny":
        return False
    isolated, allowed_by = False, False
    for policy in world["policies"]:
        spec = policy["spec"]
        if policy["metadata"]["namespace"] != pod["ns"] or not selected(spec.get("podSelector") or {}, pod["labels"]):
            continue
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        if way.capitalize() not in types:
            continue
        isolated = True
        for rule in spec.get(way) or []:
            peers = rule.get("from" if way == "ingress" else "to")
            if (not peers or any(np_peer(world, policy, peer, other) for peer in peers)) and np_ports(
                rule.get("ports"), dst, protocol, port
            ):
                allowed_by = True
    if isolated:
        return allowed_by
    verdict = tier(world, way, pod, other, dst, protocol, port, admin=False)
    return verdict != "Deny"


def tier(world: Obj, way: str, pod: Obj, other: Obj, dst: Obj, protocol: str, port: int, *, admin: bool) -> str:
    wanted = "Admin" if admin else "Baseline"
    found = [*(world["anps"] if admin else [world["banp"]]), *(item for item in world["cnps"] if item["spec"]["tier"] == wanted)]
    policies = [(policy["spec"].get("priority", 0), policy) for policy in found if policy]
    for priority in sorted({item[0] for item in policies}):
        verdicts = []
        for _, policy in [item for item in policies if item[0] == priority]:
            if not subject(world, policy["spec"]["subject"], pod):
                continue
            for rule in policy["spec"].get(way) or []:
                peers = rule["from" if way == "ingress" else "to"]
                if any(tier_peer(world, peer, other, way) for peer in peers) and tier_ports(rule, dst, protocol, port):
                    verdicts.append(rule["action"])
                    break
        for verdict in ("Allow", "Accept", "Pass", "Deny"):  # the more permissive of equals
            if verdict in verdicts:
                return verdict
    return ""


def subject(world: Obj, found: Obj, pod: Obj) -> bool:
    if pod["host"]:
        return False
    if "pods" in found:
        return pods_of(world, found["pods"], pod)
    return selected(found["namespaces"], ns_labels(world, pod["ns"]))


def tier_peer(world: Obj, peer: Obj, other: Obj, way: str) -> bool:
    if "networks" in peer:
        return any(ipaddress.ip_address(other["ip"]) in ipaddress.ip_network(item) for item in peer["networks"])
    if "nodes" in peer:
        return way == "egress" and other["host"] and selected(peer["nodes"], other["node_labels"])
    if other["host"]:
        return False
    if "pods" in peer:
        return pods_of(world, peer["pods"], other)
    return selected(peer["namespaces"], ns_labels(world, other["ns"]))


def pods_of(world: Obj, found: Obj, pod: Obj) -> bool:
    in_namespace = selected(found.get("namespaceSelector") or {}, ns_labels(world, pod["ns"]))
    return in_namespace and selected(found["podSelector"], pod["labels"])


def np_peer(world: Obj, policy: Obj, peer: Obj, other: Obj) -> bool:
    if "ipBlock" in peer:
        address = ipaddress.ip_address(other["ip"])
        block = peer["ipBlock"]
        return address in ipaddress.ip_network(block["cidr"]) and not any(
            address in ipaddress.ip_network(item) for item in block.get("except") or []
        )
    by_namespace = peer.get("namespaceSelector")
    if other["host"]:
        if by_namespace is None:
            return False
        if peer.get("podSelector") is None:
            group = "policy-group.network.openshift.io/host-network"
            return (by_namespace.get("matchLabels") or {}) == {group: ""}
        return peer["podSelector"] == {} and selected(by_namespace, ns_labels(world, other["ns"]))
    if by_namespace is None:
        if other["ns"] != policy["metadata"]["namespace"]:
            return False
    elif not selected(by_namespace, ns_labels(world, other["ns"])):
        return False
    return selected(peer.get("podSelector") or {}, other["labels"])


def np_ports(ports: list[Obj] | None, dst: Obj, protocol: str, port: int) -> bool:
    if not ports:
        return True
    for item in ports:
        if item.get("protocol", "TCP") != protocol:
            continue
        wanted = item.get("port")
        if wanted is None:
            return True
        if isinstance(wanted, str):
            if any(name == wanted and proto == protocol and number == port for name, proto, number in dst["ports"]):
                return True
        elif wanted <= port <= (item.get("endPort") or wanted):
            return True
    return False


def tier_ports(rule: Obj, dst: Obj, protocol: str, port: int) -> bool:
    if not rule.get("ports") and not rule.get("protocols"):
        return True
    for item in rule.get("ports") or []:
        if "portNumber" in item and (item["portNumber"]["protocol"], item["portNumber"]["port"]) == (protocol, port):
            return True
        if "portRange" in item:
            span = item["portRange"]
            if span.get("protocol", "TCP") == protocol and span["start"] <= port <= span["end"]:
                return True
        if "namedPort" in item and (item["namedPort"], protocol, port) in dst["ports"]:
            return True
    return any(protocol_port(item, dst, protocol, port) for item in rule.get("protocols") or [])


def protocol_port(item: Obj, dst: Obj, protocol: str, port: int) -> bool:
    if "destinationNamedPort" in item:
        return (item["destinationNamedPort"], protocol, port) in dst["ports"]
    name = next(iter(item))
    wanted = item[name].get("destinationPort")
    if name.upper() != protocol:
        return False
    if wanted is None or wanted.get("number") == port:
        return True
    return "range" in wanted and bool(wanted["range"]["start"] <= port <= wanted["range"]["end"])


def ns_labels(world: Obj, name: str) -> dict[str, str]:
    return {"kubernetes.io/metadata.name": name, **world["namespaces"][name]}


def selected(selector: Obj, labels: dict[str, str]) -> bool:
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for item in selector.get("matchExpressions") or []:
        key, values = item["key"], item.get("values") or []
        match item["operator"]:
            case "In" if labels.get(key) not in values:
                return False
            case "NotIn" if key in labels and labels[key] in values:
                return False
            case "Exists" if key not in labels:
                return False
            case "DoesNotExist" if key in labels:
                return False
    return True
