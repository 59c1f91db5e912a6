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
from ztui.demo.cluster import new_cluster

pytestmark = [pytest.mark.real, pytest.mark.soak, pytest.mark.xdist_group("real")]

FLAGS = ("--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=172.30.0.0/16")
NOT_JUDGED = {
    "customresourcedefinitions", "apiservices", "namespaces",  # loaded, local, or made first
    "identities", "oauthaccesstokens",  # names with : and ~
    "backups", "schedules", "backupstoragelocations", "dataprotectionapplications",  # no definition at hand
}  # fmt: skip
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # definitions of more than a megabyte
def test_every_object_of_the_story_is_valid() -> None:
    if reason := why_no_server() or crds.why_missing():
        pytest.skip(reason)
    cluster = new_cluster(7)
    world.fill(cluster, scenario="default", seed=7, scale=0)
    judged = [r for r in cluster.catalogue if r.plural not in NOT_JUDGED and cluster.store.all(r)]
    patterns = tuple({f"*.{r.group}" for r in judged if r.origin != "builtin"})
    with KubeServer(flags=FLAGS) as kube:
        crds.load(kube, patterns)
        access = kube.access()
        admin = Client(access.url, access.ca_pem, access.token)
        for space in cluster.store.of("namespaces"):
            name = {"name": space["metadata"]["name"]}
            admin.ask("/api/v1/namespaces", "POST", {"apiVersion": "v1", "kind": "Namespace", "metadata": name})
        refused: dict[str, str] = {}
        for resource in judged:
            root = f"/apis/{resource.group}" if resource.group else "/api"
            for obj in cluster.store.all(resource):
                meta: dict[str, Any] = {k: v for k, v in obj["metadata"].items() if k not in SERVERS_OWN}
                inside = f"namespaces/{meta['namespace']}/" if resource.namespaced else ""
                path = f"{root}/{resource.stored}/{inside}{resource.plural}?dryRun=All&fieldValidation=Strict"
                answer = admin.ask(path, "POST", {**obj, "metadata": meta})
                if answer.code not in (201, 409):
                    refused[f"{resource.plural} {inside}{meta['name']}"] = answer.body["message"]
    assert refused == {}
