"""The blast radius: each section from its objects, UNKNOWN with the reason where they cannot be read, and the same as data."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.test_blast import DEPLOYED, SHOP, pod
from tests.panes.test_mtls import SERVICE, STRICT
from tests.panes.test_workloads import ADMIN, HERE, KUBE, MESH, bound, role, vault_role
from tests.worlds import view_of, world
from ztui.board import cells_of
from ztui.engines.blast import NoSuchCentreError
from ztui.engines.units import SCOPE
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Namespace
from ztui.panes.base import Line
from ztui.panes.blast import as_text, blast_document, blast_lines
from ztui.store import Hole
from ztui.view import Gap, View, Why

API = "deployment/shop/api"
WEB = {"kind": "Namespace", "metadata": {"name": "web", "labels": {"kubernetes.io/metadata.name": "web"}}}
CALLER = {
    "kind": "Pod",
    "metadata": {"name": "front", "namespace": "web", "labels": {"app": "front"}},
    "spec": {"serviceAccountName": "front", "nodeName": "n1", "containers": [{"name": "m", "ports": [{"containerPort": 80}]}]},
}
VAULT = {"kind": "VaultHealth", "metadata": {"namespace": "main", "name": "health"}, "address": "x", "tls": "verified"}


def closed(name: str, direction: str, **rules: Any) -> dict[str, Any]:
    spec = {"podSelector": {}, "policyTypes": [direction], **rules}
    return {"kind": "NetworkPolicy", "metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def listening() -> list[Any]:
    """The deployment with a port."""
    boxes = [{"name": "main", "image": "registry.example/app:1", "ports": [{"containerPort": 8080}]}]
    return [*DEPLOYED[:5], pod(owner="api-7d9c", containers=boxes), *DEPLOYED[6:]]


def lines(*objects: Any, target: str = API, journal: Any = None, **how: Any) -> list[Line]:
    return blast_lines(view_of([*listening(), *objects], **how), cells_of(None), target, "", journal)


def section(key: str, *objects: Any, **how: Any) -> str:
    return "\n".join(line.cells[0].text.strip() for line in lines(*objects, **how) if line.key.startswith(f"{key}:"))


def test_who_may_reach_it_by_namespace_and_port() -> None:
    found = section("reached", WEB, CALLER)
    assert "no policy closes the ways in" in found
    assert "1 workload may open a connection to it, in 1 namespace" in found
    assert "web: pod/front on 8080/TCP" in found
    assert "no workload may open" in section("reached", WEB, CALLER, closed("deny", "Ingress"))


def test_whom_it_may_reach_with_the_internet_and_the_metadata_service() -> None:
    found = section("reaches", WEB, CALLER)
    assert "the internet: yes, nothing closes it" in found
    assert "the metadata service 169.254.169.254 (if this is a cloud): yes" in found
    assert "web: pod/front on 80/TCP" in found
    shut = section("reaches", WEB, CALLER, closed("deny", "Egress"))
    assert "the internet: no, by networkpolicy/shop/deny" in shut
    assert "no workload that it may call" in shut


def test_many_namespaces_are_counted() -> None:
    spaces = [f"namespace/t{at:02}" for at in range(20)]
    callers = [{**CALLER, "metadata": {**CALLER["metadata"], "namespace": name.partition("/")[2]}} for name in spaces]  # type: ignore[dict-item]
    found = section("reached", *spaces, *callers)
    assert "20 workloads may open a connection to it, in 20 namespaces" in found
    assert "and 12 more namespaces" in found


def test_rights_with_what_matters_and_where_they_lead() -> None:
    found = section(
        "rights",
        role("run", ("create", "pods")),
        bound("run", namespace="shop"),
        ADMIN,
        bound("cluster-admin", "boss"),
        "serviceaccount/shop/boss",
    )
    assert "serviceaccount/shop/api gets to everything: runs pods in shop → sa:shop/boss" in found
    assert "may create pods in shop: runs pods, as any account of the namespace, by rolebinding/shop/run-api" in found
    assert "holds ClusterRole run in shop, by rolebinding/shop/run-api" in found
    assert "by steps: runs pods in shop → sa:shop/boss" in found
    assert "serviceaccount/shop/api has nothing that is granted to it alone" in section("rights")


def test_secrets_vault_mesh_and_ways_in() -> None:
    route = {
        "kind": "Route",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {"host": "api.example", "to": {"kind": "Service", "name": "api"}},
        "status": {"ingress": [{"routerName": "default", "conditions": [{"type": "Admitted", "status": "True"}]}]},
    }
    login = (HERE, KUBE, vault_role(["*"], ["shop"]), VAULT)
    assert "route/shop/api: api.example (no TLS, plain http too) to service api" in section("ways", SERVICE, route)
    assert "no Route, Ingress, Gateway or Service" in section("ways", SERVICE)
    assert "logs in by auth/k/role/shop of main (unused, bound by a pattern): policy read-shop, which cannot be read" in section(
        "vault", *login
    )
    assert "mounts no Secret" in section("secrets")
    assert "port 8080 accepts plaintext: no mesh stands before it" in section("mesh", MESH, STRICT)


def test_images_neighbours_and_what_changed() -> None:
    loose = pod("loose", hostPID=True)
    assert "pod/shop/loose" not in section("nodes", loose)
    assert "shop/loose (Pod) has host PID, on n1" in section("nodes", loose)
    assert "on n1" in section("nodes")
    changes = section(
        "changes", journal=((Ref("apps", "Deployment", "shop", "api"), "R-SCALE by ana"), (Ref("", "Pod", "web", "x"), "other"))
    )
    assert "changed from here: R-SCALE by ana" in changes
    assert "other" not in changes
    assert "replicaset/shop/api-7d9c was made 4 d ago" in changes
    assert "nothing of it was changed from here" in section("changes", journal=())
    assert "no node has reported an image yet" in section("images")


def test_an_account_a_node_and_a_user() -> None:
    account = [line.key for line in lines(target="sa/shop/api")]
    assert "head:residents" in account
    assert "shop/api, 1 pod" in section("residents", target="sa/shop/api")
    node = section("residents", pod("loose", hostPID=True), target="node/n1")
    assert node.index("shop/loose (Pod), 1 pod as api with host PID") < node.index("shop/api, 1 pod as api")
    assert "a node, not ready, of an unknown system; 1 pod of 1 workload" in section("itself", target="node/n1")
    grant = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "alice"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "User", "name": "alice"}],
    }
    assert "cluster-admin: clusterrolebinding/alice gives user:alice cluster-admin" in section(
        "rights", ADMIN, grant, target="user/alice"
    )


@pytest.mark.parametrize(
    ("gap", "key"),
    [
        ("NetworkPolicy", "reached"),
        ("NetworkPolicy/shop", "reaches"),
        ("Service", "ways"),
        ("Route", "ways"),
        ("RoleBinding", "rights"),
        ("Pod/web", "reached"),
        ("PeerAuthentication", "mesh"),
        ("VaultRole", "vault"),
        ("VulnerabilityReport", "images"),
        ("Pod/web", "nodes"),
        ("ReplicaSet", "changes"),
    ],
)
def test_a_section_says_what_it_cannot_see(gap: str, key: str) -> None:
    seen = (WEB, HERE, KUBE, VAULT, vault_role(["api"], ["shop"]), MESH)
    assert "UNKNOWN" not in section(key, *seen)
    found = section(key, *seen, gaps={gap: "forbidden"})
    assert "UNKNOWN" in found
    assert "forbidden" in found


COUNTED = (
    {"kind": "DayTraffic", "metadata": {"name": "api", "namespace": "shop"}},
    {"kind": "ObservedCall", "metadata": {"name": "shop/web>api", "namespace": "shop"}},
)
EVERYTHING = (WEB, CALLER, SERVICE, MESH, STRICT, HERE, KUBE, VAULT, vault_role(["api"], ["shop"]), ADMIN, *COUNTED)


@pytest.mark.parametrize("target", [API, "serviceaccount/shop/api", "node/n1", "user/alice"])
def test_whatever_is_read_and_may_not_be_is_said(target: str) -> None:
    """Each kind that a page reads, taken away by itself: the page says so. What only sorts namespaces may be quiet."""
    objects = [*listening(), *EVERYTHING]
    read: set[Any] = set()
    state = world(objects).state
    whole = as_text(blast_lines(View(state, read=read), cells_of(None), target))
    assert "forbidden" not in whole
    kinds: set[type[Kind]] = {key[0] for key in read if isinstance(key[0], type)} - {*SCOPE} | {Namespace}
    assert len(kinds) > 10
    for kind in kinds:
        store = world(objects)
        store.apply(Hole(kind, Gap(Why.FORBIDDEN, kind.PLURAL), forget=True))
        store.tick(state.now)
        assert "forbidden" in as_text(blast_lines(View(store.state), cells_of(None), target)), kind.__name__


def test_nothing_is_read_at_all_and_the_page_still_stands() -> None:
    gaps = dict.fromkeys(
        ("Pod", "NetworkPolicy", "RoleBinding", "ClusterRoleBinding", "Service", "Deployment", "ReplicaSet", "Node"), "forbidden"
    )
    found = lines(gaps=gaps)
    heads = [line.key for line in found if line.key.startswith("head:")]
    assert len(heads) == 11
    assert sum("UNKNOWN" in line.cells[0].text for line in found) >= 6


def test_the_same_as_data_and_as_text() -> None:
    view = view_of(listening())
    found = blast_document(view, cells_of(None), "shop/api")
    assert (found["target"], found["sort"], found["complete"]) == (API, "workload", False)
    (vault,) = [item for item in found["sections"] if item["key"] == "vault"]
    assert vault["unknown"] == ["not-connected(vault)"]
    text = as_text(blast_lines(view, cells_of(None), "shop/api"))
    assert text.startswith("Blast radius of deployment/shop/api\n\nWhat it is\n")
    assert [line for line in text.splitlines() if line and not line.startswith(" ")][1:] == [
        item["title"] for item in found["sections"]
    ]


def test_a_name_that_nobody_knows_and_a_hostile_one() -> None:
    (line,) = lines(target="deployment/shop/nothing")
    assert line.cells[0].text == "nothing in shop is called deployment nothing"
    with pytest.raises(NoSuchCentreError):
        blast_document(view_of([SHOP]), cells_of(None), "shop/\x1b[31m")
    evil = {**pod("p"), "metadata": {"name": "p\x1b]0;x\x07", "namespace": "shop"}}
    assert "\x1b" not in as_text(lines(evil, target="pod/shop/p\x1b]0;x\x07"))
