"""Trees of JSON under writes: what a write makes of an object, which of its values a write is about, and what takes it back.

Pure. Works on plain trees as the API has them. Source: RFC 6902 (JSON Patch), RFC 6901 (pointers); meta/v1 server-side apply, as
far as our own bodies need it: maps are merged, lists of named things by their keys, all other lists are replaced.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ztui.recipes.yamltext import with_key

Tree = Any
"""What JSON can say."""

Path = tuple[str | int, ...]

KEYED: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}
"""Lists whose entries are told apart by a key. Source: x-kubernetes-list-map-keys of the core types."""


ABSENT: Final = "\0absent"
"""Stands for a value that is not there."""


def is_nothing(value: Tree) -> bool:
    """Whether a value is absent, or as good: servers leave out empty lists and maps."""
    return value in (ABSENT, [], {})


class PatchError(ValueError):
    """An operation does not fit the tree; the text says which and why."""


def merged(tree: Tree, body: Tree, name: str = "") -> Tree:
    """What an apply of ``body`` makes of ``tree``, where nobody else owns what it names."""
    if isinstance(tree, dict) and isinstance(body, dict):
        return {**tree, **{key: merged(tree.get(key), value, key) for key, value in body.items()}}
    keys = _keys(name, tree, body)
    if keys:
        found = list(tree)
        for item in body:
            at = _place(found, item, keys)
            if at is None:
                found.append(copy.deepcopy(item))
            else:
                found[at] = merged(found[at], item)
        return found
    return copy.deepcopy(body)


def overlaid(tree: Tree, body: Tree) -> Tree:
    """What a merge patch makes of a tree; ``None`` takes a value away. Source: RFC 7386, section 2."""
    if not isinstance(body, dict):
        return copy.deepcopy(body)
    found = dict(tree) if isinstance(tree, dict) else {}
    for key, value in body.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = overlaid(found.get(key), value)
    return found


def former(tree: Tree, body: Tree) -> dict[str, Tree]:
    """The merge patch that takes ``body`` back, on the object that was ``tree`` before: what was not there goes away again."""
    found: dict[str, Tree] = {}
    for key, value in body.items():
        held = tree.get(key, ABSENT) if isinstance(tree, dict) else ABSENT
        if isinstance(value, dict) and (held is ABSENT or isinstance(held, dict)):
            found[key] = former(held, value)
        else:
            found[key] = None if held is ABSENT else copy.deepcopy(held)
    return found


def without(tree: Tree, drops: Tree, kept: Tree, name: str = "") -> Tree:
    """The tree without the values that ``drops`` names and ``kept`` does not."""
    if isinstance(tree, dict) and isinstance(drops, dict):
        found = dict(tree)
        for key, value in drops.items():
            inside = kept.get(key, ABSENT) if isinstance(kept, dict) else ABSENT
            if key in found and isinstance(value, (dict, list)) and value:
                found[key] = without(found[key], value, {} if inside is ABSENT else inside, key)
                if inside is ABSENT and is_nothing(found[key]):
                    del found[key]
            elif inside is ABSENT:
                found.pop(key, None)
        return found
    keys = _keys(name, tree, drops)
    if keys:
        found_list = list(tree)
        for item in drops:
            at = _place(found_list, item, keys)
            if at is not None:
                held = _place(kept, item, keys) if isinstance(kept, list) else None
                rest = {key: value for key, value in item.items() if key not in keys}
                found_list[at] = without(found_list[at], rest, kept[held] if held is not None else {})
        return found_list
    return tree if kept else [] if isinstance(tree, list) else tree


def picked(tree: Tree, body: Tree, name: str = "") -> Tree:
    """The values of ``tree`` at the places that ``body`` names: what an apply of it is about. Absent places are left out."""
    if isinstance(body, dict) and isinstance(tree, dict):
        return {key: picked(tree[key], value, key) for key, value in body.items() if key in tree}
    keys = _keys(name, tree, body)
    if keys:
        places = [(_place(tree, item, keys), item) for item in body]
        return [picked(tree[at], item) for at, item in places if at is not None]
    return copy.deepcopy(tree)


def hollow(tree: Tree, body: Tree, pointer: str = "") -> Iterator[str]:
    """The maps of a tree that are there and empty, and that an apply of ``body`` fills, by pointer.

    A server that takes back all that a manager had put into one leaves no map at all, where one may have to be.
    """
    if not isinstance(tree, dict) or not isinstance(body, dict):
        return
    if not tree and body and pointer:
        yield pointer
    for key in body:
        if key in tree:
            yield from hollow(tree[key], body[key], f"{pointer}/{escaped(key)}")


def leaves(tree: Tree, path: Path = (), name: str = "") -> Iterator[tuple[str, Tree]]:
    """Each value of a tree with its path in words (``spec.mtls.mode``); an empty map or list is a value."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, key), key)
    elif tree and _keys(name, tree):
        for item in tree:
            yield from leaves(item, (*path, "/".join(str(item.get(key)) for key in KEYED[name])))
    else:
        yield _words(path), tree


