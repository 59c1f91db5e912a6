"""What still lets traffic to or from a pod: the tiers in their order, and rules that only matter outside of the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds import view_of
from ztui.engines.openings import openings
from ztui.engines.reach import spot_of
from ztui.kinds.workload import Pod

Obj = dict[str, Any]

POD: Obj = {"kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}}
HELD: Obj = {"matchLabels": {"app": "web"}}


def policy(name: str, selector: Obj, types: list[str], **rules: Any) -> Obj:
    spec = {"podSelector": selector, "policyTypes": types, **rules}
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def admin(*, priority: int = 1, ingress: list[Obj] | None = None, egress: list[Obj] | None = None) -> Obj:
    subject = {"pods": {"namespaceSelector": {}, "podSelector": HELD}}
    spec = {"priority": priority, "subject": subject, "ingress": ingress or [], "egress": egress or []}
    return {"kind": "AdminNetworkPolicy", "metadata": {"name": f"admin-{priority}"}, "spec": spec}


DENY = policy("deny", HELD, ["Ingress", "Egress"])
NO_ONE_IN = {"action": "Deny", "from": [{"namespaces": {}}]}
NOTHING_OUT = {"action": "Deny", "to": [{"namespaces": {}}, {"networks": ["0.0.0.0/0", "::/0"]}]}
CASES: list[tuple[str, list[Obj], list[tuple[str, str]]]] = [
    ("nothing closes it", [], [("ingress", ""), ("egress", "")]),
    ("one direction is closed", [policy("in", {}, ["Ingress"])], [("egress", "")]),
    ("both are", [DENY], []),
    (
        "another policy lets in",
        [DENY, policy("open", {}, ["Ingress"], ingress=[{"from": [{"podSelector": {}}]}])],
        [("ingress", "open")],
    ),
    ("another policy is about others", [DENY, policy("open", {"matchLabels": {"app": "db"}}, ["Ingress"], ingress=[{}])], []),
    (
        "the administrators deny what it lets in",
        [DENY, policy("open", {}, ["Ingress"], ingress=[{"from": [{"podSelector": {}}]}]), admin(ingress=[NO_ONE_IN])],
        [],
    ),
    (
        "they cannot deny who is outside",
        [DENY, policy("open", {}, ["Ingress"], ingress=[{}]), admin(ingress=[NO_ONE_IN])],
        [("ingress", "open")],
    ),
    ("they deny everything out", [policy("in", {}, ["Ingress"]), admin(egress=[NOTHING_OUT])], []),
    (
        "they allow before they deny",
        [
            DENY,
            admin(priority=1, ingress=[{"action": "Allow", "from": [{"namespaces": {}}]}]),
            admin(priority=2, ingress=[NO_ONE_IN]),
        ],
        [("ingress", "admin-1")],
    ),
    (
        "they deny some ports only",
        [policy("in", {}, ["Ingress"]), admin(egress=[{**NOTHING_OUT, "ports": [{"portNumber": {"port": 1}}]}])],
        [("egress", "")],
    ),
]


@pytest.mark.parametrize(("objects", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_openings(objects: list[Obj], wanted: list[tuple[str, str]]) -> None:
    view = view_of(["namespace/shop", POD, *objects])
    [pod] = view.all(Pod)
    found = openings(view, spot_of(view, pod))
    assert [(item.direction, item.by.name if item.by else "") for item in found] == wanted


def test_a_pod_on_a_host_network_is_all_open() -> None:
    view = view_of(["namespace/shop", {**POD, "spec": {"hostNetwork": True, "containers": [{"name": "a"}]}}, DENY])
    [pod] = view.all(Pod)
    assert [item.direction for item in openings(view, spot_of(view, pod))] == ["ingress", "egress"]
