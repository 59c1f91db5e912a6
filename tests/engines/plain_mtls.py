"""A second opinion on mutual TLS: plain objects, plain loops, nothing shared with the engine. Written from Istio's documents.

A world is ``{"root", "namespaces", "pods", "peers", "rules", "services"}``; peers: PeerAuthentications, rules: DestinationRules.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def enrolment(pod: Obj) -> str:
    if pod["host"]:
        return "none"
    if pod["proxy"]:
        return "sidecar"
    ambient = pod["notes"].get("ambient.istio.io/redirection")
    if ambient:
        return "ambient" if ambient == "enabled" else "pending"
    return "none"


def mode(world: Obj, pod: Obj, port: int) -> str:
    state, notes = enrolment(pod), pod["notes"]
    if state in ("none", "pending") or (state == "ambient" and notes.get("ambient.istio.io/bypass-inbound-capture") == "true"):
        return "PLAINTEXT"
    if state == "sidecar":
        if str(port) in notes.get("traffic.sidecar.istio.io/excludeInboundPorts", "").split(","):
            return "PLAINTEXT"
        only = notes.get("traffic.sidecar.istio.io/includeInboundPorts")
        if only is not None and only != "*" and str(port) not in only.split(","):
            return "PLAINTEXT"
    found = "PERMISSIVE"
    for peer in (oldest(world, world["root"], None), oldest(world, pod["ns"], None), oldest(world, pod["ns"], pod["labels"])):
        if peer is None or (peer["spec"].get("selector") and pod["ns"] == world["root"]):
            continue
        declared = (peer["spec"].get("mtls") or {}).get("mode", "UNSET")
        if declared != "UNSET":
            found = declared
    own = oldest(world, pod["ns"], pod["labels"]) if pod["ns"] != world["root"] else None
    if own is not None:
        at_port = ((own["spec"].get("portLevelMtls") or {}).get(str(port)) or {}).get("mode", "UNSET")
        if at_port != "UNSET":
            found = at_port
    return "PERMISSIVE" if state == "ambient" and found == "DISABLE" else found


def oldest(world: Obj, namespace: str, labels: dict[str, str] | None) -> Obj | None:
    found = []
    for peer in world["peers"]:
        wanted = (peer["spec"].get("selector") or {}).get("matchLabels") or {}
        if peer["metadata"]["namespace"] != namespace or bool(wanted) == (labels is None):
            continue
        if labels is None or all(labels.get(key) == value for key, value in wanted.items()):
            found.append(peer)
    found.sort(key=lambda peer: (peer["metadata"]["creationTimestamp"], peer["metadata"]["name"]))
    return found[0] if found else None


def how(world: Obj, client: Obj, service: Obj, servers: list[Obj]) -> str:
    state = enrolment(client)
    if state in ("none", "pending"):
        return "plain"
    if state == "ambient":
        return "mtls" if servers and all(enrolment(pod) in ("sidecar", "ambient") for pod in servers) else "plain"
    port = service["port"]
    if str(port) in client["notes"].get("traffic.sidecar.istio.io/excludeOutboundPorts", "").split(","):
        return "plain"
    rule = rule_for(world, client, service)
    tls = chosen(rule, port) if rule else ""
    if tls:
        return {"DISABLE": "plain", "SIMPLE": "tls"}.get(tls, "mtls")
    for pod in servers:
        able = enrolment(pod) == "ambient" or (
            enrolment(pod) == "sidecar" and pod["labels"].get("security.istio.io/tlsMode") == "istio"
        )
        if not able or mode(world, pod, service["target"]) == "DISABLE":
            return "plain"
    return "mtls" if servers else "plain"


def rule_for(world: Obj, client: Obj, service: Obj) -> Obj | None:
    host = f"{service['name']}.{service['ns']}.svc.cluster.local"
    order = [client["ns"], service["ns"], world["root"]]
    if client["ns"] == world["root"]:
        order = order[1:]
    for namespace in order:
        found = []
        for rule in world["rules"]:
            spec, home = rule["spec"], rule["metadata"]["namespace"]
            name = spec["host"]
            if "." not in name and not name.startswith("*"):
                name = f"{name}.{home}.svc.cluster.local"
            exported = spec.get("exportTo") or ["*"]
            visible = "*" in exported or client["ns"] in exported or ("." in exported and client["ns"] == home)
            fits = host.endswith(name[1:]) if name.startswith("*") else name == host
            picky = spec.get("workloadSelector")
            bound = picky is None or (
                client["ns"] == home and all(client["labels"].get(key) == value for key, value in picky["matchLabels"].items())
            )
            if home == namespace and visible and fits and bound:
                rank = (name.startswith("*"), -len(name), picky is None)
                found.append((rank, rule["metadata"]["creationTimestamp"], rule["metadata"]["name"], rule))
        if found:
            found.sort(key=lambda item: item[:3])
            best: Obj = found[0][3]
            return best
    return None


def chosen(rule: Obj, port: int) -> str:
    policy = rule["spec"].get("trafficPolicy") or {}
    for item in policy.get("portLevelSettings") or []:
        if item["port"]["number"] == port:
            return str((item.get("tls") or {}).get("mode", ""))
    return str((policy.get("tls") or {}).get("mode", ""))
