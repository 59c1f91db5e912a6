"""Which resources the demo server serves, under which groups, versions and names.

Built-in and aggregated resources come from `data/builtin.txt`, custom ones from `data/crds.txt` and, at run time,
from CustomResourceDefinition objects: creating one makes its paths appear, deleting it makes them vanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ztui.demo.answers import Obj

DATA = Path(__file__).parent / "data"
ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
# Verbs of each subresource as the real discovery lists them; anything else is get, patch, update.
SUB_VERBS = {
    "log": ("get",), "exec": ("create", "get"), "attach": ("create", "get"), "portforward": ("create", "get"),
    "proxy": ("create", "delete", "get", "patch", "update"), "eviction": ("create",), "binding": ("create",),
    "token": ("create",), "finalize": ("update",), "configz": ("get",), "instantiate": ("create",),
    "custom-host": ("create",), "layers": ("get",), "secrets": ("get",), "details": ("update",), "icon": ("get",),
}  # fmt: skip
SUB_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"), "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"), "exec": ("", "v1", "PodExecOptions"),
    "attach": ("", "v1", "PodAttachOptions"), "portforward": ("", "v1", "PodPortForwardOptions"),
    "proxy": ("", "v1", "PodProxyOptions"), "binding": ("", "v1", "Binding"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource. `versions` is in order of preference; `stored` is the version objects are kept in."""

    group: str
    versions: tuple[str, ...]
    stored: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    columns: str = ""
    origin: str = "builtin"  # builtin, agg (another API server behind this one) or crd
    id: tuple[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", (self.group, self.plural))

    @property
    def singular(self) -> str:
        """The name kubectl accepts in the singular."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """`v1` or `group/version` of the stored form."""
        return api_version(self.group, self.stored)


def api_version(group: str, version: str) -> str:
    """How objects write group and version."""
    return f"{group}/{version}" if group else version


def version_rank(version: str) -> tuple[int, int, int]:
    """Sort key of Kubernetes version names: GA before beta before alpha, newest first."""
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if not found:
        return (9, 0, 0)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0))


def _names(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def _parse(line: str, *, custom: bool) -> Resource:
    left, _, columns = line.partition("|")
    group, versions, plural, kind, scope, short, categories, subs, *rest = left.split()
    served = [version.lstrip("*") for version in versions.split(",")]
    stored = next((v[1:] for v in versions.split(",") if v.startswith("*")), served[0])
    verbs = [word for word in ",".join(rest).split(",") if word and word != "agg"]
    origin = "crd" if custom else "agg" if "agg" in ",".join(rest) else "builtin"
    return Resource(
        group="" if group == "core" else group,
        versions=tuple(sorted(served, key=version_rank)),
        stored=stored,
        plural=plural,
        kind=kind,
        namespaced=scope == "N",
        short=_names(short),
        categories=_names(categories),
        subresources=_names(subs),
        verbs=tuple(verbs) or ALL_VERBS,
        columns=columns.strip(),
        origin=origin,
    )


@cache
def _shipped() -> tuple[Resource, ...]:
    found = []
    for name, custom in (("builtin.txt", False), ("crds.txt", True)):
        lines = (DATA / name).read_text(encoding="utf-8").splitlines()
        found += [_parse(line, custom=custom) for line in lines if line and not line.startswith("#")]
    return tuple(found)


class Catalogue:
    """The resources served at this moment; lookups by path, by kind and by the names people type."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], Resource] = {resource.id: resource for resource in _shipped()}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self.revision = 0
        self._index()

    def _index(self) -> None:
        self._by_kind = {(resource.group, resource.kind): resource for resource in self._by_id.values()}
        self.revision += 1

    def __iter__(self) -> Iterator[Resource]:
        return iter(list(self._by_id.values()))

    def get(self, group: str, plural: str) -> Resource | None:
        """The resource of a path, whatever the version."""
        return self._by_id.get((group, plural))

    def served(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a path, if that version is served."""
        found = self._by_id.get((group, plural))
        return found if found and version in found.versions else None

    def of_kind(self, api: str, kind: str) -> Resource:
        """The resource of an object's apiVersion and kind; without apiVersion the kind must be in one group only.

        Raises KeyError where no such resource is served.
        """
        if api:
            group = api.rpartition("/")[0]
            return self._by_kind[group, kind]
        found = [resource for (_, named), resource in self._by_kind.items() if named == kind]
        core = [resource for resource in found if not resource.group or resource.origin == "builtin"]
        if len(found) == 1 or core:
            return (core or found)[0]
        raise KeyError(f"{kind} needs an apiVersion: {sorted(resource.group for resource in found)}")

    def kind(self, api: str, kind: str) -> Resource | None:
        """The resource of an apiVersion and kind, if it is served."""
        return self._by_kind.get((api.rpartition("/")[0], kind))

    def named(self, name: str) -> Resource:
        """The resource of `pods`, `po`, `Pod` or `routes.route.openshift.io`. Raises KeyError."""
        plural, _, group = name.partition(".")
        if group:
            return self._by_id[group, plural]
        lower = name.lower()
        for resource in self._by_id.values():
            if lower in (resource.plural, resource.singular, *resource.short):
                return resource
        raise KeyError(name)

    def groups(self) -> dict[str, list[str]]:
        """Named groups, the server's own first, to their versions, preferred first."""
        versions: dict[str, set[str]] = {}
        for resource in self._by_id.values():
            if resource.group:
                versions.setdefault(resource.group, set()).update(resource.versions)
        return {group: sorted(found, key=version_rank) for group, found in versions.items()}

    def of_version(self, group: str, version: str) -> list[Resource]:
        """Resources of one group and version, by name."""
        found = [r for r in self._by_id.values() if r.group == group and version in r.versions]
        return sorted(found, key=lambda resource: resource.plural)

    def add_crd(self, crd: Obj) -> None:
        """Serves what a CustomResourceDefinition declares; a known resource keeps nothing but its name."""
        resource = from_crd(crd)
        if self._by_id.get(resource.id) == resource:
            return
        if resource.versions:
            self._by_id[resource.id] = resource
        else:
            self._by_id.pop(resource.id, None)
        self._index()

    def drop(self, group: str) -> None:
        """Stops serving a whole group."""
        self._by_id = {key: resource for key, resource in self._by_id.items() if resource.group != group}
        self._index()

    def remove_crd(self, crd: Obj) -> None:
        """Stops serving it."""
        self._by_id.pop((crd["spec"]["group"], crd["spec"]["names"]["plural"]), None)
        self._index()


def from_crd(crd: Obj) -> Resource:
    """The resource that a CustomResourceDefinition makes."""
    spec = crd["spec"]
    names = spec["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    stored = next((v for v in spec["versions"] if v.get("storage")), spec["versions"][0])
    columns = stored.get("additionalPrinterColumns") or []
    return Resource(
        group=spec["group"],
        versions=tuple(sorted((version["name"] for version in served), key=version_rank)),
        stored=stored["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec.get("scope") == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=tuple(stored.get("subresources") or ()),
        columns=" ; ".join(_column(column) for column in columns),
        origin="crd",
    )


def _column(column: Obj) -> str:
    return f"{column['name']}:{column['type']}{'*' if column.get('priority') else ''}:{column['jsonPath']}"


def to_crd(resource: Resource, since: str = "") -> Obj:
    """The CustomResourceDefinition object of a shipped custom resource, served since then; its schema accepts any field."""
    columns = []
    for text in filter(None, resource.columns.split(" ; ")):
        name, kind, path = text.split(":", 2)
        column: Obj = {"name": name, "type": kind.rstrip("*"), "jsonPath": path}
        columns.append({**column, "priority": 1} if kind.endswith("*") else column)
    schema: Obj = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}

    def version(name: str) -> Obj:
        made: Obj = {"name": name, "served": True, "storage": name == resource.stored, "schema": schema}
        if columns:
            made["additionalPrinterColumns"] = columns
        if resource.subresources:
            made["subresources"] = {sub: _SUB_PATHS if sub == "scale" else {} for sub in resource.subresources}
        return made

    names: dict[str, Any] = {
        "plural": resource.plural,
        "singular": resource.singular,
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
    }
    if resource.short:
        names["shortNames"] = list(resource.short)
    if resource.categories:
        names["categories"] = list(resource.categories)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "names": names,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "conversion": {"strategy": "None"},
            "versions": [version(name) for name in resource.versions],
        },
        "status": {
            "acceptedNames": names,
            "storedVersions": [resource.stored],
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": since or None, "reason": reason, "message": message}
                for kind, reason, message in (
                    ("NamesAccepted", "NoConflicts", "no conflicts found"),
                    ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
                )
            ],
        },
    }


_SUB_PATHS = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
