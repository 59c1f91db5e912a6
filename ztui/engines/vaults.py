"""What a Vault has to do with this cluster: whose tokens its auth mounts believe, and which of its policies are too mighty."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ztui.engines.vaultpolicy import DENY, WRITES, effective
from ztui.kinds.base import Ref
from ztui.kinds.openshift import Infrastructure
from ztui.kinds.session import NAME, Session
from ztui.kinds.vault import VaultAuthConfig, VaultRole, VaultToken
from ztui.kinds.vaultpolicy import PathRule, VaultPolicy
from ztui.kinds.workload import StatefulSet
from ztui.view import View

HERE: Final = (VaultAuthConfig, StatefulSet)
"""What ``mounts_here`` needs."""

HERE_WHERE_SERVED: Final = (Infrastructure,)
HERE_MAY: Final = (Session,)
_INSIDE: Final = frozenset({"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"})
_SERVERS: Final = frozenset({"vault", "openbao"})

EVERYTHING: Final = frozenset({"*", "+/*", "sys/*", "auth/*"})
BREAK_GLASS: Final = ("break-glass", "breakglass", "break_glass", "emergency")


def mounts_here(view: View) -> frozenset[tuple[str, str]]:
    """The auth mounts, as (namespace, mount), that believe the tokens of this cluster and of no other."""
    return frozenset(view.derive(here_by))


def here_by(view: View) -> dict[tuple[str, str], tuple[Ref, Ref]]:
    """The same mounts, each with the objects that show it: its configuration, and what says that this cluster is meant."""
    servers, issuers, home = _servers(view), _issuers(view), _home(view)
    found = {}
    for item in sorted(view.all(VaultAuthConfig), key=lambda one: (one.namespace, one.name)):
        shown = _reviewer(item, servers, home) if item.method == "kubernetes" else _trusted(item, servers, issuers)
        if shown is not None:
            found[item.namespace, item.mount] = (item.ref, shown)
    return found


class Danger(msgspec.Struct, frozen=True):
    """One rule that gives away more than one application needs, and what it gives."""

    path: str
    gives: tuple[str, ...]


def dangers(rules: tuple[PathRule, ...]) -> tuple[Danger, ...]:
    """The rules that hand over the Vault, as far as no narrower rule of the same policy takes it back."""
    found = []
    for rule in rules:
        if DENY in rule.capabilities:
            continue
        gives = effective(rules, rule.path) & WRITES
        if gives and _is_mighty(rule.path, gives):
            found.append(Danger(rule.path, tuple(sorted(gives))))
    return tuple(found)


def mighty_policies(view: View) -> frozenset[tuple[str, str]]:
    """The policies, as (namespace, name), that hand over the Vault."""
    return frozenset((item.namespace, item.name) for item in view.all(VaultPolicy) if dangers(item.rules))


def is_break_glass(*names: str) -> bool:
    """Whether a name says that it is for emergencies alone."""
    return any(word in name.lower() for name in names for word in BREAK_GLASS)


def holders_of(view: View, policy: VaultPolicy) -> tuple[VaultRole, ...]:
    """The roles that give a policy to their tokens, sorted."""
    found = [item for item in view.within(VaultRole, policy.namespace) if policy.name in item.policies]
    return tuple(sorted(found, key=lambda item: item.name))


def tokens_with(view: View, policy: VaultPolicy) -> tuple[VaultToken, ...]:
    """The tokens alive that have a policy, those of roles apart."""
    return tuple(item for item in view.within(VaultToken, policy.namespace) if policy.name in (item.data.policies or ()))


def takes_any(words: Iterable[str] | None) -> bool:
    """Whether a list of names takes every name."""
    return any(word == "*" for word in words or ())


def has_glob(words: Iterable[str] | None) -> bool:
    """Whether a list of names holds a pattern."""
    return any("*" in word for word in words or ())


def selects_all(selector: str) -> bool:
    """Whether a namespace selector, in JSON or YAML, selects every namespace; an absent one selects none."""
    text = selector.strip()
    if not text:
        return False
    try:
        found = json.loads(text)
    except ValueError:
        return text == "{}"
    return isinstance(found, dict) and not any(found.values())


def _is_mighty(path: str, gives: frozenset[str]) -> bool:
    path = path.removesuffix("/")
    if path in EVERYTHING:
        return True
    if path.startswith(("sys/policies", "sys/policy")):
        return True
    return "sudo" in gives and path.startswith(("sys/raw", "auth/token/create"))


def _servers(view: View) -> dict[str, Ref]:
    """The addresses of this cluster's API server, and who tells them."""
    session, shape = view.get(Session, NAME), view.get(Infrastructure, "cluster")
    found = [(session.server, session.ref)] if session is not None else []
    if shape is not None:
        found += [(shape.status.api_server_url, shape.ref), (shape.status.api_server_internal_uri, shape.ref)]
    return {_origin(address): by for address, by in reversed(found) if address}


def _issuers(view: View) -> dict[str, Ref]:
    session = view.get(Session, NAME)
    return {session.cluster_issuer.rstrip("/"): session.ref} if session is not None and session.cluster_issuer else {}


def _home(view: View) -> Ref | None:
    """A Vault that runs in this cluster."""
    found = (item.ref for item in view.all(StatefulSet) if item.labels.get("app.kubernetes.io/name") in _SERVERS)
    return min(found, default=None)


def _reviewer(item: VaultAuthConfig, servers: dict[str, Ref], home: Ref | None) -> Ref | None:
    """What shows that the reviewer of tokens is this cluster: its address, or its inner name where the Vault runs in it."""
    host = urlsplit(item.data.kubernetes_host).hostname or ""
    return servers.get(_origin(item.data.kubernetes_host)) or (home if host in _INSIDE else None)


def _trusted(item: VaultAuthConfig, servers: dict[str, Ref], issuers: dict[str, Ref]) -> Ref | None:
    data = item.data
    known = (data.bound_issuer.rstrip("/"), data.oidc_discovery_url.rstrip("/"))
    return next((issuers[name] for name in known if name in issuers), None) or (
        servers.get(_origin(data.jwks_url)) if data.jwks_url else None
    )


def _origin(address: str) -> str:
    try:
        parts = urlsplit(address.strip())
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"
