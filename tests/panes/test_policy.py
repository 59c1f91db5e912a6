"""The panes of policy beside reach: admission by every engine, mesh authorization, and what if a binding went away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from tests.worlds import view_of
from ztui.engines.admission import controls
from ztui.kinds.base import Ref
from ztui.panes.access import access_lines
from ztui.panes.admission import admission_lines, document
from ztui.panes.base import Line
from ztui.panes.mesh import mesh_lines
from ztui.panes.unbind import loss_lines
from ztui.view import View

SPACES: list[Any] = [
    {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
    {"kind": "Namespace", "metadata": {"name": "data", "labels": {"pod-security.kubernetes.io/enforce": "privileged"}}},
]


def obj(kind: str, name: str, namespace: str = "", group: str = "", **rest: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, **({"namespace": namespace} if namespace else {})}
    meta |= rest.pop("meta", {})
    return {"kind": kind, "metadata": meta, **({"apiVersion": f"{group}/v1"} if group else {}), **rest}


def hooked(engine: str, failure: str = "Fail") -> dict[str, Any]:
    name = {"Kyverno": "validate.kyverno.svc-fail", "Gatekeeper": "validation.gatekeeper.sh"}[engine]
    hook = {"name": name, "failurePolicy": failure, "clientConfig": {"service": {"namespace": "x", "name": "y"}}}
    return obj("ValidatingWebhookConfiguration", engine.lower(), webhooks=[hook])


def kyverno(action: str) -> dict[str, Any]:
    match = {"any": [{"resources": {"kinds": ["Pod"]}}]}
    rule = {"name": "r", "match": match, "validate": {"failureAction": action, "podSecurity": {"level": "baseline"}}}
    return obj("ClusterPolicy", "baseline", group="kyverno.io", spec={"rules": [rule]})


def binding(*actions: str, policy: str = "p") -> list[dict[str, Any]]:
    spec = {"policyName": policy, "validationActions": list(actions)}
    found = obj("ValidatingAdmissionPolicy", "p", spec={"failurePolicy": "Ignore", "validations": [{}]})
    return [found, obj("ValidatingAdmissionPolicyBinding", "b", spec=spec)]


def constraint(action: str) -> dict[str, Any]:
    spec = {"enforcementAction": action}
    return obj("K8sContainerLimits", "limits", spec=spec, status={"totalViolations": 3})


def signed(mode: str) -> dict[str, Any]:
    spec = {"mode": mode, "images": [{"glob": "**"}], "authorities": [{}]}
    found = obj("ClusterImagePolicy", "signed", spec=spec)
    return {**found, "apiVersion": "policy.sigstore.dev/v1beta1"}


ASKING = obj("Namespace", "pay", meta={"labels": {"policy.sigstore.dev/include": "true"}})


def modes(objects: Iterable[Any], name: str) -> dict[str, Any]:
    found = next(item for item in controls(view_of([*SPACES, *objects])) if item.on.name == name)
    return {"mode": found.mode, "where": found.namespaces, "closed": found.closed, "violations": found.violations}


@pytest.mark.parametrize(
    ("objects", "name", "mode", "where"),
    [
        ([hooked("Kyverno"), kyverno("Enforce")], "baseline", "enforce", ("data", "shop")),
        ([hooked("Kyverno"), kyverno("Audit")], "baseline", "audit", ()),
        ([kyverno("Enforce")], "baseline", "off", ()),
        (binding("Deny"), "b", "enforce", ("data", "shop")),
        (binding("Warn", "Audit"), "b", "warn", ()),
        (binding("Deny", policy="other"), "b", "off", ()),
        ([hooked("Gatekeeper", "Ignore"), constraint("deny")], "limits", "enforce", ("data", "shop")),
        ([hooked("Gatekeeper"), constraint("dryrun")], "limits", "audit", ()),
        ([constraint("deny")], "limits", "off", ()),
        ([signed("enforce")], "signed", "off", ()),  # no namespace asks for it
        (
            [signed("warn"), ASKING],
            "signed",
            "warn",
            ("pay",),
        ),
    ],
)
def test_a_control_is_what_it_does_and_not_what_it_says(objects: list[Any], name: str, mode: str, where: tuple[str, ...]) -> None:
    found = modes(objects, name)
    assert (found["mode"], found["where"]) == (mode, where)


def test_who_fails_open_and_what_an_engine_counted_is_told() -> None:
    gate = modes([hooked("Gatekeeper", "Ignore"), constraint("deny")], "limits")
    assert gate["closed"] is False
    assert gate["violations"] == 3
    assert modes(binding("Deny"), "b")["closed"] is False


def test_levels_of_pod_security_are_taken_together_and_privileged_refuses_nothing() -> None:
    found = {item.title: (item.mode, item.namespaces) for item in controls(view_of(SPACES)) if item.engine == "pod security"}
    assert found == {"level privileged": ("off", ("data",)), "level restricted": ("enforce", ("shop",))}


def test_exemptions_are_lines_of_their_own() -> None:
    exception = obj("PolicyException", "for-ever", "shop", "kyverno.io", spec={"match": {"any": [{}]}})
    config = obj("Config", "config", "gate", spec={"match": [{"excludedNamespaces": ["da*"], "processes": ["*"]}]})
    found = controls(view_of([*SPACES, exception, {**config, "apiVersion": "config.gatekeeper.sh/v1alpha1"}]))
    assert {(item.on.name, item.namespaces) for item in found if item.mode == "exempt"} == {
        ("for-ever", ("shop",)),
        ("config", ("data",)),
    }


def test_only_what_touches_a_namespace_is_listed_for_it() -> None:
    view = view_of(SPACES)
    told = document(view, "data")
    assert [item["title"] for item in told["controls"]] == ["level privileged"]
    assert json.loads(msgspec.json.encode(told))["schema"] == "ztui.admission"


def test_an_engine_that_is_not_here_and_one_that_may_not_be_read_are_told_apart() -> None:
    gaps = {"K8sContainerLimits": "forbidden", "SecurityContextConstraints": "api-absent", "ClusterPolicy": "api-absent"}
    lines = {line.key: line for line in admission_lines(view_of(SPACES, gaps=gaps))}
    assert lines["unseen:Gatekeeper:k8scontainerlimits"].status == "unknown"
    assert "forbidden" in lines["unseen:Gatekeeper:k8scontainerlimits"].cells[-1].text
    assert not any(key.startswith("unseen:Kyverno") for key in lines)  # its other kinds are served: nothing is hidden


def meshed(*policies: dict[str, Any], **how: Any) -> dict[str, Line]:
    istio = obj("Istio", "default", spec={"namespace": "istio-system"})
    boxes = [{"name": "app", "image": "i"}, {"name": "istio-proxy", "image": "p"}]
    web = obj("Pod", "web", "shop", spec={"containers": boxes}, meta={"labels": {"app": "web"}})
    objects = [*SPACES, istio, web, "pod/shop/bare", *policies]
    return {line.key.rpartition("/")[2]: line for line in mesh_lines(view_of(objects, **how))}


def allow(name: str, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    return obj("AuthorizationPolicy", name, namespace, spec=spec, meta=spec.pop("meta", {}))


CALLER = {"from": [{"source": {"principals": ["cluster.local/ns/a/sa/b"]}}], "to": [{"operation": {"methods": ["GET"]}}]}


@pytest.mark.parametrize(
    ("policies", "who", "by"),
    [
        ([], "anybody", "–"),
        ([allow("none")], "nobody", "shop/none"),
        ([allow("root", "istio-system")], "nobody", "istio-system/root"),
        ([allow("none"), allow("one", rules=[CALLER])], "cluster.local/ns/a/sa/b (GET)", "shop/one"),
        ([allow("all", rules=[{}])], "anybody", "shop/all"),
        ([allow("other", selector={"matchLabels": {"app": "db"}})], "anybody", "–"),
        ([allow("dry", meta={"annotations": {"istio.io/dry-run": "true"}})], "anybody", "–"),
        ([allow("no", action="DENY", rules=[CALLER])], "anybody", "–"),
    ],
)
def test_whom_the_mesh_lets_call(policies: list[Any], who: str, by: str) -> None:
    line = meshed(*policies)["web"]
    assert [item.text for item in line.cells[2:5:2]] == [who, by]


def test_a_workload_outside_of_the_mesh_is_asked_by_nobody() -> None:
    line = meshed(allow("none"))["bare"]
    assert line.status == "outside"
    assert "no policy of it is asked" in line.cells[-1].text


def test_policies_that_may_not_be_read_and_a_mesh_that_is_not_there_say_so() -> None:
    line = meshed(gaps={"AuthorizationPolicy/shop": "forbidden"})["web"]
    assert line.status == "unknown"
    assert line.cells[2].text == "?"
    (none,) = mesh_lines(view_of(SPACES))
    assert "there is no mesh" in none.cells[-1].text


ATTACHED: dict[str, Any] = {"targetRef": {"kind": "Service", "name": "web"}}


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ("AuthorizationPolicy/istio-system", "authorizationpolicies"),  # policies of the root namespace hold everywhere
        ("Istio", "istios"),  # which says what the root namespace is
        ("ServiceMeshControlPlane", "servicemeshcontrolplanes"),
        ("Service/shop", "services"),  # what the policy is attached to
    ],
)
def test_whom_the_mesh_lets_call_is_unknown_where_what_it_rests_on_was_not_read(hidden: str, told: str) -> None:
    why = "stale" if hidden == "Istio" else "forbidden"
    line = meshed(allow("one", rules=[CALLER]), allow("two", rules=[{}], **ATTACHED), gaps={hidden: why})["web"]
    assert (line.status, line.cells[2].text) == ("unknown", "?")
    assert line.cells[-1].text.startswith(f"{told} could not all be read: {why}")


def test_a_service_that_no_policy_is_attached_to_hides_nothing() -> None:
    assert meshed(allow("one", rules=[CALLER]), gaps={"Service/shop": "forbidden"})["web"].status == "named"


def test_a_sidecar_leaves_policies_alone_that_are_attached_to_a_service() -> None:
    service = obj("Service", "web", "shop", spec={"selector": {"app": "web"}})
    assert meshed(service, allow("none", **ATTACHED))["web"].status == "anybody"


def test_a_workload_with_a_pod_outside_of_the_mesh_is_outside() -> None:
    owner = {"kind": "ReplicaSet", "apiVersion": "apps/v1", "name": "api", "uid": "u", "controller": True}
    meta = {"labels": {"app": "api"}, "ownerReferences": [owner]}
    boxes = [{"name": "app", "image": "i"}, {"name": "istio-proxy", "image": "p"}]
    pods = [
        obj("Pod", "api-1", "shop", spec={"containers": boxes}, meta=meta),
        obj("Pod", "api-2", "shop", spec={"containers": boxes[:1]}, meta=meta),
    ]
    line = meshed(*pods, allow("none"))["api"]
    assert (line.status, line.cells[1].text) == ("outside", "none")


def test_namespaces_that_could_not_all_be_read_are_a_line_of_the_mesh() -> None:
    gaps = {"Namespace": "forbidden"}
    istio = obj("Istio", "default", spec={"namespace": "istio-system"})
    boxes = [{"name": "app", "image": "i"}, {"name": "istio-proxy", "image": "p"}]
    view = view_of([istio, obj("Pod", "web", "shop", spec={"containers": boxes})], gaps=gaps)
    (line,) = mesh_lines(view)
    assert line.status == "unknown"
    assert "namespaces could not all be read" in line.cells[-1].text
    assert [item.status for item in mesh_lines(view, "shop")] == ["anybody"]


ROLE = obj("ClusterRole", "reader", rules=[{"apiGroups": [""], "resources": ["secrets", "pods"], "verbs": ["get"]}])
ADMIN = obj("ClusterRole", "cluster-admin", rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])
PODS = obj("ClusterRole", "pods", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}])


def bound(name: str, role: str, subject: str, namespace: str = "") -> dict[str, Any]:
    kind, _, who = subject.partition(":")
    ref = {"kind": "ClusterRole", "name": role, "apiGroup": "rbac.authorization.k8s.io"}
    found = obj("RoleBinding" if namespace else "ClusterRoleBinding", name, namespace)
    return {**found, "roleRef": ref, "subjects": [{"kind": kind, "name": who, "namespace": "shop" if "Serv" in kind else ""}]}


def lost(view: View, kind: str, name: str, namespace: str = "") -> dict[str, list[str]]:
    ref = Ref("rbac.authorization.k8s.io", kind, namespace, name)
    lines = loss_lines(view, ref)
    return {line.cells[0].text: [item.text.strip() for item in line.cells[1:5]] for line in lines}


def test_what_a_subject_holds_by_another_binding_is_no_loss() -> None:
    view = view_of([*SPACES, ROLE, PODS, bound("a", "reader", "User:ana"), bound("b", "pods", "User:ana")])
    assert lost(view, "ClusterRoleBinding", "a") == {"user:ana": ["1", "1", "–", "get secrets"]}
    assert lost(view, "ClusterRoleBinding", "b") == {"user:ana": ["1", "1", "–", "list pods"]}


def test_a_right_in_one_namespace_does_not_make_up_for_one_everywhere() -> None:
    view = view_of([*SPACES, ROLE, bound("a", "reader", "User:ana"), bound("b", "reader", "User:ana", "shop")])
    assert lost(view, "ClusterRoleBinding", "a")["user:ana"][0] == "2"
    assert lost(view, "RoleBinding", "b", "shop") == {"user:ana": ["0", "2", "–", "nothing"]}


def test_who_no_longer_becomes_everything_is_told() -> None:
    account = obj("ServiceAccount", "deploy", "shop")
    view = view_of([*SPACES, account, ADMIN, bound("root", "cluster-admin", "ServiceAccount:deploy")])
    assert lost(view, "ClusterRoleBinding", "root") == {"sa:shop/deploy": ["1", "0", "everything", "do anything with everything"]}


def test_a_binding_that_is_gone_has_no_subjects() -> None:
    assert lost(view_of(SPACES), "ClusterRoleBinding", "gone") == {}


def test_an_engine_whose_webhooks_may_not_be_read_is_unknown_and_not_off() -> None:
    view = view_of([*SPACES, kyverno("Enforce")], gaps={"ValidatingWebhookConfiguration": "forbidden"})
    line = next(line for line in admission_lines(view) if "baseline" in line.cells[1].text and line.ref and line.ref.group)
    assert line.status == "unknown"
    assert "Whether anybody asks its engine is unknown" in line.cells[-1].text


@pytest.mark.parametrize("kind", ["Istio", "ServiceMeshControlPlane", "Deployment"])
def test_a_mesh_that_may_not_be_seen_is_not_said_to_be_absent(kind: str) -> None:
    (line,) = mesh_lines(view_of(SPACES, gaps={kind: "forbidden"}))
    assert line.status == "unknown"


def test_what_is_lost_is_less_sure_where_not_all_bindings_were_read() -> None:
    view = view_of([*SPACES, ROLE, bound("a", "reader", "User:ana")], gaps={"RoleBinding": "forbidden"})
    assert lost(view, "ClusterRoleBinding", "a")["user:ana"][:2] == ["2?", "0+?"]


def test_a_binding_that_may_not_be_read_is_not_said_to_be_gone() -> None:
    ref = Ref("rbac.authorization.k8s.io", "RoleBinding", "shop", "b")
    (line,) = loss_lines(view_of(SPACES, gaps={"RoleBinding/shop": "forbidden"}), ref)
    assert line.status == "unknown"
    assert "whether there is a rolebinding/shop/b is unknown" in line.cells[-1].text
    assert loss_lines(view_of(SPACES, gaps={"RoleBinding/other": "forbidden"}), ref) == ()


def test_a_role_that_may_not_be_read_takes_away_what_nobody_knows() -> None:
    view = view_of([*SPACES, bound("a", "reader", "User:ana")], gaps={"ClusterRole": "forbidden"})
    assert lost(view, "ClusterRoleBinding", "a") == {"user:ana": ["0?", "0+?", "?", "?"]}


def test_whom_one_no_longer_becomes_is_unknown_where_what_leads_there_was_not_read() -> None:
    view = view_of([*SPACES, ROLE, bound("a", "reader", "User:ana")], gaps={"ServiceAccount": "forbidden"})
    assert lost(view, "ClusterRoleBinding", "a")["user:ana"][:3] == ["2", "0", "?"]


def test_whether_everybody_holds_an_answer_is_unknown_where_not_all_bindings_were_read() -> None:
    everybody = {item.cells[3].text for item in access_lines(view_of(SPACES))}
    unseen = {
        (item.cells[3].text, item.cells[3].tone) for item in access_lines(view_of(SPACES, gaps={"RoleBinding": "forbidden"}))
    }
    assert everybody == {"–"}
    assert unseen == {("?", "unknown")}


BELOW = {**obj("ImagePolicy", "own", "shop", spec={"scopes": ["quay.io/shop"]}), "apiVersion": "config.openshift.io/v1"}


@pytest.mark.parametrize(
    ("objects", "hidden", "name"),
    [
        (binding("Deny")[1:], "ValidatingAdmissionPolicy", "b"),
        (binding("Deny")[:1], "ValidatingAdmissionPolicyBinding", "p"),
        ([BELOW], "ClusterImagePolicy", "own"),
    ],
)
def test_a_control_is_unknown_where_the_other_half_of_it_was_not_read(objects: list[Any], hidden: str, name: str) -> None:
    view = view_of([*SPACES, *objects])
    assert next(item for item in controls(view) if item.on.name == name).mode in {"off", "enforce"}
    found = next(item for item in controls(view_of([*SPACES, *objects], gaps={hidden: "forbidden"})) if item.on.name == name)
    assert found.mode == "unknown"


def test_without_namespaces_nobody_knows_who_asks_for_signatures_and_nothing_is_in_every_one() -> None:
    (found,) = controls(view_of([signed("enforce")], gaps={"Namespace": "forbidden"}))
    assert found.mode == "unknown"
    lines = admission_lines(view_of([*SPACES, *binding("Deny")], gaps={"Namespace": "stale"}))
    assert next(line for line in lines if line.cells[0].text == "API server").cells[3].text == "2 of ?"


def report(name: str, *results: tuple[str, str], namespace: str = "shop") -> dict[str, Any]:
    told = [{"policy": policy, "result": result} for policy, result in results]
    return {"kind": "PolicyReport", "metadata": {"name": name, "namespace": namespace}, "results": told}


OWNED = {
    "kind": "ClusterPolicy",
    "apiVersion": "kyverno.io/v1",
    "metadata": {"name": "owner"},
    "spec": {"rules": [{"name": "owner", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]}}]},
}
TOLD = (
    report("a", ("owner", "fail"), ("foreign", "fail")),
    report("b", ("owner", "pass")),
    report("c", ("owner", "fail"), namespace="web"),
)


def told_of(name: str, *, namespace: str = "", gaps: dict[str, str] | None = None) -> tuple[str, str]:
    lines = admission_lines(view_of([*SPACES, OWNED, *TOLD], gaps=gaps or {}), namespace)
    line = next(line for line in lines if line.cells[1].text == name)
    return line.cells[5].text.strip(), line.cells[7].text


def test_failures_that_reports_tell_of_stand_at_their_policy() -> None:
    count, says = told_of("owner")
    assert count == "2"
    assert "Of 3 results in policy reports 2 are failures." in says
    assert told_of("owner", namespace="web")[0] == "1"
    assert told_of("foreign") == ("1", "policy reports tell of foreign, which is no policy of this list: of 1 results 1 failed.")


def test_reports_that_could_not_be_read_are_said_and_none_at_all_is_no_line() -> None:
    found = view_of([*SPACES, OWNED, *TOLD], gaps={"PolicyReport": "forbidden"})
    keys = [line.key for line in admission_lines(found)]
    assert "unseen:reports:policy reports" in keys
    assert document(found, "")["reports"]["policies"] == []
    assert document(found, "")["reports"]["gap"]
    absent = dict.fromkeys(("PolicyReport", "ClusterPolicyReport", "Report", "ClusterReport"), "api-absent")
    assert not any("reports" in line.key for line in admission_lines(view_of([*SPACES, OWNED], gaps=absent)))


def test_the_document_counts_by_policy() -> None:
    found = document(view_of([*SPACES, OWNED, *TOLD]), "")
    assert {item["policy"]: (item["failed"], item["results"]) for item in found["reports"]["policies"]} == {
        "foreign": (1, 1),
        "owner": (2, 3),
    }
    assert next(item for item in found["controls"] if item["object"] == "clusterpolicy/owner")["violations"] == 2
