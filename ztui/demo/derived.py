"""Resources that are another view of stored ones: Projects are Namespaces, events.k8s.io Events are core Events."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ztui.demo.answers import Obj
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster
from ztui.demo.rbac import Ask, Authorizer, User
from ztui.demo.selectors import Predicate


class Derived(NamedTuple):
    """Where the objects really are, how each is shown, and who sees which (None: whoever may list)."""

    source: tuple[str, str]
    convert: Callable[[Obj], Obj]
    visible: Callable[[Authorizer, User], Predicate] | None = None


def _project(namespace: Obj) -> Obj:
    return {**namespace, "kind": "Project", "apiVersion": "project.openshift.io/v1"}


def _own_projects(authorizer: Authorizer, user: User) -> Predicate:
    """A project is listed for whoever may get its namespace, with no error for the others."""

    def visible(project: Obj) -> bool:
        name = project["metadata"]["name"]
        return bool(authorizer.allows(user, Ask("get", plural="namespaces", namespace=name, name=name)))

    return visible


def _new_event(event: Obj) -> Obj:
    shown = {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": event["metadata"],
        "eventTime": event.get("eventTime"),
        "reason": event.get("reason"),
        "regarding": event.get("involvedObject"),
        "note": event.get("message"),
        "type": event.get("type"),
        "deprecatedSource": event.get("source") or {},
        "deprecatedFirstTimestamp": event.get("firstTimestamp"),
        "deprecatedLastTimestamp": event.get("lastTimestamp"),
    }
    if event.get("reportingComponent"):
        shown["reportingController"] = event["reportingComponent"]
    if event.get("count"):
        shown["deprecatedCount"] = event["count"]
    return shown


DERIVED: dict[tuple[str, str], Derived] = {
    ("project.openshift.io", "projects"): Derived(("", "namespaces"), _project, _own_projects),
    ("events.k8s.io", "events"): Derived(("", "events"), _new_event),
}


def source_of(cluster: Cluster, resource: Resource) -> Resource:
    """The resource whose stored objects answer for this one: itself, or what it is derived from."""
    derived = DERIVED.get(resource.id)
    found = cluster.catalogue.get(*derived.source) if derived else resource
    return found or resource
