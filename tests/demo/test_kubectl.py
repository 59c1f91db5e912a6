"""The real kubectl works with the demo as with any cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.demo.conftest import Kubectl
from ztui.demo.server import DemoThread

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: %s}
data: {colour: %s}
"""


@pytest.fixture
def space(demo: DemoThread) -> Iterator[str]:
    demo.objects.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "play"}})
    yield "play"
    demo.objects.delete("namespaces", "play")


def lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_get_pods_prints_the_usual_columns(kubectl: Kubectl) -> None:
    table = lines(kubectl("get", "pods", "-A"))
    assert table[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert sum("Running" in row for row in table) > 150


def test_watching_pods_shows_a_change(kubectl: Kubectl, demo: DemoThread) -> None:
    # Its own condition ends the watch: the pod of another thread goes while kubectl waits for exactly that.
    demo.objects.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "doomed", "namespace": "web"}})
    demo.objects.put(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "doomed", "namespace": "web", "labels": {"seen": "yes"}}}
    )
    done = kubectl("wait", "--for=jsonpath={.metadata.labels.seen}=yes", "configmap/doomed", "-n", "web", "--timeout=20s")
    assert lines(done) == ["configmap/doomed condition met"]


def test_get_watch_prints_a_pod_that_comes_and_goes(watching: Callable[..., Iterator[str]], kubectl: Kubectl, space: str) -> None:
    rows = watching("get", "pods", "-A", "-w", "--output-watch-events")
    assert next(rows).split()[:4] == ["EVENT", "NAMESPACE", "NAME", "READY"]
    assert next(rows).split()[0] == "ADDED"
    assert lines(kubectl("run", "brief", "--image=registry.demo.example/brief:1", "-n", space))
    seen = [next(row.split()[0] for row in rows if row.split()[1:3] == [space, "brief"])]
    assert lines(kubectl("delete", "pod", "brief", "-n", space))
    seen.append(next(row.split()[0] for row in rows if row.split()[1:3] == [space, "brief"] and row.startswith("DELETED")))
    assert seen == ["ADDED", "DELETED"]


def test_a_new_pod_becomes_ready_while_kubectl_waits(kubectl: Kubectl, space: str) -> None:
    assert lines(kubectl("create", "deployment", "hello", "--image=registry.demo.example/hello:1", "-n", space))
    done = kubectl("wait", "--for=condition=Available", "deployment/hello", "-n", space, "--timeout=20s")
    assert lines(done) == ["deployment.apps/hello condition met"]
    assert lines(kubectl("scale", "deployment/hello", "--replicas=3", "-n", space))
    rolled = lines(kubectl("rollout", "status", "deployment/hello", "-n", space, "--timeout=20s"))
    assert rolled[-1] == 'deployment "hello" successfully rolled out'
    assert len(lines(kubectl("get", "pods", "-n", space, "-o", "name"))) == 3


def test_apply_dry_run_changes_nothing(kubectl: Kubectl, space: str) -> None:
    done = kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=CONFIG % (space, "red"))
    assert lines(done) == ["configmap/settings serverside-applied (server dry run)"]
    assert "NotFound" in kubectl("get", "configmap", "settings", "-n", space).stderr


def test_apply_names_the_manager_in_the_way(kubectl: Kubectl, space: str) -> None:
    assert lines(kubectl("apply", "--server-side", "-f", "-", stdin=CONFIG % (space, "red")))
    other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
    refused = kubectl(*other, stdin=CONFIG % (space, "blue"))
    assert 'conflict with "kubectl"' in refused.stderr
    assert ".data.colour" in refused.stderr
    assert lines(kubectl(*other, "--force-conflicts", stdin=CONFIG % (space, "blue")))
    shown = json.loads(kubectl("get", "configmap", "settings", "-n", space, "-o", "json").stdout)
    assert shown["data"] == {"colour": "blue"}


def test_can_i_list_says_what_a_viewer_of_two_namespaces_may_do(kubectl: Kubectl) -> None:
    assert lines(kubectl("auth", "can-i", "list", "pods", "-n", "shop", user="ana")) == ["yes"]
    assert kubectl("auth", "can-i", "list", "pods", "-n", "data", user="ana").stdout.strip() == "no"
    table = "\n".join(lines(kubectl("auth", "can-i", "--list", "-n", "shop", user="ana")))
    assert "deployments.apps" in table
    assert "selfsubjectaccessreviews.authorization.k8s.io" in table


def test_api_resources_and_explain(kubectl: Kubectl) -> None:
    names = lines(kubectl("api-resources", "-o", "name"))
    assert {"pods", "routes.route.openshift.io", "peerauthentications.security.istio.io"} <= set(names)
    assert any("serviceAccountName" in row for row in lines(kubectl("explain", "pod.spec")))


def test_label_patch_delete(kubectl: Kubectl, space: str) -> None:
    assert lines(kubectl("create", "configmap", "c", "--from-literal=a=b", "-n", space))
    assert lines(kubectl("label", "configmap", "c", "colour=red", "-n", space)) == ["configmap/c labeled"]
    assert lines(kubectl("patch", "configmap", "c", "-n", space, "-p", '{"data":{"a":"c"}}')) == ["configmap/c patched"]
    shown = json.loads(kubectl("get", "configmap", "c", "-n", space, "-o", "json").stdout)
    assert (shown["data"], shown["metadata"]["labels"]) == ({"a": "c"}, {"colour": "red"})
    assert lines(kubectl("delete", "configmap", "c", "-n", space))
    assert "NotFound" in kubectl("get", "configmap", "c", "-n", space).stderr


def test_a_custom_resource_is_created_and_patched(kubectl: Kubectl) -> None:
    made = (
        '{"apiVersion":"security.istio.io/v1","kind":"PeerAuthentication","metadata":{"name":"x","namespace":"data"},"spec":{}}'
    )
    assert lines(kubectl("create", "-f", "-", stdin=made))
    patch = ("patch", "peerauthentication", "x", "-n", "data", "--type=merge", "-p", '{"spec":{"mtls":{"mode":"STRICT"}}}')
    assert lines(kubectl(*patch))
    assert lines(kubectl("get", "pa", "x", "-n", "data"))[1].split()[:2] == ["x", "STRICT"]
    assert lines(kubectl("delete", "pa", "x", "-n", "data"))


def test_deleting_a_namespace_takes_what_is_in_it(kubectl: Kubectl) -> None:
    assert lines(kubectl("create", "namespace", "brief"))
    assert lines(kubectl("create", "configmap", "c", "-n", "brief"))
    assert lines(kubectl("delete", "namespace", "brief", "--timeout=20s"))
    assert "NotFound" in kubectl("get", "configmap", "c", "-n", "brief").stderr


def test_a_project_is_seen_by_those_who_may_see_its_namespace(kubectl: Kubectl) -> None:
    assert lines(kubectl("get", "projects.project.openshift.io", "-o", "name", user="ana")) == [
        "project.project.openshift.io/payments",
        "project.project.openshift.io/shop",
    ]
    assert lines(kubectl("get", "projects.project.openshift.io", "-o", "name", user="nobody")) == []


def test_describe_and_logs(kubectl: Kubectl) -> None:
    assert any(
        "service-account" in row.lower() or "Service Account" in row
        for row in lines(kubectl("describe", "pod", "redis-0", "-n", "shop"))
    )
    assert len(lines(kubectl("logs", "redis-0", "-n", "shop", "--tail=3"))) == 3
