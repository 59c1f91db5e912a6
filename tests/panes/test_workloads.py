"""The identity of a workload, cell by cell: each from its object, unknown where that cannot be seen, and changed by it alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.worlds import NOW, judged, put, spoil, world
from ztui import answers
from ztui.board import Judge
from ztui.checks.base import catalogue
from ztui.engines.risk import WEIGHTS, risk
from ztui.errors import SettingsError
from ztui.frame import Frame
from ztui.kinds.workload import Pod
from ztui.panes.identity import document, identity_lines, workload_page
from ztui.panes.workloads import COLUMNS, Row, all_rows
from ztui.store import Drop, Store

SHOP = "namespace/shop"
RBAC = {"apiGroup": "rbac.authorization.k8s.io"}
ADMIN = {
    "kind": "ClusterRole",
    "metadata": {"name": "cluster-admin"},
    "rules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
}
MESH = {
    "kind": "Istio",
    "metadata": {"name": "default"},
    "spec": {"namespace": "istio-system", "values": {"meshConfig": {"trustDomain": "corp.example"}}},
}


def pod(name: str = "api", *, account: str = "api", sidecar: bool = False, **spec: Any) -> dict[str, Any]:
    boxes = [{"name": "main", "image": "registry.example/app:1", "ports": [{"containerPort": 8080}]}]
    boxes += [{"name": "istio-proxy", "image": "registry.example/proxy:1"}] if sidecar else []
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
        "spec": {"serviceAccountName": account, "nodeName": "n1", "containers": boxes, **spec},
    }


def bound(role: str, account: str = "api", *, namespace: str = "") -> dict[str, Any]:
    place = {"namespace": namespace} if namespace else {}
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{role}-{account}", **place},
        "roleRef": {**RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "shop"}],
    }


def role(name: str, *rules: tuple[str, str]) -> dict[str, Any]:
    told = [{"verbs": [verb], "apiGroups": [""], "resources": [resource]} for verb, resource in rules]
    return {"kind": "ClusterRole", "metadata": {"name": name}, "rules": told}


def look(objects: Iterable[str | Mapping[str, Any]], *, spoiled: str = "", **how: Any) -> tuple[Row, ...]:
    store = world(objects, **how)
    if spoiled:
        spoil(store, spoiled)
    judge = Judge(catalogue())
    try:
        judge.judge(store.state)
        return judge.look(all_rows, "")
    finally:
        judge.close()


def fact(column: str, *objects: str | Mapping[str, Any], **how: Any) -> tuple[str, str]:
    (row,) = [row for row in look([SHOP, "serviceaccount/shop/api", *objects], **how) if row.unit.name == "api"]
    found = row.fact(column)
    return found.text, found.tone


SPIFFE = {
    "kind": "ClusterSPIFFEID",
    "metadata": {"name": "all"},
    "spec": {"spiffeIDTemplate": "spiffe://corp/ns/{{ .PodMeta.Namespace }}"},
}
CSI: dict[str, Any] = {"volumes": [{"name": "s", "csi": {"driver": "csi.spiffe.io"}}]}


@pytest.mark.parametrize(
    ("column", "objects", "expected"),
    [
        ("account", [pod()], ("api", "pass")),
        ("account", [pod(account="default")], ("default", "fail")),
        ("account", [pod(), pod("other")], ("api (2)", "warn")),
        ("account", [pod(account="gone")], ("gone", "fail")),
        ("identity", [pod()], ("none", "fail")),
        ("identity", [MESH, pod(sidecar=True)], ("corp.example/ns/shop/sa/api", "pass")),
        ("identity", [SPIFFE, pod()], ("unusable", "warn")),
        ("identity", [SPIFFE, pod(**CSI)], ("corp/ns/shop", "pass")),
        ("identity", [pod(**CSI)], ("unusable", "warn")),
        ("identity", [MESH, SPIFFE, pod(sidecar=True, **CSI)], ("corp.example/ns/shop/sa/api", "warn")),
        ("certificate", [MESH, pod(sidecar=True)], ("24h*", "dim")),
        ("mtls", [pod()], ("plaintext", "fail")),
        ("mtls", [MESH, pod(sidecar=True)], ("permissive", "warn")),
        ("rbac", [pod()], ("none", "pass")),
        ("rbac", [pod(), ADMIN, bound("cluster-admin")], ("admin-path", "fail")),
        ("rbac", [pod(), role("sec", ("list", "secrets")), bound("sec")], ("secrets", "fail")),
        ("rbac", [pod(), role("r", ("get", "pods")), bound("r")], ("cluster-read", "plain")),
        ("rbac", [pod(), role("r", ("update", "services")), bound("r")], ("cluster-write", "warn")),
        ("rbac", [pod(), role("r", ("get", "pods")), bound("r", namespace="shop")], ("ns-read", "pass")),
        ("rbac", [pod(), role("r", ("update", "services")), bound("r", namespace="shop")], ("ns-write", "plain")),
        ("rbac", [pod(), role("r", ("get", "pods")), bound("r", namespace="other")], ("multi-ns", "warn")),
        (
            "rbac",
            [
                pod(),
                "serviceaccount/shop/boss",
                ADMIN,
                bound("cluster-admin", "boss"),
                role("run", ("create", "pods")),
                bound("run", namespace="shop"),
            ],
            ("admin-path +1", "fail"),
        ),
    ],
)
def test_a_cell_says_what_its_objects_say(column: str, objects: list[Any], expected: tuple[str, str]) -> None:
    assert fact(column, *objects) == expected


KUBE = {
    "kind": "VaultAuthConfig",
    "metadata": {"namespace": "main", "name": "auth/k"},
    "mount": "k",
    "method": "kubernetes",
    "data": {"kubernetes_host": "https://10.0.0.1:6443"},
}
HERE = {"kind": "Session", "metadata": {"name": "self"}, "server": "https://10.0.0.1:6443"}


def vault_role(names: list[str], spaces: list[str], *, mount: str = "k") -> dict[str, Any]:
    data = {"bound_service_account_names": names, "bound_service_account_namespaces": spaces, "token_policies": ["read-shop"]}
    return {
        "kind": "VaultRole",
        "metadata": {"namespace": "main", "name": f"auth/{mount}/role/shop"},
        "mount": mount,
        "method": "kubernetes",
        "data": data,
    }


def asking(name: str) -> dict[str, Any]:
    found = pod()
    found["metadata"]["annotations"] = {"vault.hashicorp.com/role": name}
    return found


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([pod(), vault_role(["api"], ["shop"])], ("shop", "warn")),
        ([asking("shop"), vault_role(["api"], ["shop"])], ("shop", "pass")),
        ([pod(), vault_role(["*"], ["*"])], ("shop*", "fail")),
        ([pod(), vault_role(["a*"], ["shop"])], ("shop*", "fail")),
        ([pod(), vault_role(["web"], ["shop"])], ("none", "dim")),
        ([asking("shop"), vault_role(["web"], ["shop"])], ("shop!", "fail")),
        ([pod(), vault_role(["api"], ["shop"], mount="other-cluster")], ("none", "dim")),
    ],
)
def test_a_vault_lets_in_whom_its_roles_name(objects: list[Any], expected: tuple[str, str]) -> None:
    assert fact("vault", HERE, KUBE, *objects) == expected


@pytest.mark.parametrize(
    ("gap", "column"),
    [
        ("ClusterRoleBinding", "rbac"),
        ("PeerAuthentication", "identity"),
        ("ClusterSPIFFEID", "identity"),
        ("VaultRole", "vault"),
        ("ClusterImagePolicy", "image"),
        ("Node", "node"),
    ],
)
def test_what_cannot_be_seen_is_never_well(gap: str, column: str) -> None:
    text, tone = fact(column, pod(), HERE, KUBE, vault_role(["x"], ["y"]), gaps={gap: "forbidden"})
    assert tone not in {"pass"}, text
    if column not in {"identity", "image", "node"}:
        assert (text, tone) == ("?", "unknown")


def test_without_a_vault_the_cell_says_so() -> None:
    (row,) = look([SHOP, "serviceaccount/shop/api", pod()])
    found = row.fact("vault")
    assert (found.text, found.tone) == ("?", "unknown")
    assert "not-connected" in found.says


def test_risk_is_the_sum_of_its_factors_and_an_unseen_one_counts_half() -> None:
    assert risk().score == 50
    assert risk().blind == tuple(WEIGHTS)
    assert risk(**dict.fromkeys(WEIGHTS, 0.0)).score == 0
    assert risk(**dict.fromkeys(WEIGHTS, 9.0)).score == 100
    with pytest.raises(KeyError):
        risk(luck=1.0)


def test_a_change_shows_in_its_cells_and_nowhere_else() -> None:
    store = world(
        [
            SHOP,
            "namespace/bank",
            "serviceaccount/shop/api",
            pod(),
            {**pod("ledger"), "metadata": {"name": "ledger", "namespace": "bank"}},
            ADMIN,
        ]
    )
    judge = Judge(catalogue())
    judge.judge(store.state)
    before = {row.unit: row for row in judge.look(all_rows, "")}
    computed = judge.memo.computed
    assert judge.look(all_rows, "") is not None
    assert judge.memo.computed == computed
    put(store, bound("cluster-admin"))
    judge.judge(store.tick(NOW))
    after = {row.unit: row for row in judge.look(all_rows, "")}
    judge.close()
    changed = {
        (unit.name, fact.column) for unit, row in after.items() for fact in row.facts if fact != before[unit].fact(fact.column)
    }
    assert changed == {("api", "rbac"), ("api", "risk")}


def test_a_workload_that_ends_is_gone_from_the_list() -> None:
    store: Store = world([SHOP, pod()])
    judge = Judge(catalogue())
    judge.judge(store.state)
    assert len(judge.look(all_rows, "")) == 1
    store.apply(Drop(Pod, "shop", "api"))
    judge.judge(store.tick(NOW))
    assert judge.look(all_rows, "") == ()
    judge.close()


def test_lines_page_and_document_tell_the_same() -> None:
    rows = look([SHOP, "serviceaccount/shop/api", pod(), ADMIN, bound("cluster-admin")])
    (line,) = identity_lines(rows)
    assert len(line.cells) == 1 + len(COLUMNS)
    assert any(item.text.startswith("▸admin-path") for item in line.cells)
    assert identity_lines(rows, faults_only=True) == [line]
    page = " ".join(item.text for line in workload_page(rows[0]) for item in line.cells)
    assert "clusterrolebinding/cluster-admin-api gives it ClusterRole cluster-admin" in page
    (told,) = document(rows)
    assert told["rbac"]["value"] == "admin-path"
    assert told["rbac"]["by"] == ["clusterrolebinding/cluster-admin-api", "clusterrole/cluster-admin"]


def test_a_workload_that_is_not_there_is_told_in_clean_words() -> None:
    store = world([SHOP, pod("ap\x1b[31mi")])
    frame = Frame(store.state, judged(store.state))
    with pytest.raises(SettingsError) as told:
        answers.identity(frame, "shop/ap\x1b[31m", None, "table")
    assert "there is no workload shop/ap" in str(told.value)
    assert "Perhaps shop/ap" in str(told.value)
    assert "\x1b" not in str(told.value)


def test_hostile_names_pass_the_gate() -> None:
    rows = look([SHOP, pod(), {**pod("x\x1b[31m"), "spec": {"serviceAccountName": "a\u202eb", "containers": [{"name": "m"}]}}])
    shown = [item.text for line in identity_lines(rows) for item in line.cells]
    shown += [item.text for row in rows for line in workload_page(row) for item in line.cells]
    assert not any("\x1b" in text or "\u202e" in text for text in shown)
    assert "\x1b" not in str(document(rows))


MESHED = (MESH, pod(sidecar=True))
USED = (HERE, KUBE, asking("shop"), vault_role(["api"], ["shop"]))


@pytest.mark.parametrize(
    ("column", "objects", "gap"),
    [
        ("account", [pod()], "Pod/shop"),
        ("identity", list(MESHED), "ServiceMeshControlPlane/other"),
        (
            "mtls",
            [
                *MESHED,
                {
                    "kind": "PeerAuthentication",
                    "metadata": {"name": "d", "namespace": "shop"},
                    "spec": {"mtls": {"mode": "STRICT"}},
                },
            ],
            "PeerAuthentication/istio-system",
        ),
        ("vault", list(USED), "VaultRole/main"),
        ("vault", list(USED), "StatefulSet/other"),
        ("rbac", [pod()], "RoleBinding/other"),
    ],
)
def test_what_a_cell_rests_on_elsewhere_must_be_whole_too(column: str, objects: list[Any], gap: str) -> None:
    assert fact(column, *objects)[1] == "pass"
    assert fact(column, *objects, spoiled=gap)[1] == "unknown"


def test_a_good_node_is_not_good_while_its_boot_is_not_seen() -> None:
    node = {
        "kind": "Node",
        "metadata": {
            "name": "n1",
            "labels": {"feature.node.kubernetes.io/kernel-selinux.enabled": "true", "node.openshift.io/secure-boot": "true"},
        },
    }
    assert fact("node", pod(), node, gaps={"Machine": "forbidden"})[1] == "unknown"


def test_a_token_is_not_good_while_the_secret_that_is_mounted_is_not_seen() -> None:
    mounts = pod(automountServiceAccountToken=False, volumes=[{"name": "t", "secret": {"secretName": "old"}}])
    assert fact("token", mounts)[1] == "pass"
    assert fact("token", mounts, gaps={"Secret": "forbidden"})[1] == "unknown"
