"""Writes what the demo knows of fields: `data/fields.txt` of the built-in kinds, `data/custom.txt` of custom ones.

The built-in kinds come from the OpenAPI documents of a real API server, what they leave out of JSON from the Go types that
it was built from; the custom ones from the definitions beside the repository. `python -m tests.servers.fields` writes both.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.servers import crds
from tests.servers.build import KUBERNETES
from tests.servers.kube import KubeServer
from ztui.demo.catalogue import DATA, Catalogue, api_version

Schema = dict[str, Any]
_MODULES = {
    "io.k8s.api": "k8s.io/api",
    "io.k8s.apimachinery": "k8s.io/apimachinery",
    "io.k8s.apiextensions-apiserver": "k8s.io/apiextensions-apiserver",
    "io.k8s.kube-aggregator": "k8s.io/kube-aggregator",
}
_SCALARS = {"string": "s", "integer": "i", "number": "n", "boolean": "b"}
_SPECIAL = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "t",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "o",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "raw",
}
_FIELD = re.compile(r'^\s+(?:(\w+)\s+)?(\*?)([\w.\[\]*]+)\s+`json:"([^",]*)((?:,\w+)*)"')
FIELDS_HEAD = """\
# Fields of the built-in kinds, a type a line: its name (! for a map that changes as a whole) and name:type of each field.
# s string, i integer, n number, b boolean, t time, o integer or string, q quantity, any anything, raw anything as a whole,
# {X} map, [X] list that changes as a whole, [X|keys] list by keys, [X|] set; then ~key (strategic merge key, none: replaced),
# ! as a whole here, = default of a key, - left out when zero, + always written. Last, each kind and its type.
"""


class Tag(NamedTuple):
    """What Go says of a field: whether it is a pointer, whether an empty value is left out, and a zero struct too."""

    is_pointer: bool
    is_omitted: bool
    is_zero_omitted: bool


def go_folder(package: str) -> Path:
    """Where the sources of a package lie that the server was built from. Raises CalledProcessError without Go."""
    command = ["go", "list", "-f", "{{.Dir}}", package]
    done = subprocess.run(command, cwd=KUBERNETES.sources, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


@cache
def go_tags(package: str) -> Mapping[str, Mapping[str, Tag]]:
    """The tags of every struct of a Go package, by the names of struct and field in JSON; embedded structs are laid open."""
    structs: dict[str, dict[str, Tag]] = {}
    embedded: list[tuple[str, str]] = []
    for file in sorted(go_folder(package).glob("*.go")):
        name = ""
        for line in file.read_text().splitlines():
            if found := re.match(r"type (\w+) struct \{", line):
                name = found[1]
                structs[name] = {}
            elif line.startswith("}"):
                name = ""
            elif name and (field := _FIELD.match(line)):
                _, pointer, kind, json_name, options = field.groups()
                if "inline" in options:
                    embedded.append((name, kind))
                elif json_name:
                    structs[name][json_name] = Tag(bool(pointer), ",omit" in options, ",omitzero" in options)
    for _ in range(3):
        for outer, inner in embedded:
            structs[outer] |= structs.get(inner, {})
    return structs


def _package(full: str) -> str:
    group, _, rest = next((old, *full.partition(old)[1:]) for old in _MODULES if full.startswith(f"{old}."))
    return _MODULES[group] + rest.rpartition(".")[0].replace(".", "/")


class Fields:
    """The lines of `fields.txt` from OpenAPI schemas."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas
        counts = Counter(name.rpartition(".")[2] for name in schemas)
        self._names = {full: ".".join(full.split(".")[-3 if counts[full.split(".")[-1]] > 1 else -1 :]) for full in schemas}
        self._keys = {key for schema in schemas.values() for key in _key_names(schema)}

    def lines(self) -> Iterator[str]:
        """Types, then kinds."""
        for full in sorted(self._schemas, key=lambda name: self._names[name]):
            schema = self._schemas[full]
            if schema.get("properties") and full not in _SPECIAL:
                mark = "!" if schema.get("x-kubernetes-map-type") == "atomic" else ""
                tags = go_tags(_package(full)).get(full.rpartition(".")[2], {})
                told = (self._field(name, field, tags.get(name)) for name, field in sorted(schema["properties"].items()))
                yield f"{self._names[full]}{mark} {' '.join(told)}"
        catalogue = Catalogue()
        for full, schema in sorted(self._schemas.items()):
            for gvk in schema.get("x-kubernetes-group-version-kind") or ():
                resource = catalogue.kind(api_version(gvk["group"], gvk["version"]), gvk["kind"])
                if resource and gvk["version"] in resource.versions:
                    yield f"@ {api_version(gvk['group'], gvk['version'])} {gvk['kind']} {self._names[full]}"

    def _field(self, name: str, schema: Schema, tag: Tag | None) -> str:
        kind = self._type(schema)
        text = f"{name}:{kind}"
        if kind.startswith("["):
            text += _strategy(schema)
        if schema.get("x-kubernetes-map-type") == "atomic":
            text += "!"
        default = schema.get("default")
        if name in self._keys and isinstance(default, str):
            text += f"={default}"
        if tag and not tag.is_pointer:
            is_struct = kind[0].isupper() or kind in ("t", "o", "q")
            if not (tag.is_zero_omitted if is_struct else tag.is_omitted):
                text += "+"
            elif kind[0] not in "[{ar":
                text += "-"
        return text

    def _type(self, schema: Schema) -> str:
        reference = schema.get("$ref") or (schema.get("allOf") or [{}])[0].get("$ref", "")
        if reference:
            full = reference.rpartition("/")[2]
            known = self._schemas.get(full, {})
            return str(_SPECIAL.get(full) or (self._names[full] if known.get("properties") else "any"))
        kind = schema.get("type", "")
        if kind == "array":
            return f"[{self._type(schema['items'])}{_keys(schema)}]"
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            return f"{{{self._type(schema['additionalProperties'])}}}"
        if schema.get("format") in ("date-time", "int-or-string"):
            return "t" if schema["format"] == "date-time" else "o"
        return _SCALARS.get(kind, "any")


