"""A request's body as an object of its kind: known fields only, defaults filled in; and the scope of the write it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ztui.demo import defaults, strategy
from ztui.demo.answers import ApiError, Obj, bad_request, invalid
from ztui.demo.calls import Call
from ztui.demo.catalogue import Resource, api_version
from ztui.demo.cluster import Cluster
from ztui.demo.fields import custom, shapes
from ztui.demo.fields.normal import Normal, WrongType
from ztui.demo.fields.owners import Scope
from ztui.demo.fields.shapes import Shape
from ztui.demo.store import Store, clone, stamp

_SCALE = "autoscaling/v1"


def shape_of(store: Store, resource: Resource, version: str) -> Shape:
    """The shape of a resource in a version: built-in, by its definition's schema, or as kinds are that nobody described."""
    found = shapes.builtin(api_version(resource.group, version), resource.kind) if resource.origin == "builtin" else None
    if found:
        return found
    crds = store.catalogue.named("customresourcedefinitions")
    crd = store.find(crds, f"{resource.plural}.{resource.group}") if resource.origin == "crd" else None
    for told in crd["spec"]["versions"] if crd else ():
        schema = (told.get("schema") or {}).get("openAPIV3Schema") or {}
        if told["name"] == version and schema.get("properties"):
            return custom.with_metadata(custom.from_schema(schema))
    return custom.shipped(resource.group, resource.plural, version) or custom.with_metadata(shapes.ANY)


def scope_of(cluster: Cluster, call: Call) -> Scope:
    """What the call writes."""
    time = stamp(cluster.store.now())
    if call.sub == "scale":
        return Scope(shapes.typed("Scale"), _SCALE, "scale", (), time, shapes.typed("Scale"))
    version = api_version(call.resource.group, call.version)
    shape = shape_of(cluster.store, call.resource, call.version)
    origin = call.resource.origin
    strict = shape if origin == "builtin" else None
    return Scope(shape, version, call.sub, strategy.reset(call.resource, call.sub), time, strict, is_custom=origin == "crd")


def create_or_update(call: Call, scope: Scope, body: Obj) -> Obj:
    """The object of a POST or PUT. Raises a 400 ApiError for one of another kind, or that does not fit its kind."""
    obj: Obj = clone(body)
    wanted = "Scale" if call.sub == "scale" else call.resource.kind
    version = scope.version.rpartition("/")[2]
    _check_kind(call, obj, wanted, version)
    try:
        obj, unknown = _normal(scope, obj)
    except WrongType as wrong:
        raise bad_request(f'{wanted} in version "{version}" cannot be handled as a {wanted}: {wrong}') from wrong
    if unknown and call.validation == "Strict":
        said = "strict decoding error: " + ", ".join(f'unknown field "{name}"' for name in unknown)
        raise bad_request(f'{wanted} in version "{version}" cannot be handled as a {wanted}: {said}')
    _warn(call, unknown)
    return obj


def _check_kind(call: Call, obj: Obj, wanted: str, version: str) -> None:
    for field in ("apiVersion", "kind"):
        if not obj.get(field) and call.resource.origin == "crd":
            text = call.body.decode(errors="replace")
            missing = "Kind" if not obj.get("kind") else "apiVersion"
            why = f"Object '{missing}' is missing in '{text}' ({text})"
            raise bad_request(f"the object provided is unrecognized (must be of type {wanted}): {why}")
    kind = obj.setdefault("kind", wanted)
    if kind != wanted:
        told = str(obj.get("apiVersion", "v1")).rpartition("/")[2]
        inner = (call.resource.group or "core").split(".")[0]
        why = f"converting ({told}.{kind}) to ({inner}.{wanted}): unknown conversion"
        raise bad_request(f'{kind} in version "{told}" cannot be handled as a {wanted}: {why}')
    if not isinstance(obj.setdefault("metadata", {}), dict):
        raise bad_request("json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta")


def patched(call: Call, scope: Scope, obj: Obj, patch: Any) -> Obj:
    """The object that a patch made. Raises a 422 ApiError where it does not fit its kind."""
    wanted = "Scale" if call.sub == "scale" else call.resource.kind
    if not (obj.get("kind") and obj.get("apiVersion")):
        raise nameless(call)  # what is of no kind has no name
    shown = json.dumps(obj, separators=(",", ":")) if call.media != "application/strategic-merge-patch+json" else _go(patch)
    if obj["kind"] != wanted:
        raise _bad_patch(shown, f"the kind of the object ({obj['kind']}) is not the one of the request ({wanted})")
    try:
        made, unknown = _normal(scope, obj)
    except WrongType as wrong:
        raise _bad_patch(shown, str(wrong)) from wrong
    if unknown and call.validation == "Strict":
        raise _bad_patch(shown, "strict decoding error: " + ", ".join(f'unknown field "{name}"' for name in unknown))
    _warn(call, unknown)
    return made


def applied(call: Call, scope: Scope, obj: Obj) -> Obj:
    """The object that an apply made, in its normal form. Raises ApiError where it does not fit its kind."""
    causes = list(_nulls(scope.shape, {**obj, "metadata": {}}, "")) if scope.is_custom else []
    if causes:
        raise invalid(call.resource.group, call.resource.kind, call.name, causes)
    try:
        return _normal(scope, obj)[0]
    except WrongType as wrong:
        raise ApiError(500, f"failed to convert new object: {wrong}", reason="") from wrong


def _nulls(shape: Shape | None, value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Fields that an apply left as null, having taken all that was in them: custom kinds do not take that."""
    if isinstance(value, dict) and shape and shape.map:
        for name, item in value.items():
            if item is not None or shape.map.declares(name) or shape.map.others is not shapes.ANY:
                yield from _nulls(shape.map.of(name), item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _nulls(shape.list.items if shape and shape.list else None, item, f"{path}[{number}]")
    elif value is None:
        kind = "array" if shape and shape.list and not shape.map else "object"
        yield path, "FieldValueTypeInvalid", f'Invalid value: "null": {path} in body must be of type {kind}: "null"'


def _normal(scope: Scope, obj: Obj) -> tuple[Obj, list[str]]:
    """The normal form with defaults, and the fields that its kind does not know."""
    normal = Normal()
    if scope.strict is None:
        loose: Obj = {**clone(obj), "metadata": normal.value(shapes.metadata(), obj.get("metadata"), "metadata")}
        return custom.with_defaults(scope.shape, loose) if scope.is_custom else defaults.fill(loose), normal.unknown
    made: Obj = normal.value(scope.strict, obj)
    return (made if scope.subresource == "scale" else defaults.fill(made)), normal.unknown


def nameless(call: Call) -> ApiError:
    """400 for an object without a name."""
    return bad_request(f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided")


def _bad_patch(shown: str, why: str) -> ApiError:
    return invalid("", "", "", [("patch", "FieldValueInvalid", f"Invalid value: {json.dumps(shown)}: {why}")])


def _go(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go(item)}" for key, item in sorted(value.items())) + "]"
    return "[" + " ".join(map(_go, value)) + "]" if isinstance(value, list) else str(value)


def _warn(call: Call, unknown: list[str]) -> None:
    if call.validation == "Warn":
        call.warnings += [f'unknown field "{name}"' for name in unknown]
