"""From the catalogue to ClusterRoles: exactly the rights that the checks use, no more, no wildcard.

Profiles are those of the access table: V viewer, S secrets, O oauth, M metrics, N nodes, F fixer, R responder. A profile of which
this release uses no right yields no rules, and says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ztui.checks.base import Check
from ztui.engines.units import SCOPE
from ztui.errors import SettingsError
from ztui.kinds.base import Kind

PROFILES: Final[dict[str, str]] = {
    "viewer": "V",
    "secrets": "S",
    "oauth": "O",
    "metrics": "M",
    "nodes": "N",
    "fixer": "F",
    "responder": "R",
}
READ: Final = ("get", "list", "watch")
PATHS: Final = ("/version", "/healthz", "/readyz", "/.well-known/*")


def kinds_of(cards: Iterable[Check]) -> frozenset[type[Kind]]:
    """Every kind that these checks, or the judging itself, read from a server."""
    found = frozenset(SCOPE).union(*(card.kinds for card in cards))
    return frozenset(kind for kind in found if kind.PLURAL)


def role_documents(profile: str, cards: Iterable[Check]) -> list[dict[str, Any]]:
    """The roles of a profile as Kubernetes objects: a ClusterRole, and a Role for each object that is read by name."""
    letter = PROFILES[profile]
    kinds = [kind for kind in kinds_of(cards) if letter == kind.PROFILE]
    documents: list[dict[str, Any]] = []
    rules = _rules(kind for kind in kinds if not kind.SINGLE)
    if letter == "V":
        rules.append({"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": list(READ)})
        rules.append({"apiGroups": ["project.openshift.io"], "resources": ["projects"], "verbs": ["get", "list"]})
        rules.append({"nonResourceURLs": list(PATHS), "verbs": ["get"]})
    if rules:
        documents.append(_role("ClusterRole", f"ztui-{profile}", "", rules))
    for kind in sorted((kind for kind in kinds if kind.SINGLE), key=lambda kind: kind.SINGLE or ("", "")):
        assert kind.SINGLE is not None  # noqa: S101  filtered above
        namespace, name = kind.SINGLE
        rule = {"apiGroups": [kind.GROUP], "resources": [kind.PLURAL], "resourceNames": [name], "verbs": ["get"]}
        documents.append(_role("Role", f"ztui-{profile}-{name}", namespace, [rule]))
    return documents


def bindings(documents: Iterable[dict[str, Any]], to: str) -> list[dict[str, Any]]:
    """A binding for each role. ``to`` is ``USER``, ``group:G`` or ``sa:NAMESPACE/NAME``.

    Raises ``SettingsError`` for anything else.
    """
    subject = _subject(to)
    found = []
    for role in documents:
        meta = dict(role["metadata"])
        kind = f"{role['kind']}Binding"
        reference = {"apiGroup": _GROUP, "kind": role["kind"], "name": meta["name"]}
        found.append({"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": meta, "roleRef": reference, "subjects": [subject]})
    return found


def as_yaml(documents: list[dict[str, Any]], profile: str) -> str:
    """The documents as YAML; a comment says so where this release uses no right of the profile."""
    if not documents:
        return f"# This release uses no right of the profile {profile}.\n"
    return "---\n".join(msgspec.yaml.encode(item).decode() for item in documents)


_GROUP: Final = "rbac.authorization.k8s.io"


def _rules(kinds: Iterable[type[Kind]]) -> list[dict[str, Any]]:
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for kind in kinds:
        groups[kind.GROUP].add(kind.PLURAL)
    return [{"apiGroups": [group], "resources": sorted(found), "verbs": list(READ)} for group, found in sorted(groups.items())]


def _role(kind: str, name: str, namespace: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    meta = {"name": name, "labels": {"app.kubernetes.io/part-of": "ztui"}}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": meta, "rules": rules}


def _subject(to: str) -> dict[str, str]:
    word, colon, rest = to.partition(":")
    if colon and word == "group" and rest:
        return {"apiGroup": _GROUP, "kind": "Group", "name": rest}
    if colon and word == "sa":
        namespace, slash, name = rest.partition("/")
        if slash and namespace and name:
            return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    if not to or (colon and word in {"group", "sa"}):
        msg = "--bind needs USER, group:G or sa:NAMESPACE/NAME"
        raise SettingsError(msg, where="--bind", why=f"got {to!r}")
    return {"apiGroup": _GROUP, "kind": "User", "name": to}