def _keys(schema: Schema) -> str:
    merge_key: str = schema.get("x-kubernetes-patch-merge-key", "")
    match schema.get("x-kubernetes-list-type"):
        case "map":
            return "|" + ",".join(schema["x-kubernetes-list-map-keys"])
        case "set":
            return "|"
        case None if schema.get("x-kubernetes-patch-strategy", "").startswith("merge"):
            return "|" + merge_key
    return ""


def _strategy(schema: Schema) -> str:
    """What a strategic merge patch does with a list, where its keys do not say so."""
    keys = _keys(schema)
    merges = schema.get("x-kubernetes-patch-strategy", "").startswith("merge")
    key = schema.get("x-kubernetes-patch-merge-key", "") if merges else ""
    if keys and not merges:
        return "~"
    return f"~{key}" if merges and keys != f"|{key}" else ""


def _key_names(schema: Schema) -> Iterator[str]:
    for field in (schema.get("properties") or {}).values():
        yield from field.get("x-kubernetes-list-map-keys") or ()
        yield from filter(None, [field.get("x-kubernetes-patch-merge-key")])


def builtin_text(server: KubeServer) -> str:
    """The whole of `fields.txt`."""
    schemas: dict[str, Schema] = {}
    versions = {(r.group, version) for r in Catalogue() if r.origin == "builtin" for version in r.versions}
    for group, version in sorted(versions):
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        schemas |= server.call("GET", f"/openapi/v3/{path}").body["components"]["schemas"]
    return FIELDS_HEAD + "\n".join(Fields(schemas).lines()) + "\n"


CUSTOM_HEAD = """\
# Fields of custom kinds that are no plain struct: a kind and its version a line, below it path and topology. Lists are by keys,
# sets, or (not told) change as a whole; `free` is a map of any keys, `any:a,b` takes unknown fields beside the named ones,
# `whole` is a map that changes as a whole, `type` a built-in one. Steps are names, [] for the items of a list, * for map values.
"""
# Kinds of servers behind the API server have no definition to read: the patch tags of github.com/openshift/api.
AGGREGATED: Mapping[str, tuple[str, ...]] = {
    "deploymentconfigs": ("spec.selector free", "spec.template type:PodTemplateSpec", "status.conditions keys:type"),
    "imagestreams": ("spec.tags keys:name",),
    "builds": ("status.conditions keys:type",),
}


def custom_text() -> str:
    """The whole of `custom.txt`."""
    catalogue = Catalogue()
    lines = []
    for file in crds.available().values():
        spec = _definition(file)["spec"]
        resource = catalogue.get(spec["group"], spec["names"]["plural"])
        if resource is None:
            continue
        if file.parent == crds.OURS:
            lines += [f"{resource.group} {resource.plural} {resource.stored}"]
            lines += [f"  {line}" for line in AGGREGATED.get(resource.plural, ())]
            continue
        before: list[str] = []
        for version in spec["versions"]:
            if version["name"] in resource.versions:
                told = [f"  {'.'.join(path) or '.'} {text}" for path, text in _custom(version["schema"]["openAPIV3Schema"], ())]
                same = told == before and bool(before)
                lines += [
                    f"{spec['group']} {spec['names']['plural']} {version['name']}{' =' if same else ''}",
                    *(() if same else told),
                ]
                before = told
    return CUSTOM_HEAD + "\n".join(lines) + "\n"


def _definition(file: Path) -> Schema:
    found: Schema = yaml.load(file.read_text(), Loader=_Loader)  # noqa: S506  # a safe loader
    return found


class _Loader(yaml.CSafeLoader):
    """A loader to which a plain `=` is no special value."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def _custom(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if path == ("metadata",):
        return
    kind, more = schema.get("x-kubernetes-list-type"), schema.get("additionalProperties")
    fields = schema.get("properties") or {}
    if kind in ("map", "set"):
        yield path, "set" if kind == "set" else "keys:" + ",".join(schema["x-kubernetes-list-map-keys"])
        yield from _custom(schema["items"], (*path, "[]"))
    elif schema.get("x-kubernetes-map-type") == "atomic":
        yield path, "whole"
        return
    elif isinstance(more, dict):
        yield path, "free"
        yield from _custom(more, (*path, "*"))
    elif more or schema.get("x-kubernetes-preserve-unknown-fields") or (schema.get("type") == "object" and not fields):
        yield path, "any:" + ",".join(sorted(fields))
    for name, field in sorted(fields.items()):
        yield from _custom(field, (*path, name))


def main() -> int:
    """Write both files."""
    (DATA / "custom.txt").write_text(custom_text())
    with KubeServer() as server:
        (DATA / "fields.txt").write_text(builtin_text(server))
    return 0


if __name__ == "__main__":
    sys.exit(main())
