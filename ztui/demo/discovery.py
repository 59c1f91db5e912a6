"""What is served here: /api, /apis, the resource lists, /version; aggregated discovery where the client asks for it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from ztui.demo.answers import Obj
from ztui.demo.catalogue import SUB_KINDS, SUB_VERBS, Catalogue, Resource, api_version

VERSION = {
    "major": "1",
    "minor": "33",
    "emulationMajor": "1",
    "emulationMinor": "33",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "32",
    "gitVersion": "v1.33.5",
    "gitCommit": "9d8d4f4ce2b1c93b0a9ae6f1d8e1e6e9b0b7c3ad",
    "gitTreeState": "clean",
    "buildDate": "2025-11-05T09:12:44Z",
    "goVersion": "go1.24.6 (Red Hat 1.24.6-1.el9_6) X:strictfipsruntime",
    "compiler": "gc",
    "platform": "linux/amd64",
}
AGGREGATED = "apidiscovery.k8s.io"


def asks_aggregated(accept: str) -> str:
    """The aggregated discovery version that a client accepts (v2, v2beta1), or nothing."""
    for part in accept.split(","):
        if f"g={AGGREGATED}" in part and "as=APIGroupDiscoveryList" in part:
            for version in ("v2", "v2beta1"):
                if f"v={version};" in part + ";":
                    return version
        elif part.strip().startswith("application/json"):
            return ""
    return ""


def api_versions() -> Obj:
    """GET /api."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "api-int.demo.example:6443"}],
    }


def group(name: str, versions: list[str]) -> Obj:
    """One APIGroup."""
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def group_list(catalogue: Catalogue) -> Obj:
    """GET /apis. Groups whose server is down are still listed here: their APIServices exist."""
    groups = [group(name, versions) for name, versions in catalogue.groups().items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def resource_list(catalogue: Catalogue, group_name: str, version: str) -> Obj:
    """GET /api/v1 or /apis/<group>/<version>."""
    found = []
    for resource in catalogue.of_version(group_name, version):
        found += _entries(resource, version)
    api = api_version(group_name, version)
    head = {"kind": "APIResourceList", **({"apiVersion": "v1"} if group_name else {})}  # the core list has none
    return {**head, "groupVersion": api, "resources": found}


def _entries(resource: Resource, version: str) -> list[Obj]:
    entry: Obj = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs and resource.origin != "crd":
        digest = hashlib.sha256(f"{resource.group}/{resource.stored}/{resource.kind}".encode()).digest()
        entry["storageVersionHash"] = base64.b64encode(digest[:8]).decode()
    found = [entry]
    for sub in resource.subresources:
        made: Obj = {"name": f"{resource.plural}/{sub}", "singularName": "", "namespaced": resource.namespaced}
        sub_group, sub_version, kind = SUB_KINDS.get(sub, ("", "", ""))
        if kind and (sub_group, sub_version) != (resource.group, version):
            made |= {"group": sub_group, "version": sub_version} if sub_group else {}
        made |= {"kind": kind or resource.kind, "verbs": list(SUB_VERBS.get(sub, ("get", "patch", "update")))}
        found.append(made)
    return found


def aggregated(catalogue: Catalogue, version: str, *, core: bool, down: set[str]) -> Obj:
    """GET /api or /apis as APIGroupDiscoveryList; versions of a group that is down are marked Stale and empty."""
    groups: dict[str, list[str]] = {"": ["v1"]} if core else catalogue.groups()
    items: list[Obj] = []
    for name, versions in groups.items():
        shown: list[Obj] = []
        for served in versions:
            stale = name in down
            resources = [] if stale else [_described(r, served) for r in catalogue.of_version(name, served)]
            entry: Obj = {"version": served}
            if resources:
                entry["resources"] = resources
            shown.append({**entry, "freshness": "Stale" if stale else "Current"})
        items.append({"metadata": {"name": name} if name else {}, "versions": shown})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }


def _described(resource: Resource, version: str) -> Obj:
    made: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        made["shortNames"] = list(resource.short)
    if resource.categories:
        made["categories"] = list(resource.categories)
    if resource.subresources:
        made["subresources"] = [_described_sub(resource, version, sub) for sub in resource.subresources]
    return made


def _described_sub(resource: Resource, version: str, sub: str) -> Obj:
    sub_group, sub_version, kind = SUB_KINDS.get(sub, (resource.group, version, resource.kind))
    response = {"group": sub_group, "version": sub_version, "kind": kind}
    verbs = list(SUB_VERBS.get(sub, ("get", "patch", "update")))
    return {"subresource": sub, "responseKind": response, "verbs": verbs}


def oauth_metadata(url: str) -> Obj:
    """GET /.well-known/oauth-authorization-server."""
    return {
        "issuer": "https://oauth-openshift.apps.demo.example",
        "authorization_endpoint": "https://oauth-openshift.apps.demo.example/oauth/authorize",
        "token_endpoint": "https://oauth-openshift.apps.demo.example/oauth/token",
        "scopes_supported": ["user:check-access", "user:full", "user:info", "user:list-projects"],
        "response_types_supported": ["code", "token"],
        "grant_types_supported": ["authorization_code", "implicit"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "service_documentation": url,
    }


def issuer_metadata(url: str) -> Obj:
    """GET /.well-known/openid-configuration: the ServiceAccount issuer."""
    return {
        "issuer": "https://kubernetes.default.svc",
        "jwks_uri": f"{url}/openid/v1/jwks",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
