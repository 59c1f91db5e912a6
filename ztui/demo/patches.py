"""Patches: JSON Patch (RFC 6902), the strategic merge of built-in kinds, and the fields that an apply owns."""

from __future__ import annotations

import copy
from typing import Any

from ztui.demo.answers import ApiError, Obj, bad_request

# The merge key of lists of objects, by field; kubernetes' struct tags `patchMergeKey`.
_KEYS = {
    "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "env": "name", "volumes": "name",
    "volumeMounts": "mountPath", "conditions": "type", "imagePullSecrets": "name", "secrets": "name",
    "ownerReferences": "uid", "hostAliases": "ip", "taints": "key", "addresses": "type",
}  # fmt: skip


def strategic(target: Any, changes: Any, field: str = "") -> Any:
    """Merges changes as the strategic merge patch does; neither argument is touched."""
    if isinstance(changes, dict):
        if changes.get("$patch") == "replace":
            return {key: value for key, value in changes.items() if key != "$patch"}
        result = dict(target) if isinstance(target, dict) else {}
        for name, value in changes.items():
            if name.startswith("$"):
                continue
            if value is None:
                result.pop(name, None)
            else:
                result[name] = strategic(result.get(name), value, name)
        return result
    key = _key_of(field, target, changes)
    if isinstance(changes, list) and key and isinstance(target, list):
        return _merged_list(target, changes, key)
    return copy.deepcopy(changes)


def _key_of(field: str, target: Any, changes: Any) -> str:
    if field == "ports" and isinstance(changes, list) and isinstance(target, list):
        return "containerPort" if any("containerPort" in item for item in (*target, *changes)) else "port"
    return _KEYS.get(field, "")


def _merged_list(target: list[Any], changes: list[Any], key: str) -> list[Any]:
    found = list(target)
    for change in changes:
        at = next((i for i, item in enumerate(found) if isinstance(item, dict) and item.get(key) == change.get(key)), None)
        if change.get("$patch") == "delete":
            found = [item for i, item in enumerate(found) if i != at]
        elif at is None:
            found.append(strategic({}, change))
        else:
            found[at] = strategic(found[at], change)
    return found


def apply_json_patch(obj: Obj, operations: list[Obj]) -> Obj:
    """Applies JSON Patch operations in order. Raises a 422 ApiError where a `test` fails or a path is not there."""
    holder: Obj = {"": obj}
    for operation in operations:
        if not {"op", "path"} <= set(operation):
            raise bad_request("a json patch operation needs op and path")
        _one_operation(holder, operation)
    result = holder[""]
    if not isinstance(result, dict):
        raise bad_request("the patch leaves no object")
    return result


def _one_operation(holder: Obj, operation: Obj) -> None:
    path, kind = operation["path"], operation["op"]
    match kind:
        case "test":
            if _find(holder, path) != operation.get("value"):
                raise _refused(f"testing path {path} failed")
        case "add":
            _put(holder, path, copy.deepcopy(operation.get("value")), replace=False)
        case "replace":
            _find(holder, path)
            _put(holder, path, copy.deepcopy(operation.get("value")), replace=True)
        case "remove":
            _remove(holder, path)
        case "copy" | "move":
            value = copy.deepcopy(_find(holder, operation.get("from", "")))
            if kind == "move":
                _remove(holder, operation["from"])
            _put(holder, path, value, replace=False)
        case _:
            raise bad_request(f"unexpected kind: {kind}")


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _parent(holder: Obj, path: str) -> tuple[Any, str]:
    *above, last = _parts(path)
    node: Any = holder
    for part in above:
        node = _child(node, part, path)
    return node, last


def _child(node: Any, part: str, path: str) -> Any:
    try:
        return node[int(part)] if isinstance(node, list) else node[part]
    except (KeyError, IndexError, ValueError, TypeError) as wrong:
        raise _refused(f"doc is missing path: {path}: missing value") from wrong


def _find(holder: Obj, path: str) -> Any:
    node, last = _parent(holder, path)
    return _child(node, last, path)


def _put(holder: Obj, path: str, value: Any, *, replace: bool) -> None:
    node, last = _parent(holder, path)
    if isinstance(node, list):
        at = len(node) if last == "-" else int(last)
        if replace:
            node[at] = value
        else:
            node.insert(at, value)
    elif isinstance(node, dict):
        node[last] = value
    else:
        raise _refused(f"doc is missing path: {path}: missing value")


def _remove(holder: Obj, path: str) -> None:
    node, last = _parent(holder, path)
    _child(node, last, path)
    del node[int(last) if isinstance(node, list) else last]


def _refused(why: str) -> ApiError:
    text = f"the server rejected our request due to an error in our request: {why}"
    return ApiError(422, text, reason="Invalid", details={})


def fields_of(value: Any, field: str = "") -> Obj:
    """The FieldsV1 of an object: every field that it names, lists with a merge key by that key."""
    if isinstance(value, dict):
        skip = ("apiVersion", "kind", "status") if not field else ()
        return {
            f"f:{name}": fields_of(item, name) for name, item in value.items() if name not in skip and not _identity(field, name)
        }
    key = _KEYS.get(field, "")
    if isinstance(value, list) and key and all(isinstance(item, dict) and key in item for item in value):
        return {f'k:{{"{key}":"{item[key]}"}}': {".": {}, **fields_of(item, "item")} for item in value}
    return {}


def _identity(field: str, name: str) -> bool:
    return field == "metadata" and name in (
        "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields",
    )  # fmt: skip
