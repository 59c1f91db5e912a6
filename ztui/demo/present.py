"""How an object leaves the demo server: whole, metadata only, or as a Table, in the version that was asked for."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ztui.demo.answers import ApiError, Obj
from ztui.demo.catalogue import Resource, api_version
from ztui.demo.tables import partial, table

JSON = "application/json"


class Form(NamedTuple):
    """What a client accepts: `as_kind` is empty for whole objects; `include` is the Table option of that name."""

    as_kind: str = ""
    include: str = "Metadata"


def negotiate(accept: str, include: str = "") -> Form:
    """The first form of an Accept header that we can serve. Raises a 406 ApiError if there is none."""
    for part in accept.split(",") if accept else [JSON]:
        media, *options = (word.strip() for word in part.split(";"))
        asked = dict(option.split("=", 1) for option in options if "=" in option)
        if media not in (JSON, "*/*", "application/*", "application/yaml", "text/html"):
            continue
        kind = asked.get("as", "")
        if not kind:
            return Form()
        if kind in ("Table", "PartialObjectMetadata", "PartialObjectMetadataList") and asked.get("v") in ("v1", "v1beta1"):
            return Form("Table" if kind == "Table" else "PartialObjectMetadata", include or "Metadata")
    raise ApiError(
        406,
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
        "application/vnd.kubernetes.protobuf;stream=watch",
        details={},
    )


def encode(obj: Obj) -> bytes:
    """Compact JSON bytes, keys in the order they were put."""
    return msgspec.json.encode(obj)


def in_version(resource: Resource, version: str, obj: Obj) -> Obj:
    """The object under the version of the request; kind and apiVersion first, as the server writes them."""
    head = {"kind": obj.get("kind", resource.kind), "apiVersion": api_version(resource.group, version)}
    return {**head, **{key: value for key, value in obj.items() if key not in head}}


def one(resource: Resource, version: str, obj: Obj, form: Form, *, head: bool = True) -> Obj:
    """A single object in the asked form."""
    if form.as_kind == "Table":
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return table(resource, [in_version(resource, version, obj)], meta, include=form.include, head=head)
    return partial(obj) if form.as_kind else in_version(resource, version, obj)


def many(resource: Resource, version: str, items: list[Obj], meta: Obj, form: Form) -> Obj:
    """A list in the asked form. Items of built-in kinds carry neither kind nor apiVersion, those of custom ones do."""
    if form.as_kind == "Table":
        rows = [in_version(resource, version, obj) for obj in items] if form.include == "Object" else items
        return table(resource, rows, meta, include=form.include)
    if form.as_kind:
        kind = "PartialObjectMetadataList"
        return {"kind": kind, "apiVersion": "meta.k8s.io/v1", "metadata": meta, "items": [partial(o) for o in items]}
    if resource.origin == "crd":
        shown = [in_version(resource, version, obj) for obj in items]
    else:
        shown = [{key: value for key, value in obj.items() if key not in ("kind", "apiVersion")} for obj in items]
    api = api_version(resource.group, version)
    return {"kind": f"{resource.kind}List", "apiVersion": api, "metadata": meta, "items": shown}
