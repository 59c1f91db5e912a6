"""Merging a configuration into a value, taking fields out of it, and finding where it does not fit.

The meaning is that of sigs.k8s.io/structured-merge-diff, package `typed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ztui.demo.fields.paths import FieldSet, Path, below, readable
from ztui.demo.fields.shapes import ListShape, MapShape, Shape
from ztui.demo.fields.typed import MISSING, Misfit, form_of, indexed, step_of


def merged(shape: Shape, live: Any, config: Any) -> Any:
    """The value with a configuration laid over it; MISSING where nothing is left."""
    form = form_of(shape, config if config is not MISSING else live)
    if form == "map" and shape.map and not shape.map.is_whole:
        have, wanted = (value if isinstance(value, dict) else {} for value in (live, config))
        if have or wanted:
            return _merged_map(shape.map, have, wanted)
    elif form == "list" and shape.list and shape.list.keys is not None:
        old, new = (value if isinstance(value, list) else [] for value in (live, config))
        if old or new:
            return _merged_list(shape.list, old, new)
    return config if config is not MISSING else live


def _merged_map(shape: MapShape, live: dict[str, Any], config: dict[str, Any]) -> Any:
    found = {}
    for name in {**live, **config}:
        field = shape.of(name)
        value = merged(field, live.get(name, MISSING), config.get(name, MISSING)) if field else live.get(name, MISSING)
        if value is not MISSING:
            found[name] = value
    return found or MISSING


def _merged_list(shape: ListShape, live: list[Any], config: list[Any]) -> Any:
    """Both lists as one: in the order of the configuration, what it does not name stays where it was between the others."""
    old, new = [step_of(shape, item) for item in live], [step_of(shape, item) for item in config]
    before, after = indexed(shape, live), indexed(shape, config)
    # Items of a step that the live value has more than once are not merged into.
    single = {step: items[0] if len(items) == 1 else MISSING for step, items in before.items()}
    shared = iter([step for step in new if step in before])
    wanted = next(shared, None)
    done: set[str] = set()
    found: list[Any] = []
    left = right = 0

    def take(step: str, item: Any, config_item: Any) -> None:
        value = merged(shape.items, item, config_item)
        if value is not MISSING:
            found.append(value)

    while left < len(old) or right < len(new):
        if left < len(old) and right < len(new):
            step = old[left]
            if step == new[right]:
                done.add(step)
                take(step, single[step], after[step][0])
                left, right, wanted = left + 1, right + 1, next(shared, None)
                continue
            if step in after and wanted is not None and wanted != step:
                left += 1  # shared, but its turn comes later
                continue
        if left < len(old):
            step = old[left]
            if step not in after:
                take(step, live[left], MISSING)
                left += 1
                continue
            if step in done:
                left += 1
        if right < len(new):
            step = new[right]
            done.add(step)
            take(step, single.get(step, MISSING), after[step][0])
            right += 1
            if wanted == step:
                wanted = next(shared, None)
    return found or MISSING


def removed(shape: Shape, value: Any, fields: FieldSet) -> Any:
    """The value without these fields; null where nothing is left of a list or map."""
    form = form_of(shape, value)
    if form == "map" and shape.map:
        if shape.map.is_whole or not isinstance(value, dict):
            return None
        found = {}
        for name, item in value.items():
            step = f"f:{name}"
            if (step,) not in fields:
                rest = below(fields, step)
                field = shape.map.of(name)
                found[name] = removed(field, item, rest) if rest and field else item
        return found or None
    if form == "list" and shape.list:
        return _removed_items(shape.list, value, fields) if isinstance(value, list) else None
    return value


def _removed_items(shape: ListShape, value: list[Any], fields: FieldSet) -> Any:
    if shape.keys is None:
        return None
    found = []
    for item in value:
        step = step_of(shape, item)
        if (step,) not in fields:
            rest = below(fields, step)
            found.append(removed(shape.items, item, rest) if rest else item)
    return found or None


def with_structs(shape: Shape | None, fields: FieldSet) -> FieldSet:
    """The set and every struct field on the way to its members: those are owned by whom their content is owned."""
    found: set[Path] = set(fields)
    _add_structs(shape, fields, (), found)
    return frozenset(found)


def _add_structs(shape: Shape | None, fields: FieldSet, path: Path, found: set[Path]) -> None:
    for step in {path[0] for path in fields if len(path) > 1}:
        kind, _, name = step.partition(":")
        inner: Shape | None = None
        if kind == "f" and shape and shape.map:
            inner = shape.map.of(name)
            if shape.map.declares(name):
                found.add((*path, step))
        elif kind != "f" and shape and shape.list:
            inner = shape.list.items
        _add_structs(inner, below(fields, step), (*path, step), found)


def check(shape: Shape, value: Any, *, duplicates: bool = False) -> None:
    """Raises Misfit where the value does not fit; `duplicates` lets lists have two items of one key."""
    wrong = list(_misfits(shape, value, "", duplicates=duplicates))
    if wrong:
        raise Misfit(wrong[0] if len(wrong) == 1 else "\n".join(["errors:", *(f"  {text}" for text in wrong)]))


def _misfits(shape: Shape, value: Any, path: str, *, duplicates: bool) -> Iterator[str]:
    form = form_of(shape, value)
    said = f"{path}: " if path else ""
    if value is None:
        return
    if form == "map" and shape.map:
        if not isinstance(value, dict):
            yield f"{said}expected map, got {_go(value)}"
            return
        for name, item in value.items():
            field = shape.map.of(name)
            if field is None:
                yield f"{path}.{name}: field not declared in schema"
                return
            yield from _misfits(field, item, f"{path}.{name}", duplicates=duplicates)
    elif form == "list" and shape.list:
        if not isinstance(value, list):
            yield f"{said}expected list, got {_go(value)}"
            return
        yield from _item_misfits(shape.list, value, path, duplicates=duplicates)
    elif wrong := _scalar_misfit(shape.scalar, value):
        yield f"{said}{wrong}"


def _item_misfits(shape: ListShape, items: list[Any], path: str, *, duplicates: bool) -> Iterator[str]:
    seen = set()
    for number, item in enumerate(items):
        place = f"[{number}]"
        if shape.keys is not None:
            try:
                step = step_of(shape, item)
            except Misfit as wrong:
                yield f"{path}: element {number}: {wrong}"
                return
            place = readable((step,))
            if step in seen and not duplicates:
                yield f"{path}: duplicate entries for key {place}"
            seen.add(step)
        yield from _misfits(shape.items, item, f"{path}{place}", duplicates=duplicates)


def _scalar_misfit(kind: str, value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case "i" | "n" if not is_number:
            go = {bool: "bool", str: "string", list: "[]interface {}", dict: "map[string]interface {}"}[type(value)]
            return f"expected numeric (int or float), got {go}"
        case "s" if not isinstance(value, str):
            return f"expected string, got &value.valueUnstructured{{Value:{json.dumps(value)}}}"
        case "b" if not isinstance(value, bool):
            return f"expected boolean, got &{{{value}}}"
        case "t" | "o" | "q" if isinstance(value, dict | list):
            return f"expected any scalar, got {_go(value)}"
    return ""


def _go(value: Any) -> str:
    """A value as the real server's messages print it."""
    return f"&{{{value if isinstance(value, str) else json.dumps(value)}}}"
