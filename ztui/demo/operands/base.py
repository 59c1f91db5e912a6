"""What controllers of operands have in common: they work once their operator does, and do what an object asks for once.

Workloads and objects that the grown cluster's story tells already are taken from there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from ztui.demo import olm, workloads
from ztui.demo.answers import Obj
from ztui.demo.shortform import complete, read, times
from ztui.demo.store import merge, stamp

if TYPE_CHECKING:
    from ztui.demo.reconcile import Controllers

Operand = Callable[["Controllers", Obj], None]


def of(package: str, make: Operand) -> Operand:
    """A controller that the operator of a package runs; `make` is called a moment after an object asks for something new."""

    def look(run: Controllers, obj: Obj) -> None:
        if run.is_live and not olm.is_installed(run, package):
            return
        if run.unseen(obj):
            run.later(lambda: made_of(run, obj, make))

    return look


def made_of(run: Controllers, obj: Obj, make: Operand) -> None:
    """What is made of an object as it is by now, if nobody has taken it away."""
    found = run.again(obj)
    if found is not None and not found["metadata"].get("deletionTimestamp"):
        make(run, found)


@cache
def story(chapter: str, namespace: str) -> Obj:
    """What a file of the story tells of a namespace."""
    found: Obj = read(chapter)["namespaces"][namespace]
    return found


def line(chapter: str, namespace: str, name: str, changes: Obj | None = None) -> Obj:
    """One workload line of the story, with what is common to its namespace, changed."""
    told = story(chapter, namespace)
    found: Obj = merge(merge(told.get("common") or {}, told["workloads"][name]), changes or {})
    return found


def told(run: Controllers, chapter: str, kind: str, name: str, namespace: str = "") -> Obj:
    """One object of the story, as of now."""
    found = (story(chapter, namespace) if namespace else read(chapter))["objects"]
    raw = next(item for item in found if (item["kind"], item["name"]) == (kind, name))
    obj: Obj = times(complete(raw, namespace), run.store.now())
    return obj


def start(run: Controllers, namespace: str, lines: Obj) -> None:
    """Workloads by their lines, each with its account and its Service; a namespace that is not there gets none."""
    if run.store.find(run.cluster.catalogue.named("namespaces"), namespace) is None:
        return
    for obj in workloads.of_namespace(namespace, {"workloads": lines}):
        run.bring(obj)


def refuses(run: Controllers, name: str, at: tuple[str, str, str], groups: list[str], plurals: list[str]) -> None:
    """A webhook that looks at what is written, and without which nothing is; `at` is namespace, Service and path."""
    namespace, service, path = at
    client = {"service": {"namespace": namespace, "name": service, "path": path, "port": 443}}
    rule = {"apiGroups": groups, "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": plurals, "scope": "*"}
    hook = {"admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail"}
    meta = {"name": name}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": meta}
    run.bring({**head, "webhooks": [{"name": f"validate.{groups[0]}", **hook, "clientConfig": client, "rules": [rule]}]})


def ready(run: Controllers, obj: Obj, status: Obj | None = None, *kinds: str) -> None:
    """An object's status says that all is done: conditions of these kinds are true, Ready where none is named."""
    now = stamp(run.store.now())
    true = {"status": "True", "reason": "Ready", "message": "", "lastTransitionTime": now}
    conditions = [{"type": kind, **true} for kind in kinds or ("Ready",)]
    run.update(obj, {"status": {"conditions": conditions, **(status or {})}})


def spec_of(obj: Obj, *path: str, default: Any = None) -> Any:
    """A field of what an object asks for; the default where any step is not there."""
    found: Any = obj.get("spec")
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return default if found is None else found
