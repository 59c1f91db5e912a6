"""The managers that an object remembers: its `metadata.managedFields`, read and written.

Two managers are the same where name, operation and subresource are, and the version too, unless they apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ztui.demo.answers import Obj
from ztui.demo.fields.paths import FieldSet, Path, from_v1, to_v1, without

APPLY, UPDATE = "Apply", "Update"
UPDATERS_KEPT = 10  # apimachinery, DefaultMaxUpdateManagers
# Fields that nobody manages: apimachinery, managedfields/internal/stripmeta.go
UNMANAGED = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
            "resourceVersion",
        )
    }
)  # fmt: skip


class Manager(NamedTuple):
    """Who manages fields; `version` is empty for one that applies."""

    name: str
    operation: str
    version: str
    subresource: str = ""

    def said(self) -> str:
        """How messages name it: one that updated is told with its version."""
        via = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.name}"{via}' + (f" using {self.version}" if self.operation == UPDATE else "")


class Held(NamedTuple):
    """What a manager holds, in which version it said so, and when."""

    fields: FieldSet
    version: str
    time: str = ""


@dataclass
class Managers:
    """Every manager of an object."""

    held: dict[Manager, Held] = field(default_factory=dict)

    def copy(self) -> Managers:
        """Managers that change on their own."""
        return Managers(dict(self.held))

    def keep(self, manager: Manager, fields: FieldSet) -> None:
        """Leaves a manager these fields; one without any is forgotten."""
        if fields:
            self.held[manager] = self.held[manager]._replace(fields=fields)
        else:
            self.held.pop(manager, None)

    def cap(self) -> None:
        """Puts the oldest updates together where there are too many."""
        updaters = sorted((m for m in self.held if m.operation == UPDATE), key=lambda m: (self.held[m].time, m))
        count = len(updaters)
        first: dict[str, Manager] = {}
        for manager in updaters:
            if count <= UPDATERS_KEPT:
                return
            mine = self.held[manager]
            bucket = Manager("ancient-changes", UPDATE, mine.version)
            if mine.version not in first:
                first[mine.version] = manager
                continue
            if bucket not in self.held:
                self.held[bucket] = self.held.pop(first[mine.version])
            self.held[bucket] = mine._replace(fields=mine.fields | self.held[bucket].fields)
            del self.held[manager]
            count -= 1


def read(meta: Mapping[str, object]) -> Managers:
    """The managers of an object by its metadata; none where they are not well-formed."""
    found = Managers()
    entries = meta.get("managedFields")
    for entry in entries if isinstance(entries, list) else ():
        if entry.get("operation") not in (APPLY, UPDATE) or entry.get("fieldsType") != "FieldsV1" or not entry.get("apiVersion"):
            return Managers()
        version = entry["apiVersion"]
        manager = Manager(
            entry.get("manager", ""),
            entry["operation"],
            "" if entry["operation"] == APPLY else version,
            entry.get("subresource", ""),
        )
        found.held[manager] = Held(from_v1(entry.get("fieldsV1") or {}), version, entry.get("time", ""))
    return found


def write(managers: Managers) -> list[Obj]:
    """The entries of `metadata.managedFields`, appliers first, older ones before newer ones."""

    def rank(manager: Manager) -> tuple[str, str, str, str, str]:
        held = managers.held[manager]
        return manager.operation, held.time, manager.name, held.version, manager.subresource

    entries = []
    for manager in sorted(managers.held, key=rank):
        held = managers.held[manager]
        entry: Obj = {"manager": manager.name, "operation": manager.operation, "apiVersion": held.version}
        if held.time:
            entry["time"] = held.time
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": to_v1(held.fields)}
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries


def with_managers(obj: Obj, managers: Managers) -> Obj:
    """The object remembering these managers."""
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if managers.held:
        meta["managedFields"] = write(managers)
    return {**obj, "metadata": meta}


def bare(obj: Obj) -> Obj:
    """The object without its managers."""
    return with_managers(obj, Managers())


def managed(fields: FieldSet, reset: tuple[Path, ...]) -> FieldSet:
    """The fields of a set that somebody may manage; those of `reset` the server takes from no one here."""
    return without(fields, reset) - UNMANAGED
