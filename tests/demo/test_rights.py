"""Every request of the demo is authenticated and authorised, by the RBAC objects that are stored at that moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.demo.client import PARTIAL_LIST, Client
from ztui.demo.server import DemoThread

AsUser = Callable[[str], Client]
RBAC = "rbac.authorization.k8s.io/v1"
REVIEW = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


def can(client: Client, user: str, verb: str, resource: str, **more: str) -> bool:
    spec = {"user": user, "groups": ["system:authenticated"], "resourceAttributes": {"verb": verb, "resource": resource, **more}}
    answer = client.ask(REVIEW, "POST", {"spec": spec})
    return bool(answer.body["status"]["allowed"])


@pytest.mark.parametrize(
    ("user", "path", "code"),
    [
        ("admin", "/api/v1/secrets", 200),
        ("viewer", "/api/v1/pods", 200),
        ("viewer", "/apis/security.istio.io/v1/peerauthentications", 200),
        ("viewer", "/api/v1/secrets", 403),
        ("viewer", "/api/v1/namespaces/kube-system/secrets/kubeadmin", 403),
        ("viewer", "/apis/oauth.openshift.io/v1/oauthclients", 403),
        ("viewer", "/apis/template.openshift.io/v1/namespaces/openshift-config/templates", 200),
        ("viewer", "/apis/template.openshift.io/v1/templates", 403),
        ("viewer", "/api/v1/namespaces/shop/pods/redis-0/log", 403),
        ("ana", "/api/v1/namespaces/shop/pods", 200),
        ("ana", "/api/v1/namespaces/data/pods", 403),
        ("ana", "/api/v1/namespaces", 403),
        ("ana", "/apis/route.openshift.io/v1/routes", 403),
        ("nobody", "/api/v1/namespaces/shop/pods", 403),
        ("nobody", "/version", 200),
        ("", "/version", 200),
        ("", "/api/v1/pods", 403),
        ("", "/apis", 403),
    ],
)
def test_who_gets_what(as_user: AsUser, user: str, path: str, code: int) -> None:
    assert as_user(user).ask(path).code == code


def test_a_bad_token_is_told_nothing(demo: DemoThread) -> None:
    answer = Client(demo.url, demo.ca_pem, "sha256~wrong").ask("/version")
    assert (answer.code, answer.body["message"]) == (401, "Unauthorized")


def test_a_right_that_is_taken_away_is_gone_at_once(demo: DemoThread, as_user: AsUser) -> None:
    ana, path = as_user("ana"), "/api/v1/namespaces/payments/pods"
    binding = demo.objects.get("rolebindings", "view-ana", "payments")
    assert ana.ask(path).code == 200
    demo.objects.delete("rolebindings", "view-ana", "payments")
    assert ana.ask(path).code == 403
    demo.objects.put(binding)
    assert ana.ask(path).code == 200


def test_an_aggregated_role_gains_what_a_label_brings(demo: DemoThread, admin: Client, as_user: AsUser) -> None:
    path = "/api/v1/namespaces/shop/secrets"
    assert as_user("ana").ask(path).code == 403
    labels = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    demo.objects.put({"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": "extra", "labels": labels}, "rules": rules})
    assert as_user("ana").ask(path, accept=PARTIAL_LIST).code == 200
    assert rules[0] in admin.ask(f"/apis/{RBAC}/clusterroles/view").body["rules"]
    demo.objects.delete("clusterroles.rbac.authorization.k8s.io", "extra")
    assert as_user("ana").ask(path).code == 403


def test_resource_names_match_that_name_only(demo: DemoThread, admin: Client) -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get", "list"]}
    demo.objects.put({"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "named", "namespace": "web"}, "rules": [rule]})
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "named"}
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "zoe"}
    named = {"name": "named", "namespace": "web"}
    demo.objects.put({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": named, "roleRef": ref, "subjects": [subject]})
    assert can(admin, "zoe", "get", "configmaps", namespace="web", name="one")
    assert not can(admin, "zoe", "get", "configmaps", namespace="web", name="two")
    assert not can(admin, "zoe", "list", "configmaps", namespace="web")
    assert not can(admin, "zoe", "get", "configmaps", namespace="shop", name="one")


def test_a_cluster_role_bound_in_a_namespace_stays_there(admin: Client) -> None:
    assert can(admin, "chidi", "delete", "pods", namespace="payments")
    assert not can(admin, "chidi", "delete", "pods", namespace="shop")
    assert not can(admin, "chidi", "list", "nodes")


def test_a_service_account_has_its_groups(demo: DemoThread, as_user: AsUser) -> None:
    bot = as_user("system:serviceaccount:ci:deploy-bot")
    body = bot.ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", "POST", {}).body
    assert body["status"]["userInfo"]["groups"] == ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]
    assert bot.ask("/api/v1/secrets", accept=PARTIAL_LIST).code == 200


def test_impersonation_needs_the_right_and_gives_the_rights(admin: Client, as_user: AsUser) -> None:
    path = "/api/v1/namespaces/data/pods"
    assert admin.ask(path, Impersonate_User="ana").code == 403
    assert admin.ask("/api/v1/namespaces/shop/pods", Impersonate_User="ana").code == 200
    refused = as_user("ana").ask(path, Impersonate_User="admin")
    assert refused.code == 403
    assert 'cannot impersonate resource "users"' in refused.body["message"]


def test_rules_review_lists_what_a_user_holds(as_user: AsUser) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rules = as_user("ana").ask(path, "POST", {"spec": {"namespace": "shop"}}).body["status"]["resourceRules"]
    assert any("deployments" in rule["resources"] and "list" in rule["verbs"] for rule in rules)
    elsewhere = as_user("ana").ask(path, "POST", {"spec": {"namespace": "data"}}).body["status"]["resourceRules"]
    assert not any("deployments" in rule["resources"] for rule in elsewhere)


def test_protobuf_reviews_are_read(as_user: AsUser) -> None:
    attributes = b"".join(bytes([tag, len(text)]) + text for tag, text in ((10, b"shop"), (18, b"list"), (42, b"pods")))
    spec = bytes([10, len(attributes)]) + attributes
    raw = bytes([18, len(spec)]) + spec
    kind = b"".join(bytes([tag, len(t)]) + t for tag, t in ((10, b"authorization.k8s.io/v1"), (18, b"SelfSubjectAccessReview")))
    body = b"k8s\x00" + bytes([10, len(kind)]) + kind + bytes([18, len(raw)]) + raw
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = as_user("ana").ask(path, "POST", body, content="application/vnd.kubernetes.protobuf")
    assert answer.body["status"]["allowed"] is True
