"""The demo cluster's memory: every object, one rising resourceVersion, and the recent past of each resource.

Stored objects are never changed in place, so a watch or an old page may keep one. Safe to call from any thread:
tests mutate the world with `put`, `patch` and `delete` while the server runs in its own, and every change is a
real watch event. No HTTP, no rights, no reconcilers in here; those listen through `listeners`.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ztui.demo.answers import Obj, expired
from ztui.demo.catalogue import Catalogue, Resource
from ztui.demo.generation import counted

FIRST_VERSION = 48_210_337
_UIDS = uuid.UUID("6f1d5d52-7d0a-4d0c-8f7c-0c9a5a1f2b11")


class Change(NamedTuple):
    """One step of a resource's history. `old` is None for ADDED; `obj` of DELETED is the last state at a new version."""

    version: int
    type: str
    obj: Obj
    old: Obj | None


Listener = Callable[[Resource, Change], None]


def key_of(obj: Obj) -> str:
    """`namespace/name`, the order in which lists come."""
    meta = obj["metadata"]
    return f"{meta.get('namespace', '')}/{meta['name']}"


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339 to the second, as metav1.Time prints it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """Objects by resource and key. `version` is the newest resourceVersion handed out."""

    def __init__(
        self, catalogue: Catalogue, *, now: Callable[[], datetime] = utc_now, seed: int = 0, history: int = 8192
    ) -> None:
        self.catalogue = catalogue
        self.now = now
        self.version = FIRST_VERSION
        self.floor = FIRST_VERSION
        self.listeners: list[Listener] = []
        self.lock = threading.RLock()
        self._seed = seed
        self._made = 0
        self._keep = history
        self._tables: dict[tuple[str, str], dict[str, dict[str, Obj]]] = {}
        self._order: dict[tuple[tuple[str, str], str], list[Obj]] = {}
        self._owned: dict[str, set[tuple[str, str, str, str]]] = {}
        self._past: dict[tuple[str, str], deque[Change]] = {}
        self._floors: dict[tuple[str, str], int] = {}

    # Reading

    def find(self, resource: Resource, name: str, namespace: str = "") -> Obj | None:
        """One object, or None."""
        return self._tables.get(resource.id, {}).get(namespace if resource.namespaced else "", {}).get(name)

    def get(self, resource: str, name: str, namespace: str = "") -> Obj:
        """One object by the name people type (`pods`, `routes.route.openshift.io`). Raises KeyError."""
        found = self.find(self.catalogue.named(resource), name, namespace)
        if found is None:
            raise KeyError(f"{resource} {namespace}/{name}")
        return found

    def of(self, resource: str, namespace: str = "") -> list[Obj]:
        """Objects by the name people type, in key order."""
        return self.all(self.catalogue.named(resource), namespace)

    def all(self, resource: Resource, namespace: str = "") -> list[Obj]:
        """Objects of a resource in key order, of one namespace where given."""
        with self.lock:
            spaces = self._tables.get(resource.id, {})
            if namespace:
                return list(self._sorted(resource, namespace)) if namespace in spaces else []
            names = sorted(spaces, key=lambda space: f"{space}/")
            return [obj for space in names for obj in self._sorted(resource, space)]

    def _sorted(self, resource: Resource, namespace: str) -> list[Obj]:
        found = self._order.get((resource.id, namespace))
        if found is None:
            table = self._tables[resource.id][namespace]
            found = self._order[resource.id, namespace] = [table[name] for name in sorted(table)]
        return found

    def owned(self, uid: str) -> list[tuple[Resource, Obj]]:
        """Objects with an ownerReference to this uid."""
        with self.lock:
            found = []
            for group, plural, namespace, name in sorted(self._owned.get(uid, ())):
                resource = self.catalogue.get(group, plural)
                obj = self.find(resource, name, namespace) if resource else None
                if resource and obj:
                    found.append((resource, obj))
            return found

    def at(self, resource: Resource, version: int) -> list[Obj]:
        """The objects as they were at a version, in key order. Raises a 410 ApiError where the past is gone."""
        with self.lock:
            if version >= self.version:
                return self.all(resource)
            if version < self.oldest(resource):
                raise expired(f"The provided resource version {version} is too old to display a consistent list result.")
            table = {key_of(obj): obj for obj in self.all(resource)}
            for change in reversed(self._past.get(resource.id, ())):
                if change.version <= version:
                    break
                if change.old is None:
                    table.pop(key_of(change.obj), None)
                else:
                    table[key_of(change.old)] = change.old
            return [table[key] for key in sorted(table)]

    def oldest(self, resource: Resource) -> int:
        """The oldest version a watch of this resource may start from."""
        return max(self.floor, self._floors.get(resource.id, 0))

    def since(self, resource: Resource, version: int) -> list[Change]:
        """Changes after a version, oldest first. Raises a 410 ApiError where some of them are forgotten."""
        with self.lock:
            if version < self.oldest(resource):
                raise expired(f"too old resource version: {version} ({self.oldest(resource)})")
            found: list[Change] = []
            for change in reversed(self._past.get(resource.id, ())):
                if change.version <= version:
                    break
                found.append(change)
            return found[::-1]

    # Writing

    def put(self, obj: Obj) -> Obj:
        """Creates the object, or replaces the one of that name: uid and creation time stay, generation counts specs."""
        obj = clone(obj)
        resource = self.catalogue.of_kind(str(obj.get("apiVersion") or ""), obj["kind"])
        with self.lock:
            return self.write(resource, obj)

    def patch(self, resource: str, name: str, changes: Obj, namespace: str = "") -> Obj:
        """Merges changes (RFC 7396: null removes) into an object. Raises KeyError where there is none."""
        found = self.catalogue.named(resource)
        with self.lock:
            return self.write(found, merge(self.get(resource, name, namespace), changes))

    def write(self, resource: Resource, obj: Obj, *, dry: bool = False, counts: bool = True) -> Obj:
        """Stores an object that the caller hands over for good, completing its metadata; `dry` stops before storing.

        Its generation rises with what is asked of it, unless the write is one that never `counts`.
        """
        with self.lock:
            meta = obj["metadata"] = dict(obj["metadata"])
            if not resource.namespaced:
                meta.pop("namespace", None)
            obj["apiVersion"] = resource.api_version
            old = self.find(resource, meta["name"], meta.get("namespace", ""))
            if old is None:
                meta.setdefault("uid", self.new_uid())
                meta.setdefault("creationTimestamp", stamp(self.now()))
            else:
                meta["uid"] = old["metadata"]["uid"]
                meta["creationTimestamp"] = old["metadata"]["creationTimestamp"]
                if same(old, obj):
                    return old
            generation = counted(resource, old, obj) if counts or old is None else old["metadata"].get("generation")
            meta.pop("generation", None)
            if generation is not None:
                meta["generation"] = generation
            if dry:
                if old is not None:
                    meta["resourceVersion"] = old["metadata"]["resourceVersion"]
                return obj
            return self._commit(resource, "ADDED" if old is None else "MODIFIED", obj, old)

    def delete(self, resource: str, name: str, namespace: str = "") -> Obj:
        """Removes an object at once, finalizers or not. Raises KeyError where there is none."""
        found = self.catalogue.named(resource)
        with self.lock:
            return self.remove(found, self.get(resource, name, namespace))

    def remove(self, resource: Resource, obj: Obj) -> Obj:
        """Removes a stored object; the event carries its last state at the version of the deletion."""
        if resource.plural == "customresourcedefinitions":
            served = self.catalogue.get(obj["spec"]["group"], obj["spec"]["names"]["plural"])
            for instance in self.all(served) if served else ():
                self.remove(served or resource, instance)
        last = {**obj, "metadata": dict(obj["metadata"])}
        return self._commit(resource, "DELETED", last, obj)

    def compact(self) -> None:
        """Forgets the past: any older version now answers 410, in watches and in page tokens."""
        with self.lock:
            self.version += 1  # so that even the newest version handed out before is behind the floor
            self.floor = self.version
            for past in self._past.values():
                past.clear()

    def _commit(self, resource: Resource, kind: str, obj: Obj, old: Obj | None) -> Obj:
        with self.lock:
            self.version += 1
            obj["metadata"]["resourceVersion"] = str(self.version)
            namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
            table = self._tables.setdefault(resource.id, {}).setdefault(namespace, {})
            self._order.pop((resource.id, namespace), None)
            if kind == "DELETED":
                table.pop(name, None)
            else:
                table[name] = obj
            for state, note in ((old, set.discard), (None if kind == "DELETED" else obj, set.add)):
                for owner in (state or {"metadata": {}})["metadata"].get("ownerReferences") or ():
                    note(self._owned.setdefault(owner["uid"], set()), (*resource.id, namespace, name))
            past = self._past.setdefault(resource.id, deque(maxlen=self._keep))
            if len(past) == self._keep:
                self._floors[resource.id] = past[0].version
            change = Change(self.version, kind, obj, old)
            past.append(change)
            if resource.plural == "customresourcedefinitions":
                (self.catalogue.remove_crd if kind == "DELETED" else self.catalogue.add_crd)(obj)
            for listener in list(self.listeners):
                listener(resource, change)
            return obj

    def new_uid(self) -> str:
        """The next uid; the same seed gives the same row of them."""
        self._made += 1
        return str(uuid.uuid5(_UIDS, f"{self._seed}/{self._made}"))


def clone(value: Any) -> Any:
    """A copy of a JSON value that shares nothing with it."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    return [clone(item) for item in value] if isinstance(value, list) else value


def merge(target: Any, changes: Any) -> Any:
    """JSON merge patch (RFC 7396) without touching either argument."""
    if not isinstance(changes, dict):
        return clone(changes)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def same(old: Obj, new: Obj) -> bool:
    """True if a write would change nothing but bookkeeping: the real server then answers with the old version."""
    return _plain(old) == _plain(new)


def _plain(obj: Obj) -> Obj:
    meta = {key: value for key, value in obj["metadata"].items() if key not in ("resourceVersion", "generation")}
    if "managedFields" in meta:
        meta["managedFields"] = [{**entry, "time": ""} for entry in meta["managedFields"]]
    return {**obj, "metadata": meta}
