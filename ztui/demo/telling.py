"""Stores the objects of the story as the API server would have: complete, in their normal form, managed by who brought them."""

from __future__ import annotations

from ztui.demo import addresses, defaults
from ztui.demo.answers import Obj
from ztui.demo.catalogue import Resource
from ztui.demo.decoding import shape_of
from ztui.demo.fields.managers import APPLY, Held, Manager, Managers, managed, with_managers
from ztui.demo.fields.normal import Normal
from ztui.demo.fields.paths import dotted
from ztui.demo.fields.typed import fields_of
from ztui.demo.store import Store, clone, stamp


def tell(store: Store, obj: Obj) -> Obj:
    """Stores an object of the story. Raises ValueError for a field that a built-in kind does not know."""
    resource = store.catalogue.of_kind(str(obj.get("apiVersion") or ""), obj["kind"])
    if resource.origin == "builtin":
        obj = settled(store, resource, obj)
        if resource.id == ("", "services"):
            addresses.allocate(obj)
    elif resource.origin == "agg":
        obj = defaults.fill(clone(obj))
    if "argocd.argoproj.io/tracking-id" in (obj["metadata"].get("annotations") or {}):
        obj = _by_gitops(store, resource, obj)
    return store.put(obj)


def settled(store: Store, resource: Resource, obj: Obj) -> Obj:
    """An object of a built-in kind in its normal form, defaults filled in."""
    normal = Normal()
    head = {"apiVersion": resource.api_version, "kind": resource.kind}
    made = defaults.fill({**normal.value(shape_of(store, resource, resource.stored), obj), **head})
    if normal.unknown:
        raise ValueError(f"{resource.kind} {obj['metadata']['name']}: {', '.join(normal.unknown)}")
    return made


def _by_gitops(store: Store, resource: Resource, obj: Obj) -> Obj:
    """What GitOps applied carries its manager, as an object in a real cluster does."""
    told = {key: value for key, value in obj.items() if key != "status"}
    fields = managed(fields_of(shape_of(store, resource, resource.stored), told), (dotted("status"),))
    manager = Manager("argocd-controller", APPLY, "")
    return with_managers(obj, Managers({manager: Held(fields, resource.api_version, stamp(store.now()))}))
