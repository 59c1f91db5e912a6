"""Escalation paths: every edge with its table, what the server prevents, and that paths are short and true."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.test_grants import ANYTHING, binding, cluster_role, rule
from tests.worlds import view_of
from ztui.engines.paths import EVERYTHING, in_words, paths_to, steps_from

RBAC = "rbac.authorization.k8s.io"
SHOP = ["namespace/shop", "serviceaccount/shop/ci", "serviceaccount/shop/deployer", "pod/shop/web"]
DEPLOYER = [cluster_role("all", ANYTHING), binding("deployer", "all", "ServiceAccount:shop/deployer")]


def reach(subject: str, *objects: Any) -> dict[str, str]:
    view = view_of([*SHOP, *objects])
    return {name: in_words(path) for name, path in steps_from(view, subject).items()}


@pytest.mark.parametrize(
    ("rules", "target", "words"),
    [
        ([rule("create", "pods")], "sa:shop/deployer", "runs pods in shop"),
        ([rule("patch", "deployments", group="apps", names="web")], "sa:shop/deployer", "runs pods in shop"),
        ([rule("create", "pods/exec")], "sa:shop/default", "execs into pods in shop"),
        ([rule("patch", "pods/ephemeralcontainers")], "sa:shop/default", "changes running pods in shop"),
        ([rule("create", "serviceaccounts/token")], "sa:shop/deployer", "makes tokens in shop"),
        ([rule("create", "serviceaccounts/token", names="deployer")], "sa:shop/deployer", "makes a token in shop"),
        ([rule("impersonate", "serviceaccounts")], "sa:shop/deployer", "impersonates accounts in shop"),
        (
            [rule("create", "rolebindings", group=RBAC), rule("bind", "clusterroles", group=RBAC)],
            "sa:shop/deployer",
            "binds any role in shop",
        ),
    ],
)
def test_a_right_in_a_namespace_leads_to_its_accounts_and_on(rules: list[dict[str, Any]], target: str, words: str) -> None:
    found = reach("sa:shop/ci", *DEPLOYER, cluster_role("r", *rules), binding("b", "r", "ServiceAccount:shop/ci", "shop"))
    assert found[target] == f"{words} → {target}" or found[target].startswith(words)
    assert (EVERYTHING in found) == (target == "sa:shop/deployer")


@pytest.mark.parametrize(
    "rules",
    [
        [rule("get list watch", "pods secrets")],
        [rule("create update", "rolebindings", group=RBAC)],
        [rule("create", "roles", group=RBAC)],
        [rule("get", "pods/log")],
        [rule("create", "serviceaccounts")],
    ],
)
def test_what_the_server_prevents_or_what_only_reads_leads_nowhere(rules: list[dict[str, Any]]) -> None:
    found = reach("sa:shop/ci", *DEPLOYER, cluster_role("r", *rules), binding("b", "r", "ServiceAccount:shop/ci", "shop"))
    assert not [name for name in found if name.startswith("sa:") or name == EVERYTHING]


@pytest.mark.parametrize(
    "rules",
    [
        [rule("impersonate", "groups")],
        [rule("patch", "mutatingwebhookconfigurations", group="admissionregistration.k8s.io")],
        [rule("create", "apiservices", group="apiregistration.k8s.io")],
        [
            rule("update", "certificatesigningrequests/approval", group="certificates.k8s.io"),
            rule("approve", "signers", group="certificates.k8s.io"),
        ],
        [rule("create", "clusterrolebindings", group=RBAC), rule("bind", "clusterroles", group=RBAC)],
        [rule("update", "clusterroles", group=RBAC), rule("escalate", "clusterroles", group=RBAC)],
    ],
)
def test_cluster_rights_that_end_in_everything(rules: list[dict[str, Any]]) -> None:
    found = reach("user:ana", cluster_role("r", *rules), binding("b", "r", "User:ana"))
    assert EVERYTHING in found


def test_labels_of_cluster_roles_are_a_way_for_whoever_holds_an_aggregated_role() -> None:
    aggregated = cluster_role("view", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"to": "view"}}]})
    part = cluster_role("part", rule("get", "pods"), labels={"to": "view"})
    editor = [cluster_role("r", rule("patch", "clusterroles", group=RBAC)), binding("b", "r", "User:ana")]
    assert EVERYTHING not in reach("user:ana", aggregated, part, *editor)
    assert EVERYTHING in reach("user:ana", aggregated, part, *editor, binding("v", "view", "User:ana"))


def test_a_privileged_scc_of_the_group_and_pods_of_its_own_lead_to_every_running_account() -> None:
    use = {
        "verbs": ["use"],
        "apiGroups": ["security.openshift.io"],
        "resources": ["securitycontextconstraints"],
        "resourceNames": ["privileged"],
    }
    found = reach(
        "sa:shop/ci",
        "namespace/bank",
        {"kind": "Pod", "metadata": {"name": "vault", "namespace": "bank"}, "spec": {"serviceAccountName": "vault"}},
        {"kind": "SecurityContextConstraints", "metadata": {"name": "privileged"}, "allowPrivilegedContainer": True},
        cluster_role("scc", use),
        binding("scc", "scc", "Group:system:serviceaccounts:shop", "shop"),
        cluster_role("run", rule("create", "pods")),
        binding("run", "run", "ServiceAccount:shop/ci", "shop"),
    )
    assert found["sa:bank/vault"] == "runs privileged pods in shop → sa:bank/vault"


def test_a_path_names_each_identity_on_the_way_and_groups_are_no_step() -> None:
    view = view_of(
        [
            *SHOP,
            *DEPLOYER,
            {"kind": "Group", "apiVersion": "user.openshift.io/v1", "metadata": {"name": "devs"}, "users": ["ana"]},
            cluster_role("run", rule("create", "pods")),
            binding("run", "run", "Group:devs", "shop"),
        ]
    )
    found = paths_to(view, ["sa:shop/deployer"])
    assert in_words(found["user:ana"]) == "is in → group:devs, runs pods in shop → sa:shop/deployer"
    assert in_words(found["group:devs"]) == "runs pods in shop → sa:shop/deployer"
    assert "sa:shop/deployer" not in found


def test_a_cloud_identity_is_where_a_path_leaves_the_cluster() -> None:
    arn = "arn:aws:iam::1:role/backup"
    account = {
        "kind": "ServiceAccount",
        "metadata": {"name": "backup", "namespace": "shop", "annotations": {"eks.amazonaws.com/role-arn": arn}},
    }
    found = reach(
        "sa:shop/ci", account, cluster_role("r", rule("create", "pods")), binding("b", "r", "ServiceAccount:shop/ci", "shop")
    )
    assert found[f"cloud:{arn}"] == f"runs pods in shop → sa:shop/backup, acts in the cloud → cloud:{arn}"
