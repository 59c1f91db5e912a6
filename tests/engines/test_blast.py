"""What a name means as the centre of a blast radius, what it holds, and what is near it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.worlds import view_of
from ztui.engines.blast import NoSuchCentreError, centre_of, literals_of, looseness, neighbours, secrets_of
from ztui.kinds.workload import Pod
from ztui.view import View

SHOP = "namespace/shop"
USER = {"kind": "User", "metadata": {"name": "alice"}}


def pod(name: str = "api-1", *, owner: str = "", account: str = "api", phase: str = "Running", **spec: Any) -> dict[str, Any]:
    owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": "u", "controller": True}] if owner else []
    boxes = spec.pop("containers", [{"name": "main", "image": "registry.example/app:1"}])
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "api"}, "ownerReferences": owners},
        "spec": {"serviceAccountName": account, "nodeName": "n1", "containers": boxes, **spec},
        "status": {"phase": phase},
    }


DEPLOYED: list[Any] = [
    SHOP,
    "node/n1",
    "serviceaccount/shop/api",
    "deployment/shop/api",
    {
        "kind": "ReplicaSet",
        "metadata": {
            "name": "api-7d9c",
            "namespace": "shop",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "uid": "u", "controller": True}],
        },
    },
    pod(owner="api-7d9c"),
    pod("api-2", owner="api-7d9c", phase="Failed"),
    USER,
]


@pytest.mark.parametrize(
    ("text", "namespace", "name"),
    [
        ("deployment/shop/api", "", "deployment/shop/api"),
        ("deploy/shop/api", "", "deployment/shop/api"),
        ("shop/deployment/api", "", "deployment/shop/api"),
        ("shop/api", "", "deployment/shop/api"),
        ("deployment/api", "shop", "deployment/shop/api"),
        ("api", "shop", "deployment/shop/api"),
        ("pod/shop/api-1", "", "deployment/shop/api"),
        ("shop/api-1", "", "deployment/shop/api"),
        ("sa/shop/api", "", "serviceaccount/shop/api"),
        ("serviceaccount/api", "shop", "serviceaccount/shop/api"),
        ("node/n1", "", "node/n1"),
        ("user/alice", "", "user/alice"),
    ],
)
def test_a_name_in_each_of_its_forms(text: str, namespace: str, name: str) -> None:
    assert centre_of(view_of(DEPLOYED), text, namespace).name == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api", "is none of deployment/NAMESPACE/NAME"),
        ("", "is none of"),
        ("nowhere/api", "there is no namespace nowhere"),
        ("statefulset/shop/api", "nothing in shop is called statefulset api"),
        ("pod/shop/gone", "there is no pod shop/gone"),
        ("sa/shop/gone", "there is no ServiceAccount shop/gone"),
        ("node/n2", "there is no node n2"),
        ("user/bob", "no object names a user bob"),
    ],
)
def test_a_name_that_nothing_answers_to_is_said(text: str, words: str) -> None:
    with pytest.raises(NoSuchCentreError, match=words):
        centre_of(view_of(DEPLOYED), text)


def test_a_static_pod_stands_for_itself_and_not_for_its_node() -> None:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u", "controller": True}
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    meta = {"name": "etcd-n1", "namespace": "shop", "ownerReferences": [owner], **mirror}
    found = centre_of(view_of([*DEPLOYED, {**pod("etcd-n1"), "metadata": meta}]), "pod/shop/etcd-n1")
    assert (found.name, [item.name for item in found.pods], found.units) == ("pod/shop/etcd-n1", ["etcd-n1"], ())


def test_two_of_one_name_are_told_apart() -> None:
    view = view_of([*DEPLOYED, pod("x", account="x"), {**pod("api"), "metadata": {"name": "api", "namespace": "shop"}}])
    with pytest.raises(NoSuchCentreError, match=r"could be pod/shop/api, deployment/shop/api"):
        centre_of(view, "shop/api")
    assert centre_of(view, "deployment/shop/api").name == "deployment/shop/api"


def test_a_workload_has_its_ended_pods_too_and_acts_as_its_account() -> None:
    found = centre_of(view_of(DEPLOYED), "shop/api")
    assert [item.name for item in found.pods] == ["api-1", "api-2"]
    assert [len(unit.pods) for unit in found.units] == [1]
    assert (found.who, found.nodes, found.accounts) == ("sa:shop/api", ("n1",), (("shop", "api"),))


def test_an_account_is_everything_that_runs_as_it_and_a_node_all_that_runs_on_it() -> None:
    view = view_of([*DEPLOYED, pod("other", account="api")])
    assert [str(unit.root) for unit in centre_of(view, "sa/shop/api").units] == ["pod/shop/other", "deployment/shop/api"]
    node = centre_of(view, "node/n1")
    assert [item.name for item in node.pods] == ["other", "api-1"]


def test_what_may_not_be_read_is_known_by_name_alone() -> None:
    found = centre_of(view_of([SHOP], gaps={"Pod": "forbidden", "Deployment": "forbidden"}), "deployment/shop/api")
    assert (found.name, found.ref.uid, found.pods) == ("deployment/shop/api", "", ())
    assert found.gap is not None
    with pytest.raises(NoSuchCentreError, match="name it with its kind"):
        centre_of(view_of([SHOP], gaps={"Pod": "forbidden"}), "shop/api")


def held(**spec: Any) -> Pod:
    (found,) = View(view_of([SHOP, pod(**spec)]).state).within(Pod, "shop")
    return found


def test_secrets_by_name_and_how_they_are_held() -> None:
    variable = {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    boxes = [
        {"name": "main", "env": [variable, {"name": "API_TOKEN", "value": "x"}], "envFrom": [{"secretRef": {"name": "all"}}]}
    ]
    volumes = [
        {"name": "a", "secret": {"secretName": "tls"}},
        {"name": "b", "projected": {"sources": [{"secret": {"name": "tls"}}, {"secret": {"name": "ca"}}]}},
    ]
    found = held(containers=boxes, volumes=volumes)
    assert secrets_of([found]) == {
        "all": ("all of it as variables",),
        "ca": ("mounted",),
        "db": ("variable DB_PASSWORD",),
        "tls": ("mounted",),
    }
    assert literals_of([found]) == ("API_TOKEN",)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ()),
        ({"containers": [{"name": "m", "securityContext": {"privileged": True}}]}, ("privileged",)),
        ({"hostNetwork": True, "hostPID": True}, ("host PID", "host network")),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/var/run"}}]}, ("host path /var/run",)),
        ({"containers": [{"name": "m", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}]}, ("capability SYS_ADMIN",)),
        ({"containers": [{"name": "m", "securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}}}]}, ()),
    ],
)
def test_what_makes_a_pod_a_way_to_its_node(spec: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert looseness(held(**spec)) == expected


def test_neighbours_are_on_the_same_nodes_and_the_loosest_come_first() -> None:
    loose = pod("loose", hostPID=True)
    far = pod("far", nodeName="n2")
    view = view_of([*DEPLOYED, pod("calm"), loose, far])
    centre = centre_of(view, "deployment/shop/api")
    found = neighbours(view, centre.nodes, [unit.root for unit in centre.units])
    assert [(item.unit.name, item.loose) for item in found] == [("loose", ("host PID",)), ("calm", ())]
