"""The shapes of custom kinds: from their definition where it has a schema, else from `data/custom.txt`."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from ztui.demo.catalogue import DATA
from ztui.demo.fields.shapes import ANY, SCALARS, STRUCT, WHOLE, ListShape, MapShape, Shape, metadata, typed
from ztui.demo.store import clone


def with_metadata(spec: Shape) -> Shape:
    """The shape of a custom kind: what is told of it, and what every object has."""
    told = spec.map or MapShape(others=ANY)
    fields = {**told.fields, "apiVersion": SCALARS["s"], "kind": SCALARS["s"], "metadata": metadata()}
    return Shape(map=replace(told, fields=fields))


def from_schema(schema: dict[str, Any], *, keeps: bool = False) -> Shape:
    """The shape of an OpenAPI v3 schema of a custom kind; `keeps`: a schema above it takes unknown fields."""
    keeps = keeps or bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    kind = schema.get("type", "")
    if schema.get("x-kubernetes-int-or-string"):
        return replace(SCALARS["t"], default=schema.get("default"))
    if kind == "array":
        told = schema.get("x-kubernetes-list-type")
        keys = tuple(schema.get("x-kubernetes-list-map-keys") or ()) if told in ("map", "set") else None
        return Shape(list=ListShape(from_schema(schema.get("items") or {}, keeps=keeps), keys), default=schema.get("default"))
    if kind in ("string", "integer", "number", "boolean"):
        return replace(SCALARS[kind[0]], default=schema.get("default"))
    fields = {name: from_schema(below, keeps=keeps) for name, below in (schema.get("properties") or {}).items()}
    more = schema.get("additionalProperties")
    others = from_schema(more, keeps=keeps) if isinstance(more, dict) else ANY if more or keeps or not fields else None
    made = Shape(map=MapShape(fields, others, schema.get("x-kubernetes-map-type") == "atomic"), default=schema.get("default"))
    if not kind:
        made.scalar, made.list = "t", ListShape(WHOLE)
    return made


def with_defaults(shape: Shape, value: Any) -> Any:
    """The value with the defaults of its schema, wherever what holds them is there, and without the nulls of fields."""
    if isinstance(value, dict) and shape.map:
        given = {name: clone(field.default) for name, field in shape.map.fields.items() if field.default is not None}
        told = {name: item for name, item in value.items() if item is not None or not shape.map.declares(name)}
        filled = given | told
        return {name: with_defaults(shape.map.of(name) or ANY, item) for name, item in filled.items()}
    if isinstance(value, list) and shape.list:
        return [with_defaults(shape.list.items, item) for item in value]
    return value


@cache
def _told() -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    lines: list[tuple[str, str]] = []
    for line in (DATA / "custom.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            path, _, topology = line.strip().partition(" ")
            lines.append((path, topology))
        elif not line.startswith("#"):
            group, plural, version, *same = line.split()
            lines = lines if same else []
            found[group, plural, version] = lines
    return found


@cache
def shipped(group: str, plural: str, version: str) -> Shape | None:
    """The shape of a custom kind that the demo serves from the start; None for kinds of which nothing is told."""
    lines = _told().get((group, plural, version))
    if lines is None:
        return None
    root = _Node()
    for path, topology in lines:
        node = root
        for step in path.split(".") if path != "." else ():
            node = node.below.setdefault(step, _Node())
        node.topology = topology
    return with_metadata(root.shape())


class _Node:
    """One place of a kind of which something is told, there or below."""

    def __init__(self) -> None:
        self.topology = ""
        self.below: dict[str, _Node] = {}

    def shape(self) -> Shape:
        kind, _, more = self.topology.partition(":")
        match kind:
            case "type":
                return typed(more)
            case "whole":
                return WHOLE
            case "keys" | "set":
                items = self.below["[]"].shape() if "[]" in self.below else STRUCT
                return Shape(list=ListShape(items, tuple(more.split(",")) if more else ()))
            case "free":
                return Shape(map=MapShape(others=self.below["*"].shape() if "*" in self.below else STRUCT))
        fields = {name: node.shape() for name, node in self.below.items()}
        if kind == "any":
            named = dict.fromkeys(filter(None, more.split(",")), STRUCT)
            return Shape("t", ListShape(WHOLE), MapShape({**named, **fields}, ANY))
        return Shape(map=MapShape(fields, untold=STRUCT))