def patched(tree: Tree, operations: Sequence[Mapping[str, Any]]) -> Tree:
    """The tree after a JSON Patch. Raises PatchError where an operation does not fit, a failed test included.

    One operation is ours: ``yaml`` sets a key of a YAML text; what is sent is the text that it makes (``as_json_patch``).
    """
    found = copy.deepcopy(tree)
    for operation in operations:
        found = _operated(found, operation)
    return found


def value_at(tree: Tree, pointer: str) -> Tree:
    """The value at a JSON Pointer. Raises PatchError where there is none."""
    found = tree
    for step in steps_of(pointer):
        found = _inside(found, step, pointer)
    return found


def touched(tree: Tree, operations: Sequence[Mapping[str, Any]]) -> dict[str, Tree]:
    """The values that a patch is about, by pointer: of an entry of a list the whole list, since its place may move."""
    found: dict[str, Tree] = {}
    for operation in operations:
        if operation["op"] == "test":
            continue
        pointer = _holder(tree, str(operation["path"]))
        try:
            found[pointer] = copy.deepcopy(value_at(tree, pointer))
        except PatchError:
            found[pointer] = ABSENT
    return found


def as_json_patch(operations: Sequence[Mapping[str, Any]], made: Mapping[str, Tree]) -> list[dict[str, Any]]:
    """The operations as the standard has them; ``made`` are the values that the patch makes, by pointer.

    Raises PatchError where a text that is to be edited could not be.
    """
    found = []
    for operation in operations:
        if operation["op"] != "yaml":
            found.append(dict(operation))
        elif operation["path"] in made:
            found.append({"op": "add", "path": operation["path"], "value": made[operation["path"]]})
        else:
            raise PatchError(f"{operation['path']}: no text that can be edited")
    return found


