"""A Subscription installs an operator in the demo cluster, and the operator makes of its objects what the real one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.demo.client import Client
from ztui.demo.server import DemoThread

Obj = dict[str, Any]
OLM: Final = "/apis/operators.coreos.com"


@pytest.fixture(scope="module")
def admin() -> Iterator[Client]:
    with DemoThread(scenario="fresh", churn=False) as demo:
        yield Client(demo.url, demo.ca_pem, demo.token("admin"))


def until(admin: Client, path: str, is_so: Callable[[Obj], bool]) -> Obj:
    """The first state of an object on a list's watch that is so."""
    return next(event["object"] for event in admin.events(f"{path}?watch=true&timeoutSeconds=30") if is_so(event["object"]))


def create(admin: Client, path: str, obj: Obj) -> None:
    answer = admin.ask(path, "POST", obj)
    assert answer.code == 201, answer.body


def namespace(admin: Client, name: str) -> None:
    create(admin, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def subscribe(admin: Client, package: str, place: str, **more: str) -> str:
    spec = {"name": package, "channel": "stable", "source": "redhat-operators", "sourceNamespace": "openshift-marketplace"}
    path = f"{OLM}/v1alpha1/namespaces/{place}/subscriptions"
    head = {"apiVersion": "operators.coreos.com/v1alpha1", "kind": "Subscription", "metadata": {"name": package}}
    create(admin, path, {**head, "spec": {**spec, **more}})
    return path


def group(admin: Client, place: str) -> None:
    head = {"apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup", "metadata": {"name": place}}
    create(admin, f"{OLM}/v1/namespaces/{place}/operatorgroups", head)


def state(obj: Obj) -> str:
    return str((obj.get("status") or {}).get("state"))


def test_a_subscription_brings_the_operator_and_that_its_operands(admin: Client) -> None:
    path = subscribe(admin, "servicemeshoperator3", "openshift-operators")
    done = until(admin, path, lambda obj: state(obj) == "AtLatestKnown")
    assert done["status"]["installedCSV"] == "servicemeshoperator3.v3.1.2"
    csv = admin.ask(f"{OLM}/v1alpha1/namespaces/openshift-operators/clusterserviceversions/servicemeshoperator3.v3.1.2").body
    assert csv["status"]["phase"] == "Succeeded"
    owned = admin.ask("/apis/apps/v1/namespaces/openshift-operators/deployments/servicemesh-operator3").body
    assert [owner["name"] for owner in owned["metadata"]["ownerReferences"]] == ["servicemeshoperator3.v3.1.2"]
    namespace(admin, "mesh")
    spec = {"namespace": "mesh", "values": {"pilot": {"autoscaleMin": 2}}}
    head = {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}}
    create(admin, "/apis/sailoperator.io/v1/istios", {**head, "spec": spec})
    until(admin, "/apis/sailoperator.io/v1/istios", lambda obj: state(obj) == "Healthy")
    assert admin.ask("/apis/apps/v1/namespaces/mesh/deployments/istiod").body["spec"]["replicas"] == 2
    hook = admin.ask("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector").body
    assert hook["webhooks"][0]["clientConfig"]["service"]["namespace"] == "mesh"


def test_nothing_is_installed_before_there_is_an_operator_group(admin: Client) -> None:
    namespace(admin, "waiting")
    path = subscribe(admin, "nfd", "waiting")
    assert not admin.ask(f"{OLM}/v1alpha1/namespaces/waiting/installplans").body["items"]
    group(admin, "waiting")
    until(admin, path, lambda obj: state(obj) == "AtLatestKnown")


def test_a_plan_waits_for_its_approval(admin: Client) -> None:
    namespace(admin, "careful")
    group(admin, "careful")
    path = subscribe(admin, "compliance-operator", "careful", installPlanApproval="Manual")
    name = until(admin, path, lambda obj: state(obj) == "UpgradePending")["status"]["installPlanRef"]["name"]
    plan = f"{OLM}/v1alpha1/namespaces/careful/installplans/{name}"
    assert admin.ask(plan).body["status"]["phase"] == "RequiresApproval"
    answer = admin.ask(plan, "PATCH", {"spec": {"approved": True}}, content="application/merge-patch+json")
    assert answer.code == 200, answer.body
    until(admin, path, lambda obj: state(obj) == "AtLatestKnown")
    scans = admin.ask("/apis/compliance.openshift.io/v1alpha1/namespaces/careful/scansettings").body["items"]
    assert {item["metadata"]["name"] for item in scans} == {"default", "default-auto-apply"}


def test_what_no_catalogue_has_is_refused_with_a_reason(admin: Client) -> None:
    path = subscribe(admin, "no-such-operator", "openshift-operators")
    found = until(admin, path, lambda obj: obj["metadata"]["name"] == "no-such-operator" and bool(obj.get("status")))
    assert found["status"]["conditions"][0]["type"] == "ResolutionFailed"
