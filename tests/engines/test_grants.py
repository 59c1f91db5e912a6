"""The access engine: acceptance vectors, and properties of the matcher that hold for every rule and question."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.worlds import put, view_of, world
from ztui.engines.grants import (
    ANY,
    Found,
    Question,
    can,
    cluster_grants,
    grants_in,
    groups_of_account,
    question_for,
    rule_allows,
    what_can,
    who_can,
)
from ztui.kinds.rbac import Role, RoleBinding, Rule
from ztui.memo import Memo
from ztui.store import Whole
from ztui.view import View
from ztui.whocan import answer

ANYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
VERBS = st.sampled_from(["get", "list", "create", "patch", "*"])
GROUPS = st.sampled_from(["", "apps", "*"])
RESOURCES = st.sampled_from(["pods", "pods/exec", "pods/log", "secrets", "*", "*/exec"])
NAMES = st.sampled_from(["", "x", "y"])
RULES = st.builds(
    lambda verbs, groups, resources, names: Rule(tuple(verbs), tuple(groups), tuple(resources), tuple(names) or None),
    st.lists(VERBS, max_size=3),
    st.lists(GROUPS, max_size=2),
    st.lists(RESOURCES, max_size=3),
    st.lists(st.sampled_from(["x", "y"]), max_size=2),
)
QUESTIONS = st.builds(
    lambda verb, group, resource, name: Question(verb, group, resource, "", name), VERBS, GROUPS, RESOURCES, NAMES
)


def rule(verbs: str, resources: str, *, group: str = "", names: str = "") -> dict[str, Any]:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), "resourceNames": names.split()}


def cluster_role(name: str, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    labels = more.pop("labels", {})
    return {"kind": "ClusterRole", "metadata": {"name": name, "labels": labels}, "rules": list(rules), **more}


def binding(name: str, role: str, subject: str, namespace: str = "") -> dict[str, Any]:
    """``subject`` is ``User:ana``, ``Group:devs`` or ``ServiceAccount:shop/api``."""
    kind, _, who = subject.partition(":")
    place, _, account = who.rpartition("/")
    found = {"kind": kind, "name": account, "namespace": place} if kind == "ServiceAccount" else {"kind": kind, "name": who}
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    what = "RoleBinding" if namespace else "ClusterRoleBinding"
    return {"kind": what, "metadata": meta, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [found]}


def keys(found: tuple[Found, ...]) -> list[str]:
    return [item.grant.key for item in found]


def test_an_aggregated_role_gains_secrets_by_a_label() -> None:
    """V15."""
    selector = {"clusterRoleSelectors": [{"matchLabels": {"to-view": "true"}}]}
    objects = [
        cluster_role("view", aggregationRule=selector),
        cluster_role("extra", rule("get", "secrets"), labels={"to-view": "true"}),
        binding("viewers", "view", "ServiceAccount:shop/api"),
    ]
    (found,) = who_can(view_of(objects), question_for("get", "secrets"))
    assert found.grant.key == "sa:shop/api"
    assert found.grant.sources == ("extra",)
    objects[0]["rules"] = [rule("get", "pods")]
    assert who_can(view_of(objects), question_for("get", "secrets")) == (), "live rules decide where there are any"


def test_cluster_admin_in_a_namespace_ends_there() -> None:
    """V16."""
    view = view_of([cluster_role("cluster-admin", ANYTHING), binding("b", "cluster-admin", "User:ana", "a")])
    assert keys(who_can(view, question_for("get", "secrets", namespace="a"))) == ["user:ana"]
    assert who_can(view, question_for("get", "secrets", namespace="b")) == ()
    assert who_can(view, question_for("get", "nodes")) == ()
    assert who_can(view, question_for("get", "nodes", namespace="a")) == ()
    assert who_can(view, question_for("get", "/metrics")) == ()
    assert keys(who_can(view, question_for("use", "securitycontextconstraints", namespace="a"))) == ["user:ana"]


def test_single_names_are_marked() -> None:
    """V17."""
    view = view_of([cluster_role("r", rule("list create", "secrets", names="x")), binding("b", "r", "User:ana")])
    (found,) = who_can(view, question_for("list", "secrets"))
    assert found.named == ("x",)
    assert not can(view, "ana", (), Question("list", "", "secrets"))
    assert who_can(view, question_for("list", "secrets", "x"))[0].named == ()
    assert who_can(view, question_for("create", "secrets", "x")) == (), "a create carries no name"


@pytest.mark.parametrize(
    ("minor", "resource", "verb", "expected"),
    [
        (34, "pods/exec", "get", True),
        (35, "pods/exec", "get", False),
        (36, "nodes/proxy", "get", True),
        (36, "pods", "get", False),
    ],
)
def test_get_on_a_stream_is_an_exec(minor: int, resource: str, verb: str, expected: bool) -> None:
    """T47."""
    view = view_of([cluster_role("r", rule(verb, resource)), binding("b", "r", "User:ana")])
    asked = resource if "/" in resource else "pods/exec"
    assert bool(who_can(view, question_for("create", asked), minor=minor)) is expected
    assert not can(view, "ana", (), Question("create", "", asked)), "the plain answer is the server's"


def test_words_of_the_command_line() -> None:
    assert question_for("get", "deployments.apps") == Question("get", "apps", "deployments")
    assert question_for("*", "pods/exec", "x", "shop") == Question(ANY, ANY, "pods/exec", "shop", "x")
    assert question_for("patch", "deployments/scale.apps") == Question("patch", "apps", "deployments/scale")
    assert question_for("get", "/metrics") == Question("get", path="/metrics")


def test_an_account_is_in_the_groups_of_accounts() -> None:
    objects = [cluster_role("r", rule("get", "pods")), binding("b", "r", "Group:system:serviceaccounts:shop", "shop")]
    view = view_of(objects)
    user, groups = "system:serviceaccount:shop:api", groups_of_account("shop")
    assert can(view, user, groups, Question("get", "", "pods", "shop"))
    assert not can(view, user, groups_of_account("other"), Question("get", "", "pods", "shop"))
    assert [item.binding.name for item in what_can(view, user, groups)] == ["b"]


def test_one_binding_does_not_recompute_the_cluster() -> None:
    store = world([cluster_role("r", rule("get", "pods")), *(binding("b", "r", "User:ana", f"n{at}") for at in range(50))])
    memo = Memo()
    memo.advance(store.state)

    def everything(view: View) -> int:
        return len(view.derive(cluster_grants)) + sum(len(view.derive(grants_in, f"n{at}")) for at in range(50))

    assert memo.value(everything, ()) == 50
    before = memo.computed
    put(store, binding("c", "r", "User:ben", "n7"))
    memo.advance(store.tick(store.state.now))
    assert memo.value(everything, ()) == 51
    assert memo.computed - before == 2, "one namespace, and the sum"


def test_the_answer_says_what_it_could_not_read_and_is_clean() -> None:
    objects = [cluster_role("r", rule("get", "secrets")), binding("b", "r", "User:an\x1b[31ma")]
    text, complete = answer(world(objects).state, "get", "secrets", None, None, "table")
    assert complete
    assert "\x1b" not in text
    assert "clusterrolebinding/b" in text
    store = world(objects, gaps={"RoleBinding": "forbidden", "Role": "forbidden"})
    for kind in (Role, RoleBinding):
        store.apply(Whole(kind, frozenset(), "shop"))
    state = store.tick(store.state.now)
    assert not answer(state, "get", "secrets", None, None, "json")[1]
    assert not answer(state, "get", "secrets", None, "else", "yaml")[1]
    assert answer(state, "get", "secrets", None, "shop", "json")[1]


@given(RULES, QUESTIONS)
def test_a_wildcard_never_takes_away(item: Rule, question: Question) -> None:
    if rule_allows(item, question):
        wider = Rule((*(item.verbs or ()), "*"), (*(item.api_groups or ()), "*"), (*(item.resources or ()), "*"))
        assert rule_allows(wider, question)


@given(RULES, QUESTIONS)
def test_names_only_narrow(item: Rule, question: Question) -> None:
    free = Rule(item.verbs, item.api_groups, item.resources)
    if rule_allows(item, question):
        assert rule_allows(free, question)
        assert not item.resource_names or question.name in item.resource_names
    assert rule_allows(item, question, any_name=True) == rule_allows(free, question)


@given(RULES, QUESTIONS)
def test_any_is_what_some_verb_or_group_is(item: Rule, question: Question) -> None:
    asked = Question(ANY, ANY, question.resource, question.namespace, question.name)
    if rule_allows(item, question):
        assert rule_allows(item, asked)


@given(RULES)
def test_a_resource_is_not_its_subresource(item: Rule) -> None:
    if "pods" in (item.resources or ()) and not {"*", "*/exec", "pods/exec"} & set(item.resources or ()):
        assert not rule_allows(item, Question("create", "", "pods/exec", "", "x"))


@given(st.sampled_from(["*", "/a", "/a/*", "/a*", "/"]), st.sampled_from(["/a", "/a/b", "/ab", "/", "/b"]))
def test_paths_match_whole_or_by_prefix(pattern: str, path: str) -> None:
    found = rule_allows(Rule(("get",), None, None, None, (pattern,)), Question("get", path=path))
    prefix = pattern.rstrip("*")
    assert found == (path == pattern or (pattern.endswith("*") and path.startswith(prefix)))


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_words_make_a_question(verb: str, resource: str) -> None:
    assert who_can(view_of(), question_for(verb, resource)) == ()
