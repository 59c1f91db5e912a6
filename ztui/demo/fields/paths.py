"""Sets of fields, as FieldsV1 writes them down.

A set is a frozen set of paths, a path a tuple of steps: `f:name` a field, `k:{"name":"x"}` the list item of these keys,
`v:"x"` the item of a set. A path is in a set by itself: that of its parent says nothing about it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from ztui.demo.answers import Obj

Path: TypeAlias = tuple[str, ...]
FieldSet: TypeAlias = frozenset[Path]
Tree: TypeAlias = dict[str, "Tree"]
NONE: FieldSet = frozenset()
_SELF = "."


def compact(value: Any) -> str:
    """A value as the steps of paths hold it: JSON without spaces, keys in order."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def dotted(text: str) -> Path:
    """The path of plain fields: `spec.replicas`."""
    return tuple(f"f:{name}" for name in text.split("."))


def tree(paths: Iterable[Path]) -> Tree:
    """The paths as nested dicts, steps in the order in which the real server writes them; a member below others has `.`."""
    root: Tree = {}
    members = set(paths)
    for path in sorted(members):
        at = root
        for step in path:
            at = at.setdefault(step, {})
    return _marked(root, members, ())


def _marked(at: Tree, members: set[Path], path: Path) -> Tree:
    own: Tree = {_SELF: {}} if at and path in members else {}
    return own | {step: _marked(below, members, (*path, step)) for step, below in at.items()}


def to_v1(fields: FieldSet) -> Obj:
    """FieldsV1 of a set."""
    return tree(fields)


def from_v1(told: Obj, path: Path = ()) -> FieldSet:
    """The set of a FieldsV1."""
    return frozenset(_members(told, path))


def _members(told: Obj, path: Path) -> Iterator[Path]:
    for step, below in told.items():
        if step == _SELF:
            yield path
        elif below:
            yield from _members(below, (*path, step))
        else:
            yield (*path, step)


def ordered(fields: FieldSet) -> Iterator[Path]:
    """The paths in the order in which the real server walks them: of each level the members, then what is below."""
    yield from _walk(tree(fields), ())


def _walk(at: Tree, path: Path) -> Iterator[Path]:
    for step, below in at.items():
        if step != _SELF and (not below or _SELF in below):
            yield (*path, step)
    for step, below in at.items():
        yield from _walk(below, (*path, step))


def without(fields: FieldSet, roots: Iterable[Path]) -> FieldSet:
    """The set less these paths and everything below them."""
    gone = tuple(roots)
    return frozenset(path for path in fields if not any(path[: len(root)] == root for root in gone))


def below(fields: FieldSet, step: str) -> FieldSet:
    """What of a set lies below a step, without the step."""
    return frozenset(path[1:] for path in fields if len(path) > 1 and path[0] == step)


def readable(path: Path) -> str:
    """A path as messages write it: `.spec.containers[name="app"].image`, `.metadata.finalizers[="x"]`."""
    return "".join(_readable(step) for step in path)


def _readable(step: str) -> str:
    kind, _, rest = step.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "v":
        return f"[={rest}]"
    return "[" + ",".join(f"{key}={compact(value)}" for key, value in json.loads(rest).items()) + "]"
