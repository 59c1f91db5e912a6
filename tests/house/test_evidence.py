"""Evidence paths are real: each path of each card exists in the schema of its API.

A card's Source is ``group/version Kind, path, path; group/version Kind, path``; several kinds may share their paths. Kubernetes'
own kinds are looked up in the official client's models, all others in the CRDs of ``../shared/crds`` where these are present.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes.client as official
import pytest
import yaml

from ztui.checks.base import catalogue

CRDS = Path(__file__).resolve().parents[3] / "shared" / "crds"
# Served by OpenShift's own API servers, or by projects whose CRDs are not among those at hand: there is no schema to look into.
NO_SCHEMA = {
    *("apps.openshift.io", "build.openshift.io", "image.openshift.io", "oauth.openshift.io", "project.openshift.io"),
    *("template.openshift.io", "user.openshift.io", "kuadrant.io", "maistra.io", "oadp.openshift.io", "metal3.io"),
    *("velero.io", "loki.grafana.com"),
    "kustomize.toolkit.fluxcd.io",
    "constraints.gatekeeper.sh",  # made by templates
}
OWN_WORDS = (
    "the snapshots kept",
    "Vault",
    "vault ",
    "GET ",
    "LIST ",
    "Thanos",
    "Alertmanager",
    "Prometheus",
    "/v1/",
    "sys/",
    "auth/",
    "the ",
)
BUILT_IN = re.compile(r"^(v1|(apps|batch|policy|autoscaling)/v1|[a-z]+(\.[a-z]+)*\.k8s\.io/v\d\w*)$")
META = {
    *("name", "namespace", "uid", "labels", "annotations", "ownerReferences", "creationTimestamp", "deletionTimestamp"),
    *("generation", "resourceVersion", "managedFields"),
}


class Loader(yaml.CSafeLoader):
    """Takes a lone ``=``, which some schemas have among their values."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: str(node.value))


class Place:
    """One kind with the paths that a card names."""

    def __init__(self, version: str, kind: str, paths: list[str]) -> None:
        self.version, self.kind, self.paths = version, kind, paths

    @property
    def group(self) -> str:
        return self.version.rpartition("/")[0]


def places(source: str) -> Iterator[Place]:
    """What a card's Source names; raises where it is not written in the form above."""
    for entry in filter(None, (item.strip().rstrip(".") for item in _braces(source).split(";"))):
        if entry.startswith(OWN_WORDS):
            continue
        head, *rest = (part.strip() for part in entry.split(","))
        version, _, first = head.partition(" ")
        kinds = [first.split()[0]] if first else []
        paths: list[str] = []
        for part in rest:
            if re.fullmatch(r"[A-Z][A-Za-z]+", part) and not paths:
                kinds.append(part)
            else:
                paths.append(part)
        assert kinds, f"no kind in {entry!r}"
        assert re.fullmatch(r"(v\d\w*|[a-z][a-z0-9.-]*/v\d\w*)", version), f"no group/version in {entry!r}"
        for kind in kinds:
            yield Place(version, kind, paths)


def _braces(text: str) -> str:
    """``a.{b,c}`` as ``a.b, a.c``."""
    while (found := re.search(r"([\w.\[\]]*)\{([^{}]*)\}([\w.\[\]]*)", text)) is not None:
        before, inside, after = found.groups()
        text = text.replace(found[0], ", ".join(f"{before}{item.strip()}{after}" for item in inside.split(",")), 1)
    return text


def steps(path: str) -> list[str]:
    """A path as names: selectors in brackets say which, not what."""
    return [part for part in re.sub(r"\[[^\]]*\]", "", path).split(".") if part]


@cache
def schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """``(group, kind)`` -> version -> schema, of the CRDs at hand."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in CRDS.glob("*.yaml"):
        spec = yaml.load(file.read_text(), Loader=Loader)["spec"]  # noqa: S506  a safe loader, with one more constructor
        versions = {item["name"]: item["schema"]["openAPIV3Schema"] for item in spec["versions"]}
        found.setdefault((spec["group"], spec["names"]["kind"]), {}).update(versions)
    return found


def in_schema(schema: dict[str, Any], path: list[str]) -> bool:
    """Whether an OpenAPI schema has a path; what it leaves open has every path."""
    if not path:
        return True
    if schema.get("type") == "array" or "items" in schema:
        return in_schema(schema.get("items") or {}, path)
    properties = schema.get("properties") or {}
    if path[0] in properties:
        return in_schema(properties[path[0]], path[1:])
    if isinstance(schema.get("additionalProperties"), dict):
        return in_schema(schema["additionalProperties"], path[1:])
    return bool(schema.get("x-kubernetes-preserve-unknown-fields"))


def model_of(kind: str, version: str) -> Any:
    """The official client's model of a kind; none where it knows no such kind, as for groups of k8s.io that come as CRDs."""
    if not BUILT_IN.match(version):
        return None
    name = version.rpartition("/")[2]
    return getattr(official, f"{name[0].upper()}{name[1:]}{kind}", None) or getattr(official, f"Core{name.upper()}{kind}", None)


def _fields(model: Any, path: list[str]) -> bool:
    if not path:
        return True
    by_alias = {field.serialization_alias or name: field for name, field in getattr(model, "model_fields", {}).items()}
    if path[0] not in by_alias:
        return False
    for inner in _models(by_alias[path[0]].annotation):
        if _fields(inner, path[1:]):
            return True
    return len(path) == 1 or not _models(by_alias[path[0]].annotation)


def _models(annotation: Any) -> list[Any]:
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [found for inner in getattr(annotation, "__args__", ()) for found in _models(inner)]


@pytest.mark.parametrize("check_id", catalogue())
def test_each_evidence_path_exists(check_id: str) -> None:
    missing = []
    for place in places(catalogue()[check_id].part("Source")):  # type: ignore[index]
        for path in place.paths:
            names = steps(path)
            if names and names[0] == "metadata":
                good = len(names) < 2 or names[1] in META
            elif (place.group, place.kind) not in schemas() and (model := model_of(place.kind, place.version)):
                good = _fields(model, names)
            elif place.group in NO_SCHEMA:
                good = True
            elif not CRDS.is_dir():
                pytest.skip("../shared/crds is not here")
            else:
                versions = schemas().get((place.group, place.kind))
                assert versions, f"no CRD of {place.version} {place.kind}"
                version = place.version.rpartition("/")[2]
                good = version in versions and in_schema(versions[version], names)
            if not good:
                missing.append(f"{place.version} {place.kind} {path}")
    assert missing == []


def test_every_card_names_its_evidence() -> None:
    assert [item for item, card in catalogue().items() if not card.part("Source")] == []
