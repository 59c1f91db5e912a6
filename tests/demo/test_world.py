"""The story: it is whole, it settles, it lives, and nothing in it is an object that no cluster would hold."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest

from tests.demo.client import Client
from ztui.demo import churn, scenarios, world
from ztui.demo.catalogue import DATA, to_crd
from ztui.demo.cluster import Cluster, new_cluster
from ztui.demo.rbac import Ask
from ztui.demo.server import DemoThread


@pytest.fixture(scope="module")
def story() -> Cluster:
    cluster = new_cluster(7)
    world.fill(cluster, scenario="default", seed=7, scale=0)
    return cluster


def everything(cluster: Cluster) -> list[dict[str, Any]]:
    return [obj for resource in cluster.catalogue for obj in cluster.store.all(resource)]


def test_the_same_seed_tells_the_same_story(story: Cluster) -> None:
    again = new_cluster(7)
    world.fill(again, scenario="default", seed=7, scale=0)
    names = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"], o["metadata"]["uid"]) for o in everything(story)]
    assert names == [
        (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"], o["metadata"]["uid"]) for o in everything(again)
    ]


def test_every_object_is_whole(story: Cluster) -> None:
    for obj in everything(story):
        meta = obj["metadata"]
        assert {"name", "uid", "resourceVersion", "creationTimestamp"} <= set(meta), obj
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", meta["creationTimestamp"]), obj
        assert "@-" not in str(obj), obj
        if meta.get("namespace"):
            assert story.store.get("namespaces", meta["namespace"])


def test_every_owner_is_there(story: Cluster) -> None:
    uids = {obj["metadata"]["uid"] for obj in everything(story)}
    for obj in everything(story):
        for owner in obj["metadata"].get("ownerReferences") or ():
            assert owner["uid"] in uids or owner["kind"] == "Node", obj["metadata"]


def test_every_pod_runs_somewhere_and_every_service_account_is_there(story: Cluster) -> None:
    nodes = {node["metadata"]["name"] for node in story.store.of("nodes")}
    pods = story.store.of("pods")
    assert len(pods) > 150
    assert {pod["status"]["phase"] for pod in pods} == {"Running", "Succeeded"}
    for pod in pods:
        assert pod["spec"]["nodeName"] in nodes
        assert story.store.get("serviceaccounts", pod["spec"]["serviceAccountName"], pod["metadata"]["namespace"])
    addresses = Counter(pod["status"]["podIP"] for pod in pods if not pod["spec"].get("hostNetwork"))
    assert max(addresses.values()) == 1


def test_controllers_have_what_they_ask_for(story: Cluster) -> None:
    for plural in ("deployments", "statefulsets", "replicasets", "deploymentconfigs.apps.openshift.io"):
        for obj in story.store.of(plural):
            assert obj["status"].get("readyReplicas") or obj["spec"]["replicas"] == 0, obj["metadata"]


def test_images_come_from_one_registry(story: Cluster) -> None:
    images = {
        c["image"] for pod in story.store.of("pods") for c in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    }
    assert {image.split("/")[0] for image in images} == {"registry.demo.example"}


def test_a_living_world_stays_whole(demo: DemoThread, admin: Client) -> None:
    rng = random.Random(1)  # noqa: S311  # a story, not a secret
    before = int(admin.ask("/api/v1/pods").body["metadata"]["resourceVersion"])
    for _ in range(60):
        churn.step(demo.server.cluster, rng)
    assert int(admin.ask("/api/v1/pods").body["metadata"]["resourceVersion"]) > before + 60
    assert len(demo.objects.of("events")) > 10


def test_nobody_grants_what_they_do_not_hold(demo: DemoThread) -> None:
    emre = Client(demo.url, demo.ca_pem, demo.token("emre"))
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/ci/rolebindings"
    group = "rbac.authorization.k8s.io"

    def binding(role: str) -> dict[str, Any]:
        subject = {"kind": "User", "apiGroup": group, "name": "zoe"}
        ref = {"apiGroup": group, "kind": "ClusterRole", "name": role}
        return {"metadata": {"name": f"zoe-{role}"}, "roleRef": ref, "subjects": [subject]}

    assert emre.ask(path, "POST", binding("view")).code == 201
    refused = emre.ask(path, "POST", binding("cluster-admin"))
    assert refused.code == 403
    assert "attempting to grant RBAC permissions not currently held" in refused.body["message"]


def test_a_big_world_has_so_many_pods_more(story: Cluster) -> None:
    big = new_cluster(7)
    world.fill(big, scenario="default", seed=7, scale=120)
    assert len(big.store.of("pods")) == len(story.store.of("pods")) + 120


@pytest.mark.parametrize("scenario", [name for name in scenarios.NAMES if name != "default"])
def test_other_worlds_are_whole_too(scenario: str) -> None:
    cluster = new_cluster(7)
    world.fill(cluster, scenario=scenario, seed=7, scale=0)
    rng = random.Random(1)  # noqa: S311  # a story, not a secret
    for _ in range(30):
        churn.step(cluster, rng)
    test_every_object_is_whole(cluster)
    test_every_owner_is_there(cluster)
    admin = cluster.identities.user("admin")
    assert cluster.authorizer.allows(admin, Ask("delete", plural="nodes"))
    groups = cluster.catalogue.groups()
    assert ("config.openshift.io" in groups) is (scenario != "kubernetes")


def test_a_namespace_waits_for_a_finalizer(demo: DemoThread, admin: Client) -> None:
    demo.objects.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stuck"}})
    held = {"name": "held", "namespace": "stuck", "finalizers": ["example.com/wait"]}
    demo.objects.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    assert admin.ask("/api/v1/namespaces/stuck", "DELETE").body["status"]["phase"] == "Terminating"
    version = demo.objects.get("namespaces", "stuck")["metadata"]["resourceVersion"]
    watch = admin.events(f"/api/v1/namespaces?watch=true&resourceVersion={version}&fieldSelector=metadata.name=stuck")
    patch = {"metadata": {"finalizers": None}}
    stuck = admin.ask("/api/v1/namespaces/stuck").body["status"]
    stuck = stuck if "conditions" in stuck else next(watch)["object"]["status"]
    assert stuck["conditions"][1]["type"] == "NamespaceFinalizersRemaining"
    path = "/api/v1/namespaces/stuck/configmaps/held"
    assert admin.ask(path, "PATCH", patch, content="application/merge-patch+json").code == 200
    assert next(event for event in watch if event["type"] == "DELETED")
    assert admin.ask("/api/v1/namespaces/stuck").code == 404


def test_shipped_resources_and_their_definitions_say_the_same(story: Cluster) -> None:
    for resource in story.catalogue:
        if resource.origin == "crd":
            crd = story.store.get("customresourcedefinitions", f"{resource.plural}.{resource.group}")
            assert crd["spec"] == to_crd(resource)["spec"]


def test_the_story_names_no_check() -> None:
    for path in (*DATA.iterdir(), *DATA.parent.glob("*.py")):
        assert not re.search(r"ZT[0-9G]-", path.read_text()), path
