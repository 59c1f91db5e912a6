"""The patch formats a server accepts, as functions from an object and a patch to the patched object.

List keys follow the patchMergeKey and listMapKey tags of k8s.io/api, by field name: good for the kinds people patch.
"""

from __future__ import annotations

from typing import Any

from ztui.demo.answers import ApiError, Obj, bad_request
from ztui.demo.store import clone

# Lists of built-in kinds whose items are known by a key; every other list is replaced as a whole.
KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "hostAliases": ("ip",),
    "taints": ("key",),
    "webhooks": ("name",),
    "ports": ("containerPort", "port"),
}
SETS = ("finalizers",)


def key_of(name: str, item: Any) -> tuple[str, Any] | None:
    """The key field of a list item and its value; None for items of lists that have no keys."""
    if isinstance(item, dict):
        for key in KEYS.get(name, ()):
            if key in item:
                return key, item[key]
    return None


def strategic(target: Any, patch: Any) -> Any:
    """Strategic merge patch: maps merge, keyed lists merge by key, `$patch` and `$deleteFromPrimitiveList` are obeyed."""
    if not isinstance(patch, dict):
        return clone(patch)
    if patch.get("$patch") == "replace":
        return {key: clone(value) for key, value in patch.items() if key != "$patch"}
    result: Obj = dict(target) if isinstance(target, dict) else {}
    for name in set(patch.get("$retainKeys") or ()) and set(result) - set(patch["$retainKeys"]):
        del result[name]
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            result[field] = [item for item in result.get(field) or [] if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            result.pop(name, None)
        elif isinstance(value, list):
            result[name] = _list(name, result.get(name), value)
        else:
            result[name] = strategic(result.get(name), value)
    return result


def _list(name: str, target: Any, patch: list[Any]) -> list[Any]:
    old = list(target) if isinstance(target, list) else []
    if name in SETS:
        return old + [item for item in patch if item not in old]
    if not patch or any(key_of(name, item) is None for item in patch):
        return [clone(item) for item in patch]
    if any(item.get("$patch") == "replace" for item in patch):
        return [clone(item) for item in patch if "$patch" not in item]
    for item in patch:
        key = key_of(name, item)
        at = next((index for index, have in enumerate(old) if key_of(name, have) == key), None)
        if item.get("$patch") == "delete":
            old = [have for have in old if key_of(name, have) != key]
        elif at is None:
            old.append(strategic({}, item))
        else:
            old[at] = strategic(old[at], item)
    return old


def json_patch(target: Any, patch: Any) -> Any:
    """JSON patch (RFC 6902). Raises a 422 ApiError where a test fails or a path is not there."""
    if not isinstance(patch, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result = clone(target)
    try:
        for step in patch:
            result = _step(result, step)
    except (KeyError, IndexError, ValueError, TypeError) as wrong:
        text = "the server rejected our request due to an error in our request"
        raise ApiError(422, text, reason="Invalid", details={}) from wrong
    return result


def _step(doc: Any, step: Obj) -> Any:
    path = _pointer(step["path"])
    match step["op"]:
        case "test":
            if _get(doc, path) != step.get("value"):
                raise ValueError(step["path"])
        case "remove":
            _remove(doc, path)
        case "add":
            return _add(doc, path, clone(step["value"]))
        case "replace":
            _get(doc, path)
            if path:
                _remove(doc, path)
            return _add(doc, path, clone(step["value"]))
        case "copy":
            return _add(doc, path, clone(_get(doc, _pointer(step["from"]))))
        case "move":
            value = _get(doc, _pointer(step["from"]))
            _remove(doc, _pointer(step["from"]))
            return _add(doc, path, value)
        case other:
            raise ValueError(other)
    return doc


def _pointer(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise ValueError(path)
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _get(doc: Any, path: list[str]) -> Any:
    for part in path:
        doc = doc[int(part)] if isinstance(doc, list) else doc[part]
    return doc


def _remove(doc: Any, path: list[str]) -> None:
    parent = _get(doc, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]


def _add(doc: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(doc, path[:-1])
    if not isinstance(parent, list):
        parent[path[-1]] = value
    elif path[-1] == "-":
        parent.append(value)
    else:
        if not 0 <= int(path[-1]) <= len(parent):
            raise IndexError(path[-1])
        parent.insert(int(path[-1]), value)
    return doc
