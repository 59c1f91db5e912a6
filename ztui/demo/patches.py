"""The patch formats a server accepts, as functions from an object and a patch to the patched object.

JSON patches have the manners of the library that the real server uses: a missing field is as good as null in a test and may
be replaced, an index below zero counts from the end. Which lists a strategic merge patch merges, the kind's shape tells.
"""

from __future__ import annotations

from typing import Any

from ztui.demo.answers import ApiError, Obj, bad_request
from ztui.demo.fields.shapes import ANY, Shape
from ztui.demo.fields.typed import equal
from ztui.demo.store import clone


def strategic(shape: Shape, target: Any, patch: Any) -> Any:
    """Strategic merge patch: maps merge, keyed lists merge by key, and the directives of the patch are obeyed."""
    if not isinstance(patch, dict):
        return clone(patch)
    if patch.get("$patch") == "delete":
        return {}
    if patch.get("$patch") == "replace":
        return {key: clone(value) for key, value in patch.items() if key != "$patch"}
    result: Obj = dict(target) if isinstance(target, dict) else {}
    for name in set(result) - set(patch["$retainKeys"]) if "$retainKeys" in patch else ():
        del result[name]
    for name, value in patch.items():
        directive, _, field = name.partition("/")
        if directive == "$deleteFromPrimitiveList":
            result[field] = [item for item in result.get(field) or [] if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            result.pop(name, None)
        else:
            _merge_field(shape, result, name, value)
    for name, wanted in patch.items():
        directive, _, field = name.partition("/")
        if directive == "$setElementOrder" and field in result:
            below = (shape.map.of(field) if shape.map else None) or ANY
            key = (below.list.patch_key if below.list else None) or ""
            before = target.get(field) if isinstance(target, dict) else None
            result[field] = _in_order(result[field], wanted, before or [], key)
    return result


def _merge_field(shape: Shape, result: Obj, name: str, value: Any) -> None:
    if type(result.get(name)) is not type(value):  # there is nothing to merge into
        if isinstance(value, dict) and "$patch" in value:
            result.pop(name, None)
        else:
            result[name] = _plain(value)
        return
    below = (shape.map.of(name) if shape.map else None) or ANY
    result[name] = _list(below, result[name], value) if isinstance(value, list) else strategic(below, result[name], value)


def _plain(value: Any) -> Any:
    """A value of a patch without its directives and nulls."""
    if isinstance(value, dict):
        kept = {name: item for name, item in value.items() if item is not None and not name.startswith("$")}
        return {name: _plain(item) for name, item in kept.items() if not (isinstance(item, dict) and "$patch" in item)}
    if isinstance(value, list):
        return [_plain(item) for item in value if not (isinstance(item, dict) and "$patch" in item)]
    return value


def _list(shape: Shape, target: Any, patch: list[Any]) -> list[Any]:
    old = list(target) if isinstance(target, list) else []
    key = shape.list.patch_key if shape.list else None
    if shape.list is None or key is None:
        return [clone(item) for item in patch]
    if not key:
        return _in_order(old + [item for item in patch if item not in old], patch, old, "")
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [clone(item) for item in patch if "$patch" not in item]
    merged = list(old)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((index for index, have in enumerate(merged) if have.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            merged = [have for have in merged if have.get(key) != item[key]]
        elif at is None:
            merged.append(_plain(item))
        else:
            merged[at] = strategic(shape.list.items, merged[at], item)
    return _in_order(merged, [item for item in patch if item.get("$patch") != "delete"], old, key)


def _in_order(items: list[Any], wanted: list[Any], before: list[Any], key: str) -> list[Any]:
    """The items that are wanted in that order, the others between them where they were before."""

    def name(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    order, live = [name(item) for item in wanted], [name(item) for item in before]
    mine = sorted((item for item in items if name(item) in order), key=lambda item: order.index(name(item)))
    others = [item for item in items if name(item) not in order]
    others.sort(key=lambda item: live.index(name(item)) if name(item) in live else len(live))
    found = []
    while mine and others:
        left, right = name(others[0]), name(mine[0])
        first = left in live and right in live and live.index(left) < live.index(right)
        found.append((others if first else mine).pop(0))
    return found + mine + others


def json_patch(target: Any, patch: Any) -> Any:
    """JSON patch (RFC 6902). Raises a 422 ApiError where a test fails or a path is not there."""
    if not isinstance(patch, list):
        kind = "object" if isinstance(patch, dict) else "string" if isinstance(patch, str) else "number"
        raise bad_request(f"error decoding patch: json: cannot unmarshal {kind} into Go value of type []handlers.jsonPatchOp")
    result = clone(target)
    try:
        for step in patch:
            result = _step(result, step)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as wrong:
        text = "the server rejected our request due to an error in our request"
        raise ApiError(422, text, reason="Invalid", details={}) from wrong
    return result


def _step(doc: Any, step: Obj) -> Any:
    path, value = step["path"], clone(step.get("value"))
    match step["op"]:
        case "test":
            found = _get(*_place(doc, path)) if path else doc
            if not equal(found, value):
                raise ValueError(path)
        case "remove":
            _remove(*_place(doc, path))
        case "add":
            _add(*_place(doc, path), value)
        case "replace" if not path:
            if not isinstance(value, dict | list):
                raise TypeError(value)
            return value
        case "replace":
            parent, key = _place(doc, path)
            _get(parent, key)
            parent[int(key) if isinstance(parent, list) else key] = value
        case "copy":
            _add(*_place(doc, path), clone(_get(*_place(doc, step["from"]))))
        case "move":
            parent, key = _place(doc, step["from"])
            value = _get(parent, key)
            _remove(parent, key)
            _add(*_place(doc, path), value)
        case other:
            raise ValueError(other)
    return doc


def _place(doc: Any, path: str) -> tuple[Any, str]:
    """The container that a pointer leads to and the key in it. Raises where the way there is not."""
    _, *parts = path.split("/")
    if not parts:
        raise ValueError(path)
    parts = [part.replace("~1", "/").replace("~0", "~") for part in parts]
    for part in parts[:-1]:
        doc = _get(doc, part)
        if not isinstance(doc, dict | list):
            raise KeyError(part)
    return doc, parts[-1]


def _get(parent: Any, key: str) -> Any:
    return parent[int(key)] if isinstance(parent, list) else parent.get(key)


def _remove(parent: Any, key: str) -> None:
    del parent[int(key) if isinstance(parent, list) else key]


def _add(parent: Any, key: str, value: Any) -> None:
    if not isinstance(parent, list):
        parent[key] = value
    elif key == "-":
        parent.append(value)
    else:
        at = int(key)
        if not -len(parent) - 1 <= at <= len(parent):
            raise IndexError(key)
        parent.insert(at if at >= 0 else at + len(parent) + 1, value)
