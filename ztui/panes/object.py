"""One object as it is held: the fields that are judged or shown; everything else was dropped where the bytes came in."""

from __future__ import annotations

from typing import Any

import msgspec

from ztui.kinds.base import Kind, Ref
from ztui.panes.base import Cell, Line, cell
from ztui.redact import redact
from ztui.text import clean_lines
from ztui.view import State


def held(state: State, ref: Ref) -> Kind | None:
    """The object of a reference, in the fullest form that is held; ``None`` where it is gone or never was read."""
    kinds = [kind for kind in state.objects if (ref.group, ref.kind) == (kind.GROUP, kind.KIND)]
    for kind in sorted(kinds, key=lambda item: -len(item.__struct_fields__)):
        found = state.objects[kind].get(ref.namespace, {}).get(ref.name)
        if found is not None:
            return found
    return None


def labels_of(state: State, ref: Ref | None) -> dict[str, str]:
    """The labels of an object; empty where it is not held."""
    found = held(state, ref) if ref is not None else None
    return found.labels if found is not None else {}


def object_lines(state: State, ref: Ref) -> list[Line]:
    """The object as YAML, line by line."""
    found = held(state, ref)
    if found is None:
        return [Line("yaml:0", (cell(f"{ref} is not held: it is gone, or this release does not read it", "dim"),))]
    version = f"{found.GROUP}/{found.VERSIONS[0]}" if found.GROUP else found.VERSIONS[0]
    head: dict[str, Any] = {"apiVersion": version, "kind": found.KIND}
    told = _without_nothing(msgspec.to_builtins(found))
    told["metadata"]["name"] = ref.shown
    text = msgspec.yaml.encode(head | told).decode()
    lines = [Line("yaml:note", (cell("# what ztui keeps of it: fields that are neither judged nor shown are not here", "dim"),))]
    lines += [Line(f"yaml:{at}", (Cell(line),)) for at, line in enumerate(clean_lines(redact(text).rstrip("\n"), limit=400))]
    return lines


def _without_nothing(value: Any) -> Any:
    """Without the keys that hold nothing: they say only that a field has a default."""
    if isinstance(value, dict):
        kept = {key: _without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", {}, [], ())}
    if isinstance(value, list | tuple):
        return [_without_nothing(item) for item in value]
    return value
