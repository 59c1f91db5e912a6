"""Other worlds than the default one: another kind of cluster, or another point on the way.

`CHAPTERS` are told one after the other, `LAYERS` one over the other; `CHANGES` take the settled story and change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the shell asks for the names alone
    from ztui.demo.cluster import Cluster
    from ztui.demo.reconcile import Controllers

STORY = ("platform.yaml", "operators.yaml", "addons.yaml", "people.yaml", "tenants.yaml", "sensors.yaml")
YOUNG = ("platform.yaml", "operators.yaml", "people.yaml", "young.yaml")
CHAPTERS: dict[str, tuple[str, ...]] = {
    "default": STORY,
    "hosted": STORY,
    "kubernetes": STORY,
    "incident": (*STORY, "logs.yaml"),
    "restricted": STORY,
    "empty": ("platform.yaml", "operators.yaml", "people.yaml"),
}
LAYERS: dict[str, tuple[str, ...]] = {
    "fresh": YOUNG,
    "phase2": (*YOUNG, "enforced.yaml"),
    "phase4": (*YOUNG, "enforced.yaml", "adaptive.yaml"),
}
"""Scenarios whose files are told one over the other: what a later one says of the same thing is merged over the earlier."""
SOUND_VAULT = frozenset({"phase2", "phase4"})
ATTACKED = frozenset({"incident"})
"""Scenarios in which an attack unfolds while somebody looks."""
USERS = {"restricted": "ana"}
"""Whose kubeconfig a scenario hands out, where that is not the administrator's: hers shows two namespaces."""
NAMES = tuple(sorted({*CHAPTERS, *LAYERS}))


def _hosted(cluster: Cluster, run: Controllers) -> None:
    """The control plane lives elsewhere: no control plane nodes, no kubeadmin, topology External."""
    store = cluster.store
    status = {"controlPlaneTopology": "External", "infrastructureTopology": "HighlyAvailable"}
    store.patch("infrastructures.config.openshift.io", "cluster", {"status": status})
    store.delete("secrets", "kubeadmin", "kube-system")
    store.delete("machineconfigpools.machineconfiguration.openshift.io", "master")
    for node in store.of("nodes"):
        if "node-role.kubernetes.io/master" in node["metadata"]["labels"]:
            store.delete("nodes", node["metadata"]["name"])
    nodes = {node["metadata"]["name"] for node in store.of("nodes")}
    for pod in store.of("pods"):
        if pod["spec"].get("nodeName") not in nodes:
            store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
    run.settle()


def _kubernetes(cluster: Cluster, run: Controllers) -> None:
    """A cluster that is no OpenShift: none of its groups, none of its namespaces; group membership comes with the login."""
    store, catalogue = cluster.store, cluster.catalogue
    for group in store.of("groups.user.openshift.io"):
        for user in group["users"]:
            cluster.identities.claims.setdefault(user, []).append(group["metadata"]["name"])
    for space in store.of("namespaces"):
        name = space["metadata"]["name"]
        if name == "openshift" or (name.startswith("openshift-") and name != "openshift-extras"):
            run.empty(name)
    run.empty("etcd-backup")
    store.delete("secrets", "kubeadmin", "kube-system")
    for plural in ("clusterroles", "clusterrolebindings"):
        for name in [obj["metadata"]["name"] for obj in store.of(plural)]:
            if "openshift" in name:
                store.delete(plural, name)
    for served in {resource.group for resource in catalogue}:
        if served.endswith(("openshift.io", "operators.coreos.com")):
            _drop_group(cluster, served)
    run.settle()


def _drop_group(cluster: Cluster, group: str) -> None:
    """A group is served no more: its objects, its definitions and its APIServices are gone."""
    store, catalogue = cluster.store, cluster.catalogue
    for resource in catalogue:
        for obj in store.all(resource) if resource.group == group else ():
            store.remove(resource, obj)
    for plural in ("customresourcedefinitions", "apiservices"):
        for obj in store.of(plural):
            if obj["spec"].get("group") == group:
                store.delete(plural, obj["metadata"]["name"])
    catalogue.drop(group)


CHANGES: dict[str, Callable[[Cluster, Controllers], None]] = {"hosted": _hosted, "kubernetes": _kubernetes}
