"""A real API server would take every object of the story: strict fields, real schemas, real validation.

What it cannot judge is left out: names that only OpenShift's own API servers allow, and kinds whose definitions it has not.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.demo.client import Client
from tests.servers import crds
from tests.servers.kube import KubeServer, why_no_server
from ztui.demo import world
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster, new_cluster

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.xdist_group("real")]

FLAGS = ("--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=172.30.0.0/16")
NOT_JUDGED = {
    "customresourcedefinitions", "apiservices", "namespaces",  # loaded, local, or made first
    "identities", "oauthaccesstokens",  # names with : and ~
    "backups", "schedules", "backupstoragelocations", "dataprotectionapplications",  # no definition at hand
}  # fmt: skip
NO_SCHEMA = {("loki.grafana.com", "alertingrules")}  # as above; another group has rules of that name
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # definitions of more than a megabyte
def test_every_object_of_the_story_is_valid() -> None:
    if reason := why_no_server() or crds.why_missing():
        pytest.skip(reason)
    clusters = [filled(scenario) for scenario in ("default", "fresh", "phase4")]
    judged = [
        (cluster, resource)
        for cluster in clusters
        for resource in cluster.catalogue
        if resource.plural not in NOT_JUDGED and resource.id not in NO_SCHEMA and cluster.store.all(resource)
    ]
    patterns = tuple({f"*.{resource.group}" for _, resource in judged if resource.origin != "builtin"})
    with KubeServer(flags=FLAGS) as kube:
        crds.load(kube, patterns)
        access = kube.access()
        admin = Client(access.url, access.ca_pem, access.token)
        for name in {space["metadata"]["name"] for cluster in clusters for space in cluster.store.of("namespaces")}:
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            admin.ask("/api/v1/namespaces", "POST", space)
        refused: dict[str, str] = {}
        for cluster, resource in judged:
            for obj in cluster.store.all(resource):
                if text := why_refused(admin, resource, obj):
                    refused[f"{resource.plural} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"] = text
    assert refused == {}


def filled(scenario: str) -> Cluster:
    """The world of a scenario."""
    cluster = new_cluster(7)
    world.fill(cluster, scenario=scenario, seed=7, scale=0)
    return cluster


def why_refused(admin: Client, resource: Resource, obj: dict[str, Any]) -> str:
    """What the server has against creating an object, if anything."""
    meta = {name: value for name, value in obj["metadata"].items() if name not in SERVERS_OWN}
    root = f"/apis/{resource.group}" if resource.group else "/api"
    inside = f"namespaces/{meta['namespace']}/" if resource.namespaced else ""
    path = f"{root}/{resource.stored}/{inside}{resource.plural}?dryRun=All&fieldValidation=Strict"
    answer = admin.ask(path, "POST", {**obj, "metadata": meta})
    return "" if answer.code in (201, 409) else str(answer.body["message"])
