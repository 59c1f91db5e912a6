"""Fills an empty cluster with the story in `data/`: platform, add-ons, tenants, and who may do what.

The YAML is short because this module completes it: `name`, `ns`, `labels`, `age` become metadata, `@-3d` becomes a time
stamp and `@-3d/date` its day, a workload line becomes a Deployment, a ServiceAccount and a Service, a rule line becomes an
RBAC rule. Pods and everything else that controllers make is made by `reconcile`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from ztui.demo import bulk, layers, scenarios, workloads
from ztui.demo.answers import Obj
from ztui.demo.catalogue import to_crd
from ztui.demo.cluster import Cluster
from ztui.demo.reconcile import Controllers
from ztui.demo.shortform import complete, offset, read, times
from ztui.demo.store import Store, stamp
from ztui.demo.telling import tell

RBAC_API = "rbac.authorization.k8s.io/v1"
CLUSTER_AGE = timedelta(days=412)


def fill(cluster: Cluster, *, scenario: str, seed: int, scale: int) -> Controllers:
    """Puts the whole world into the store, settled. Raises KeyError for an unknown scenario."""
    store = cluster.store
    rng = random.Random(seed)  # noqa: S311  # ages of a demo
    run = Controllers(cluster, seed)
    clock = store.now
    start = clock().replace(microsecond=0)
    store.now = lambda: start - CLUSTER_AGE
    for resource in cluster.catalogue:
        if resource.origin == "crd":
            tell(store, to_crd(resource, stamp(store.now())))
    for group, version in [("", "v1"), *((g, v) for g, found in cluster.catalogue.groups().items() for v in found)]:
        tell(store, times(workloads.api_service(cluster.catalogue, group, version), start))
    for name in ("rbac_kubernetes.yaml", "rbac_openshift.yaml"):
        for obj in rbac_objects(read(name), shipped=True):
            tell(store, obj)
    chapters = _chapters(scenario)
    for chapter in chapters:
        _open(store, chapter, start)
    run.settle()
    for chapter in chapters:
        _tell(store, chapter, start)
    _settle_in_the_past(store, run, start, rng)
    if scenario in scenarios.CHANGES:
        scenarios.CHANGES[scenario](cluster, run)
    if scale:
        bulk.add(run, scale)
    store.now = clock
    return run


def _settle_in_the_past(store: Store, run: Controllers, start: datetime, rng: random.Random) -> None:
    """Pods and what else controllers make are some hours or days old, not all of one age."""
    base = start - timedelta(days=2)
    store.now = lambda: base - timedelta(minutes=rng.randrange(20_000))
    run.settle()


def _chapters(scenario: str) -> list[Obj]:
    if scenario in scenarios.LAYERS:
        return [layers.fold([read(name) for name in scenarios.LAYERS[scenario]])]
    return [read(name) for name in scenarios.CHAPTERS[scenario]]


def _spaces(chapter: Obj, start: datetime) -> Iterator[tuple[str, Obj, datetime]]:
    for name, told in (chapter.get("namespaces") or {}).items():
        space: Obj = told or {}
        yield name, space, start + offset(space.get("age", "@-412d"))


def _open(store: Store, chapter: Obj, start: datetime) -> None:
    """Nodes and namespaces of one file of the story."""
    for node in workloads.nodes(chapter.get("nodes") or ()):
        tell(store, times(node, start))
    for name, space, age in _spaces(chapter, start):
        store.now = lambda age=age: age  # type: ignore[misc]  # default binds the age
        tell(store, times(workloads.namespace(name, space), start))


def _tell(store: Store, chapter: Obj, start: datetime) -> None:
    """What one file puts into the namespaces and beside them; pods come when controllers run."""
    for name, space, age in _spaces(chapter, start):
        store.now = lambda age=age: age  # type: ignore[misc]  # default binds the age
        for obj in workloads.of_namespace(name, space):
            tell(store, times(obj, start))
        for raw in space.get("objects") or ():
            tell(store, times(complete(raw, name), start))
    store.now = lambda: start - CLUSTER_AGE
    for raw in chapter.get("objects") or ():
        tell(store, times(complete(raw), start))
    for name, related in (chapter.get("operators") or {}).items():
        tell(store, times(workloads.cluster_operator(name, related, (chapter.get("conditions") or {}).get(name) or {}), start))
    for obj in rbac_objects(chapter.get("rights") or {}, shipped=False):
        tell(store, times(obj, start))


# Rights


def rbac_objects(told: Obj, *, shipped: bool) -> Iterator[Obj]:
    """Roles and bindings of a file; shipped ones carry the marks of reconciled defaults that the file asks for."""
    notes = {"rbac.authorization.kubernetes.io/autoupdate": "true"} if shipped else {}
    labels = dict(told.get("labels") or {})
    if shipped and "labels" not in told:
        labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    for kind, plural in (("ClusterRole", "clusterroles"), ("Role", "roles")):
        for where, role in (told.get(plural) or {}).items():
            body: Obj = {"rules": [rule(text) for text in role.get("rules") or ()]}
            if role.get("aggregate"):
                body["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": one} for one in role["aggregate"]]}
            more = {**notes, **(role.get("annotations") or {})}
            yield _rbac(kind, where, {**labels, **(role.get("labels") or {})}, more, body)
    for kind, plural in (("ClusterRoleBinding", "clusterrolebindings"), ("RoleBinding", "rolebindings")):
        for where, text in (told.get(plural) or {}).items():
            marks: Obj = {}
            if isinstance(text, dict):
                marks, text = text, text["bind"]  # noqa: PLW2901  # the long form of the same line
            body = _binding(text, where.partition("/")[0] if kind == "RoleBinding" else "")
            made = _rbac(kind, where, {**labels, **marks.get("labels", {})}, {**notes, **marks.get("annotations", {})}, body)
            yield made


def _rbac(kind: str, where: str, labels: Obj, notes: Obj, body: Obj) -> Obj:
    meta: Obj = {"name": where}
    if kind in ("Role", "RoleBinding"):
        meta = dict(zip(("namespace", "name"), where.split("/", 1), strict=True))
    if labels:
        meta["labels"] = labels
    if notes:
        meta["annotations"] = notes
    return {"apiVersion": RBAC_API, "kind": kind, "metadata": meta, **body}


def rule(text: str) -> Obj:
    """A rule from `verbs groups resources [names]`, or `verbs /urls`; `read` and `write` stand for their verbs."""
    verbs_text, *rest = text.split()
    names = {"read": "get,list,watch", "write": "create,delete,deletecollection,get,list,patch,update,watch"}
    verbs = names.get(verbs_text, verbs_text).split(",")
    if len(rest) == 1:
        return {"verbs": verbs, "nonResourceURLs": rest[0].split(",")}
    groups = ["" if group == "core" else group for group in rest[0].split(",")]
    made: Obj = {"verbs": verbs, "apiGroups": groups, "resources": rest[1].split(",")}
    if len(rest) > 2:
        made["resourceNames"] = rest[2].split(",")
    return made


def _binding(text: str, namespace: str) -> Obj:
    role, _, whom = text.partition(" <- ")
    kind, _, name = role.rpartition(" ")
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind or "ClusterRole", "name": name}
    return {"roleRef": ref, "subjects": [_subject(part, namespace) for part in filter(None, whom.split(", "))]}


def _subject(text: str, namespace: str) -> Obj:
    kind, _, name = text.partition(" ")
    if kind == "sa":
        place, _, account = name.rpartition("/")
        return {"kind": "ServiceAccount", "name": account, "namespace": place or namespace}
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": {"user": "User", "group": "Group"}[kind], "name": name}
