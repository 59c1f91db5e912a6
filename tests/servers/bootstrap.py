"""What controllers bring within a cluster's first second, done without them, so that most tests need no controller manager."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.kube import KubeServer

_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
# Each one feeds the next, so the order matters.
_AGGREGATED = ("view", "edit", "admin")


def aggregate_roles(server: KubeServer) -> None:
    """Fill `view`, `edit` and `admin`: the API server makes them empty, a controller unites the rules of what they select."""
    roles = {role["metadata"]["name"]: role for role in server.call("GET", _ROLES).body["items"]}
    for name in _AGGREGATED:
        selectors = [selector["matchLabels"] for selector in roles[name]["aggregationRule"]["clusterRoleSelectors"]]
        parts = [role for role in roles.values() if role is not roles[name] and _selected(role, selectors)]
        roles[name]["rules"] = [rule for role in parts for rule in role["rules"] or ()]
        server.call("PATCH", f"{_ROLES}/{name}", {"rules": roles[name]["rules"]}, content="application/merge-patch+json")


def make_namespace(server: KubeServer, name: str, labels: Mapping[str, str]) -> None:
    """A namespace with its ServiceAccount `default`, without which no pod is admitted; one that exists is completed."""
    for path, metadata in (
        ("/api/v1/namespaces", {"name": name, "labels": dict(labels)}),
        (f"/api/v1/namespaces/{name}/serviceaccounts", {"name": "default"}),
    ):
        answer = server.call("POST", path, {"metadata": metadata})
        if answer.status not in {HTTPStatus.CREATED, HTTPStatus.CONFLICT}:
            raise RuntimeError(f"{path}: {answer}")


def _selected(role: dict[str, Any], selectors: list[dict[str, str]]) -> bool:
    labels = role["metadata"].get("labels") or {}
    return any(selector.items() <= labels.items() for selector in selectors)
