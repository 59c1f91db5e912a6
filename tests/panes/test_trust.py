"""The page of a trust question: way, encryption, identity, authorization, what comes next, what could be obtained."""

from __future__ import annotations

from typing import Any

import pytest

from tests.panes.test_mtls import SERVICE, authz, by, labelled
from tests.panes.test_workloads import HERE, KUBE, MESH, bound, pod, role, vault_role
from tests.worlds import spoil, world
from ztui.board import cells_of
from ztui.engines.meshcalls import calls_in
from ztui.panes.trust import trust_lines, verdict
from ztui.view import View

SHOP = "namespace/shop"


def page(*objects: Any, src: str = "shop/web", dst: str = "shop/api") -> str:
    view = View(world([SHOP, MESH, SERVICE, labelled(), *objects]).state)
    return "\n".join("  ".join(item.text for item in line.cells) for line in trust_lines(view, cells_of(None), src, dst))


def test_the_page_has_every_part_with_the_objects_that_decide() -> None:
    found = page(pod("web", account="web", sidecar=True), authz("api", rules=by("cluster.local/ns/shop/sa/api")))
    assert "ALLOWED: shop/pod/web may open 8080/TCP of shop/pod/api" in found
    assert "port 8080 accepts PERMISSIVE" in found
    assert "the caller comes in mutual TLS: unenforced" in found
    assert "authorizationpolicy/shop/api refuses it: only cluster.local/ns/shop/sa/api may call" in found
    assert "mounts no Secret" in found


def test_what_the_caller_could_obtain() -> None:
    mounts: dict[str, Any] = {"volumes": [{"name": "s", "secret": {"secretName": "db"}}]}
    reader = (role("sec", ("list", "secrets")), bound("sec", "web"))
    vault = (
        HERE,
        KUBE,
        vault_role(["web"], ["shop"]),
        {"kind": "VaultHealth", "metadata": {"namespace": "main", "name": "health"}, "address": "x", "tls": "verified"},
    )
    found = page(pod("web", account="web", **mounts), *reader, *vault)
    assert "mounts db" in found
    assert "may read every Secret of every namespace, by clusterrolebinding/sec-web" in found
    assert "by auth/k/role/shop, policy read-shop: which cannot be read" in found


def test_who_is_kept_out_is_told_by_which_policy() -> None:
    closed = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "d", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    }
    found = page(pod("web", account="web"), closed)
    assert "DENIED" in found
    assert "networkpolicy/shop/d closes it" in found
    assert "network policies keep the caller away" in found


def test_an_end_that_nobody_knows_is_said() -> None:
    assert page(src="nowhere/x") == "there is no namespace nowhere"


@pytest.mark.parametrize(
    ("policies", "principal", "tone"),
    [
        ([], "cluster.local/ns/web/sa/web", "fail"),
        ([authz("all", rules=[{}])], "", "fail"),
        ([authz("some", rules=by("cluster.local/ns/web/sa/web"))], "cluster.local/ns/web/sa/web", "pass"),
        ([authz("some", rules=by("*/sa/web"))], "cluster.local/ns/web/sa/web", "pass"),
        ([authz("none")], "cluster.local/ns/web/sa/web", "pass"),
    ],
)
def test_a_verdict_of_the_mesh(policies: list[Any], principal: str, tone: str) -> None:
    view = View(world([SHOP, MESH, labelled(), *policies]).state)
    (found,) = calls_in(view, "shop")
    words, told = verdict(view, found, principal, "web")
    assert told == tone
    assert ("refuses" in words) is (policies != [] and policies[0]["metadata"]["name"] == "none")


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        ("AuthorizationPolicy/istio-system", "not all policies of the mesh could be read"),
        ("RoleBinding/other", "which Secrets its account may read is not all known"),
        ("DestinationRule/bank", "not all is known of the rest"),
    ],
)
def test_what_could_not_be_read_is_said_and_never_good(gap: str, words: str) -> None:
    objects: list[Any] = [SHOP, MESH, SERVICE, labelled(), pod("web", account="web", sidecar=True), authz("none")]
    store = world(objects)
    assert words not in str(trust_lines(View(store.state), cells_of(None), "shop/web", "shop/api"))
    spoil(store, gap)
    view = View(store.state)
    (line,) = [line for line in trust_lines(view, cells_of(None), "shop/web", "shop/api") if words in line.cells[0].text]
    assert line.cells[0].tone in {"unknown", "warn", "fail"}
