"""The state as it would be after a plan: objects as our writes make them, through the same door as those of the cluster.

Pure, and blind to what the server would add (defaults, webhooks, controllers): the dry-run says that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ztui.kinds.base import Kind, Ref, decode
from ztui.recipes.base import Plan, Write
from ztui.recipes.trees import merged, overlaid, patched, without
from ztui.view import Key, State


def after(state: State, plan: Plan) -> State:
    """The state with all writes of a plan done. Raises PatchError, and DECODE_ERRORS where a write makes no object."""
    return with_objects(state, ((write.kind, write.ref, made_by(state, write)) for write in plan.writes))


def made_by(state: State, write: Write) -> Kind | None:
    """The object that a write leaves; ``None`` where it takes the object away."""
    if write.verb == "delete":
        return None
    held = state.objects.get(write.kind, {}).get(write.ref.namespace, {}).get(write.ref.name)
    tree: Any = msgspec.json.decode(msgspec.json.encode(held)) if held is not None else _bare(write.ref)
    if write.verb in {"merge", "scale"}:
        tree = overlaid(tree, write.body)
    elif write.verb == "apply":
        tree = merged(without(tree, write.drops, write.body) if write.drops else tree, write.body)
    elif write.verb == "label":
        labels = {**(tree["metadata"].get("labels") or {}), **write.body}
        tree["metadata"]["labels"] = {key: value for key, value in labels.items() if value is not None}
    else:
        tree = patched(tree, write.body)
    return decode(write.kind, msgspec.json.encode(tree))


def with_objects(state: State, changes: Iterable[tuple[type[Kind], Ref, Kind | None]]) -> State:
    """The state with these objects in place of those of the same name; ``touched`` names them too."""
    objects = dict(state.objects)
    touched: set[Key] = set(state.touched)
    for kind, ref, obj in changes:
        parts: dict[str, Mapping[str, Kind]] = dict(objects.get(kind, {}))
        part = dict(parts.get(ref.namespace, {}))
        if obj is None:
            part.pop(ref.name, None)
        else:
            part[ref.name] = obj
        parts[ref.namespace] = part
        objects[kind] = parts
        touched |= {(kind,), (kind, ref.namespace), (kind, ref.namespace, ref.name)}
    return msgspec.structs.replace(state, objects=objects, touched=frozenset(touched))


def _bare(ref: Ref) -> dict[str, Any]:
    meta = {"name": ref.name, "uid": "", "resourceVersion": ""}
    return {"metadata": {**meta, "namespace": ref.namespace} if ref.namespace else meta}
