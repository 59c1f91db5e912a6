"""Server-side apply: who manages which field, conflicts between managers, and what an apply leaves behind.

A set of fields is a set of paths; a path is a tuple of FieldsV1 steps (`f:name`, `k:{"name":"x"}`, `v:"x"`). Maps are
granular, lists with known keys are granular for built-in kinds, everything else is atomic.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ztui.demo.answers import ApiError, Obj
from ztui.demo.catalogue import Resource, api_version
from ztui.demo.merge import KEYS, SETS, key_of
from ztui.demo.store import clone

Path = tuple[str, ...]
Fields = set[Path]
# Fields that nobody manages.
_UNMANAGED = {
    ("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace"),
    ("f:metadata", "f:uid"), ("f:metadata", "f:resourceVersion"), ("f:metadata", "f:generation"),
    ("f:metadata", "f:creationTimestamp"), ("f:metadata", "f:managedFields"), ("f:metadata", "f:selfLink"),
    ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:deletionGracePeriodSeconds"),
}  # fmt: skip


def fields_of(obj: Obj, *, keyed: bool = True) -> Fields:
    """Every leaf of an object as a managed field; `keyed` is false for custom resources, whose lists are atomic."""
    found = set(_leaves(obj, (), "", keyed))
    return {path for path in found if path not in _UNMANAGED and path[:2] != ("f:metadata", "f:managedFields")}


def _leaves(value: Any, path: Path, name: str, keyed: bool) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, f"f:{key}"), key, keyed)
        return
    if isinstance(value, list) and value and keyed:
        if name in SETS:
            for item in value:
                yield (*path, f"v:{_compact(item)}")
            return
        if name in KEYS and all(key_of(name, item) for item in value):
            for item in value:
                here = (*path, _step(name, item))
                yield (*here, ".")
                yield from _leaves(item, here, "", keyed)
            return
    yield path


def _step(name: str, item: Obj) -> str:
    key = key_of(name, item) or ("", None)
    more = {"protocol": item.get("protocol", "TCP")} if name == "ports" else {}
    return f"k:{_compact({key[0]: key[1], **more})}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def to_v1(fields: Fields) -> Obj:
    """FieldsV1 of a set."""
    root: Obj = {}
    for path in sorted(fields):
        at = root
        for step in path:
            at = at.setdefault(step, {})
    return root


def from_v1(tree: Obj, path: Path = ()) -> Fields:
    """The set of a FieldsV1."""
    found: Fields = set()
    for step, below in tree.items():
        if below:
            found |= from_v1(below, (*path, step))
        else:
            found.add((*path, step))
    return found


def entry(manager: str, operation: str, resource: Resource, version: str, fields: Fields, time: str, sub: str = "") -> Obj:
    """One managedFields entry."""
    made = {
        "manager": manager,
        "operation": operation,
        "apiVersion": api_version(resource.group, version),
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_v1(fields),
    }
    return {**made, "subresource": sub} if sub else made


def value_at(obj: Any, path: Path) -> Any:
    """The value a path leads to, or None."""
    for step in path:
        kind, _, rest = step.partition(":")
        if step == ".":
            return obj
        if kind == "f":
            obj = obj.get(rest) if isinstance(obj, dict) else None
        elif kind == "k":
            wanted = json.loads(rest)
            items = obj if isinstance(obj, list) else []
            obj = next(
                (i for i in items if all(i.get(k, "TCP" if k == "protocol" else None) == v for k, v in wanted.items())), None
            )
        else:
            return rest if isinstance(obj, list) and json.loads(rest) in obj else None
        if obj is None:
            return None
    return obj


def _remove(obj: Any, path: Path) -> None:
    *way, last = path
    if last == ".":
        *way, last = way
    parent = value_at(obj, tuple(way))
    if last.startswith("f:") and isinstance(parent, dict):
        parent.pop(last[2:], None)
        if not parent and len(way) > 1 and way[-1].startswith("f:"):
            _remove(obj, tuple(way))
    elif isinstance(parent, list):
        gone = value_at(obj, (*way, last)) if last.startswith("k:") else json.loads(last[2:])
        if gone in parent:
            parent.remove(gone)


def overlay(live: Any, applied: Any, name: str = "", *, keyed: bool = True) -> Any:
    """The live value with an applied configuration laid over it."""
    if isinstance(applied, dict):
        result = dict(live) if isinstance(live, dict) else {}
        for key, value in applied.items():
            result[key] = overlay(result.get(key), value, key, keyed=keyed)
        return result
    if isinstance(applied, list) and isinstance(live, list) and keyed:
        if name in SETS:
            return live + [item for item in applied if item not in live]
        if name in KEYS and all(key_of(name, item) for item in applied):
            result_list = list(live)
            for item in applied:
                key = key_of(name, item)
                at = next((i for i, have in enumerate(result_list) if key_of(name, have) == key), None)
                if at is None:
                    result_list.append(clone(item))
                else:
                    result_list[at] = overlay(result_list[at], item, keyed=keyed)
            return result_list
    return clone(applied)


def readable(path: Path) -> str:
    """A path as conflict messages write it."""
    text = ""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in json.loads(rest).items()) + "]"
        elif kind == "v":
            text += f"[={rest}]"
    return text


def server_side(live: Obj | None, applied: Obj, *, resource: Resource, version: str, manager: str, force: bool, time: str) -> Obj:
    """The object after an apply. Raises a 409 ApiError that names fields and managers where they disagree."""
    keyed = resource.origin != "crd"
    mine = fields_of(applied, keyed=keyed)
    entries = _entries(live, resource, version, time, keyed)
    others = [e for e in entries if (e["manager"], e["operation"]) != (manager, "Apply")]
    previous = next((from_v1(e["fieldsV1"]) for e in entries if e not in others), set())
    conflicts = [
        (
            e,
            sorted(
                path
                for path in from_v1(e["fieldsV1"]) & mine
                if path[-1] != "." and value_at(live, path) != value_at(applied, path)
            ),
        )
        for e in others
    ]
    conflicts = [(e, paths) for e, paths in conflicts if paths]
    if conflicts and not force:
        raise _conflict(conflicts)
    for e, paths in conflicts:
        e["fieldsV1"] = to_v1(from_v1(e["fieldsV1"]) - set(paths))
    result = clone(live) if live else {}
    held = {path for e in others for path in from_v1(e["fieldsV1"])}
    for path in sorted(previous - mine - held, key=len, reverse=True):
        _remove(result, path)
    result = overlay(result, {key: value for key, value in applied.items() if key != "status"}, keyed=keyed)
    kept = [e for e in others if e["fieldsV1"]]
    kept += [e for e in (live or {"metadata": {}})["metadata"].get("managedFields") or () if e.get("subresource")]
    result["metadata"]["managedFields"] = [*kept, entry(manager, "Apply", resource, version, mine, time)]
    return dict(result)


def _entries(live: Obj | None, resource: Resource, version: str, time: str, keyed: bool) -> list[Obj]:
    if live is None:
        return []
    found = [dict(e) for e in live["metadata"].get("managedFields") or () if not e.get("subresource")]
    if not found:
        fields = {path for path in fields_of(live, keyed=keyed) if path[0] != "f:status"}
        found = [entry("before-first-apply", "Update", resource, version, fields, time)]
    return found


def _named(held: Obj) -> str:
    """A manager as conflict messages name it; one that updated is told with its version."""
    via = f" using {held['apiVersion']}" if held["operation"] == "Update" else ""
    return f'"{held["manager"]}"{via}'


def _conflict(conflicts: list[tuple[Obj, list[Path]]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_named(e)}",
            "field": readable(path),
        }
        for e, paths in conflicts
        for path in paths
    ]
    if len(causes) == 1:
        said = f"{causes[0]['message']}: {causes[0]['field']}"
    else:
        groups: dict[str, list[str]] = {}
        for cause in causes:
            groups.setdefault(cause["message"].replace("conflict", "conflicts", 1), []).append(f"- {cause['field']}")
        said = "\n".join(f"{message}:\n" + "\n".join(fields) for message, fields in groups.items())
    text = f"Apply failed with {len(causes)} conflict{'s' if len(causes) > 1 else ''}: {said}"
    return ApiError(409, text, details={"causes": causes})


def tracked(old: Obj | None, new: Obj, *, resource: Resource, version: str, manager: str, time: str, sub: str = "") -> Obj:
    """The new object after a plain write, with the changed fields now managed by the writer."""
    before = (old or {"metadata": {}})["metadata"].get("managedFields")
    if old is not None and not before:
        return new  # nobody ever applied: the world's own objects stay as small as they are
    keyed = resource.origin != "crd"
    fields = fields_of(new, keyed=keyed)
    changed = {path for path in fields if value_at(old or {}, path) != value_at(new, path) or (old is None)}
    gone = fields_of(old, keyed=keyed) - fields if old else set()
    changed = {path for path in changed if (path[0] == "f:status") == (sub == "status")}
    entries = []
    own: Fields = set()
    for e in before or ():
        held = from_v1(e["fieldsV1"]) - changed - gone
        if (e["manager"], e["operation"], e.get("subresource", "")) == (manager, "Update", sub):
            own = held
        elif held:
            entries.append({**e, "fieldsV1": to_v1(held)})
    if own | changed:
        entries.append(entry(manager, "Update", resource, version, own | changed, time, sub))
    return {**new, "metadata": {**new["metadata"], "managedFields": entries}}
