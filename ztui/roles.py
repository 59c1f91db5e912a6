"""From the catalogue to ClusterRoles and a Vault policy: exactly the rights that the checks use, no more, no wildcard.

Profiles are those of the access table: V viewer, S secrets, O oauth, M metrics, N nodes, F fixer, R responder. A profile of which
this release uses no right yields no rules, and says so.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ztui.checks.base import Check
from ztui.engines.units import SCOPE
from ztui.errors import SettingsError
from ztui.kinds.base import Kind
from ztui.kinds.notice import NOTICES
from ztui.kinds.vault import VaultMount
from ztui.kinds.vaultpaths import FIXES, RESPONSES, VALUES, VaultPath
from ztui.kinds.vaultpaths import PATHS as VAULT_PATHS
from ztui.recipes.base import Recipe, kinds_of_recipes, recipes

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
EVIDENCE: Final[tuple[dict[str, Any], ...]] = (
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["list"]},
)
"""What a bundle of evidence asks for beyond what a viewer reads."""

PATHS: Final = ("/version", "/healthz", "/readyz", "/.well-known/*")


def kinds_of(cards: Iterable[Check]) -> frozenset[type[Kind]]:
    """Every kind that these checks, the judging itself, or whoever listens for incidents reads from a cluster."""
    found = frozenset(SCOPE).union(NOTICES, *(card.kinds for card in cards))
    return frozenset(kind for kind in found if kind.PLURAL and kind.SOURCE == "cluster")


def role_documents(profile: str, cards: Iterable[Check]) -> list[dict[str, Any]]:
    """The roles of a profile as Kubernetes objects: a ClusterRole, and Roles for what is read in one namespace or by name."""
    letter = PROFILES[profile]
    if letter == "F":
        return _writer("ztui-fixer", kinds_of(cards), [card for card in recipes().values() if card.checks])
    if letter == "R":
        found = _writer("ztui-responder", kinds_of(cards), [card for card in recipes().values() if card.contains])
        found[0]["rules"] += EVIDENCE
        return found
    kinds = [kind for kind in kinds_of(cards) if letter == kind.PROFILE]
    documents: list[dict[str, Any]] = []
    rules = _rules(kind for kind in kinds if not kind.SINGLE and not kind.ONLY_IN)
    if letter == "V":
        rules.append({"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": list(READ)})
        rules.append({"apiGroups": ["project.openshift.io"], "resources": ["projects"], "verbs": ["get", "list"]})
        rules.append({"nonResourceURLs": list(PATHS), "verbs": ["get"]})
    if rules:
        documents.append(_role("ClusterRole", f"ztui-{profile}", "", rules))
    for namespace in sorted({kind.ONLY_IN for kind in kinds} - {""}):
        mine = _rules(kind for kind in kinds if namespace == kind.ONLY_IN)
        documents.append(_role("Role", f"ztui-{profile}-{namespace}", namespace, mine))
    for kind in sorted((kind for kind in kinds if kind.SINGLE), key=lambda kind: kind.SINGLE or ("", "")):
        assert kind.SINGLE is not None  # noqa: S101  filtered above
        namespace, name = kind.SINGLE
        rule = {"apiGroups": [kind.GROUP], "resources": [kind.PLURAL], "resourceNames": [name], "verbs": ["get"]}
        documents.append(_role("Role", f"ztui-{profile}-{name}", namespace, [rule]))
    return documents


def _writer(called: str, viewed: frozenset[type[Kind]], mine: list[Recipe]) -> list[dict[str, Any]]:
    """What some recipes write, verb by verb: no wildcard, nothing that none of them names; reading only what no viewer reads.

    What is written in one namespace or by one name gets a Role of its own there; making a thing has no name yet.
    """
    verbs = _written(mine)
    for kind in kinds_of_recipes(mine) - viewed:
        if kind.PLURAL and kind.SOURCE == "cluster":
            verbs[kind, ""] |= set(READ)
    wide = {at: found for at, found in verbs.items() if not at[0].SINGLE and not at[0].ONLY_IN}
    documents = [_role("ClusterRole", called, "", _by_verbs(wide))]
    for namespace in sorted({kind.ONLY_IN for kind, _ in verbs} - {""}):
        inside = {at: found for at, found in verbs.items() if namespace == at[0].ONLY_IN}
        documents.append(_role("Role", f"{called}-{namespace}", namespace, _by_verbs(inside)))
    for (kind, _), found in sorted(verbs.items(), key=lambda item: item[0][0].SINGLE or ("", "")):
        if kind.SINGLE is not None:
            namespace, name = kind.SINGLE
            rule = {"apiGroups": [kind.GROUP], "resources": [kind.PLURAL]}
            rules = [{**rule, "resourceNames": [name], "verbs": sorted(found - {"create"})}]
            rules += [{**rule, "verbs": ["create"]}] if "create" in found else []
            documents.append(_role("Role", f"{called}-{name}", namespace, rules))
    return documents


Written = dict[tuple[type[Kind], str], set[str]]
"""Verbs by kind and subresource."""


def _written(cards: Iterable[Recipe]) -> defaultdict[tuple[type[Kind], str], set[str]]:
    verbs: defaultdict[tuple[type[Kind], str], set[str]] = defaultdict(set)
    for card in cards:
        for kind in card.writes:
            if kind.SOURCE == "cluster":
                only_read = kind in (*card.deletes, *card.statuses, *card.scales) and kind not in card.makes
                verbs[kind, ""] |= {"get"} if only_read else {"get", "patch"}
        for kind in card.makes:
            if kind.SOURCE == "cluster":
                verbs[kind, ""] |= {"create", "delete"}
        for kind in card.deletes:
            if kind.SOURCE == "cluster":
                verbs[kind, ""].add("delete")
        for kind in card.statuses:
            verbs[kind, "/status"].add("patch")
        for kind in card.scales:
            verbs[kind, "/scale"].add("patch")
    return verbs


def _by_verbs(verbs: Written) -> list[dict[str, Any]]:
    found: defaultdict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for (kind, sub), allowed in verbs.items():
        found[kind.GROUP, tuple(sorted(allowed))].add(kind.PLURAL + sub)
    return [
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": list(allowed)}
        for (group, allowed), plurals in sorted(found.items())
    ]


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


def vault_policy(mounts: Iterable[VaultMount] | None = None) -> str:
    """The policy for a Vault, as HCL: exactly the paths that are read. With ``mounts``, each by its name instead of ``+``.

    A ``+`` is one segment, so mounts with a slash in their name are reached by name only; and by name nothing is granted on a
    mount of another type, such as a store of version 1, whose secrets have no path of their own.
    """
    known = None if mounts is None else sorted(mounts, key=lambda item: item.path)
    lines = ["# What ztui reads of a Vault or OpenBao: states, roles, policies and metadata, never a stored value."]
    if known is None:
        lines.append("# `ztui roles vault --exact` names the mounts of the connected Vault instead of `+`.")
    usual = [item for item in VAULT_PATHS if not item.needs_sudo]
    lines += [_stanza(path, item.capabilities) for item in usual for path in _spelled(item, known)]
    lines += ["", "# Values stay closed, whatever other policies the token has" + ("." if known is not None else _EXCEPT)]
    lines += [_stanza(path, ("deny",)) for path in _closed(known)]
    lines += ["", "# Add-on: audit devices and the list of tokens need sudo. Without it ZT2-VLT-002 and ZT2-VLT-006 are UNKNOWN."]
    lines += [_stanza(item.path, item.capabilities) for item in VAULT_PATHS if item.needs_sudo]
    return "\n".join(lines) + "\n"


WRITERS: Final[dict[str, tuple[str, tuple[VaultPath, ...]]]] = {
    "vault-fixer": ("mends findings: roles narrowed, tokens revoked. Who may write a role may give its tokens any policy", FIXES),
    "vault-responder": ("answers incidents: identities switched off, credentials taken back, tokens revoked", RESPONSES),
}
"""The policies of those who change something, beside that of ``ztui roles vault``: what each is for, and its paths."""


def vault_writer_policy(profile: str, mounts: Iterable[VaultMount] | None = None) -> str:
    """The policy of a profile that writes to a Vault, as HCL; nothing in it reads a stored value, or revokes by force."""
    about, paths = WRITERS[profile]
    known = None if mounts is None else sorted(mounts, key=lambda item: item.path)
    lines = [f"# What ztui writes to a Vault or OpenBao when it {about}.", _BESIDE]
    lines += [_stanza(path, item.capabilities, item.only) for item in paths for path in _spelled(item, known)]
    return "\n".join(lines) + "\n"


_BESIDE: Final = (
    "# A token needs it beside that of `ztui roles vault`; --exact for both or neither, for the narrower path decides."
)
_EXCEPT: Final = ",\n# except one on `*`, which outweighs `+`: --exact closes every store by its name."


def _spelled(item: VaultPath, mounts: list[VaultMount] | None) -> list[str]:
    if not item.side or mounts is None:
        return [item.path]
    mine = [mount for mount in mounts if mount.side == item.side and mount.data.type in item.engines and mount.kv_version != 1]
    return [item.path.replace("+", mount.path, 1) for mount in mine]


def _closed(mounts: list[VaultMount] | None) -> list[str]:
    """The paths of values: everywhere, and of each store by name; a store of version 1 is nothing but values."""
    stores = [mount for mount in mounts or () if mount.kv_version]
    by_name = [path.replace("+", mount.path, 1) for mount in stores if mount.kv_version == 2 for path in VALUES]
    return [*VALUES, *by_name, *(f"{mount.path}/*" for mount in stores if mount.kv_version == 1)]


def _stanza(path: str, capabilities: Iterable[str], only: Iterable[str] = ()) -> str:
    words = ", ".join(f'"{word}"' for word in capabilities)
    names = ", ".join(f"{json.dumps(name)} = []" for name in only)
    if names:
        return f"path {json.dumps(path)} {{\n  capabilities = [{words}]\n  allowed_parameters = {{ {names} }}\n}}"
    return f"path {json.dumps(path)} {{ capabilities = [{words}] }}"


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
