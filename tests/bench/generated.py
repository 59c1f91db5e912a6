"""Clusters of any size without a server: the same objects as `populate` makes, as the pages that a server would answer with.

Everything enters by the door (`decode_page`) and the store, so what is measured is what runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.servers import shapes
from tests.worlds import all_kinds
from ztui.kinds.base import Kind, decode
from ztui.kinds.network import EndpointSlice, Service
from ztui.kinds.rbac import RoleBinding
from ztui.kinds.workload import Deployment, Namespace, Node, Pod, ReplicaSet, ServiceAccount
from ztui.sources.kube import PAGE, decode_page
from ztui.store import Hole, Put, Store, Whole
from ztui.view import Gap, Why

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SEED = 7
_MANAGED = [
    {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": shapes.STARTED, "fieldsV1": {"f:status": {}}}
]


def bodies(namespaces: int, pods_per_namespace: int) -> Iterator[tuple[type[Kind], shapes.Object]]:
    """Every object of a cluster of that size, namespace by namespace."""
    for number in range(shapes.NODES):
        yield Node, shapes.node(number) | shapes.node_status()
    for place in range(namespaces):
        yield from _team(f"team-{place:04d}", place * pods_per_namespace, pods_per_namespace)


def pages(objects: Iterable[tuple[type[Kind], shapes.Object]]) -> Iterator[tuple[type[Kind], bytes]]:
    """The objects as pages of a list, in the order in which pages fill up."""
    waiting: dict[type[Kind], list[shapes.Object]] = {}
    for number, (kind, body) in enumerate(objects):
        items = waiting.setdefault(kind, [])
        items.append(served(body, number))
        if len(items) == PAGE:
            yield kind, _page(items)
            waiting[kind] = []
    for kind, items in waiting.items():
        if items:
            yield kind, _page(items)


def served(body: shapes.Object, number: int) -> shapes.Object:
    """What the server adds to an object's metadata."""
    name = body["metadata"]["name"]
    more = {"uid": f"00000000-{number:012d}", "resourceVersion": str(1000 + number), "creationTimestamp": shapes.STARTED}
    return body | {"metadata": {"uid": f"uid-{name}", "managedFields": _MANAGED} | more | body["metadata"]}


def filled(namespaces: int, pods_per_namespace: int) -> Store:
    """A store that holds such a plain cluster, everything read and whole, ticked once."""
    store = Store()
    for kind in all_kinds():
        absent = kind.GROUP.endswith("openshift.io")
        store.apply(Hole(kind, Gap(Why.ABSENT, kind.PLURAL)) if absent else Whole(kind, frozenset()))
    for kind, page in pages(bodies(namespaces, pods_per_namespace)):
        for obj in decode_page(kind, page, kind.PLURAL).objects:
            store.apply(Put(obj))
    store.tick(NOW)
    return store


def changed_pod(namespace: str, number: int, round_: int) -> Pod:
    """A pod of a filled cluster whose image and account have changed: the checks that look at it must look again."""
    app = next(app for at, app in enumerate(shapes.apps(namespace, SEED)) if at == number % shapes.APPS)
    body = shapes.pod(app, shapes.pod_name(app, number), number, _made(app)) | shapes.pod_status(app, number)
    body["spec"]["serviceAccountName"] = "default" if round_ % 2 else app.name
    return decode(Pod, msgspec.json.encode(served(_in(namespace, body), 10_000_000 + round_)))


def _team(name: str, first: int, count: int) -> Iterator[tuple[type[Kind], shapes.Object]]:
    yield Namespace, shapes.namespace(name)
    apps = shapes.apps(name, SEED)
    for account in ("default", *(app.name for app in apps)):
        yield ServiceAccount, _in(name, {"metadata": {"name": account}})
    for path, body in shapes.settings(name):
        if path.endswith("/rolebindings"):
            yield RoleBinding, _in(name, body)
    for place, app in enumerate(apps):
        numbers = list(range(first + place, first + count, shapes.APPS))
        size = len(numbers)
        deployment = shapes.deployment(app, size) | shapes.deployment_status(size)
        yield Deployment, _in(name, deployment)
        yield ReplicaSet, _in(name, shapes.replica_set(app, size, _uid(deployment)) | shapes.workload_status(size))
        service = _in(name, shapes.service(app))
        yield Service, service
        pods = [(shapes.pod_name(app, number), number) for number in numbers]
        yield EndpointSlice, _in(name, shapes.endpoint_slice(app, _uid(service), pods))
        for pod, number in pods:
            yield Pod, _in(name, shapes.pod(app, pod, number, _made(app)) | shapes.pod_status(app, number))


def _made(app: shapes.App) -> shapes.Object:
    return {"metadata": {"name": f"{app.name}-{app.hash}", "uid": f"uid-{app.namespace}-{app.hash}"}}


def _uid(body: shapes.Object) -> shapes.Object:
    return {"metadata": body["metadata"] | {"uid": f"uid-{body['metadata']['name']}"}}


def _in(namespace: str, body: shapes.Object) -> shapes.Object:
    metadata: dict[str, Any] = body["metadata"] | {"namespace": namespace}
    return body | {"metadata": metadata}


def _page(items: list[shapes.Object]) -> bytes:
    return msgspec.json.encode({"metadata": {"resourceVersion": "1"}, "items": items})
