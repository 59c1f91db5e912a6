"""Small clusters for tests: YAML in, through the real door and the real store, a state out.

``pod/shop/api`` is a plain object of that name; a mapping is a whole or partial object. Everything that a test does not mention
is whole and empty, so a case says only what matters.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from ztui.board import Board, Judge
from ztui.checks.base import Check, CheckId, catalogue
from ztui.kinds.base import Kind, Malformed, decode_or_malformed
from ztui.sources.discovery import Resource
from ztui.store import Broken, Hole, Put, Store, Whole
from ztui.view import EVERYWHERE, Gap, State, View, Why

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

_SHORT = {
    "ns": "Namespace",
    "sa": "ServiceAccount",
    "crb": "ClusterRoleBinding",
    "rb": "RoleBinding",
    "svc": "Service",
}


def all_kinds() -> frozenset[type[Kind]]:
    """Every kind that any check may read, and those of every module of ``ztui.kinds``."""
    found: set[type[Kind]] = set()
    front: list[type[Kind]] = [Kind]
    for card in catalogue().values():
        found |= card.kinds
    while front:
        for sub in front.pop().__subclasses__():
            front.append(sub)
            if sub.KIND and sub.__module__.startswith("ztui."):
                found.add(sub)
    return frozenset(found)


def kind_named(name: str, group: str | None = None) -> type[Kind]:
    """The kind of that ``KIND`` (any case) or short name; ``group`` decides where two share one."""
    wanted = _SHORT.get(name.lower(), name).lower()
    found = [kind for kind in all_kinds() if kind.KIND.lower() == wanted and (group is None or group == kind.GROUP)]
    single = [kind for kind in found if not kind.SINGLE and not kind.FIELDS] or found
    assert single, f"no kind named {name}"
    return min(single, key=lambda kind: (kind.GROUP != "", kind.GROUP))


def complete(item: str | Mapping[str, Any]) -> tuple[type[Kind], dict[str, Any]]:
    """Turn the short forms of a case into a whole object, with plausible defaults."""
    if isinstance(item, str):
        name, *place = item.split("/")
        obj: dict[str, Any] = {"kind": name, "metadata": {"name": place[-1]}}
        if len(place) == 2:
            obj["metadata"]["namespace"] = place[0]
    else:
        obj = copy.deepcopy(dict(item))
        obj.setdefault("metadata", {})
    group = obj["apiVersion"].rpartition("/")[0] if "apiVersion" in obj else None
    kind = kind_named(obj["kind"], group)
    meta = obj["metadata"]
    meta.setdefault("name", "cluster")
    if kind.NAMESPACED:
        meta.setdefault("namespace", "default")
    meta.setdefault("uid", f"uid-{kind.KIND}-{meta.get('namespace', '')}-{meta['name']}")
    meta.setdefault("resourceVersion", "1")
    meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
    if kind.KIND == "Pod":
        obj.setdefault("spec", {}).setdefault("containers", [{"name": "main", "image": "registry.example/app:1"}])
        obj.setdefault("status", {}).setdefault("phase", "Running")
    return kind, obj


def world(
    objects: Iterable[str | Mapping[str, Any]] | str = (),
    *,
    gaps: Mapping[str, str] | None = None,
    platform: str = "ocp",
    now: datetime = NOW,
) -> Store:
    """A store that holds these objects; everything else is whole and empty.

    ``gaps`` maps a kind's name (``ClusterRoleBinding``, or ``Pod/shop`` for one namespace) to a reason such as ``forbidden``.
    No Vault and no metrics store is connected unless an object is of one.
    ``platform`` is ``ocp``, ``k8s`` (no OpenShift group is served) or ``microshift``.
    """
    items = yaml.safe_load(objects) if isinstance(objects, str) else list(objects)
    store = Store()
    has_vault = any(complete(item)[0].SOURCE == "vault" for item in items)
    measured = {complete(item)[0] for item in items}
    for kind in all_kinds():
        if kind.SOURCE == "vault" and not has_vault:
            store.apply(Hole(kind, Gap(Why.NOT_CONNECTED, "vault")))
            continue
        if kind.SOURCE == "metrics" and kind not in measured:
            store.apply(Hole(kind, Gap(Why.NOT_CONNECTED, "thanos")))
            continue
        absent = platform != "ocp" and kind.GROUP.endswith("openshift.io")
        store.apply(Hole(kind, Gap(Why.ABSENT, kind.PLURAL)) if absent else Whole(kind, frozenset()))
    if platform == "ocp" and not any(_is(item, "infrastructure") for item in items):
        items = [{"kind": "Infrastructure", "status": {"controlPlaneTopology": "HighlyAvailable"}}, *items]
    for item in items:
        put(store, item)
    for name, why in (gaps or {}).items():
        kind_name, _, scope = name.partition("/")
        word, _, detail = why.partition(":")
        for kind in _readers(kind_named(kind_name)):
            store.apply(Hole(kind, Gap(Why(word), detail or kind.PLURAL), scope or EVERYWHERE, forget=word == "forbidden"))
    store.tick(now)
    return store


def spoil(store: Store, place: str) -> None:
    """``Role/shop``: an object of that kind in that namespace cannot be read, so the kind is not whole there."""
    kind, _, namespace = place.partition("/")
    store.apply(Broken(kind_named(kind), Malformed(namespace, "odd", "no object")))
    store.tick(store.state.now)


def put(store: Store, item: str | Mapping[str, Any]) -> None:
    """Put one object into a store, through the door."""
    kind, obj = complete(item)
    if any(other.FIELDS for other in _same_resource(kind)):
        _put_by_fields(store, kind, obj)
        return
    at = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
    for reader in _same_resource(kind):  # the same resource may be read by narrower kinds too
        if not reader.SINGLE or at == reader.SINGLE:
            found = decode_or_malformed(reader, json.dumps(obj).encode())
            store.apply(Broken(reader, found) if isinstance(found, Malformed) else Put(found))


def _put_by_fields(store: Store, of: type[Kind], obj: dict[str, Any]) -> None:
    """A resource that is read by field selectors: each kind gets what its selector lets through."""
    meta = obj["metadata"]
    for kind in _same_resource(of):
        field, _, value = kind.FIELDS.partition("=")
        wanted = (meta.get("namespace", ""), meta["name"]) == kind.SINGLE if kind.SINGLE else obj.get(field, "Opaque") == value
        if wanted:
            found = decode_or_malformed(kind, json.dumps(obj).encode())
            store.apply(Broken(kind, found) if isinstance(found, Malformed) else Put(found))


def _same_resource(of: type[Kind]) -> list[type[Kind]]:
    return [kind for kind in all_kinds() if (kind.GROUP, kind.PLURAL) == (of.GROUP, of.PLURAL)]


def view_of(objects: Iterable[str | Mapping[str, Any]] | str = (), **how: Any) -> View:
    """A view of such a world, free to read everything."""
    return View(world(objects, **how).state)


def judged(state: State, *cards: Check, **how: Any) -> Board:
    """The board of a state: all checks, or only these."""
    judge = Judge({card.id: card for card in cards} if cards else catalogue(), **how)
    try:
        return judge.judge(state)
    finally:
        judge.close()


def card(check_id: str) -> Check:
    """A check of the catalogue."""
    return catalogue()[CheckId(check_id)]


def resource(kind: type[Kind]) -> Resource:
    """Where a server would serve a kind."""
    base = f"/apis/{kind.GROUP}/{kind.VERSIONS[0]}" if kind.GROUP else f"/api/{kind.VERSIONS[0]}"
    return Resource(base, kind.PLURAL, kind.NAMESPACED)


def _readers(of: type[Kind]) -> list[type[Kind]]:
    """The kinds that one gap is about: all that read a resource by field selectors or by name, else the kind itself."""
    same = _same_resource(of)
    return same if of.SINGLE or any(kind.FIELDS for kind in same) else [of]


def _is(item: object, kind: str) -> bool:
    name = item.get("kind", "") if isinstance(item, dict) else str(item).split("/")[0]
    return str(name).lower() == kind
