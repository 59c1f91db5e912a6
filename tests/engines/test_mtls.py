"""Mutual TLS: who is enrolled, what a port accepts, what a client does; and a second opinion over generated meshes."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.engines import plain_mtls
from tests.worlds import complete, view_of
from ztui.engines.mtls import expected, inbound, mesh, observed
from ztui.engines.mtls_clients import client, outcome, target_port
from ztui.kinds.base import CLUSTER, Kind, decode
from ztui.kinds.network import Service
from ztui.kinds.workload import Pod
from ztui.view import State, View

SHORT, LONG = 800, 25_000
ROOT = "istio-system"
ISTIO = {
    "kind": "Istio",
    "metadata": {"name": "default"},
    "spec": {"namespace": ROOT},
    "status": {"activeRevisionName": "default"},
}


def generated(rng: Random) -> dict[str, Any]:
    names = [ROOT, "a", "b"]
    return {
        "root": ROOT,
        "namespaces": {name: {} for name in names},
        "pods": [_pod(rng, at, rng.choice(names)) for at in range(4)],
        "peers": [_peer(rng, at, rng.choice(names)) for at in range(rng.randint(0, 5))],
        "rules": [_rule(rng, at, rng.choice(names)) for at in range(rng.randint(0, 4))],
        "services": [{"name": name, "ns": rng.choice(("a", "b")), "port": 80, "target": 8080} for name in ("s", "t")],
    }


def _pod(rng: Random, at: int, namespace: str) -> dict[str, Any]:
    notes = {}
    for key, values in (
        ("ambient.istio.io/redirection", ("enabled", "pending")),
        ("ambient.istio.io/bypass-inbound-capture", ("true",)),
        ("traffic.sidecar.istio.io/excludeInboundPorts", ("8080", "9090,8080", "1")),
        ("traffic.sidecar.istio.io/includeInboundPorts", ("*", "8080", "")),
        ("traffic.sidecar.istio.io/excludeOutboundPorts", ("80", "81")),
    ):
        if rng.random() < 0.2:
            notes[key] = rng.choice(values)
    labels = {"app": rng.choice(("s", "t"))}
    if rng.random() < 0.8:
        labels["security.istio.io/tlsMode"] = "istio"
    proxy = rng.random() < 0.6
    return {"ns": namespace, "name": f"p{at}", "labels": labels, "notes": notes, "proxy": proxy, "host": rng.random() < 0.1}


def _stamp(rng: Random) -> str:
    return f"2026-01-0{rng.randint(1, 4)}T00:00:00Z"


def _peer(rng: Random, at: int, namespace: str) -> dict[str, Any]:
    modes = ("STRICT", "PERMISSIVE", "DISABLE", "UNSET")
    spec: dict[str, Any] = {}
    if rng.random() < 0.8:
        spec["mtls"] = {"mode": rng.choice(modes)}
    if rng.random() < 0.5:
        spec["selector"] = {"matchLabels": {"app": rng.choice(("s", "t"))}} if rng.random() < 0.8 else {}
        if rng.random() < 0.5:
            spec["portLevelMtls"] = {rng.choice(("8080", "9090")): {"mode": rng.choice(modes)}}
    return {"metadata": {"name": f"peer{at}", "namespace": namespace, "creationTimestamp": _stamp(rng)}, "spec": spec}


def _rule(rng: Random, at: int, namespace: str) -> dict[str, Any]:
    hosts = ("s", "t", "s.a.svc.cluster.local", "t.b.svc.cluster.local", "*.a.svc.cluster.local", "*.svc.cluster.local", "*")
    modes = ("DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL")
    policy: dict[str, Any] = {}
    if rng.random() < 0.8:
        policy["tls"] = {"mode": rng.choice(modes)}
    if rng.random() < 0.4:
        entry: dict[str, Any] = {"port": {"number": rng.choice((80, 81))}}
        if rng.random() < 0.6:
            entry["tls"] = {"mode": rng.choice(modes)}
        policy["portLevelSettings"] = [entry]
    spec: dict[str, Any] = {"host": rng.choice(hosts), "trafficPolicy": policy}
    if rng.random() < 0.4:
        spec["exportTo"] = rng.sample([".", "*", "a", "b"], rng.randint(1, 2))
    if rng.random() < 0.3:
        spec["workloadSelector"] = {"matchLabels": {"app": rng.choice(("s", "t"))}}
    return {"metadata": {"name": f"rule{at}", "namespace": namespace, "creationTimestamp": _stamp(rng)}, "spec": spec}


def view(world: dict[str, Any]) -> View:
    objects: list[dict[str, Any]] = [ISTIO, *({"kind": "Namespace", "metadata": {"name": name}} for name in world["namespaces"])]
    objects += [{"kind": "PeerAuthentication", **item} for item in world["peers"]]
    objects += [{"kind": "DestinationRule", **item} for item in world["rules"]]
    for pod in world["pods"]:
        containers = [{"name": "app", "image": "i"}, *([{"name": "istio-proxy", "image": "p"}] if pod["proxy"] else [])]
        meta = {"name": pod["name"], "namespace": pod["ns"], "labels": pod["labels"], "annotations": pod["notes"]}
        objects.append({"kind": "Pod", "metadata": meta, "spec": {"containers": containers, "hostNetwork": pod["host"]}})
    for item in world["services"]:
        spec = {"selector": {"app": item["name"]}, "ports": [{"port": item["port"], "targetPort": item["target"]}]}
        objects.append({"kind": "Service", "metadata": {"name": item["name"], "namespace": item["ns"]}, "spec": spec})
    return View(State(_held(objects)))


def _held(objects: list[dict[str, Any]]) -> dict[type[Kind], dict[str, dict[str, Kind]]]:
    """The objects through the door, without a store: thousands of worlds are built here."""
    found: dict[type[Kind], dict[str, dict[str, Kind]]] = {}
    for item in objects:
        kind, obj = complete(item)
        made = decode(kind, json.dumps(obj).encode())
        found.setdefault(kind, {}).setdefault(made.namespace or CLUSTER, {})[made.name] = made
    return found


def disagreements(seeds: range) -> list[object]:
    found: list[object] = []
    for seed in seeds:
        rng = Random(seed)  # noqa: S311  chance for tests
        world = generated(rng)
        seen = view(world)
        pods = {(item.namespace, item.name): item for item in seen.all(Pod)}
        for plain in world["pods"]:
            for port in (8080, 9090):
                ours = inbound(seen, pods[plain["ns"], plain["name"]], port).mode
                theirs = plain_mtls.mode(world, plain, port)
                if ours != theirs:
                    found.append((seed, "mode", plain, port, ours, theirs))
        for plain_service in world["services"]:
            service = seen.get(Service, plain_service["name"], plain_service["ns"])
            assert service is not None
            behind = [item for item in world["pods"] if item["ns"] == service.namespace and item["labels"]["app"] == service.name]
            servers = [pods[item["ns"], item["name"]] for item in behind]
            for plain in world["pods"]:
                port_object = (service.spec.ports or ())[0]
                ours_how = client(seen, pods[plain["ns"], plain["name"]], service, port_object, servers).how
                theirs = plain_mtls.how(world, plain, plain_service, behind)
                if ours_how != theirs:
                    found.append((seed, "how", plain, plain_service, ours_how, theirs))
    return found


def test_a_second_opinion_agrees_on_generated_meshes() -> None:
    assert disagreements(range(SHORT)) == []


@pytest.mark.soak
def test_a_second_opinion_agrees_on_very_many_generated_meshes() -> None:
    assert disagreements(range(10_000, 10_000 + LONG)) == []


def pod(namespace: str = "shop", *, proxy: bool = False, host: bool = False, **meta: dict[str, str]) -> dict[str, Any]:
    boxes = [{"name": "app", "image": "i"}, *([{"name": "istio-proxy", "image": "p"}] if proxy else [])]
    return {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace, **meta},
        "spec": {"containers": boxes, "hostNetwork": host},
    }


@pytest.mark.parametrize(
    ("labels", "own", "want"),
    [
        ({"istio-injection": "enabled"}, {}, "sidecar"),
        ({"istio-injection": "enabled", "istio.io/rev": "gone"}, {}, "sidecar"),
        ({"istio.io/rev": "default"}, {}, "sidecar"),
        ({"istio.io/rev": "gone"}, {}, "none"),
        ({"istio-injection": "disabled"}, {"sidecar.istio.io/inject": "true"}, "none"),
        ({}, {"sidecar.istio.io/inject": "true"}, "sidecar"),
        ({}, {"istio.io/rev": "default"}, "sidecar"),
        ({"istio-injection": "enabled"}, {"sidecar.istio.io/inject": "false"}, "none"),
        ({"istio.io/dataplane-mode": "ambient"}, {}, "ambient"),
        ({"istio.io/dataplane-mode": "ambient"}, {"istio.io/dataplane-mode": "none"}, "none"),
        ({}, {}, "none"),
    ],
)
def test_labels_of_namespace_and_pod_say_what_is_expected(labels: dict[str, str], own: dict[str, str], want: str) -> None:
    seen = view_of([ISTIO, {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}, pod(labels=own)])
    assert expected(seen, next(seen.all(Pod))) == want
    hosted = view_of([ISTIO, {"kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}, pod(labels=own, host=True)])
    assert expected(hosted, next(hosted.all(Pod))) == "none"


def test_members_of_the_older_mesh_ask_for_themselves() -> None:
    roll = {"kind": "ServiceMeshMemberRoll", "metadata": {"namespace": ROOT}, "status": {"configuredMembers": ["shop"]}}
    plane = {"kind": "ServiceMeshControlPlane", "metadata": {"namespace": ROOT}}
    seen = view_of([plane, roll, "namespace/shop", pod(annotations={"sidecar.istio.io/inject": "true"})])
    assert expected(seen, next(seen.all(Pod))) == "sidecar"
    plain = view_of([plane, roll, "namespace/shop", pod()])
    assert expected(plain, next(plain.all(Pod))) == "none"


def test_a_gateway_and_a_native_sidecar_are_told_apart() -> None:
    seen = view_of([pod(labels={"gateway.networking.k8s.io/gateway-name": "front"})])
    assert observed(next(seen.all(Pod))) == "gateway"
    native = pod()
    native["spec"]["initContainers"] = [{"name": "istio-proxy", "image": "p", "restartPolicy": "Always"}]
    assert observed(next(view_of([native]).all(Pod))) == "sidecar"


@pytest.mark.parametrize(
    ("server", "how", "want"),
    [
        ("STRICT", "mtls", "secure"),
        ("STRICT", "plain", "broken"),
        ("STRICT", "tls", "broken"),
        ("PERMISSIVE", "mtls", "unenforced"),
        ("PERMISSIVE", "plain", "plaintext"),
        ("DISABLE", "mtls", "broken"),
        ("DISABLE", "plain", "plaintext"),
        ("PLAINTEXT", "mtls", "broken"),
        ("PLAINTEXT", "plain", "plaintext"),
    ],
)
def test_what_comes_of_server_and_client(server: Any, how: Any, want: str) -> None:
    assert outcome(server, how) == want


def test_two_policies_of_one_age_are_ambiguous() -> None:
    selector = {"matchLabels": {"app": "x"}}
    peers = [
        {
            "kind": "PeerAuthentication",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": selector, "mtls": {"mode": mode}},
        }
        for name, mode in (("b", "DISABLE"), ("a", "STRICT"))
    ]
    seen = view_of([ISTIO, "namespace/shop", pod(proxy=True, labels={"app": "x"}), *peers])
    found = inbound(seen, next(seen.all(Pod)), 8080)
    assert (found.mode, found.by and found.by.name, found.notes) == ("STRICT", "a", ("ambiguous",))


def test_a_named_port_of_a_service_is_the_container_port_of_that_name() -> None:
    item = pod()
    item["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 8080}]
    service = {
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "shop"},
        "spec": {"ports": [{"port": 80, "targetPort": "http"}]},
    }
    seen = view_of([item, service])
    port = (next(seen.all(Service)).spec.ports or ())[0]
    assert target_port(port, next(seen.all(Pod))) == 8080


def test_no_control_plane_is_no_mesh() -> None:
    assert mesh(view_of(["namespace/shop"])) is None
