"""The mTLS pane: each cell from its object, unknown where that cannot be seen, and whom STRICT would cut off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.panes.test_workloads import MESH, pod
from tests.worlds import NOW, put, spoil, world
from ztui.board import Judge, cells_of
from ztui.checks.base import catalogue
from ztui.panes.mtls import PortRow, all_ports, document, mtls_lines
from ztui.panes.port import Caller, PortPage, callers_of, port_of, port_page
from ztui.view import View

SHOP = "namespace/shop"
SERVICE = {
    "kind": "Service",
    "metadata": {"name": "api", "namespace": "shop"},
    "spec": {"selector": {"app": "api"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
STRICT = {
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": "shop"},
    "spec": {"mtls": {"mode": "STRICT"}},
}


def authz(
    name: str, *, action: str = "ALLOW", rules: list[Any] | None = None, dry: bool = False, namespace: str = "shop"
) -> dict[str, Any]:
    notes = {"annotations": {"istio.io/dry-run": "true"}} if dry else {}
    spec = {"action": action, **({} if rules is None else {"rules": rules})}
    return {"kind": "AuthorizationPolicy", "metadata": {"name": name, "namespace": namespace, **notes}, "spec": spec}


def by(*principals: str) -> list[dict[str, Any]]:
    return [{"from": [{"source": {"principals": list(principals)}}]}]


def traffic(**counts: float) -> dict[str, Any]:
    return {"kind": "TrafficSecurity", "metadata": {"name": "api", "namespace": "shop"}, **counts}


def rows_of(objects: Iterable[str | Mapping[str, Any]], *, spoiled: str = "", **how: Any) -> tuple[PortRow, ...]:
    store = world([SHOP, *objects], **how)
    if spoiled:
        spoil(store, spoiled)
    return all_ports(View(store.state), cells_of(None))


def cells(*objects: str | Mapping[str, Any], **how: Any) -> dict[str, tuple[str, str]]:
    (line,) = mtls_lines([row for row in rows_of(objects, **how) if row.unit.name == "api"])
    names = ("workload", "port", "enrolment", "accepts", "by", "seen", "plaintext", "by hour", "callers")
    return {name: (item.text, item.tone) for name, item in zip(names, line.cells, strict=True)}


IN = pod(sidecar=True)
LABELLED = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}


@pytest.mark.parametrize(
    ("column", "objects", "expected"),
    [
        ("enrolment", [pod()], ("none", "dim")),
        ("enrolment", [MESH, IN], ("sidecar", "pass")),
        ("enrolment", [MESH, LABELLED, pod()], ("none, not sidecar", "warn")),
        ("accepts", [pod()], ("plaintext", "fail")),
        ("accepts", [MESH, IN], ("permissive", "warn")),
        ("accepts", [MESH, IN, STRICT], ("strict", "pass")),
        ("by", [MESH, IN, STRICT], ("peerauthentication/shop/default", "dim")),
        ("seen", [MESH, IN, traffic(http=100, httpMutual=100)], ("100.0% mutual", "pass")),
        ("seen", [MESH, IN, traffic(http=100, httpMutual=100, tcp=100, tcpMutual=50)], ("50.0% mutual", "fail")),
        ("seen", [MESH, IN, traffic(http=5, httpMutual=5)], ("few calls", "dim")),
        ("seen", [MESH, IN], ("?", "unknown")),
        ("callers", [pod()], ("–", "dim")),
        ("callers", [MESH, IN], ("anybody", "fail")),
        ("callers", [MESH, IN, authz("deny-all")], ("nobody", "pass")),
        ("callers", [MESH, IN, authz("deny-all", namespace="istio-system")], ("nobody", "pass")),
        ("callers", [MESH, IN, authz("some", rules=by("cluster.local/ns/web/sa/web"))], ("cluster.local/ns/web/sa/web", "pass")),
        ("callers", [MESH, IN, authz("all", rules=[{}])], ("anybody", "fail")),
        ("callers", [MESH, IN, authz("deny-all", dry=True)], ("anybody", "fail")),
    ],
)
def test_a_cell_says_what_its_objects_say(column: str, objects: list[Any], expected: tuple[str, str]) -> None:
    assert cells(*objects)[column] == expected


@pytest.mark.parametrize(("gap", "column"), [("PeerAuthentication", "accepts"), ("AuthorizationPolicy", "callers")])
def test_what_cannot_be_seen_is_unknown(gap: str, column: str) -> None:
    assert cells(MESH, IN, STRICT, gaps={gap: "forbidden"})[column] == ("?", "unknown")


def test_plaintext_that_was_seen_stands_whatever_else_is_hidden() -> None:
    assert cells(pod(), gaps={"PeerAuthentication": "forbidden"})["accepts"] == ("plaintext", "fail")


def callers(*objects: str | Mapping[str, Any]) -> dict[str, Caller]:
    view = View(world([SHOP, MESH, SERVICE, *objects]).state)
    (row,) = [row for row in all_ports(view, cells_of(None)) if row.unit.name == "api"]
    return {item.unit.name: item for item in callers_of(view, cells_of(None), row.unit, row.port)}


def labelled(**how: Any) -> dict[str, Any]:
    found = pod("api", sidecar=True, **how)
    found["metadata"]["labels"]["security.istio.io/tlsMode"] = "istio"
    return found


def test_a_daemon_of_the_host_network_reaches_the_pod_of_its_own_node_whichever_of_its_pods_comes_first() -> None:
    daemon = {"kind": "DaemonSet", "metadata": {"name": "logs", "namespace": "shop", "uid": "d"}, "spec": {}}
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "logs", "uid": "d", "controller": True}
    closed = {"kind": "NetworkPolicy", "metadata": {"name": "closed", "namespace": "shop"}, "spec": {"podSelector": {}}}

    def on(node: str, found: dict[str, Any], **spec: Any) -> dict[str, Any]:
        return {**found, "spec": {**found["spec"], "nodeName": node, **spec}}

    logs = [on(node, pod(f"logs-{node}"), hostNetwork=True) for node in ("a", "b")]
    for found in logs:
        found["metadata"] = {**found["metadata"], "ownerReferences": [owner]}
    assert set(callers(on("b", labelled()), pod("old"), daemon, closed, *logs)) == {"logs"}


def test_strict_cuts_off_who_is_outside_of_the_mesh_and_who_is_told_to_go_without() -> None:
    plain = {
        "kind": "DestinationRule",
        "metadata": {"name": "no", "namespace": "bank"},
        "spec": {"host": "api.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    }
    teller = {**pod("teller", sidecar=True), "metadata": {"name": "teller", "namespace": "bank", "labels": {"app": "teller"}}}
    found = callers("namespace/bank", labelled(), pod("old"), pod("new", sidecar=True), plain, teller)
    assert {name: (item.now, item.under_strict) for name, item in found.items()} == {
        "old": ("plaintext", "broken"),
        "new": ("unenforced", "secure"),
        "teller": ("plaintext", "broken"),
    }
    (row,) = [row for row in rows_of([MESH, SERVICE, labelled()]) if row.unit.name == "api"]
    page = "\n".join(" ".join(item.text for item in line.cells) for line in port_page(PortPage(row, tuple(found.values()))))
    assert "would cut off 2 who can reach it in plaintext: bank/teller (Pod), shop/old (Pod)" in page
    assert "by destinationrule/bank/no, since 2026-01-01 00:00 at least" in page


def test_who_is_kept_out_by_network_policy_is_no_caller() -> None:
    closed = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "d", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]},
    }
    assert set(callers(labelled(), pod("old"))) == {"old"}
    assert callers(labelled(), pod("old"), closed) == {}


def test_a_policy_changes_the_rows_of_its_namespace_alone() -> None:
    other = {**pod("ledger", sidecar=True), "metadata": {"name": "ledger", "namespace": "bank"}}
    store = world([SHOP, "namespace/bank", MESH, IN, other])
    judge = Judge(catalogue())
    judge.judge(store.state)
    before = judge.look(all_ports, "")
    put(store, STRICT)
    judge.judge(store.tick(NOW))
    after = judge.look(all_ports, "")
    judge.close()
    assert [new.unit.name for old, new in zip(before, after, strict=True) if old != new] == ["api"]


def test_the_document_tells_the_same() -> None:
    (told,) = document(rows_of([MESH, IN, STRICT]))
    assert (told["port"], told["mode"], told["by"]) == (8080, "STRICT", "peerauthentication/shop/default")
    (blind,) = document(rows_of([MESH, IN], gaps={"PeerAuthentication": "forbidden"}))
    assert (blind["mode"], blind["by"]) == (None, None)


def page_of(spoiled: str = "") -> str:
    store = world([SHOP, MESH, SERVICE, labelled(), pod("new", sidecar=True), STRICT])
    if spoiled:
        spoil(store, spoiled)
    view = View(store.state)
    (row,) = [row for row in all_ports(view, cells_of(None)) if row.unit.name == "api"]
    page = port_page(port_of(view, cells_of(None), row.unit, row.port))
    return "\n".join(
        f"[{line.cells[1].tone if len(line.cells) > 1 else line.cells[0].tone}] {line.cells[-1].text}" for line in page
    )


@pytest.mark.parametrize("gap", ["NetworkPolicy/bank", "DestinationRule/bank", "Pod/bank", "Service/bank"])
def test_strict_is_not_called_harmless_while_callers_or_their_ways_are_not_seen(gap: str) -> None:
    assert "[pass] is in force; 0 who can reach it would be refused" in page_of()
    found = page_of(gap)
    assert "[unknown] is in force; 0 who can reach it would be refused; whom else it would, cannot be told" in found
    assert "not all is known of who else can, and how" in found


def test_what_strict_would_do_is_not_known_while_the_policy_of_the_mesh_is_not() -> None:
    found = page_of("PeerAuthentication/istio-system")
    assert "[unknown] cannot be seen" in found
    assert "[unknown] would cut nobody off of those who can reach it; whom else it would, cannot be told" in found


def test_callers_are_not_known_while_policies_of_the_root_are_not() -> None:
    assert cells(MESH, IN, authz("deny-all"))["callers"] == ("nobody", "pass")
    assert cells(MESH, IN, authz("deny-all"), spoiled="AuthorizationPolicy/istio-system")["callers"] == ("?", "unknown")