def taken_back(before: Tree, operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The patch that undoes one: it first tests that each value is still as the patch left it.

    Raises PatchError where the patch does not fit the tree it was made for.
    """
    after = patched(before, operations)
    back: list[dict[str, Any]] = []
    was, now = touched(before, operations), touched(before, operations)
    for pointer in now:
        try:
            now[pointer] = value_at(after, pointer)
        except PatchError:
            now[pointer] = ABSENT
    # An empty list or map is not there on the server: nothing can test it.
    back += [{"op": "test", "path": pointer, "value": value} for pointer, value in now.items() if not is_nothing(value)]
    for pointer in was:
        old, new = was[pointer], now[pointer]
        if old is ABSENT and new is not ABSENT:
            back.append({"op": "remove", "path": pointer})
        elif old is not ABSENT:
            # Adding sets a value of a map, and inserts one into a list.
            inside = new is not ABSENT and isinstance(value_at(after, pointer.rpartition("/")[0]), list)
            back.append({"op": "replace" if inside else "add", "path": pointer, "value": old})
    return back


def escaped(step: str | int) -> str:
    """A step as it stands in a JSON Pointer. Source: RFC 6901, section 3."""
    return str(step).replace("~", "~0").replace("/", "~1")


def steps_of(pointer: str) -> list[str]:
    """The steps of a JSON Pointer, unescaped."""
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _keys(name: str, *lists: Tree) -> tuple[str, ...]:
    """The keys of lists of that name; none where an entry has not all of them, for then the name means something else."""
    keys = KEYED.get(name, ())
    if not all(isinstance(items, list) for items in lists):
        return ()
    return keys if all(isinstance(item, dict) and all(key in item for key in keys) for items in lists for item in items) else ()


def _place(items: list[Tree], wanted: Tree, keys: tuple[str, ...]) -> int | None:
    if not isinstance(wanted, dict):
        return None
    return next(
        (at for at, item in enumerate(items) if isinstance(item, dict) and all(item.get(key) == wanted.get(key) for key in keys)),
        None,
    )


def _words(path: Path) -> str:
    return ".".join(f"[{step}]" if isinstance(step, int) or "." in step or "/" in step else step for step in path)


def _operated(tree: Tree, operation: Mapping[str, Any]) -> Tree:
    pointer, op = str(operation["path"]), operation["op"]
    if op == "test":
        if value_at(tree, pointer) != operation["value"]:
            raise PatchError(f"test of {pointer}: another value")
        return tree
    steps = steps_of(pointer)
    if not steps:
        return copy.deepcopy(operation["value"])
    holder = tree
    for step in steps[:-1]:
        holder = _inside(holder, step, pointer)
    if op == "yaml":
        operation = {"value": _edited(holder, steps[-1], operation, pointer)}
        op = "add"
    if op != "add":
        _inside(holder, steps[-1], pointer)
    _set(holder, steps[-1], op, operation, pointer)
    return tree


def _edited(holder: Tree, step: str, operation: Mapping[str, Any], pointer: str) -> str:
    """The text at a place with a key set; no text is an empty one, for our kinds keep none."""
    if not isinstance(holder, dict):
        raise PatchError(f"{pointer}: nothing that holds values")
    text = holder.get(step) or ""
    if not isinstance(text, str):
        raise PatchError(f"{pointer}: not a text")
    try:
        return with_key(text, operation["key"], operation["value"])
    except ValueError as error:
        raise PatchError(f"{pointer}: {error}") from error


def _set(holder: Tree, step: str, op: str, operation: Mapping[str, Any], pointer: str) -> None:
    if isinstance(holder, list):
        at = len(holder) if step == "-" else _index(step, pointer)
        if at > len(holder):
            raise PatchError(f"{op} {pointer}: no such place")
        if op == "add":
            holder.insert(at, copy.deepcopy(operation["value"]))
        elif op == "remove":
            del holder[at]
        else:
            holder[at] = copy.deepcopy(operation["value"])
    elif isinstance(holder, dict):
        if op == "remove":
            del holder[step]
        else:
            holder[step] = copy.deepcopy(operation["value"])
    else:
        raise PatchError(f"{op} {pointer}: nothing that holds values")


def _inside(tree: Tree, step: str, pointer: str) -> Tree:
    if isinstance(tree, dict) and step in tree:
        return tree[step]
    if isinstance(tree, list) and (at := _index(step, pointer)) < len(tree):
        return tree[at]
    raise PatchError(f"{pointer}: not there")


def _index(step: str, pointer: str) -> int:
    if not step.isdecimal():
        raise PatchError(f"{pointer}: {step} is no place in a list")
    return int(step)


def _holder(tree: Tree, pointer: str) -> str:
    """The pointer itself, or that of the list whose entry it names; of a list in a list, that of the outer one."""
    while "/" in pointer[1:]:
        above = pointer.rpartition("/")[0]
        try:
            inside = value_at(tree, above)
        except PatchError:
            break
        if not isinstance(inside, list):
            break
        pointer = above
    return pointer
