"""OpenAPI v3 documents: one per group and version, enough for `kubectl explain`, validation and dry-run.

Documents are built when asked for. Fields of the kinds people explain most are in `data/schemas.yaml`; every other
kind has apiVersion, kind, metadata and free fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import yaml
from aiohttp import web

from ztui.demo.answers import Obj, no_such_path
from ztui.demo.catalogue import DATA, Catalogue, Resource

_OPEN: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def answer(catalogue: Catalogue, path: str, query: Mapping[str, str]) -> web.Response:
    """GET /openapi/v3 and below. Raises a 404 ApiError elsewhere: /openapi/v2 is protobuf and not served."""
    paths = {"api/v1": ("", "v1")}
    for group, versions in catalogue.groups().items():
        paths |= {f"apis/{group}/{version}": (group, version) for version in versions}
    if path.rstrip("/") == "/openapi/v3":
        digest = hashlib.sha256(str(catalogue.revision).encode()).hexdigest().upper()
        listed = {key: {"serverRelativeURL": f"/openapi/v3/{key}?hash={digest}"} for key in paths}
        return _json({"paths": listed})
    found = paths.get(path.removeprefix("/openapi/v3/"))
    if not path.startswith("/openapi/v3/") or found is None:
        raise no_such_path()
    made = _json(document(catalogue, *found))
    if query.get("hash"):
        made.headers["Cache-Control"] = "public, immutable"
    return made


def _json(obj: Obj) -> web.Response:
    return web.Response(body=msgspec.json.encode(obj), content_type="application/json")


@cache
def _schemas() -> dict[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (DATA / "schemas.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506  # a safe loader, and our own file
    return found


def document(catalogue: Catalogue, group: str, version: str) -> Obj:
    """The OpenAPI v3 document of one group and version."""
    schemas: dict[str, Obj] = {_META: _schema("ObjectMeta")}
    paths: Obj = {}
    for resource in catalogue.of_version(group, version):
        name = _schema_name(resource, version)
        schemas[name] = _kind_schema(resource, version, schemas)
        paths |= _paths(resource, version, name)
    info = {"title": "Kubernetes", "version": "v1.33.5"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _schema_name(resource: Resource, version: str) -> str:
    reverse = ".".join(reversed((resource.group or "core.api.k8s.io").split(".")))
    return f"{reverse}.{version}.{resource.kind}"


def _kind_schema(resource: Resource, version: str, schemas: dict[str, Obj]) -> Obj:
    known = _schemas().get("kinds", {}).get(resource.kind) if resource.origin != "crd" else None
    fields: Obj = {
        "apiVersion": {"type": "string", "description": "The version of this representation of the object."},
        "kind": {"type": "string", "description": "The REST resource this object represents."},
        "metadata": {"allOf": [{"$ref": f"#/components/schemas/{_META}"}], "description": "Standard object's metadata."},
    }
    for name, kind in (known or {"spec": "Open", "status": "Open"}).items():
        fields[name] = _field(str(kind), schemas)
    text = f"{resource.kind} is a resource of {resource.group or 'the core group'}."
    gvk = {"group": resource.group, "version": version, "kind": resource.kind}
    made: Obj = {"type": "object", "description": text, "properties": fields, "x-kubernetes-group-version-kind": [gvk]}
    if known is None:
        made["x-kubernetes-preserve-unknown-fields"] = True
    return made


def _field(text: str, schemas: dict[str, Obj]) -> Obj:
    """A field written `type description`; the type is a JSON type, a schema's name, or one of them with [] or {}."""
    kind, _, about = text.partition(" ")
    plain = kind.rstrip("[]{}")
    one: Obj
    if plain == "Open":
        one = dict(_OPEN)
    elif plain[0].isupper():
        full = f"io.k8s.api.core.v1.{plain}"
        if full not in schemas:
            schemas[full] = {}
            schemas[full] = _schema(plain, schemas)
        one = {"$ref": f"#/components/schemas/{full}"}
    else:
        one = {"type": plain}
    if kind.endswith("[]"):
        one = {"type": "array", "items": one}
    elif kind.endswith("{}"):
        one = {"type": "object", "additionalProperties": one}
    elif "$ref" in one:
        one = {"allOf": [one]}
    return {**one, "description": about} if about else one


def _schema(name: str, schemas: dict[str, Obj] | None = None) -> Obj:
    known = _schemas().get("types", {}).get(name)
    if not known:
        return {**_OPEN, "description": f"{name} of this API."}
    fields = {
        field: _field(str(text), schemas if schemas is not None else {}) for field, text in known.items() if field != "about"
    }
    return {"type": "object", "description": known.get("about", name), "properties": fields}


def _paths(resource: Resource, version: str, schema: str) -> Obj:
    root = f"/apis/{resource.group}/{version}" if resource.group else f"/api/{version}"
    base = f"{root}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    gvk = {"group": resource.group, "version": version, "kind": resource.kind}
    body = {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}

    def operation(action: str, *names: str) -> Obj:
        found = [{"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names]
        answers = {"200": {"description": "OK", **body}}
        tags = {"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk}
        return {"parameters": found, "responses": answers, **tags}

    write = ("dryRun", "fieldManager", "fieldValidation")
    one = {
        "get": operation("get"),
        "put": operation("put", *write),
        "patch": operation("patch", *write, "force"),
        "delete": operation("delete", "dryRun", "gracePeriodSeconds", "propagationPolicy"),
    }
    return {base: {"get": operation("list"), "post": operation("post", *write)}, f"{base}/{{name}}": one}
