"""What the demo's controllers make of a change by somebody: pods of a new template, proxies of the mesh, rendered nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from tests.demo.client import Client
from ztui.demo.server import DemoThread

Obj = dict[str, Any]
APPS: Final = "/apis/apps/v1/namespaces"
CONFIGS: Final = "/apis/machineconfiguration.openshift.io/v1"
MERGE: Final = "application/merge-patch+json"
LOOSE: Final = {
    "apiVersion": "machineconfiguration.openshift.io/v1",
    "kind": "MachineConfig",
    "metadata": {"name": "99-worker-loose", "labels": {"machineconfiguration.openshift.io/role": "worker"}},
    "spec": {"config": {"ignition": {"version": "3.5.0"}}, "kernelArguments": ["selinux=0"]},
}


@pytest.fixture(scope="module")
def admin() -> Iterator[Client]:
    with DemoThread(churn=False) as demo:
        yield Client(demo.url, demo.ca_pem, demo.token("admin"))


def change(admin: Client, path: str, to: Obj) -> None:
    answer = admin.ask(path, "PATCH", to, content=MERGE)
    assert answer.code == 200, answer.body


def until(admin: Client, path: str, is_so: Callable[[Obj], bool]) -> Obj:
    """The first state of an object on a list's watch that is so."""
    events = admin.events(f"{path}?watch=true&timeoutSeconds=30")
    return next(event["object"] for event in events if event["type"] != "DELETED" and is_so(event["object"]))


@pytest.mark.parametrize(
    ("place", "path"), [("shop", "statefulsets/redis"), ("legacy", "daemonsets/print-gateway")], ids=["stateful", "daemon"]
)
def test_pods_of_an_older_template_are_replaced(admin: Client, place: str, path: str) -> None:
    name = path.partition("/")[2]
    asked = {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}
    change(admin, f"{APPS}/{place}/{path}", asked)

    def is_new(pod: Obj) -> bool:
        notes = pod["metadata"].get("annotations") or {}
        return pod["metadata"]["name"].startswith(name) and "kubectl.kubernetes.io/restartedAt" in notes

    assert until(admin, f"/api/v1/namespaces/{place}/pods", is_new)["metadata"]["labels"]["controller-revision-hash"]


def test_a_new_pod_of_an_enrolled_namespace_gets_a_proxy_unless_it_opts_out(admin: Client) -> None:
    def started(name: str, labels: dict[str, str], place: str = "payments") -> list[str]:
        spec = {"containers": [{"name": "main", "image": "registry.demo.example/tools/shell:1"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
        answer = admin.ask(f"/api/v1/namespaces/{place}/pods", "POST", pod)
        assert answer.code == 201, answer.body
        return [box["name"] for box in answer.body["spec"].get("initContainers") or ()]

    assert started("in", {}) == ["istio-proxy"]
    assert started("out", {"sidecar.istio.io/inject": "false"}) == []
    assert started("elsewhere", {}, "data") == []


def test_nodes_are_rendered_anew_when_a_part_comes_and_when_it_goes(admin: Client) -> None:
    change(admin, f"{CONFIGS}/machineconfigpools/worker", {"spec": {"paused": False}})
    answer = admin.ask(f"{CONFIGS}/machineconfigs", "POST", LOOSE)
    assert answer.code == 201, answer.body

    def sources(pool: Obj) -> list[str]:
        return [item["name"] for item in pool["status"]["configuration"].get("source") or ()]

    pools = f"{CONFIGS}/machineconfigpools"
    with_it = until(admin, pools, lambda pool: pool["metadata"]["name"] == "worker" and "99-worker-loose" in sources(pool))
    rendered = admin.ask(f"{CONFIGS}/machineconfigs/{with_it['status']['configuration']['name']}").body
    assert rendered["spec"]["kernelArguments"] == ["audit=1", "selinux=0"]
    node = admin.ask("/api/v1/nodes/worker-a-1.demo.example").body
    now = node["metadata"]["annotations"]["machineconfiguration.openshift.io/currentConfig"]
    assert now == rendered["metadata"]["name"]
    assert admin.ask(f"{CONFIGS}/machineconfigs/99-worker-loose", "DELETE").code == 200
    without = until(admin, pools, lambda pool: pool["metadata"]["name"] == "worker" and "99-worker-loose" not in sources(pool))
    again = admin.ask(f"{CONFIGS}/machineconfigs/{without['status']['configuration']['name']}").body
    assert again["spec"]["kernelArguments"] == ["audit=1"]
